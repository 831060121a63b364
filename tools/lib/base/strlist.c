/* strlist.c: see strlist.h. */
#include "base/strlist.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"

struct strlist strlist_split(const char *csv, const char *what)
{
	struct strlist l = {0, NULL};
	for (const char *s = csv;; s++) {
		size_t n = strcspn(s, ",");
		if (!n)
			die_usage("%s: empty item in '%s'", what, csv);
		char *item = xmalloc(n + 1);
		memcpy(item, s, n);
		item[n] = 0;
		if (strlist_find(&l, item) >= 0)
			die_usage("%s: '%s' is listed twice in '%s'", what, item, csv);
		l.item = xrealloc(l.item, (size_t)(l.n + 1) * sizeof(*l.item));
		l.item[l.n++] = item;
		s += n;
		if (!*s)
			return l;
	}
}

void strlist_add(struct strlist *l, const char *s)
{
	l->item = xrealloc(l->item, (size_t)(l->n + 1) * sizeof(*l->item));
	l->item[l->n++] = xstrdup(s);
}

void strlist_release(struct strlist *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
	l->item = NULL;
	l->n = 0;
}

int strlist_find(const struct strlist *l, const char *s)
{
	for (int i = 0; i < l->n; i++)
		if (!strcmp(l->item[i], s))
			return i;
	return -1;
}

char *strlist_join(const struct strlist *l, const char *between)
{
	struct text t = {0};

	for (int i = 0; i < l->n; i++)
		text_add(&t, "%s%s", i ? between : "", l->item[i]);
	return t.s ? t.s : xstrdup("");
}

char *path_for_task(const char *template, const char *task, int ntasks, const char *what)
{
	static const char mark[] = "{task}";
	const size_t mark_n = sizeof(mark) - 1, task_n = strlen(task);
	size_t count = 0, k = 0;
	for (const char *s = template; (s = strstr(s, mark)); s += mark_n)
		count++;
	if (!count && ntasks > 1)
		die_usage("%s: '%s' stands for %d tasks but has no {task} in it", what, template,
			  ntasks);
	char *path = xmalloc(strlen(template) + count * task_n + 1);
	for (const char *s = template; *s;) {
		if (!strncmp(s, mark, mark_n)) {
			memcpy(path + k, task, task_n);
			k += task_n;
			s += mark_n;
		} else {
			path[k++] = *s++;
		}
	}
	path[k] = 0;
	return path;
}
