/* graph_text.c: see graph.h. Writes the rules as text for make. */
#include "plan/graph_private.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 110 };

/* Writes names, each once, in lines continued with backslashes. *column: the current column. */
static void put_names(const struct graph *g, struct text *mk, const struct list *l, int *column)
{
	for (int i = 0; i < l->n; i++) {
		const char *name = g->file[l->item[i]]->name;
		int n = (int)strlen(name) + 1;
		bool seen = false;

		for (int k = 0; k < i && !seen; k++)
			seen = l->item[k] == l->item[i];
		if (seen)
			continue;
		if (*column + n > COLUMNS) {
			text_add(mk, " \\\n   ");
			*column = 3;
		}
		text_add(mk, "%s%s", *column ? " " : "", name);
		*column += n;
	}
}

static void add_all(struct list *to, const struct list *from)
{
	for (int i = 0; i < from->n; i++)
		graph_list_add(to, from->item[i]);
}

/* Writes one process: all rules of a group that must run; for other rules a single one. */
struct process {
	struct list targets, needs, after;
	struct text tasks;
	bool forced;
};

static struct process gather(const struct graph *g, int first)
{
	struct process p = {0};

	for (int i = first;
	     i < g->rules && (i == first || graph_same_group(g->rule[first], g->rule[i])); i++) {
		const struct rule *r = g->rule[i];

		if (i > first && !(r->stale && g->rule[first]->stale))
			continue;
		add_all(&p.targets, &r->targets);
		add_all(&p.needs, &r->needs);
		add_all(&p.after, &r->after);
		p.forced |= r->forced;
		if (r->task)
			text_add(&p.tasks, "%s%s", i > first ? "," : "", r->task);
	}
	return p;
}

static void put_recipe(struct text *mk, const char *recipe, const char *tasks)
{
	static const char mark[] = "{tasks}";

	for (const char *at; (at = strstr(recipe, mark)); recipe = at + strlen(mark))
		text_add(mk, "%.*s%s", (int)(at - recipe), recipe, tasks);
	text_add(mk, "%s", recipe);
}

static void put_process(const struct graph *g, struct text *mk, const struct process *p,
			const char *recipe)
{
	int column = 0;

	put_names(g, mk, &p->targets, &column);
	text_add(mk, p->targets.n > 1 ? " &:" : ":");
	column += 3;
	put_names(g, mk, &p->needs, &column);
	if (p->forced)
		text_add(mk, " FORCE");
	if (p->after.n) {
		text_add(mk, " |");
		column += 8;
		put_names(g, mk, &p->after, &column);
	}
	text_add(mk, "\n");
	put_recipe(mk, recipe, text_get(&p->tasks));
}

void graph_text(const struct graph *g, struct text *mk)
{
	for (int i = 0; i < g->rules; i++) {
		struct process p;

		if (g->rule[i]->mute || !graph_leads(g, i))
			continue;
		p = gather(g, i);
		text_add(mk, "\n");
		put_process(g, mk, &p, text_get(&g->rule[i]->recipe));
		free(p.targets.item);
		free(p.needs.item);
		free(p.after.item);
		text_release(&p.tasks);
	}
}
