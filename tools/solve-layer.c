/* solve-layer: the merged ΔW of every module of a site, as a low-rank pair (solution/SITE.h5).
 *
 * sweep, regmean, jacobi: least squares over the tasks' Grams (lib/solve.h): one Cholesky and R right-hand sides a module. The methods differ in
 * the rows that the Grams were made of, not here. average and
 * task-arithmetic: the mean and the sum of the adapters' ΔW, which need no Grams.
 * W = B A with B = [B_1 … B_N] as the adapters hold it; every scale is in A. Memory: one d × d of float64 and panels of the Grams. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/die.h"
#include "lib/h5.h"
#include "lib/history.h"
#include "lib/opts.h"
#include "lib/system.h"

static const char *model_dir, *site_arg, *method = "sweep", *tasks_arg, *adapter_arg, *grams_arg, *manual_arg, *output_arg;
static double alpha_1 = 8e-5;
/* jacobi */
static const char *previous_arg;
static int iteration, mats_history_size = 3;
static bool use_mats;
static double mats_regularization = 1e-5;
static struct ridge ridge = {.alpha_2 = 8e-5, .camr_alpha = 8e-5, .camr_beta = 1e-8};

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "model folder: config.json"},
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site, such as enc07-self"},
	{"method", 0, OPT_STRING, &method, false, 0, 0, "NAME", "sweep, jacobi, regmean, average or task-arithmetic"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "T[,T…]", "all tasks of the merge, in order"},
	{"adapter", 0, OPT_STRING, &adapter_arg, true, 0, 0, "DIR", "adapter folder of a task"},
	{"grams", 0, OPT_STRING, &grams_arg, false, 0, 0, "FILE", "Gram file of a task; average and task-arithmetic have none"},
	{"manual-ceof", 0, OPT_STRING, &manual_arg, false, 0, 0, "X[,X…]", "weight of every task; 1 each if not given"},
	{"alpha-1", 0, OPT_FLOAT, &alpha_1, false, 0, 1e6, "X", "ridge on the right-hand side, times a norm"},
	{"alpha-2", 0, OPT_FLOAT, &ridge.alpha_2, false, 0, 1e6, "X", "ridge on the left-hand side, times a norm"},
	{"use-camr", 0, OPT_BOOL, &ridge.camr, false, 0, 0, "BOOL", "CAMR's diagonal instead of --alpha-2"},
	{"camr-alpha", 0, OPT_FLOAT, &ridge.camr_alpha, false, 0, 1e6, "X", "CAMR: strength where the rows are weak"},
	{"camr-beta", 0, OPT_FLOAT, &ridge.camr_beta, false, 0, 1e6, "X", "CAMR: the least strength"},
	{"iteration", 0, OPT_INT, &iteration, false, 0, 1e6, "K", "method jacobi: its iteration, from 1"},
	{"previous", 0, OPT_STRING, &previous_arg, false, 0, 0, "FILE", "solution of iteration K-1, from the second on"},
	{"use-mats", 0, OPT_BOOL, &use_mats, false, 0, 0, "BOOL", "accelerate: from the third iteration on"},
	{"mats-history-size", 0, OPT_INT, &mats_history_size, false, 1, 100, "N", "differences of earlier iterations that are kept"},
	{"mats-regularization", 0, OPT_FLOAT, &mats_regularization, false, 0, 1e6, "X", "ridge of MATS's small system"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	"solve-layer", "solve for the merged low-rank weights of a site's modules",
	"--adapter and --grams may hold {task}, and must when several tasks are given.", options,
};

struct job {
	struct t5 m;
	struct site site;
	char name[32]; /* the site's */
	struct strlist tasks;
	struct targets targets;
	bool fitted;      /* to Grams; otherwise by the weights alone */
	struct system system;
	int R_max;        /* of the site's modules */
	void *slab;       /* of struct solve */
	struct h5 *out;
	struct h5 *previous; /* iteration k−1, or NULL */
	/* The worst of the site's modules, for the closing line. */
	double residual, condition;
	int worst;
};

/* One module on its way. */
struct part {
	int i;
	char *name, *group; /* "/modules/<name>" */
	struct stack stack;
	struct solve solve;
	double *c; /* (N) */
};

/* ------------------------------------------------------------ the modules */

