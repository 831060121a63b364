/* strlist.h: texts of options about several tasks: a comma-separated list, and a path per task. */
#ifndef STRLIST_H
#define STRLIST_H

/* Reads a comma-separated list. An empty or a repeated item is a usage error that names `what`. */
struct strlist {
	int n;
	char **item;
};
struct strlist strlist_split(const char *csv, const char *what);
void strlist_add(struct strlist *l, const char *s); /* a copy, at the end */
void strlist_release(struct strlist *l);
int strlist_find(const struct strlist *l, const char *s); /* index or -1 */
/* The items with `between` between them (allocated). */
char *strlist_join(const struct strlist *l, const char *between);

/* `template` with every "{task}" replaced by `task` (allocated). `task` may be a shard's name,
 * "tec/03" (shard.h): "{task}" is then "tec", and "{shard}" is "03". Usage errors name the option
 * `what`: several tasks (ntasks > 1) and no "{task}", which would put all tasks into one file;
 * "{shard}" for a task. */
char *path_for_task(const char *template, const char *task, int ntasks, const char *what);

#endif
