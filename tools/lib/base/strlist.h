/* strlist.h: the texts of options that speak of several tasks: a comma-separated list, and a path
 * per task. */
#ifndef STRLIST_H
#define STRLIST_H

/* A comma-separated list. Empty items and repeated items are a usage error that names `what`. */
struct strlist {
	int n;
	char **item;
};
struct strlist strlist_split(const char *csv, const char *what);
void strlist_release(struct strlist *l);
int strlist_find(const struct strlist *l, const char *s); /* index or -1 */

/* `template` with every "{task}" replaced by `task` (allocated). With more than one task a template
 * without "{task}" would write all tasks to one file: `ntasks` > 1 and no "{task}" is a usage error
 * that names the option `what`. */
char *path_for_task(const char *template, const char *task, int ntasks, const char *what);

#endif
