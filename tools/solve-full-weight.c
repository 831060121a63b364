/* solve-full-weight: the merged weight of every module of a site, where the full weight is fitted
 * (with_pretrain_matrix), as solution/SITE.h5.
 *
 * It works as solve-layer, with W0+ΔW_t in place of ΔW_t (lib/math/full_weight.h). The result has
 * full rank: dataset W (d_out, d) instead of A and B. Memory: three d × d of float64, one d_out × d
 * of float32, and panels. W0 and the weights of earlier iterations (jacobi) are read by rows. The
 * Grams must be those of compute-grams --full-weight. */
#include <math.h>
#include <stdlib.h>

#include "base/die.h"
#include "config/keys.h"
#include "files/safetensors/st.h"
#include "files/start.h"
#include "forward/solution.h"
#include "math/full_weight.h"
#include "merge/fit.h"
#include "merge/history.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct job_args job_args;
static struct fit_args fit_args;
static struct iteration_args iteration;
static const char *method, *grams_arg, *output_arg;

static const struct opt options[] = {
	JOB_OPTIONS(job_args),
	KEY_OPTION_AS(method, method,
		      "what the Grams are of, for the file: sweep, jacobi or regmean"),
	{"grams", 0, OPT_STRING, &grams_arg, true, 0, 0, "FILE",
	 "Gram file of {task}, made with --full-weight"},
	FIT_OPTIONS(fit_args),
	ITERATION_OPTIONS(iteration,
			  "solution of iteration K-1, from the second on; with MATS a list: K-1, "
			  "K-2, …, one more than differences are kept"),
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE",
	 "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "solve-full-weight",
	.summary = "solve for the merged whole weights of a site's modules",
	.opts = options,
	.example =
		"compute-grams --full-weight 1 --model model --site enc01-self --tasks tec,isear "
		"--task tec,isear --adapter 'loras/{task}' "
		"--own 'work/own/{task}/enc01-self.h5' --merged "
		"'work/merged/{task}/enc01-self.h5' -o 'mine/full/{task}.h5'\n"
		"solve-full-weight --model model --site enc01-self --tasks tec,isear --adapter "
		"'loras/{task}' "
		"--grams 'mine/full/{task}.h5' -o mine/full/enc01-self.h5",
};

struct full_weight_run {
	struct job job;
	struct st *model;
	struct normal_equations system;
	struct solve_arrays arrays;
	float *W0, *W; /* the arrays; W: the fit, later the solution */
	struct past past;
	double *c; /* (N) */
	struct h5 *out;
	double condition; /* the worst values, for the closing line */
};

/* State of one module. */
struct full_weight_part {
	char *name, *group; /* "/modules/<name>" */
	size_t d, d_out;
	struct factors factors;
	struct solve solve;
	struct full_weight full;
};

/* Fills run->W, in rows, from W0. */
static void fit(struct full_weight_run *run, struct full_weight_part *p)
{
	char *weight = xformat("%s.weight", p->name);
	const struct st_tensor *W0 = st_need(run->model, weight, p->d_out, p->d);

	for (size_t o = 0, n; o < p->d_out; o += n) {
		float *W = run->W + o * p->d;

		n = p->d_out - o < FULL_WEIGHT_ROWS ? p->d_out - o : FULL_WEIGHT_ROWS;
		st_read(run->model, W0, o * p->d, n * p->d, run->W0);
		full_weight_rows(&p->full, run->W0, p->factors.B + o * (size_t)p->factors.R,
				 (int)n);
		for (size_t i = 0; i < n * p->d; i++) {
			W[i] = (float)p->full.W[i];
			if (!isfinite(W[i]))
				die_data("site %s, %s: row %zu of the solution is not finite in "
					 "float32",
					 run->job.name, p->name, o + i / p->d);
		}
	}
	free(weight);
}

