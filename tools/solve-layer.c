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
#include "lib/solve.h"
#include "lib/targets.h"

enum { PANEL_ROWS = 256 }; /* of H at a time */

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
	double *manual;   /* (N) m_t */
	struct h5 **gram; /* (N), or NULL: average */
	bool dcs;
	int R_max;        /* of the site's modules */
	void *slab;       /* of struct solve */
	double *panel;    /* (PANEL_ROWS, d) */
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

/* ------------------------------------------------------------ the Grams */

static double *parse_manual(const char *list, int N)
{
	double *m = xarray((size_t)N, sizeof(*m)), sum = 0;
	char *copy = xstrdup(list ? list : ""), *rest = copy, *item;
	int n = 0;

	for (int t = 0; t < N; t++)
		m[t] = 1;
	while (list && (item = strsep(&rest, ","))) {
		if (n == N || !text_to_double(item, &m[n]) || m[n] < 0)
			die_usage("--manual-ceof '%s': expected %d numbers, none below 0, one for every task", list, N);
		sum += m[n++];
	}
	if (list && (n != N || sum == 0))
		die_usage("--manual-ceof '%s': expected %d numbers, not all 0, one for every task", list, N);
	free(copy);
	return m;
}

static struct h5 *open_gram(struct job *j, int t, const char *features)
{
	char *path = path_for_task(grams_arg, j->tasks.item[t], j->tasks.n, "--grams");
	size_t d = (size_t)site_width(&j->m, j->site);
	struct h5 *f = h5_open(path, "iteris-grams", 1);

	h5_expect_string(f, "site", j->name);
	h5_expect_string(f, "task", j->tasks.item[t]);
	h5_expect_int(f, "d", (long)d);
	if (features)
		h5_expect_string(f, "features", features);
	if (t == 0)
		j->dcs = h5_get_int(f, "/", "use_dcs") != 0;
	h5_expect_int(f, "use_dcs", j->dcs);
	free(path);
	return f;
}

static void open_grams(struct job *j)
{
	char *features = NULL;

	j->gram = xcalloc((size_t)j->tasks.n, sizeof(*j->gram));
	for (int t = 0; t < j->tasks.n; t++) {
		j->gram[t] = open_gram(j, t, features);
		if (!features)
			features = h5_get_string(j->gram[t], "/", "features");
	}
	free(features);
}

/* The Gram file was made with this adapter: its rank and scale are the file's. */
static void check_adapter(const struct job *j, const struct part *p, int t)
{
	int r = p->stack.first[t + 1] - p->stack.first[t];
	long found = h5_get_int(j->gram[t], p->group, "r");
	double s = h5_get_double(j->gram[t], p->group, "scale");

	if (found != r || s != p->stack.s[t])
		die("'%s': %s: made with an adapter of rank %ld and scale %g, but this one has %d and %g", h5_path(j->gram[t]), p->name,
		    found, s, r, p->stack.s[t]);
}

/* S += c m H_t, in panels of rows. */
static void add_H(struct job *j, struct part *p, int t, double cm)
{
	char *path = xformat("%s/H", p->group);
	int d = p->solve.d;

	h5_expect_shape(j->gram[t], path, (size_t)d, (size_t)d);
	for (int i0 = 0; i0 < d; i0 += PANEL_ROWS) {
		int n = d - i0 < PANEL_ROWS ? d - i0 : PANEL_ROWS;

		h5_read_double(j->gram[t], path, (size_t)i0, (size_t)n, j->panel);
		solve_add_H(&p->solve, cm, j->panel, i0, n);
	}
	solve_add_ridge(&p->solve, cm, h5_get_double(j->gram[t], p->group, "h_norm"), &ridge);
	free(path);
}

