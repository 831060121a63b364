/* rehearsal.c: see rehearsal.h. */
#include "plan/rehearsal.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/die.h"
#include "plan/graph_private.h"
#include "plan/sizes.h"

struct acted { /* a process */
	double cpu, wall, end;
	int waits_for;           /* processes that have not ended */
	struct list rules, then; /* then: the processes that wait for this one */
	double chain; /* wall of the longest chain of processes that ends with this one */
	int link;     /* the process before it in that chain, or −1 */
};

struct stage_play {
	const struct graph *g;
	int n;
	struct acted *process;
	int *of_rule;               /* by rule: its process, or −1 */
	struct list ready, running; /* numbers of processes */
	double *held;               /* by file: bytes on the disk beyond those at the start */
	double now, sum, most, together;
};

/* ------------------------------------------------------------ the processes */

static bool takes_part(const struct rule *r, enum part part)
{
	return r->stale && r->wanted && r->apart == (part == EVALUATION_PART) &&
	       !(r->mute && part == ITERATION_PART);
}

static bool continues(const struct graph *g, int i, int process)
{
	return process >= 0 && i > 0 && graph_same_group(g->rule[i - 1], g->rule[i]);
}

static void find_processes(struct stage_play *s, enum part part)
{
	const struct graph *g = s->g;
	int last = -1;

	for (int i = 0; i < g->rules; i++) {
		bool joins = continues(g, i, last);

		s->of_rule[i] = -1;
		if (!joins)
			last = -1;
		if (!takes_part(g->rule[i], part))
			continue;
		if (last < 0)
			last = s->n++;
		s->of_rule[i] = last;
		graph_list_add(&s->process[last].rules, i);
	}
}

static void wait_for(struct stage_play *s, int process, const struct list *files)
{
	for (int i = 0; i < files->n; i++) {
		const struct rule *maker = s->g->file[files->item[i]]->maker;
		int other = maker ? s->of_rule[maker->number] : -1;

		if (other < 0 || other == process)
			continue;
		graph_list_add(&s->process[other].then, process);
		s->process[process].waits_for++;
	}
}

static const struct stage_of *stage_of(const struct graph *g, const struct acted *p)
{
	return &g->rule[p->rules.item[0]]->of;
}

/* Threads share the part of a cost that is shared. More processes than cores slow each other. */
static void find_times(struct acted *p, const struct graph *g, const struct machine *on)
{
	const struct cost *first = &stage_of(g, p)->cost;
	double crowd = (double)on->jobs * on->threads / on->cores;

	p->cpu = first->process;
	for (int i = 0; i < p->rules.n; i++)
		p->cpu += g->rule[p->rules.item[i]]->of.cost.task;
	p->wall = p->cpu * (1 - first->shared + first->shared / on->threads);
	p->wall = COST_RECIPE + (first->launched ? on->launch : 0) +
		  p->wall * (crowd > 1 ? crowd : 1);
}

static void find_order(struct stage_play *s, const struct machine *on)
{
	for (int k = 0; k < s->n; k++) {
		struct acted *p = &s->process[k];

		find_times(p, s->g, on);
		for (int i = 0; i < p->rules.n; i++) {
			wait_for(s, k, &s->g->rule[p->rules.item[i]]->needs);
			wait_for(s, k, &s->g->rule[p->rules.item[i]]->after);
		}
	}
}

/* ------------------------------------------------------------ the longest chain */

/* Processes have the order of their rules, so all that a process waits for comes before it. Returns
 * the last process of the longest chain. */
static int find_chains(struct stage_play *s)
{
	int last = -1;

	for (int k = 0; k < s->n; k++)
		s->process[k].link = -1;
	for (int k = 0; k < s->n; k++) {
		struct acted *p = &s->process[k];

		p->chain += p->wall;
		for (int i = 0; i < p->then.n; i++) {
			struct acted *next = &s->process[p->then.item[i]];

			if (next->chain < p->chain) {
				next->chain = p->chain;
				next->link = k;
			}
		}
		if (last < 0 || p->chain > s->process[last].chain)
			last = k;
	}
	return last;
}

static void add_part(struct rehearsal *r, const char *what, double wall)
{
	int k = 0;

	while (k < r->parts && strcmp(r->part[k].what, what) != 0)
		k++;
	if (k == REHEARSAL_PARTS)
		BUG("a chain of more than %d kinds of processes", k);
	if (k == r->parts)
		r->part[r->parts++] = (struct chain_part){.what = what};
	r->part[k].wall += wall;
}

static void measure_chain(struct stage_play *s, struct rehearsal *r)
{
	int last = find_chains(s);

	r->chain = last < 0 ? 0 : s->process[last].chain;
	for (int k = last; k >= 0; k = s->process[k].link)
		add_part(r, stage_of(s->g, &s->process[k])->what, s->process[k].wall);
}