/* From the fit G(W_{k−1}) to W_k (the same, but for MATS), and how far that is from W_{k−1}. */
static void iterate(struct job *j, struct part *p, const double *BtB)
{
	size_t R = (size_t)p->stack.R, d = (size_t)p->stack.d;
	double *A = p->solve.A, *before = NULL;
	enum mats_outcome outcome = MATS_PLAIN;
	struct mats m;

	if (j->previous) {
		before = xarray(R * d, sizeof(*before));
		mats_init(&m, (int)R, (int)d, mats_history_size + 1);
		history_read(j->previous, p->group, before, &m);
		if (use_mats) {
			mats_push(&m, before, A);
			outcome = mats_next(&m, A, BtB, mats_regularization);
			history_write(j->out, p->group, &m);
		}
		mats_release(&m);
		h5_set_double(j->out, p->group, "change", mats_distance(A, before, BtB, (int)R, (int)d));
	}
	h5_set_double(j->out, p->group, "norm", mats_distance(A, NULL, BtB, (int)R, (int)d));
	if (common.verbose && outcome != MATS_PLAIN)
		note("%s: %s", p->name, outcome == MATS_ACCELERATED ? "accelerated" : "MATS went too far: not accelerated");
	free(before);
}

static void fit(struct job *j, struct part *p)
{
	size_t R = (size_t)p->stack.R;
	double *BtB = xarray(R * R, sizeof(*BtB)), condition, residual;

	system_sum(&j->system, &p->solve, p->name, &p->stack, p->c);
	condition = system_solve(&j->system, &p->solve, p->name);
	solve_BtB(BtB, p->stack.B, (int)R, p->stack.d_out, (int)R);
	residual = solve_residual(&p->solve, BtB);
	h5_set_double(j->out, p->group, "relative_residual", residual);
	h5_set_double(j->out, p->group, "condition", condition);
	if (iteration)
		iterate(j, p, BtB);
	if (common.verbose)
		note("%s: rank %zu, relative residual %.4g, condition %.3g", p->name, R, residual, condition);
	if (p->i == 0 || residual > j->residual) {
		j->residual = residual;
		j->worst = p->i;
	}
	j->condition = fmax(j->condition, condition);
	free(BtB);
}

/* average: A = [ s_t / N A_t ], task-arithmetic: A = [ s_t A_t ] (assemble-lora scales it). A task whose adapter does not target the module
 * counts as ΔW = 0. */
static void combine(struct part *p, double share)
{
	size_t d = (size_t)p->stack.d;

	for (size_t i = 0; i < (size_t)p->stack.R; i++) {
		double scale = p->stack.s[p->stack.task_of[i]] * share;

		for (size_t e = 0; e < d; e++)
			p->solve.A[i * d + e] = scale * (double)p->stack.A[i * d + e];
	}
}

static void write_array(struct job *j, const struct part *p, const char *name, size_t rows, size_t cols, const double *f64,
                        const float *f32, const int *i32)
{
	char *path = xformat("%s/%s", p->group, name);

	h5_dataset(j->out, path, f64 ? H5_F64 : f32 ? H5_F32 : H5_I32, rows, cols);
	if (f64)
		h5_write_double(j->out, path, 0, rows, f64);
	else if (f32)
		h5_write_float(j->out, path, 0, rows, f32);
	else
		h5_write_int(j->out, path, 0, rows, i32);
	free(path);
}

static void write_module(struct job *j, const struct part *p)
{
	const struct stack *s = &p->stack;

	h5_set_int(j->out, p->group, "R", s->R);
	h5_set_int(j->out, p->group, "d_in", s->d);
	h5_set_int(j->out, p->group, "d_out", s->d_out);
	write_array(j, p, "A", (size_t)s->R, (size_t)s->d, p->solve.A, NULL, NULL);
	write_array(j, p, "B", (size_t)s->d_out, (size_t)s->R, NULL, s->B, NULL);
	write_array(j, p, "task_of", (size_t)s->R, 0, NULL, NULL, s->task_of);
	if (j->fitted)
		write_array(j, p, "c", (size_t)j->tasks.n, 0, p->c, NULL, NULL);
}