/* What each task lost by the fit, before MATS. W0 is read a second time. */
static void write_misfits(struct full_weight_run *run, struct full_weight_part *p)
{
	char *weight = xformat("%s.weight", p->name);
	const struct st_tensor *W0 = st_need(run->model, weight, p->d_out, p->d);
	struct misfits m;

	full_weight_products_begin(&p->full);
	for (size_t o = 0, n; o < p->d_out; o += n) {
		n = p->d_out - o < FULL_WEIGHT_ROWS ? p->d_out - o : FULL_WEIGHT_ROWS;
		st_read(run->model, W0, o * p->d, n * p->d, run->W0);
		full_weight_products_add(&p->full, run->W + o * p->d, run->W0,
					 p->factors.B + o * (size_t)p->factors.R, (int)n);
	}
	misfits_init(&m, run->job.tasks.n);
	equations_full_misfits(&run->system, &p->full, p->name, &p->factors, &m);
	equations_write_misfits(&run->system, run->out, p->group, run->c, &m);
	misfits_release(&m);
	free(weight);
}

/* Reads rows [row, row + m->R) of all pairs. */
static void read_pairs(struct full_weight_run *run, const struct full_weight_part *p,
		       struct mats *m, size_t row)
{
	m->R = p->d_out - row < PAST_ROWS ? (int)(p->d_out - row) : PAST_ROWS;
	past_read(&run->past, p->name, row, p->d_out, run->W + row * p->d, m);
}

/* Turns run->W from the fit G(W_{k−1}) into W_k. If the two differ, the fit also goes to the
 * file. */
static enum mats_outcome accelerate(struct full_weight_run *run, const struct full_weight_part *p,
				    struct mats *m)
{
	double *A = xarray(PAST_ROWS * p->d, sizeof(*A));
	enum mats_outcome outcome;
	struct mats_sums s;

	mats_sums_init(&s, run->past.n - 1);
	for (size_t row = 0; row < p->d_out; row += PAST_ROWS) {
		read_pairs(run, p, m, row);
		mats_add(&s, m, NULL);
	}
	outcome = mats_solve(&s, iteration.regularization);
	if (outcome == MATS_ACCELERATED) {
		solution_float(run->out, p->group, "mats_G", p->d_out, p->d, run->W);
		for (size_t row = 0; row < p->d_out; row += PAST_ROWS) {
			read_pairs(run, p, m, row);
			mats_step(A, m, &s);
			for (size_t i = 0; i < (size_t)m->R * p->d; i++)
				run->W[row * p->d + i] = (float)A[i];
		}
	}
	mats_sums_release(&s);
	free(A);
	return outcome;
}
/* The norm of the solution, and its distance from the previous one. */
static void measure(struct full_weight_run *run, const struct full_weight_part *p)
{
	const struct solution *before = run->past.n ? run->past.solution[0] : NULL;
	const struct solution_module *k =
		before ? history_find(before, p->name, 0, (int)p->d, (int)p->d_out) : NULL;
	double norm2 = 0, change2 = 0;

	for (size_t o = 0, n; o < p->d_out; o += n) {
		const float *W = run->W + o * p->d;

		n = p->d_out - o < FULL_WEIGHT_ROWS ? p->d_out - o : FULL_WEIGHT_ROWS;
		if (before)
			solution_read_float(before, k, "W", o, n, run->W0);
		for (size_t i = 0; i < n * p->d; i++) {
			double change = before ? (double)W[i] - (double)run->W0[i] : 0;

			norm2 += (double)W[i] * (double)W[i];
			change2 += change * change;
		}
	}
	if (!isfinite(norm2))
		die_data("site %s, %s: the accelerated solution is not finite", run->job.name,
			 p->name);
	h5_set_double(run->out, p->group, "norm", sqrt(norm2));
	if (before)
		h5_set_double(run->out, p->group, "change", sqrt(change2));
}

/* From the fit to W_k. Stores what the next iterations need. */
static void iterate(struct full_weight_run *run, struct full_weight_part *p)
{
	bool paired = iteration.use_mats && run->past.n;
	enum mats_outcome outcome = MATS_PLAIN;
	struct mats m = {0};

	if (paired) {
		char *path = xformat("%s/W", p->group), *fit_path = xformat("%s/mats_G", p->group);

		mats_init(&m, PAST_ROWS, (int)p->d, run->past.n);
		outcome = accelerate(run, p, &m);
		solution_float(run->out, p->group, "W", p->d_out, p->d, run->W);
		if (outcome != MATS_ACCELERATED)
			h5_link(run->out, path, fit_path);
		h5_set_int(run->out, p->group, "pairs", run->past.n);
		mats_release(&m);
		free(fit_path);
		free(path);
	} else {
		solution_float(run->out, p->group, "W", p->d_out, p->d, run->W);
	}
	measure(run, p);
	if (common->verbose)
		history_say(p->name, outcome);
}

