/* solve-layer: the merged ΔW of every module of a site, as a low-rank pair (solution/SITE.h5).
 * - sweep, regmean, jacobi: least squares over the tasks' Grams (lib/math/solve.h), with one
 *   Cholesky and R right-hand sides per module. The methods differ only in the rows from which the
 *   Grams were made.
 * - average, task-arithmetic: the mean and the sum of the adapters' ΔW, which need no Grams.
 * - with drift, and for linears that no adapter targets (correct), the change also undoes the
 *   merged model's drift (lib/merge/drift.h).
 *
 * W = B A, with B = [B_1 … B_N] from the adapters; every scale is in A. Memory: one d × d of
 * float64, and panels of the Grams. Where --max-memory is less, the system is factored in panels
 * too, through files (lib/merge/wide.h). A change that undoes the drift has factors of its own. It
 * takes five more matrices of the module's size, and its system is whole. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/corrected.h"
#include "backend/address_space.h"
#include "base/die.h"
#include "config/keys.h"
#include "files/safetensors/st.h"
#include "files/start.h"
#include "forward/solution.h"
#include "math/cut.h"
#include "merge/drift.h"
#include "merge/fit.h"
#include "merge/history.h"
#include "merge/wide.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct job_args job_args;
static struct fit_args fit_args;
static struct iteration_args iteration;
static const char *method, *grams_arg, *output_arg;
static struct rank_limit merge_rank;
static int correct_rank;
static double correct_ridge;
static bool drift;

static const struct opt options[] = {
	JOB_OPTIONS(job_args),
	KEY_OPTION_AS(method, method, "sweep, jacobi, regmean, average or task-arithmetic"),
	{"grams", 0, OPT_STRING, &grams_arg, false, 0, 0, "FILE",
	 "Gram file of a task; average and task-arithmetic have none"},
	FIT_OPTIONS(fit_args),
	KEY_OPTION(merge_rank, merge_rank),
	KEY_OPTION(drift, drift),
	KEY_OPTION(correct, job_args.correct),
	KEY_OPTION(correct_rank, correct_rank),
	KEY_OPTION(correct_ridge, correct_ridge),
	ITERATION_OPTIONS(iteration, "solution of iteration K-1, from the second on"),
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE",
	 "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "solve-layer",
	.summary = "solve for the merged low-rank weights of a site's modules",
	.details = "--adapter and --grams may hold {task}, and must when several tasks are given.",
	.opts = options,
	.example = "solve-layer --model model --site enc01-self --tasks tec,isear --adapter "
		   "'loras/{task}' "
		   "--grams 'work/grams/{task}/enc01-self.h5' --alpha-2 1e-3 -o "
		   "mine/solution/enc01-self.h5",
};

struct solve_run {
	struct job job;
	bool fitted; /* fits to Grams; else it uses only weights */
	struct normal_equations system;
	struct wide wide; /* width 0: the system is whole in memory */
	struct solve_arrays arrays;
	struct st *model; /* the base weights; NULL unless a change undoes the drift */
	struct h5 *out;
	struct solution *previous; /* iteration k−1, or NULL */
	int R;                     /* the largest rank in the file */
	double condition, cut;     /* the worst values, for the closing line */
	int least, most;           /* the ranks of what was cut; most 0: nothing was */
};

/* State of one module. */
struct solve_part {
	int i;
	char *name, *group; /* "/modules/<name>" */
	int drift_rank; /* the change undoes the drift and is cut to this rank; 0: it does not */
	struct factors factors;
	struct solve solve;
	double *c; /* (N) */
	/* What is written: the solution's, or what it was cut to. */
	int R;
	double *A;      /* (R, d) */
	const float *B; /* (d_out, R) */
};

static bool cuts(void)
{
	return merge_rank.rank || merge_rank.share > 0;
}

/* ------------------------------------------------------------ the modules */

/* From the fit G(W_{k−1}) to W_k, and the distance from W_{k−1}. Without MATS, W_k is the fit. */
static void iterate(struct solve_run *run, struct solve_part *p, const double *BtB)
{
	size_t R = (size_t)p->factors.R, d = (size_t)p->factors.d;
	double *A = p->solve.A, *before = NULL;
	enum mats_outcome outcome = MATS_PLAIN;
	struct mats m;

	if (run->previous) {
		before = xarray(R * d, sizeof(*before));
		mats_init(&m, (int)R, (int)d, iteration.history_size + 1);
		history_read(run->previous,
			     history_find(run->previous, p->name, p->factors.R, p->factors.d,
					  p->factors.d_out),
			     before, &m);
		if (iteration.use_mats) {
			mats_push(&m, before, A);
			outcome = mats_next(&m, A, BtB, iteration.regularization);
			history_write(run->out, p->group, &m);
		}
		mats_release(&m);
		h5_set_double(run->out, p->group, "change",
			      mats_distance(A, before, BtB, (int)R, (int)d));
	}
	h5_set_double(run->out, p->group, "norm", mats_distance(A, NULL, BtB, (int)R, (int)d));
	if (common->verbose)
		history_say(p->name, outcome);
	free(before);
}

