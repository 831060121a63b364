/* forecast_time.c: see forecast.h: how long a merge takes, on one machine or on several. */
#include "plan/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "plan/rehearsal.h"

/* 7 s, 2:05 min or 3:20 h (allocated). */
static char *duration(double seconds)
{
	long s = (long)(seconds + 0.5);

	if (s < 60)
		return xformat("%ld s", s > 0 ? s : 1);
	if (s < 3600)
		return xformat("%ld:%02ld min", s / 60, s % 60);
	return xformat("%ld:%02ld h", s / 3600, s / 60 % 60);
}

/* An iteration of jacobi. The first one also extracts the rows of the own side. */
static struct rehearsal iteration(const struct plan *p, const struct changes *changed,
				  const struct machine *on, int k)
{
	struct graph *g = rules_open(p, k, changed);
	rules_want(p, g, false);
	struct rehearsal r = rehearse(g, on, k > 1 ? ITERATION_PART : MERGE_PART);

	graph_close(g);
	return r;
}

/* `all`, which is iteration k, and those behind it. */
static struct rehearsal with_later(const struct plan *p, const struct changes *changed,
				   const struct machine *on, int k, struct rehearsal all)
{
	if (k < p->c.max_iter) {
		const struct rehearsal one = iteration(p, changed, on, k + 1);

		rehearsal_add(&all, &one, p->c.max_iter - k);
	}
	return all;
}

static void print_iterations(const struct plan *p, const struct changes *changed, int k)
{
	const struct machine on = plan_machine(p);
	const struct rehearsal one = iteration(p, changed, &on, k);
	char *first = duration(one.wall), *all = duration(with_later(p, changed, &on, k, one).wall);

	printf("time    about %s for iteration %d, %s for all %d\n", first, k, all, p->c.max_iter);
	free(first);
	free(all);
}

void forecast_time(const struct plan *p, const struct graph *g, const struct changes *changed,
		   const struct todo *todo)
{
	const struct machine on = plan_machine(p);
	struct rehearsal merge = rehearse(g, &on, MERGE_PART),
			 evaluation = rehearse(g, &on, EVALUATION_PART);
	char *a = duration(merge.wall), *b = duration(evaluation.wall);

	if (todo->iteration)
		print_iterations(p, changed, todo->iteration);
	else if (merge.cpu > 0)
		printf("time    about %s for the merge (%.0f s of processor time), then %s for the "
		       "evaluation\n",
		       a, merge.cpu, b);
	else if (evaluation.cpu > 0)
		printf("time    about %s for the evaluation\n", b);
	free(a);
	free(b);
}

/* ------------------------------------------------------------ several machines */

struct on_nodes {
	int nodes;
	struct machine on; /* all of them together */
	struct rehearsal merge, evaluation;
};

/* Each node has the processes and threads that one machine has. The groups of tasks go by the
 * number of all processes. */
static struct on_nodes run_on(const struct plan *p, const struct changes *changed, int nodes)
{
	struct plan of = *p;
	of.threads = plan_threads(p);
	of.processes = p->processes * nodes;
	of.nodes = nodes;
	struct on_nodes r = {.nodes = nodes, .on = plan_machine(&of)};
	struct todo todo;
	struct graph *g = rules_next(&of, changed, &todo);

	r.on.launch = of.launch_seconds;
	rules_want(&of, g, true);
	r.merge = todo.iteration ? iteration(&of, changed, &r.on, todo.iteration)
				 : rehearse(g, &r.on, MERGE_PART);
	if (todo.iteration)
		r.merge = with_later(&of, changed, &r.on, todo.iteration, r.merge);
	r.evaluation = rehearse(g, &r.on, EVALUATION_PART);
	graph_close(g);
	return r;
}

/* A run is never shorter than its longest chain, nor than its work shared out evenly. */
static const char *bound_by(const struct on_nodes *r)
{
	return r->merge.chain > r->merge.busy / r->on.jobs ? "the chain" : "processors";
}

static void print_row(const struct on_nodes *r, double alone)
{
	char *merge = duration(r->merge.wall), *chain = duration(r->merge.chain),
	     *evaluation = duration(r->evaluation.wall);

	printf("%-7d %-10d %-10s %-10s %11.0f %%  %8.1f  %-10s  %s\n", r->nodes, r->on.jobs, merge,
	       chain, 100 * r->merge.together / r->merge.wall, alone / r->merge.wall, bound_by(r),
	       evaluation);
	free(merge);
	free(chain);
	free(evaluation);
}

/* The kinds of processes on the chain, the longest first. */
static void print_chain(const struct on_nodes *r)
{
	struct rehearsal m = r->merge;

	printf("chain   of %d nodes:", r->nodes);
	for (int n = 0; n < m.parts; n++) {
		int most = n;

		for (int k = n + 1; k < m.parts; k++)
			if (m.part[k].wall > m.part[most].wall)
				most = k;
		struct chain_part part = m.part[most];
		m.part[most] = m.part[n];
		if (part.wall >= 0.005 * m.chain)
			printf("%s %s %.0f %%", n ? "," : "", part.what, 100 * part.wall / m.chain);
	}
	printf("\n");
}

static void print_launched(const struct on_nodes *r)
{
	double seconds = r->merge.launched * r->on.launch;

	printf("launch  %d of %d processes are started by LAUNCH, each in %.3g s: %.0f s, %.0f %% "
	       "of the processes' time\n",
	       r->merge.launched, r->merge.processes, r->on.launch, seconds,
	       100 * seconds / r->merge.busy);
}

void forecast_nodes(const struct plan *p, const struct changes *changed, int nodes)
{
	struct on_nodes r = run_on(p, changed, 1);
	double alone = r.merge.wall;

	if (!(r.merge.cpu > 0)) {
		printf("nodes   the merge has nothing to do\n");
		return;
	}
	printf("nodes   processes  merge      chain      side by side  speed-up  bound by    "
	       "evaluation\n");
	print_row(&r, alone);
	for (int n = 2; r.nodes < nodes; n *= 2) {
		r = run_on(p, changed, n < nodes ? n : nodes);
		print_row(&r, alone);
	}
	print_chain(&r);
	print_launched(&r);
}