void rehearsal_add(struct rehearsal *r, const struct rehearsal *more, int times)
{
	r->wall += times * more->wall;
	r->cpu += times * more->cpu;
	r->busy += times * more->busy;
	r->together += times * more->together;
	r->chain += times * more->chain;
	r->processes += times * more->processes;
	r->launched += times * more->launched;
	for (int k = 0; k < more->parts; k++)
		add_part(r, more->part[k].what, times * more->part[k].wall);
}

/* ------------------------------------------------------------ the run */

static void hold(struct stage_play *s, int file, double bytes)
{
	s->now += bytes - s->held[file];
	s->held[file] = bytes;
}

static double made(const struct stage_play *s, const struct acted *p)
{
	double bytes = 0;

	for (int i = 0; i < p->rules.n; i++) {
		const struct list *t = &s->g->rule[p->rules.item[i]]->targets;

		for (int k = 0; k < t->n; k++)
			bytes += s->g->file[t->item[k]]->made;
	}
	return bytes;
}

/* With what each running process has written so far. */
static double bytes_at_end(const struct stage_play *s, const struct acted *ending)
{
	double bytes = s->now;

	for (int i = 0; i < s->running.n; i++) {
		const struct acted *p = &s->process[s->running.item[i]];

		bytes += made(s, p) * (1 - (p->end - ending->end) / p->wall);
	}
	return bytes;
}

static void keep_and_release(struct stage_play *s, const struct acted *p)
{
	for (int i = 0; i < p->rules.n; i++) {
		const struct rule *rule = s->g->rule[p->rules.item[i]];

		for (int k = 0; k < rule->targets.n; k++)
			hold(s, rule->targets.item[k], s->g->file[rule->targets.item[k]]->made);
		for (int k = 0; k < rule->releases.n; k++)
			hold(s, rule->releases.item[k],
			     sizes_released() - s->g->file[rule->releases.item[k]]->now);
	}
}

static int take(struct list *l, int at)
{
	int item = l->item[at];

	l->item[at] = l->item[--l->n];
	return item;
}

/* Starts the processes that are ready, in the order of the rules, while there is room. */
static void start_ready(struct stage_play *s, int jobs)
{
	while (s->ready.n && s->running.n < jobs) {
		int first = 0;

		for (int i = 1; i < s->ready.n; i++)
			if (s->ready.item[i] < s->ready.item[first])
				first = i;
		int k = take(&s->ready, first);
		s->process[k].end = s->sum + s->process[k].wall;
		graph_list_add(&s->running, k);
	}
}

/* The place in the list of the running process that ends next, and of two the first one. */
static int next_end(const struct stage_play *s)
{
	int next = 0;

	for (int i = 1; i < s->running.n; i++) {
		int k = s->running.item[i], first = s->running.item[next];
		double later = s->process[k].end - s->process[first].end;

		if (later < 0 || (later == 0 && k < first))
			next = i;
	}
	return next;
}

static void end(struct stage_play *s, int at)
{
	struct acted *p = &s->process[s->running.item[at]];
	double bytes = bytes_at_end(s, p);

	s->most = bytes > s->most ? bytes : s->most;
	s->together += s->running.n > 1 ? p->end - s->sum : 0;
	s->sum = p->end;
	take(&s->running, at);
	for (int i = 0; i < p->then.n; i++)
		if (!--s->process[p->then.item[i]].waits_for)
			graph_list_add(&s->ready, p->then.item[i]);
	keep_and_release(s, p);
}

static struct rehearsal perform(struct stage_play *s, int jobs)
{
	struct rehearsal r = {.processes = s->n};

	for (int k = 0; k < s->n; k++)
		if (!s->process[k].waits_for)
			graph_list_add(&s->ready, k);
	for (int ended = 0; ended < s->n; ended++) {
		start_ready(s, jobs);
		if (!s->running.n)
			BUG("rules wait for each other");
		end(s, next_end(s));
	}
	for (int k = 0; k < s->n; k++) {
		r.cpu += s->process[k].cpu;
		r.busy += s->process[k].wall;
		r.launched += stage_of(s->g, &s->process[k])->cost.launched;
	}
	r.wall = s->sum;
	r.together = s->together;
	r.most = s->most;
	r.left = s->now;
	measure_chain(s, &r);
	return r;
}

struct rehearsal rehearse(const struct graph *g, const struct machine *on, enum part part)
{
	struct stage_play s = {.g = g};
	struct rehearsal r;

	s.process = xcalloc((size_t)g->rules + 1, sizeof(*s.process));
	s.of_rule = xcalloc((size_t)g->rules + 1, sizeof(*s.of_rule));
	s.held = xcalloc((size_t)g->files + 1, sizeof(*s.held));
	find_processes(&s, part);
	find_order(&s, on);
	r = perform(&s, on->jobs);
	for (int k = 0; k < s.n; k++) {
		free(s.process[k].rules.item);
		free(s.process[k].then.item);
	}
	free(s.ready.item);
	free(s.running.item);
	free(s.process);
	free(s.of_rule);
	free(s.held);
	return r;
}
