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

/* The value of the mark at s, and the length of both; NULL: there is no mark. */
struct mark_value {
	const char *value;
	size_t mark_n, value_n;
};

/* A name is a task's, or a shard's: task/number (shard.h). */
static struct mark_value value_at(const char *s, const char *name)
{
	size_t task_n = strcspn(name, "/");
	const char *number = name + task_n + (name[task_n] == '/');

	if (strncmp(s, "{task}", 6) == 0)
		return (struct mark_value){name, 6, task_n};
	if (strncmp(s, "{shard}", 7) == 0)
		return (struct mark_value){number, 7, strlen(number)};
	return (struct mark_value){0};
}

/* `template` with the marks replaced. */
static char *fill_in(const char *template, const char *name)
{
	struct text t = {0};

	while (*template) {
		struct mark_value v = value_at(template, name);
		size_t n = strcspn(template + 1, "{") + 1;

		if (v.value)
			text_put(&t, v.value, v.value_n);
		else
			text_put(&t, template, n);
		template += v.value ? v.mark_n : n;
	}
	return t.s ? t.s : xstrdup("");
}

char *path_for_task(const char *template, const char *task, int ntasks, const char *what)
{
	if (!strstr(template, "{task}") && ntasks > 1)
		die_usage("%s: '%s' stands for %d tasks but has no {task} in it", what, template,
			  ntasks);
	if (strstr(template, "{shard}") && !strchr(task, '/'))
		die_usage("%s: '%s' has {shard} in it, but '%s' is a task and no shard", what,
			  template, task);
	return fill_in(template, task);
}