/* What each task lost by the fit, before MATS, with the same W as relative_residual. */
static void write_misfits(struct solve_run *run, struct solve_part *p, const double *BtB)
{
	struct misfits m;

	misfits_init(&m, run->job.tasks.n);
	equations_misfits(&run->system, &p->solve, p->name, &p->factors, BtB, p->c, &m);
	equations_write_misfits(&run->system, run->out, p->group, p->c, &m);
	misfits_release(&m);
}

/* For the closing line. */
static void note_cut(struct solve_run *run, int rank, double error)
{
	run->cut = fmax(run->cut, error);
	run->least = !run->most || rank < run->least ? rank : run->least;
	run->most = rank > run->most ? rank : run->most;
}

static void write_fit(struct solve_run *run, struct solve_part *p, double condition,
		      double residual)
{
	h5_set_double(run->out, p->group, "relative_residual", residual);
	h5_set_double(run->out, p->group, "condition", condition);
	if (common->verbose)
		note("%s: rank %d, relative residual %.4g, condition %.3g", p->name,
		     p->drift_rank ? p->drift_rank : p->factors.R, residual, condition);
	job_worst(&run->job, p->i, residual);
	run->condition = fmax(run->condition, condition);
}

static double sum_and_solve(struct solve_run *run, struct solve_part *p)
{
	static const struct ridge none = {0};

	run->system.ridge = fit_args.ridge;
	if (targets_corrects(&run->job.targets, p->i)) {
		run->system.ridge = none;
		run->system.ridge.alpha_2 = correct_ridge;
	}
	equations_sum(&run->system, &p->solve, p->name, &p->factors, p->c);
	if (p->solve.panels)
		wide_begin(&run->wide, &p->solve, p->i, p->name, p->c);
	return equations_solve(&run->system, &p->solve, p->name);
}

static void fit(struct solve_run *run, struct solve_part *p)
{
	size_t R = (size_t)p->factors.R;
	double *BtB = xarray(R * R, sizeof(*BtB)), condition, residual;

	condition = sum_and_solve(run, p);
	solve_BtB(BtB, p->factors.B, (int)R, p->factors.d_out, (int)R);
	write_misfits(run, p, BtB);
	residual = solve_residual(&p->solve, BtB);
	write_fit(run, p, condition, residual);
	if (iteration.k)
		iterate(run, p, BtB);
	free(BtB);
}

/* ------------------------------------------------------------ against the drift */

/* The size of the change, and its distance from the previous one. MATS does not accelerate it: the
 * changes of two iterations have no factor in common. */
static void iterate_drift(struct solve_run *run, const struct solve_part *p)
{
	const struct factors *s = &p->factors;

	h5_set_double(run->out, p->group, "norm",
		      history_distance(NULL, p->name, p->A, p->B, p->R, s->d, s->d_out));
	if (run->previous)
		h5_set_double(
			run->out, p->group, "change",
			history_distance(run->previous, p->name, p->A, p->B, p->R, s->d, s->d_out));
}

static void fit_drift(struct solve_run *run, struct solve_part *p)
{
	double condition = sum_and_solve(run, p);
	struct drift x = {.system = &run->system,
			  .arrays = &run->arrays,
			  .model = run->model,
			  .q = &p->solve,
			  .module = p->name,
			  .factors = &p->factors,
			  .c = p->c,
			  .rank = p->drift_rank,
			  .share = correct_rank && targets_corrects(&run->job.targets, p->i)
					   ? 0
					   : merge_rank.share};

	misfits_init(&x.misfits, run->job.tasks.n);
	drift_solve(&x);
	equations_write_misfits(&run->system, run->out, p->group, p->c, &x.misfits);
	misfits_release(&x.misfits);
	write_fit(run, p, condition, x.residual);
	h5_set_double(run->out, p->group, "truncation_error", x.cut_error);
	note_cut(run, x.rank, x.cut_error);
	p->R = x.rank;
	p->A = run->arrays.A;
	p->B = run->arrays.B;
	if (iteration.k)
		iterate_drift(run, p);
}