static void run_module(struct job *j, int i)
{
	struct part p = {.i = i, .name = module_name(&j->m, j->targets.module[i])};

	p.group = xformat("/modules/%s", p.name);
	p.c = xcalloc((size_t)j->tasks.n, sizeof(*p.c));
	stack_load(&p.stack, &j->targets, i);
	solve_place(&p.solve, j->slab, p.stack.d, p.stack.R);
	h5_group(j->out, p.group);
	if (j->fitted)
		fit(j, &p);
	else
		combine(&p, !strcmp(method, "average") ? 1.0 / j->tasks.n : 1);
	write_module(j, &p);
	stack_release(&p.stack);
	free(p.c);
	free(p.group);
	free(p.name);
}

/* ------------------------------------------------------------ the site */

static void write_attributes(struct job *j)
{
	h5_set_string(j->out, "/", "site", j->name);
	h5_set_string(j->out, "/", "method", method);
	h5_set_string(j->out, "/", "tasks", tasks_arg);
	h5_set_int(j->out, "/", "d", site_width(&j->m, j->site));
	h5_set_int(j->out, "/", "N", j->tasks.n);
	h5_set_int(j->out, "/", "R_max", j->R_max); /* for the reader's planning */
	if (iteration)
		h5_set_int(j->out, "/", "iteration", iteration);
	if (j->fitted)
		system_write_largest(&j->system, j->out);
}

static void job_open(struct job *j)
{
	size_t d, need;
	int R, d_out;

	j->m = t5_load(model_dir);
	if (!site_parse(&j->m, site_arg, &j->site))
		die_usage("--site '%s' is no site of the model in '%s'", site_arg, model_dir);
	site_name(j->site, j->name);
	j->tasks = strlist_split(tasks_arg, "--tasks");
	targets_open(&j->targets, &j->m, adapter_arg, &j->tasks, j->site);
	targets_sizes(&j->targets, &R, &d_out);
	j->R_max = R;
	d = (size_t)site_width(&j->m, j->site);
	need = solve_bytes((int)d, R) + system_bytes((int)d) + (size_t)R * (d + (size_t)d_out) * sizeof(float);
	if (common.max_memory && need > common.max_memory)
		die("site %s needs %.1f MB of arrays, more than --max-memory", j->name, (double)need / 1048576);
	j->slab = xmalloc(solve_bytes((int)d, R));
	j->fitted = grams_arg != NULL;
	j->system = (struct system){.site = j->name, .tasks = &j->tasks, .d = (int)d, .alpha_1 = alpha_1, .ridge = ridge};
	if (j->fitted)
		system_open(&j->system, grams_arg, manual_arg);
	if (previous_arg)
		j->previous = history_open(previous_arg, j->name, tasks_arg, iteration);
}

static void job_close(struct job *j)
{
	system_close(&j->system);
	h5_close(j->previous);
	free(j->slab);
	targets_close(&j->targets);
	strlist_release(&j->tasks);
}

/* Which methods are here, and which of them fit to Grams. */
static void check_method(void)
{
	static const char *const fitted[] = {"sweep", "jacobi", "regmean"};
	bool weights = !strcmp(method, "average") || !strcmp(method, "task-arithmetic"), known = weights;

	for (int i = 0; i < 3; i++)
		known |= !strcmp(method, fitted[i]);
	if (!known)
		die_usage("--method '%s': expected sweep, jacobi, regmean, average or task-arithmetic", method);
	if (weights && grams_arg)
		die_usage("--method %s uses no Grams: leave out --grams", method);
	if (!weights && !grams_arg)
		die_usage("--method %s needs --grams", method);
	if (iteration && strcmp(method, "jacobi"))
		die_usage("--iteration is of method jacobi: %s has no iterations", method);
	if ((iteration > 1) != (previous_arg != NULL))
		die_usage("--previous is needed from iteration 2 on, and only then");
}

static void run(void)
{
	struct job j = {0};
	int n;

	check_method();
	job_open(&j);
	j.out = h5_create(output_arg, "iteris-solution", 1);
	for (n = 0; n < j.targets.n; n++)
		run_module(&j, n);
	write_attributes(&j);
	h5_commit(j.out);
	if (j.fitted) {
		char *worst = module_name(&j.m, j.targets.module[j.worst]);

		tool_done("%s: %d module%s, worst residual %.4g (%s), worst condition %.3g", j.name, n, n == 1 ? "" : "s", j.residual,
		          worst, j.condition);
		free(worst);
	} else {
		tool_done("%s: %d module%s, by the weights alone", j.name, n, n == 1 ? "" : "s");
	}
	job_close(&j);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	run();
	return 0;
}
