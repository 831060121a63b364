/* replay-graph: how far the planned time of a merge is from a merge that was run.
 *
 * Takes the request, the number of jobs, and log.tsv of the run, which had one thread a process.
 * The graph is that of an empty WORK folder. Each of its processes then takes the seconds of its
 * line in the log, and the graph is rehearsed with them (plan/rehearsal.h). Two comparisons:
 * - with --cpu each process takes its processor seconds, and so does the plan. This compares the
 *   costs of plan/cost.h, at the rates of the run's machine, on the places that the run had. Other
 *   programs may have run beside the run.
 * - else each process takes its wall seconds, and the end is compared with the run's own. This
 *   compares the order of the processes and what lies between them. Other programs slow make and
 *   the shell as they slow the tools: by Σ wall / Σ cpu.
 *
 * Prints a line: expected seconds, those of the run, and the error in percent. Ends with status 1
 * if the error is larger than --bound. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/strlist.h"
#include "base/text.h"
#include "merge/runlog.h"
#include "plan/graph_private.h"
#include "plan/rehearsal.h"
#include "plan/rules.h"

static const char *base, *loras, *data, *empty, *log_path, *set = "", *rates;
static int bound = 20, jobs = 1;
static double launch;
static bool cpu;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &base, true, 0, 0, "DIR", "the request: the model"},
	{"loras", 0, OPT_STRING, &loras, true, 0, 0, "DIR", "the adapters"},
	{"data", 0, OPT_STRING, &data, true, 0, 0, "DIR", "the texts"},
	{"set", 0, OPT_STRING, &set, false, 0, 0, "LIST", "overrides KEY=value between commas"},
	{"work", 0, OPT_STRING, &empty, true, 0, 0, "DIR", "a folder that is not there"},
	{"record", 0, OPT_STRING, &log_path, true, 0, 0, "FILE", "log.tsv of the run"},
	{"jobs", 0, OPT_INT, &jobs, false, 1, 64, "N", "processes side by side"},
	{"rates", 0, OPT_STRING, &rates, false, 0, 0, "A,B,C,D",
	 "the machine's, as in rate.tsv (plan/rate.h)"},
	{"launch", 0, OPT_FLOAT, &launch, false, 0, 3600, "SECONDS",
	 "what LAUNCH took for each step"},
	{"cpu", 0, OPT_FLAG, &cpu, false, 0, 0, NULL, "processor seconds in place of wall seconds"},
	{"bound", 0, OPT_INT, &bound, false, 1, 1000, "N", "largest error, in percent"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "replay-graph",
				 .summary = "the planned time of a merge against one that was run",
				 .opts = options};

static struct rate given_rates(void)
{
	struct rate r = rate_assumed();

	if (rates && sscanf(rates, "%lf,%lf,%lf,%lf", &r.products, &r.products16, &r.products64,
			    &r.bytes) != 4)
		die_usage("--rates '%s': expected four numbers between commas", rates);
	return r;
}

static struct plan open_plan(void)
{
	static const struct config_word no_words[] = {{0}};
	struct strlist words = *set ? strlist_split(set, "--set") : (struct strlist){0};
	struct plan p = {.base = (char *)base,
			 .loras = (char *)loras,
			 .data = (char *)data,
			 .work = (char *)empty,
			 .tools = "build",
			 .reference = "$W/eval",
			 .rate = given_rates(),
			 .processes = jobs,
			 .threads = 1};

	config_load(&p.c, "config/iteris-plus.yaml", "EMOTION_t5_large");
	for (int i = 0; i < words.n; i++)
		config_override(&p.c, words.item[i], no_words);
	config_check(&p.c);
	plan_open(&p);
	strlist_release(&words);
	return p;
}

/* ------------------------------------------------------------ the log's lines of a process */

/* What the message of the rule's process begins with (allocated). */
static char *message_of(const struct rule *r)
{
	bool rows = strcmp(r->of.tool, "extract-acts") == 0;

	if (!r->site)
		return xstrdup("");
	return xformat("%.*s%s%s:", rows ? (int)strcspn(r->of.what, " ") : 0, r->of.what,
		       rows ? " " : "", r->site);
}