static void add_rows(struct job *j, struct part *p, int t, double cm)
{
	const struct stack *s = &p->stack;
	size_t r0 = (size_t)s->first[t], r = (size_t)s->first[t + 1] - r0, d = (size_t)s->d;
	double *AC, alpha_norm = alpha_1 * h5_get_double(j->gram[t], p->group, "xxm_norm");
	char *path;

	if (!r)
		return;
	AC = xarray(r * d, sizeof(*AC));
	path = xformat("%s/AC", p->group);
	h5_expect_shape(j->gram[t], path, r, d);
	h5_read_double(j->gram[t], path, 0, r, AC);
	solve_add_rows(&p->solve, (int)r0, (int)r, AC, s->A + r0 * d, cm * s->s[t], alpha_norm,
	               cm * h5_get_double(j->gram[t], p->group, "y_norm2"));
	free(path);
	free(AC);
}

static void add_task(struct job *j, struct part *p, int t)
{
	double w2 = h5_get_double(j->gram[t], p->group, "w_norm2"), xw2 = h5_get_double(j->gram[t], p->group, "xw_norm2");
	double cm;

	check_adapter(j, p, t);
	if (solve_coefficient(&p->c[t], w2, xw2))
		die_data("site %s, task %s, %s: the weight's norm is %g and its outputs' is %g: no coefficient", j->name,
		         j->tasks.item[t], p->name, sqrt(w2), sqrt(xw2));
	cm = p->c[t] * j->manual[t];
	add_H(j, p, t, cm);
	add_rows(j, p, t, cm);
}

_Noreturn static void die_system(const struct job *j, const struct part *p, int info)
{
	if (info > 0)
		die_data("site %s, %s: the system is not positive definite at pivot %d of %d", j->name, p->name, info, p->solve.d);
	die_data("site %s, %s: the %s is not finite", j->name, p->name, info == -1 ? "system" : "solution");
}

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
	int info;

	for (int t = 0; t < j->tasks.n; t++)
		add_task(j, p, t);
	info = solve_system(&p->solve, j->dcs ? SOLVE_DCS_RIDGE : 0, &condition);
	if (info)
		die_system(j, p, info);
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
	if (j->gram)
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
	if (j->gram)
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

/* The longest row of any task: what to look at when a float16 run overflows or a condition is bad. */
static void write_largest(struct job *j)
{
	int at = 0;
	double norm = -1;

	for (int t = 0; t < j->tasks.n; t++) {
		double here = h5_get_double(j->gram[t], "/", "largest_norm");

		if (here > norm) {
			norm = here;
			at = t;
		}
	}
	h5_set_string(j->out, "/", "largest_row_task", j->tasks.item[at]);
	h5_set_int(j->out, "/", "largest_row", h5_get_int(j->gram[at], "/", "largest_row"));
	h5_set_double(j->out, "/", "largest_row_norm", norm);
}

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
	if (j->gram)
		write_largest(j);
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
	j->manual = parse_manual(manual_arg, j->tasks.n);
	targets_open(&j->targets, &j->m, adapter_arg, &j->tasks, j->site);
	targets_sizes(&j->targets, &R, &d_out);
	j->R_max = R;
	d = (size_t)site_width(&j->m, j->site);
	need = solve_bytes((int)d, R) + PANEL_ROWS * d * sizeof(double) + (size_t)R * (d + (size_t)d_out) * sizeof(float);
	if (common.max_memory && need > common.max_memory)
		die("site %s needs %.1f MB of arrays, more than --max-memory", j->name, (double)need / 1048576);
	j->slab = xmalloc(solve_bytes((int)d, R));
	j->panel = xarray(PANEL_ROWS * d, sizeof(double));
	if (grams_arg)
		open_grams(j);
	if (previous_arg)
		j->previous = history_open(previous_arg, j->name, tasks_arg, iteration);
}

static void job_close(struct job *j)
{
	for (int t = 0; j->gram && t < j->tasks.n; t++)
		h5_close(j->gram[t]);
	h5_close(j->previous);
	free(j->gram);
	free(j->panel);
	free(j->slab);
	free(j->manual);
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
	if (j.gram) {
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
