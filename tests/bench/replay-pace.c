/* replay-pace: how far the time left (lib/plan/pace.h) is from the truth, over a run that has
 * ended.
 *
 * Takes the list of processes that plan-pipeline wrote for the run (--goals … --todo FILE, in a
 * WORK folder that is empty) and the run's log.tsv. At each tenth of the run it counts the
 * processes that had ended, and those that ran, as show-progress would. Prints a line per tenth:
 * seconds gone, the time left that would have been shown, what was left, and the error in percent.
 * Ends with status 1 if the error is larger than --bound at a tenth up to --last. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "files/out.h"
#include "merge/runlog.h"
#include "plan/pace.h"

enum { TENTHS = 10 };

static const char *list_path, *log_path;
static int bound = 30, last = TENTHS - 2, jobs;

static const struct opt options[] = {
	{"list", 0, OPT_STRING, &list_path, true, 0, 0, "FILE", "the processes that were to run"},
	{"record", 0, OPT_STRING, &log_path, true, 0, 0, "FILE", "log.tsv of the run"},
	{"bound", 0, OPT_INT, &bound, false, 1, 1000, "N", "largest error, in percent"},
	{"last", 0, OPT_INT, &last, false, 1, 9, "N", "the last tenth for which it holds"},
	{"jobs", 0, OPT_INT, &jobs, false, 1, 64, "N",
	 "as if so many processes ran side by side, each for its cpu seconds; without: as it was"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "replay-pace",
				 .summary = "the time left against the truth, over a run",
				 .opts = options};

static void read_list(struct worklist *w, const char *path)
{
	char *text = out_read_text(path), *rest = text, *line;
	bool whole = false;

	while (rest && (line = strsep(&rest, "\n")))
		whole |= worklist_read(w, line);
	if (!whole || !w->n)
		die("'%s': expected a list of processes from begin to end", path);
	free(text);
}

/* The processes one after the other in the order of the log, on so many places: each begins where a
 * place is free first. */
static void place(struct runlog *log, int places)
{
	double *free_at = xcalloc((size_t)places, sizeof(*free_at));

	for (int i = 0; i < log->n; i++) {
		int first = 0;

		for (int k = 1; k < places; k++)
			first = free_at[k] < free_at[first] ? k : first;
		log->line[i].started = free_at[first];
		log->line[i].real = log->line[i].cpu;
		free_at[first] += log->line[i].cpu;
	}
	free(free_at);
}

static double end_of(const struct runlog_line *l)
{
	return l->started + l->real;
}

static int by_end(const void *a, const void *b)
{
	return (end_of(a) > end_of(b)) - (end_of(a) < end_of(b));
}

static void add_running(struct processes *p, const struct runlog_line *l, double now)
{
	struct process *one;

	p->process = xrealloc(p->process, (size_t)(p->n + 1) * sizeof(*p->process));
	one = &p->process[p->n++];
	*one = (struct process){.age = now - l->started};
	snprintf(one->name, sizeof(one->name), "%s", l->tool);
}

/* The time left that is shown `elapsed` seconds after the start. */
static double left_at(const struct runlog *log, double start, double elapsed)
{
	struct worklist work = {0};
	struct processes running = {0};
	struct pace pace = {0};
	double left, now = start + elapsed;

	read_list(&work, list_path);
	pace_begin(&pace, &work);
	for (int i = 0; i < log->n; i++) {
		const struct runlog_line *l = &log->line[i];

		if (end_of(l) <= now) {
			char *line = xformat("%s\t\t%.6f", l->tool, l->real);

			pace_line(&pace, line);
			free(line);
		} else if (l->started <= now) {
			add_running(&running, l, now);
		}
	}
	left = pace_left(&pace, &running, elapsed);
	processes_release(&running);
	pace_release(&pace);
	return left;
}

/* Whether all errors are within the bound. */
static bool replay(const struct runlog *log)
{
	double start = DBL_MAX, end = 0;
	bool good = true;

	for (int i = 0; i < log->n; i++) {
		start = fmin(start, log->line[i].started);
		end = fmax(end, end_of(&log->line[i]));
	}
	printf("gone_s\tshown_s\tleft_s\terror_percent\n");
	for (int k = 1; k < TENTHS; k++) {
		double gone = (end - start) * k / TENTHS, truth = end - start - gone,
		       left = left_at(log, start, gone), error = 100 * (left / truth - 1);

		printf("%.1f\t%.1f\t%.1f\t%+.0f\n", gone, left, truth, error);
		good &= k > last || (left >= 0 && fabs(error) <= bound);
	}
	return good;
}

int main(int argc, char **argv)
{
	struct runlog log;
	bool good;

	opts_parse(&tool, argc, argv);
	runlog_read(&log, log_path);
	if (jobs)
		place(&log, jobs);
	qsort(log.line, (size_t)log.n, sizeof(*log.line), by_end);
	good = log.n > 0 && replay(&log);
	runlog_release(&log);
	return good ? 0 : 1;
}
