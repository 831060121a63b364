/* rehearsal.c: see rehearsal.h. */
#include "plan/rehearsal.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/die.h"
#include "plan/graph_private.h"
#include "plan/sizes.h"

struct acted { /* a process */
	double cpu, wall, end;
	int waits_for; /* processes that have not ended */
	bool started, ended;
	struct list rules, then; /* then: the processes that wait for this one */
};

struct stage_play {
	const struct graph *g;
	int n, ended;
	struct acted *process;
	int *of_rule; /* by rule: its process, or −1 */
	double *held; /* by file: bytes on the disk beyond those at the start */
	double now, sum, most;
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

/* Threads share the part of a cost that is shared. More processes than cores slow each other. */
static void find_times(struct acted *p, const struct graph *g, const struct machine *on)
{
	const struct cost *first = &g->rule[p->rules.item[0]]->of.cost;
	double crowd = (double)on->jobs * on->threads / on->cores;

	p->cpu = first->process;
	for (int i = 0; i < p->rules.n; i++)
		p->cpu += g->rule[p->rules.item[i]]->of.cost.task;
	p->wall = p->cpu * (1 - first->shared + first->shared / on->threads);
	p->wall = COST_LAUNCH + p->wall * (crowd > 1 ? crowd : 1);
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

static void start(struct stage_play *s, struct acted *p)
{
	p->started = true;
	p->end = s->sum + p->wall;
}

/* With what each running process has written so far. */
static double bytes_at_end(const struct stage_play *s, const struct acted *ending)
{
	double bytes = s->now;

	for (int k = 0; k < s->n; k++) {
		const struct acted *p = &s->process[k];

		if (p->started && !p->ended)
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

static void end(struct stage_play *s, struct acted *p)
{
	double bytes = bytes_at_end(s, p);

	s->most = bytes > s->most ? bytes : s->most;
	p->ended = true;
	s->ended++;
	s->sum = p->end;
	for (int i = 0; i < p->then.n; i++)
		s->process[p->then.item[i]].waits_for--;
	keep_and_release(s, p);
}

/* Starts the processes that are ready, in the order of the rules, while there is room. */
static int start_ready(struct stage_play *s, int running, int jobs)
{
	for (int k = 0; k < s->n && running < jobs; k++) {
		struct acted *p = &s->process[k];

		if (p->started || p->waits_for)
			continue;
		start(s, p);
		running++;
	}
	return running;
}

static struct acted *next_end(const struct stage_play *s)
{
	struct acted *next = NULL;

	for (int k = 0; k < s->n; k++) {
		struct acted *p = &s->process[k];

		if (p->started && !p->ended && (!next || p->end < next->end))
			next = p;
	}
	return next;
}

static struct rehearsal perform(struct stage_play *s, int jobs)
{
	struct rehearsal r = {0};
	int running = 0;

	while (s->ended < s->n) {
		running = start_ready(s, running, jobs);
		if (!running)
			BUG("rules wait for each other");
		end(s, next_end(s));
		running--;
	}
	for (int k = 0; k < s->n; k++)
		r.cpu += s->process[k].cpu;
	r.wall = s->sum;
	r.most = s->most;
	r.left = s->now;
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
	free(s.process);
	free(s.of_rule);
	free(s.held);
	return r;
}
