/* check-convergence: how far an iteration's solutions are from the previous ones: Σ ‖W − W_prev‖_F
 * / Σ ‖W‖_F over all modules.
 *
 * Writes a small text file with a word and its value per line, and one line on stderr. The file's
 * last line tells whether the figure is under the threshold (`converged 1`). The first iteration
 * has no previous one and never converges. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/die.h"
#include "config/keys.h"
#include "files/exists.h"
#include "files/out.h"
#include "files/start.h"
#include "forward/solution.h"
#include "merge/runlog.h"

static const struct common_opts *common;
static struct {
	const char *sites, *solutions, *out;
	int iteration;
	long log_from;
	double threshold, since;
} o;

static const struct opt options[] = {
	{"sites", 0, OPT_STRING, &o.sites, true, 0, 0, "SITE[,…]", "all sites of the merge"},
	{"solutions", 0, OPT_STRING, &o.solutions, true, 0, 0, "DIR",
	 "folder of the iteration's solution files"},
	{"iteration", 0, OPT_INT, &o.iteration, true, 1, 1e6, "K", "the iteration, from 1"},
	KEY_OPTION_AS(convergence_threshold, o.threshold,
		      "converged when the relative change is less"),
	{"since", 0, OPT_FLOAT, &o.since, false, 0, 1e15, "SECONDS",
	 "when the iteration was begun (seconds since 1970), for the line"},
	{"log-from", 0, OPT_LONG, &o.log_from, false, 0, 1e15, "N",
	 "so many lines of the log are of earlier runs: their memory does not count"},
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "text file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "check-convergence",
	.summary = "how far an iteration moved the solutions",
	.opts = options,
	.example = "check-convergence --sites enc00-self,enc01-self --solutions "
		   "jacobi/iter02/solution --iteration 2 -o mine/convergence",
};

struct change {
	double change, norm, residual;
	int modules;
	char *worst; /* the module with the largest residual */
};

static void add_module(struct change *c, const struct solution *s, const struct solution_module *k)
{
	double residual = solution_figure(s, k, "relative_residual");

	c->norm += solution_figure(s, k, "norm");
	if (o.iteration > 1)
		c->change += solution_figure(s, k, "change");
	if (!c->worst || residual > c->residual) {
		free(c->worst);
		c->worst = xstrdup(k->name);
		c->residual = residual;
	}
	c->modules++;
}

static void add_sites(struct change *c)
{
	struct strlist sites = strlist_split(o.sites, "--sites");

	for (int i = 0; i < sites.n; i++) {
		char *path = xformat("%s/%s.h5", o.solutions, sites.item[i]);
		struct solution *s = solution_open(path, sites.item[i]);

		h5_expect_int(s->file, "iteration", o.iteration);
		for (int k = 0; k < s->n; k++)
			add_module(c, s, &s->module[k]);
		solution_close(s);
		free(path);
	}
	if (!c->modules || !isfinite(c->change) || !isfinite(c->norm))
		die_data("'%s': %d modules, change %g of %g: nothing to measure by", o.solutions,
			 c->modules, c->change, c->norm);
	strlist_release(&sites);
}

/* The largest process of this run so far: of the log's lines, and this process. */
static double largest_process(void)
{
	struct rusage use;
	struct runlog log = {0};
	double most;

	getrusage(RUSAGE_SELF, &use);
	most = (double)use.ru_maxrss / 1024;
	if (common->log && file_exists(common->log))
		runlog_read(&log, common->log);
	for (int i = o.log_from < log.n ? (int)o.log_from : log.n; i < log.n; i++)
		most = log.line[i].peak > most ? log.line[i].peak : most;
	runlog_release(&log);
	return most;
}

static void say(const struct change *c, double relative, int converged)
{
	char *change = o.iteration > 1 ? xformat("relative change %.3g%s", relative,
						 converged ? " (converged)" : "")
				       : xstrdup("the first");
	struct timespec now;
	char *seconds = xstrdup("");

	clock_gettime(CLOCK_REALTIME, &now);
	if (o.since > 0) {
		free(seconds);
		seconds = xformat(", %.1f s",
				  (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - o.since);
	}
	fprintf(stderr,
		"iteration %d: %s, largest residual %.4g (%s)%s, Max memory usage: %.2f MB\n",
		o.iteration, change, c->residual, c->worst, seconds, largest_process());
	free(change);
	free(seconds);
}

int main(int argc, char **argv)
{
	struct change c = {0};
	double relative;
	int converged;
	char *text;

	common = tool_start(&tool, argc, argv);
	add_sites(&c);
	relative = c.norm > 0 ? c.change / c.norm : 0;
	converged = o.iteration > 1 && relative < o.threshold;
	text = xformat(
		"iteration %d\nchange %.17g\nnorm %.17g\nlargest_residual %.17g %s\nconverged %d\n",
		o.iteration, c.change, c.norm, c.residual, c.worst, converged);
	out_write_text(o.out, text);
	say(&c, relative, converged);
	free(text);
	free(c.worst);
	return 0;
}
