/* graph_work.c: see graph.h: what must be done, process by process. */
#include "plan/graph_private.h"

#include <string.h>

#include "plan/worklist.h"

void graph_want(struct graph *g, const char *name)
{
	for (int i = g->rules - 1; i >= 0; i--) {
		struct rule *r = g->rule[i];

		for (int k = 0; k < r->targets.n; k++)
			r->wanted |= strcmp(g->file[r->targets.item[k]]->name, name) == 0;
		for (int k = 0; r->wanted && k < r->needs.n; k++)
			if (g->file[r->needs.item[k]]->maker)
				g->file[r->needs.item[k]]->maker->wanted = true;
	}
}

static bool solves(const struct rule *r)
{
	return strcmp(r->of.what, "solution") == 0;
}

static bool is_to_do(const struct rule *r)
{
	return r->stale && r->wanted;
}

int graph_sites(const struct graph *g, int *done)
{
	int n = 0;

	*done = 0;
	for (int i = 0; i < g->rules; i++)
		if (solves(g->rule[i])) {
			n++;
			*done += !g->rule[i]->stale;
		}
	return n;
}

/* Planned seconds of the process whose first rule is rule i. */
static double process_seconds(const struct graph *g, int i)
{
	double sum = g->rule[i]->of.cost.process;

	for (int k = i; k < g->rules && (k == i || graph_same_group(g->rule[i], g->rule[k])); k++)
		if (is_to_do(g->rule[k]))
			sum += g->rule[k]->of.cost.task;
	return sum;
}

void graph_work(const struct graph *g, struct text *list)
{
	for (int i = 0; i < g->rules; i++)
		if (is_to_do(g->rule[i]) && g->rule[i]->of.cost.process > 0 && graph_leads(g, i))
			worklist_add(list, g->rule[i]->of.tool, process_seconds(g, i));
}