/* The largest rank of module i's change where it undoes the drift; 0: it does not. R: its adapters'
 * ranks together. */
static int drift_rank(const struct job *j, int i, int R)
{
	const struct targets *t = &j->targets;

	if (targets_corrects(t, i))
		return corrected_rank(&j->m, t->module[i], correct_rank, merge_rank.rank,
				      adapters_largest_rank(t->adapter, t->N));
	return !drift ? 0 : merge_rank.rank ? merge_rank.rank : R;
}

/* ------------------------------------------------------------ by weights alone, and the cut */

/* average: A = [ s_t / N A_t ]. task-arithmetic: A = [ s_t A_t ], which assemble-lora scales. A
 * task whose adapter does not target the module counts as ΔW = 0. */
static void combine(struct solve_part *p, double share)
{
	size_t d = (size_t)p->factors.d;

	for (size_t i = 0; i < (size_t)p->factors.R; i++) {
		double scale = p->factors.s[p->factors.task_of[i]] * share;

		for (size_t e = 0; e < d; e++)
			p->solve.A[i * d + e] = scale * (double)p->factors.A[i * d + e];
	}
}

/* Cuts the change as merge_rank says, in the metric of the rows, or plainly where there are none.
 * Where it is one rank, a module of a smaller one is filled with zeros, so that all have the same.
 */
static void cut(struct solve_run *run, struct solve_part *p)
{
	const struct factors *s = &p->factors;
	const struct cut_metric rows = {solve_times_factor, &p->solve};
	double error;
	struct cut c;
	int r;

	cut_place(&c, run->arrays.cut_slab, s->d_out, s->d, s->R);
	if (cut_decompose(&c, s->B, p->solve.A, run->fitted ? &rows : NULL))
		die_data("site %s, %s: the singular values of the merged change did not converge",
			 run->job.name, p->name);
	r = merge_rank.share > 0 ? cut_rank(&c, merge_rank.share) : merge_rank.rank;
	cut_write(&c, r, run->arrays.B, run->arrays.A);
	error = cut_error(&c, r);
	h5_set_double(run->out, p->group, "truncation_error", error);
	note_cut(run, r, error);
	if (iteration.k)
		history_write_uncut(run->out, p->group, s->R, s->d, p->solve.A);
	p->R = r;
	p->A = run->arrays.A;
	p->B = run->arrays.B;
}

static void write_module(struct solve_run *run, const struct solve_part *p)
{
	const struct factors *s = &p->factors;

	solution_sizes(run->out, p->group, p->R, s->d, s->d_out);
	solution_double(run->out, p->group, "A", (size_t)p->R, (size_t)s->d, p->A);
	solution_float(run->out, p->group, "B", (size_t)s->d_out, (size_t)p->R, p->B);
	if (p->B == s->B)
		solution_int(run->out, p->group, "task_of", (size_t)s->R, s->task_of);
	if (run->fitted)
		solution_double(run->out, p->group, "c", (size_t)run->job.tasks.n, 0, p->c);
}

static void run_module(struct solve_run *run, int i)
{
	const struct job *j = &run->job;
	struct solve_part p = {.i = i, .name = job_module(j, i)};

	p.group = xformat("/modules/%s", p.name);
	p.c = xcalloc((size_t)j->tasks.n, sizeof(*p.c));
	factors_load(&p.factors, &j->targets, i);
	p.drift_rank = run->fitted ? drift_rank(j, i, p.factors.R) : 0;
	if (run->wide.width)
		solve_place_panels(&p.solve, &run->wide.panels, run->arrays.slab, p.factors.d,
				   p.factors.R);
	else
		solve_place(&p.solve, run->arrays.slab, p.factors.d, p.factors.R);
	h5_group(run->out, p.group);
	p.R = p.factors.R;
	p.A = p.solve.A;
	p.B = p.factors.B;
	if (p.drift_rank)
		fit_drift(run, &p);
	else if (run->fitted)
		fit(run, &p);
	else
		combine(&p, !strcmp(method, "average") ? 1.0 / j->tasks.n : 1);
	if (cuts() && !p.drift_rank)
		cut(run, &p);
	run->R = p.R > run->R ? p.R : run->R;
	write_module(run, &p);
	wide_end(&run->wide);
	factors_release(&p.factors);
	free(p.c);
	free(p.group);
	free(p.name);
}

