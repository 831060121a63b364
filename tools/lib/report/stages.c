/* stages.c: see stages.h. */
#include "report/stages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "merge/runlog.h"

#define LONGEST_PAUSE 5.0 /* seconds; between two runs of make, not between two processes */

static struct stage_cost *find_stage(struct stages *s, const char *tool)
{
	for (int i = 0; i < s->n; i++)
		if (strcmp(s->stage[i].tool, tool) == 0)
			return &s->stage[i];
	s->stage = xrealloc(s->stage, (size_t)(s->n + 1) * sizeof(*s->stage));
	s->stage[s->n] = (struct stage_cost){.tool = xstrdup(tool)};
	return &s->stage[s->n++];
}

static bool is_process(const struct runlog_line *l)
{
	return strcmp(l->tool, "make") != 0; /* its lines are the times of whole merges */
}

static bool evaluates(const struct runlog_line *l)
{
	return strcmp(l->tool, "eval-emotion") == 0;
}

static void add_cost(struct stages *s, const struct runlog_line *l)
{
	struct stage_cost *c = find_stage(s, l->tool);

	c->processes++;
	c->real += l->real;
	c->cpu += l->cpu;
	c->peak = fmax(c->peak, l->peak);
	if (!evaluates(l))
		s->peak = fmax(s->peak, l->peak);
}

/* ------------------------------------------------------------ the clock */

static int by_start(const void *a, const void *b)
{
	const struct runlog_line *const *x = a, *const *y = b;

	return ((*x)->started > (*y)->started) - ((*x)->started < (*y)->started);
}

/* The merge's processes whose times are in the log, by their start (allocated). */
static const struct runlog_line **sorted(const struct runlog *log, int *n)
{
	const struct runlog_line **line = xarray((size_t)log->n, sizeof(*line));

	*n = 0;
	for (int i = 0; i < log->n; i++)
		if (is_process(&log->line[i]) && !evaluates(&log->line[i]) &&
		    log->line[i].started > 0)
			line[(*n)++] = &log->line[i];
	qsort(line, (size_t)*n, sizeof(*line), by_start);
	return line;
}

/* at (n): the start of each on a clock that stops in long pauses. Returns the clock's end. */
static double without_pauses(const struct runlog_line **line, int n, double *at)
{
	double end = line[0]->started, left_out = end;

	for (int i = 0; i < n; i++) {
		double pause = line[i]->started - end;

		if (pause > LONGEST_PAUSE)
			left_out += pause;
		at[i] = line[i]->started - left_out;
		end = fmax(end, line[i]->started + line[i]->real);
	}
	return end - left_out;
}

static void add_memory(struct stages *s, const struct runlog_line *l, double at)
{
	struct stage_cost *c = find_stage(s, l->tool);
	double part = s->span > 0 ? s->span / STAGES_BINS : 1;
	int first = (int)(at / part), last = (int)((at + l->real) / part);

	c->clocked = true;
	for (int b = first; b <= last && b < STAGES_BINS; b++)
		c->memory[b] = fmax(c->memory[b], l->peak);
}

/* Lines by their start: the time that their intervals cover together. */
static double covered(const struct runlog_line **line, int n)
{
	double sum = 0, end = 0;

	for (int i = 0; i < n; i++) {
		double here = line[i]->started + line[i]->real;

		if (here <= end)
			continue;
		sum += here - fmax(line[i]->started, end);
		end = here;
	}
	return sum;
}

static void read_clock(struct stages *s, const struct runlog *log)
{
	int n;
	const struct runlog_line **line = sorted(log, &n);
	double *at = xarray((size_t)n, sizeof(*at));

	if (n > 0)
		s->span = without_pauses(line, n, at);
	s->busy = covered(line, n);
	for (int i = 0; i < n; i++)
		add_memory(s, line[i], at[i]);
	free(at);
	free(line);
}

/* Moves the stages on the clock to the front. */
static void put_clocked_first(struct stages *s)
{
	for (int i = 0; i < s->n; i++) {
		struct stage_cost c = s->stage[i];

		if (!c.clocked)
			continue;
		memmove(s->stage + s->clocked + 1, s->stage + s->clocked,
			(size_t)(i - s->clocked) * sizeof(c));
		s->stage[s->clocked++] = c;
	}
}

void stages_read(struct stages *s, const char *path)
{
	struct runlog log;

	*s = (struct stages){0};
	runlog_read(&log, path);
	for (int i = 0; i < log.n; i++)
		if (is_process(&log.line[i]))
			add_cost(s, &log.line[i]);
	read_clock(s, &log);
	put_clocked_first(s);
	runlog_release(&log);
}

void stages_release(struct stages *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->stage[i].tool);
	free(s->stage);
}
