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

/* `template` with every "{task}" replaced by `task` (allocated). With several tasks (ntasks > 1), a
 * template without "{task}" would put all tasks into one file: a usage error that names the option
 * `what`. */
char *path_for_task(const char *template, const char *task, int ntasks, const char *what);

#endif