/* ------------------------------------------------------------ the site */

static void run_open(struct solve_run *run)
{
	struct job *j = &run->job;

	job_open(j, &job_args, common);
	struct site_sizes sizes = job_sizes(j);

	sizes.merge_rank = merge_rank;
	run->fitted = grams_arg != NULL;
	for (int i = 0; run->fitted && i < j->targets.n; i++) {
		int rank = drift_rank(j, i, sizes.R);

		sizes.drift_rank = rank > sizes.drift_rank ? rank : sizes.drift_rank;
	}
	if (sizes.drift_rank)
		run->model = st_open(job_args.model);
	if (run->fitted) {
		be_select(common);
		sizes.panel = footprint_panel(&sizes, common->max_memory);
		run->wide = (struct wide){.equations = &run->system,
					  .output = output_arg,
					  .width = sizes.panel,
					  .panels = {.width = sizes.panel}};
	}
	footprint_claim_job(j, footprint_solve(&sizes));
	solve_arrays_init(&run->arrays, NULL, &sizes);
	if (run->fitted) {
		fit_open(&run->system, j, &fit_args, grams_arg);
		if (run->model && equations_negate(&run->system))
			die_usage("--manual-ceof '%s': a task below 0 has no drift to undo: leave "
				  "out --drift and --correct",
				  fit_args.manual);
	} else {
		address_space_claim(common->threads);
	}
	if (iteration.previous)
		run->previous =
			history_open(iteration.previous, j->name, job_args.tasks, iteration.k);
	run->out = solution_create(output_arg);
}

static void run_finish(struct solve_run *run)
{
	job_attributes(&run->job, run->out, method, run->R);
	if (iteration.k)
		h5_set_int(run->out, "/", "iteration", iteration.k);
	if (run->fitted)
		equations_write_largest(&run->system, run->out);
	h5_commit(run->out);
	if (run->wide.width)
		wide_remove(&run->wide, run->job.targets.n);
}

static void run_close(struct solve_run *run)
{
	if (run->fitted)
		equations_close(&run->system);
	solution_close(run->previous);
	st_close(run->model);
	solve_arrays_release(&run->arrays);
	job_close(&run->job);
}

/* The methods of this tool, and which of them fit to Grams. */
static void check_method(void)
{
	static const char *const fitted[] = {"sweep", "jacobi", "regmean"};
	bool weights = !strcmp(method, "average") || !strcmp(method, "task-arithmetic"),
	     known = weights;

	for (int i = 0; i < 3; i++)
		known |= !strcmp(method, fitted[i]);
	if (!known)
		die_usage("--method '%s': expected sweep, jacobi, regmean, average or "
			  "task-arithmetic",
			  method);
	if (weights && grams_arg)
		die_usage("--method %s uses no Grams: leave out --grams", method);
	if (!weights && !grams_arg)
		die_usage("--method %s needs --grams", method);
	if ((drift || job_args.correct) && (weights || !strcmp(method, "regmean")))
		die_usage("--%s is of sweep and jacobi: without a merged side there is no drift",
			  drift ? "drift" : "correct");
	history_check(&iteration, method);
}

/* "; cut to rank 3 to 9, worst error 0.098", or "" (allocated). */
static char *said_cut(const struct solve_run *run)
{
	char *cut, *to = run->least < run->most ? xformat(" to %d", run->most) : xstrdup("");

	cut = run->most ? xformat("; cut to rank %d%s, worst error %.4g", run->least, to, run->cut)
			: xstrdup("");
	free(to);
	return cut;
}

static void say_done(const struct solve_run *run)
{
	const struct job *j = &run->job;
	int n = j->targets.n;
	char *cut = said_cut(run), *worst;

	if (!run->fitted) {
		tool_done("%s: %d module%s, by the weights alone%s", j->name, n, n == 1 ? "" : "s",
			  cut);
	} else {
		worst = job_module(j, j->worst);
		tool_done("%s: %d module%s, worst residual %.4g (%s), worst condition %.3g%s",
			  j->name, n, n == 1 ? "" : "s", j->worst_figure, worst, run->condition,
			  cut);
		free(worst);
	}
	free(cut);
}

int main(int argc, char **argv)
{
	struct solve_run run = {0};

	common = tool_start(&tool, argc, argv);
	check_method();
	run_open(&run);
	for (int i = 0; i < run.job.targets.n; i++)
		run_module(&run, i);
	run_finish(&run);
	say_done(&run);
	run_close(&run);
	return 0;
}