static void write_figures(struct full_weight_run *run, const struct full_weight_part *p,
			  double condition, double residual)
{
	solution_sizes(run->out, p->group, 0, p->factors.d, p->factors.d_out);
	h5_set_double(run->out, p->group, "relative_residual", residual);
	h5_set_double(run->out, p->group, "condition", condition);
	solution_double(run->out, p->group, "c", (size_t)run->job.tasks.n, 0, run->c);
}

static void run_module(struct full_weight_run *run, int i)
{
	struct job *j = &run->job;
	struct full_weight_part p = {.name = job_module(j, i)};
	double condition, residual, tau;

	p.group = xformat("/modules/%s", p.name);
	factors_load(&p.factors, &j->targets, i);
	p.d = (size_t)p.factors.d;
	p.d_out = (size_t)p.factors.d_out;
	solve_place(&p.solve, run->arrays.slab, p.factors.d, p.factors.R);
	full_weight_place(&p.full, run->arrays.full_slab, &p.solve);
	h5_group(run->out, p.group);
	equations_sum(&run->system, &p.solve, p.name, &p.factors, run->c);
	condition = equations_solve(&run->system, &p.solve, p.name);
	tau = equations_sum_C(&run->system, p.name, run->c, p.full.C);
	if (full_weight_solve(&p.full, tau))
		die_data("site %s, %s: the solution is not finite", j->name, p.name);
	fit(run, &p);
	residual =
		full_weight_residual(&p.full, equations_full_norm2(&run->system, p.name, run->c));
	write_misfits(run, &p);
	if (iteration.k)
		iterate(run, &p);
	else
		solution_float(run->out, p.group, "W", p.d_out, p.d, run->W);
	write_figures(run, &p, condition, residual);
	job_worst(j, i, residual);
	run->condition = fmax(run->condition, condition);
	factors_release(&p.factors);
	free(p.group);
	free(p.name);
}

static void run_open(struct full_weight_run *run)
{
	struct job *j = &run->job;

	job_open(j, &job_args, common);
	struct site_sizes sizes = job_sizes(j);
	sizes.full_weight = true;
	sizes.pairs = past_needed(&iteration);
	be_select(common);
	footprint_claim_job(j, footprint_solve(&sizes));
	run->model = st_open(job_args.model);
	solve_arrays_init(&run->arrays, NULL, &sizes);
	run->W0 = run->arrays.W0;
	run->W = run->arrays.W;
	run->c = xcalloc((size_t)j->tasks.n, sizeof(*run->c));
	fit_open(&run->system, j, &fit_args, grams_arg);
	if (equations_negate(&run->system))
		die_usage("--manual-ceof '%s': full weights cannot be negated: expected no number "
			  "below 0",
			  fit_args.manual);
	past_open(&run->past, &iteration, j->name, job_args.tasks);
	run->out = solution_create(output_arg);
}

static void run_close(struct full_weight_run *run)
{
	past_close(&run->past);
	equations_close(&run->system);
	free(run->c);
	solve_arrays_release(&run->arrays);
	st_close(run->model);
	job_close(&run->job);
}

int main(int argc, char **argv)
{
	struct full_weight_run run = {0};
	const struct job *j = &run.job;
	char *worst;

	common = tool_start(&tool, argc, argv);
	history_check(&iteration, method);
	run_open(&run);
	for (int i = 0; i < j->targets.n; i++)
		run_module(&run, i);
	job_attributes(j, run.out, method, 0);
	if (iteration.k)
		h5_set_int(run.out, "/", "iteration", iteration.k);
	equations_write_largest(&run.system, run.out);
	h5_commit(run.out);
	worst = job_module(j, j->worst);
	tool_done("%s: %d module%s, whole weights, worst residual %.4g (%s), worst condition %.3g",
		  j->name, j->targets.n, j->targets.n == 1 ? "" : "s", j->worst_figure, worst,
		  run.condition);
	free(worst);
	run_close(&run);
	return 0;
}
