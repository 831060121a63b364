/* combine-layer: ties and dare (lib/math/baseline.h): the merged ΔW of every module of a site, from
 * the adapters' weights alone. It is cut to a low-rank pair (solution/SITE.h5). The file is the
 * same as solve-layer's, except that no column belongs to one task.
 *
 * One module at a time is in memory: its merged ΔW (d_out, d_in) in float32, panels of the tasks'
 * ΔW, and a square of the smaller side in float64. The file holds the cut's relative error, and the
 * closing line the worst one. dare's draws depend only on the seed, the module and the task. So the
 * order and the number of processes do not matter. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/address_space.h"
#include "base/die.h"
#include "config/keys.h"
#include "files/digest.h"
#include "files/start.h"
#include "forward/solution.h"
#include "math/baseline.h"
#include "merge/job.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct job_args job_args;
static const char *method, *output_arg;
static double density;
static struct rank_limit merge_rank;
static long seed;

static const struct opt options[] = {
	JOB_OPTIONS(job_args),
	{.type = OPT_KEY,
	 .value = &(struct opt_keyed){&config_options[KEY_method], &method},
	 .required = true,
	 .help = "ties or dare"},
	KEY_OPTION(density, density),
	KEY_OPTION(merge_rank, merge_rank),
	KEY_OPTION_AS(seed, seed, "of dare's draws"),
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE",
	 "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "combine-layer",
	.summary = "merge a site's modules by ties or dare, cut to low rank",
	.opts = options,
	.example = "combine-layer --model model --site enc01-self --tasks tec,isear --adapter "
		   "'loras/{task}' --method ties --density 0.2 "
		   "-o mine/ties/enc01-self.h5",
};

struct combine_run {
	struct job job;
	struct combine_arrays arrays;
	struct h5 *out;
	bool ties;
	int R_max; /* in what was written */
};

/* State of one module's merge. */
struct combine_part {
	int i;
	char *name;
	struct factors factors;
	size_t d, d_out;
	float *M;     /* (d_out, d) the merged ΔW */
	float *panel; /* (N, COMBINE_ROWS, d) */
};

/* Computes rows [o, o+n) of ΔW_t. */
static void task_rows(const struct combine_part *p, int t, size_t o, size_t n, float *W)
{
	memset(W, 0, n * p->d * sizeof(*W));
	factors_add(&p->factors, t, (int)o, (int)n, W);
}

static void ties(const struct combine_part *p)
{
	int N = p->factors.N;
	struct ties_trim *trim = xarray((size_t)N, sizeof(*trim));
	const float **x = xarray((size_t)N, sizeof(*x));

	for (int t = 0; t < N; t++) { /* M is unused until the election */
		task_rows(p, t, 0, p->d_out, p->M);
		trim[t] = ties_trim_find(p->M, p->d_out * p->d, density);
	}
	for (size_t o = 0, n; o < p->d_out; o += n) {
		n = p->d_out - o < COMBINE_ROWS ? p->d_out - o : COMBINE_ROWS;
		for (int t = 0; t < N; t++) {
			float *rows = p->panel + (size_t)t * COMBINE_ROWS * p->d;

			task_rows(p, t, o, n, rows);
			ties_trim_apply(&trim[t], rows, n * p->d);
			x[t] = rows;
		}
		ties_elect(p->M + o * p->d, x, N, n * p->d);
	}
	free(x);
	free(trim);
}

static void dare(const struct combine_run *run, const struct combine_part *p)
{
	memset(p->M, 0, p->d_out * p->d * sizeof(*p->M));
	for (int t = 0; t < p->factors.N; t++) {
		uint64_t own = digest_bytes((uint64_t)seed, p->name, strlen(p->name));
		struct rng rng;

		if (p->factors.first[t] == p->factors.first[t + 1])
			continue;
		rng_seed(&rng,
			 digest_bytes(own, run->job.tasks.item[t], strlen(run->job.tasks.item[t])));
		for (size_t o = 0, n; o < p->d_out; o += n) {
			n = p->d_out - o < COMBINE_ROWS ? p->d_out - o : COMBINE_ROWS;
			task_rows(p, t, o, n, p->panel);
			dare_add(p->M + o * p->d, p->panel, n * p->d, density, &rng);
		}
	}
}

static void write_module(struct combine_run *run, const struct combine_part *p, int R,
			 const double *A, const float *B, double error)
{
	char *group = xformat("/modules/%s", p->name);

	h5_group(run->out, group);
	solution_sizes(run->out, group, R, (int)p->d, (int)p->d_out);
	h5_set_double(run->out, group, "truncation_error", error);
	solution_double(run->out, group, "A", (size_t)R, p->d, A);
	solution_float(run->out, group, "B", p->d_out, (size_t)R, B);
	free(group);
}

/* Cuts p->M and writes it. */
static void cut(struct combine_run *run, const struct combine_part *p)
{
	int m = (int)p->d_out, n = (int)p->d, R = combine_rank(merge_rank, p->factors.R, n, m);
	const struct combine_arrays *a = &run->arrays;
	double error;
	int info = baseline_truncate(p->M, m, n, &R, merge_rank.share, a->B, a->A, &error, a->work,
				     a->iwork);

	if (info)
		die_data("site %s, %s: %s", run->job.name, p->name,
			 info == 1 ? "the merged weight is not finite"
				   : "the eigenvectors did not converge");
	write_module(run, p, R, a->A, a->B, error);
	run->R_max = R > run->R_max ? R : run->R_max;
	job_worst(&run->job, p->i, error);
}

static void run_module(struct combine_run *run, int i)
{
	const struct job *j = &run->job;
	struct combine_part p = {
		.i = i, .name = job_module(j, i), .M = run->arrays.M, .panel = run->arrays.panel};

	factors_load(&p.factors, &j->targets, i);
	p.d = (size_t)p.factors.d;
	p.d_out = (size_t)p.factors.d_out;
	if (run->ties)
		ties(&p);
	else
		dare(run, &p);
	cut(run, &p);
	factors_release(&p.factors);
	free(p.name);
}

static void run_open(struct combine_run *run)
{
	struct job *j = &run->job;
	struct site_sizes sizes;

	run->ties = !strcmp(method, "ties");
	if (!run->ties && strcmp(method, "dare"))
		die_usage("--method '%s': expected ties or dare", method);
	job_open(j, &job_args, common);
	sizes = job_sizes(j);
	sizes.merge_rank = merge_rank;
	footprint_claim_job(j, footprint_combine(&sizes));
	combine_arrays_init(&run->arrays, NULL, &sizes);
	address_space_claim(common->threads);
	run->out = solution_create(output_arg);
}

int main(int argc, char **argv)
{
	struct combine_run run = {0};
	const struct job *j = &run.job;
	char *worst;

	common = tool_start(&tool, argc, argv);
	run_open(&run);
	for (int i = 0; i < j->targets.n; i++)
		run_module(&run, i);
	job_attributes(j, run.out, method, run.R_max);
	h5_commit(run.out);
	worst = job_module(j, j->worst);
	tool_done("%s: %d module%s, rank %d, worst truncation error %.4g (%s)", j->name,
		  j->targets.n, j->targets.n == 1 ? "" : "s", run.R_max, j->worst_figure, worst);
	free(worst);
	combine_arrays_release(&run.arrays);
	job_close(&run.job);
	return 0;
}