/* The seconds of the first line of this tool and message. The line is then used up. */
static double take_line(struct runlog *log, const char *name, const char *message)
{
	for (int i = 0; i < log->n; i++) {
		struct runlog_line *l = &log->line[i];

		if (strcmp(l->tool, name) == 0 && text_begins(l->message, message)) {
			l->tool[0] = 0;
			return cpu ? l->cpu : l->real;
		}
	}
	die("'%s' has no line of %s %s: the run had another request, or other jobs", log_path, name,
	    message);
}

static double seconds_of(struct runlog *log, struct rule *r)
{
	char *message = message_of(r);
	double seconds = take_line(log, r->of.tool, message);

	if (strstr(text_get(&r->recipe), "$(release)"))
		seconds += take_line(log, "release-files", "");
	free(message);
	return seconds;
}

static bool runs(const struct rule *r)
{
	return r->stale && r->wanted && !r->apart;
}

/* From now on each process of the merge takes what the log says, and `more` seconds. */
static void take_times(struct graph *g, struct runlog *log, double more)
{
	for (int i = 0; i < g->rules; i++) {
		struct rule *r = g->rule[i];
		bool launched = r->of.cost.launched, leads = graph_leads(g, i);

		if (runs(r))
			r->of.cost = (struct cost){.process = leads ? seconds_of(log, r) + more : 0,
						   .launched = launched};
	}
	for (int i = 0; i < log->n; i++) /* (the card is no part of what a plan wants) */
		if (log->line[i].tool[0] && strcmp(log->line[i].tool, "write-card") != 0)
			die("'%s' has a line of %s that is of no process: the run had another "
			    "request, or other jobs",
			    log_path, log->line[i].tool);
}

/* ------------------------------------------------------------ the comparison */

static int by_start(const void *a, const void *b)
{
	const struct runlog_line *x = a, *y = b;

	return (x->started > y->started) - (x->started < y->started);
}

struct taken {
	double wall, slower; /* from the first start to the last end; Σ wall / Σ cpu */
};

static struct taken took(const struct runlog *log)
{
	double start = DBL_MAX, end = 0, real = 0, processor = 0;

	for (int i = 0; i < log->n; i++) {
		const struct runlog_line *l = &log->line[i];

		start = fmin(start, l->started);
		end = fmax(end, l->started + l->real);
		real += l->real;
		processor += l->cpu;
	}
	return (struct taken){end - start, fmax(real / processor, 1)};
}

/* With the log's times. */
static double replayed(struct graph *g, struct runlog *log, struct machine on, double slower)
{
	take_times(g, log, COST_RECIPE * (slower - 1));
	on.launch *= slower;
	return rehearse(g, &on, MERGE_PART).wall;
}

static void read_log(struct runlog *log)
{
	runlog_read(log, log_path);
	if (!log->n)
		die("'%s' is empty: expected the log of a run", log_path);
	qsort(log->line, (size_t)log->n, sizeof(*log->line), by_start);
}

int main(int argc, char **argv)
{
	struct machine on;
	struct runlog log;
	struct plan p;
	struct todo todo;

	opts_parse(&tool, argc, argv);
	on = (struct machine){.jobs = jobs, .threads = 1, .cores = jobs, .launch = launch};
	p = open_plan();
	read_log(&log);
	struct taken run = took(&log);
	struct graph *g = rules_next(&p, &(struct changes){0}, &todo);
	rules_want(&p, g, false);
	double planned = rehearse(g, &on, MERGE_PART).wall,
	       replay = replayed(g, &log, on, cpu ? 1 : run.slower),
	       expected = cpu ? planned : replay, found = cpu ? replay : run.wall,
	       error = 100 * (expected / found - 1);

	printf("expected_s\trun_s\terror_percent\n%.2f\t%.2f\t%+.0f\n", expected, found, error);
	graph_close(g);
	runlog_release(&log);
	plan_close(&p);
	config_release(&p.c);
	return fabs(error) <= bound ? 0 : 1;
}
