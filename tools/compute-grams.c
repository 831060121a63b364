/* compute-grams: what the solve needs of a task's rows at a site (grams/T/SITE.h5), streamed over the rows.
 *
 *   H = XmᵀXm (d, d); for every module of the site that any adapter of the merge targets: A_t XᵀXm (r, d) and the norms
 *   ‖XᵀXm‖_F, ‖W0+ΔW_t‖², ‖X (W0+ΔW_t)ᵀ‖², ‖X ΔW_tᵀ‖²
 *
 * X are the lora side's rows, Xm (X tilde) the merged side's, or X where no merged side is given (regmean). No ridge is added: solve-layer
 * does, so that its parameters can change without this. Products with X are products with its Gram K = XᵀX: ‖X Wᵀ‖² = tr(W K Wᵀ).
 * One Gram exists at a time, so there are up to three passes over the rows: H, C = XᵀXm, K.
 *
 * With DCS every module has its own weights and so its own H and C, and H is stored per module. The weights' mean is 1; the
 * coefficient c keeps the unweighted rows, as published. */
#include <stdlib.h>

#include "lib/acts.h"
#include "lib/be.h"
#include "lib/budget.h"
#include "lib/dcs.h"
#include "lib/demand.h"
#include "lib/die.h"
#include "lib/grams.h"
#include "lib/h5.h"
#include "lib/job.h"
#include "lib/opts.h"
#include "lib/solve.h"
#include "lib/sums.h"
#include "lib/targets.h"

static const char *task_arg, *lora_arg, *merged_arg, *output_arg;
static double reg_ceof, dcs_sigma = 0.5;
static bool use_dcs, dense;
static int iteration;

static const struct opt options[] = {
	JOB_OPTIONS,
	{"task", 0, OPT_STRING, &task_arg, true, 0, 0, "T[,T…]", "task or tasks to do; {task} in a path stands for each"},
	{"lora", 0, OPT_STRING, &lora_arg, true, 0, 0, "FILE", "rows X of the task's own model"},
	{"merged", 0, OPT_STRING, &merged_arg, false, 0, 0, "FILE", "rows of the merged model; without: X (regmean)"},
	{"reg-ceof", 0, OPT_FLOAT, &reg_ceof, false, 0, 1, "RHO", "merged rows become (1-RHO) merged + RHO X"},
	{"use-dcs", 0, OPT_BOOL, &use_dcs, false, 0, 0, "BOOL", "weight the rows by the adapters' agreement"},
	{"dcs-sigma", 0, OPT_FLOAT, &dcs_sigma, false, 0, 1e6, "X", "how strongly DCS weights"},
	{"dense", 0, OPT_BOOL, &dense, false, 0, 0, "BOOL", "also store XᵀXm whole: for solve-dense"},
	{"iteration", 0, OPT_INT, &iteration, false, 0, 1e6, "K", "iteration, from 0: DCS warms up over two"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "Gram file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	"compute-grams", "Gram matrices and norms of a task's rows at a site",
	"--adapter, --lora, --merged and -o may hold {task}, and must when several tasks are given.", options,
};

/* What all tasks share. */
struct shared {
	struct job job;
	struct st *model;
	struct gram gram;
	float *W; /* (BUDGET_WEIGHT_ROWS, d) rows of W0+ΔW */
};

struct norms {
	double w2, xw2, y2, xxm, h, yw2; /* yw2: xw2 of the weighted rows */
};

struct task {
	struct shared *all;
	const char *name;
	int t; /* its number */
	struct h5 *side[2]; /* by enum gram_side; [1] NULL: Xm is X */
	struct gram_rows rows;
	struct h5 *out;
	struct norms *norms; /* by module */
};

static char *module_path(const struct task *k, int i, const char *member)
{
	char *name = job_module(&k->all->job, i);
	char *path = xformat("/modules/%s%s", name, member);

	free(name);
	return path;
}

static void read_rows(void *arg, enum gram_side side, size_t row0, size_t n, float *dst)
{
	struct task *k = arg;

	h5_read_float(k->side[side], "/rows", row0, n, dst);
}

_Noreturn static void die_row(const struct task *k)
{
	const struct gram *g = &k->all->gram;

	die_data("task %s, site %s: row %zu of '%s' is not finite", k->name, k->all->job.name, g->bad_row, h5_path(k->side[g->bad_side]));
}

static void run_gram(struct task *k, enum gram_kind kind)
{
	if (gram_run(&k->all->gram, &k->rows, kind))
		die_row(k);
}

static void write_gram(struct task *k, const char *path)
{
	struct gram *g = &k->all->gram;
	size_t d = (size_t)g->d;

	h5_dataset(k->out, path, H5_F64, d, d);
	for (int i0 = 0; i0 < g->d; i0 += GRAM_PANEL) {
		int n = g->d - i0 < GRAM_PANEL ? g->d - i0 : GRAM_PANEL;

		gram_get(g, i0, n, g->panel);
		h5_write_double(k->out, path, (size_t)i0, (size_t)n, g->panel);
	}
}

/* The present Gram is C = XᵀXm: A_t C and ‖C‖. */
static void cross(struct task *k, const struct stack *s, int i, double xxm)
{
	size_t r0 = (size_t)s->first[k->t], r = (size_t)s->first[k->t + 1] - r0, d = (size_t)s->d;
	double *AC = xarray(r * d, sizeof(*AC));
	char *path = module_path(k, i, "/AC");

	k->norms[i].xxm = xxm;
	if (r) {
		gram_thin(&k->all->gram, AC, s->A + r0 * d, (int)r);
		h5_dataset(k->out, path, H5_F64, r, d);
		h5_write_double(k->out, path, 0, r, AC);
	}
	free(path);
	free(AC);
}

/* The present Gram is K = XᵀX: ‖W‖² and tr(W K Wᵀ) of W = W0+ΔW_t, by panels of its rows. */
static void whole_norms(struct task *k, const struct stack *s, int i, double *w2, double *xw2)
{
	struct shared *j = k->all;
	char *name = job_module(&j->job, i), *weight = xformat("%s.weight", name);
	const struct st_tensor *W0 = st_need(j->model, weight, (size_t)s->d_out, (size_t)s->d);
	size_t d = (size_t)s->d;

	for (int o = 0; o < s->d_out; o += BUDGET_WEIGHT_ROWS) {
		int n = s->d_out - o < BUDGET_WEIGHT_ROWS ? s->d_out - o : BUDGET_WEIGHT_ROWS;
		size_t count = (size_t)n * d;

		st_read(j->model, W0, (size_t)o * d, count, j->W);
		stack_add(s, k->t, o, n, j->W);
		for (size_t e = 0; e < count; e++)
			*w2 += (double)j->W[e] * (double)j->W[e];
		*xw2 += gram_trace(&j->gram, j->W, n);
	}
	free(weight);
	free(name);
}

static void weight_norms(struct task *k, const struct stack *s, int i)
{
	whole_norms(k, s, i, &k->norms[i].w2, &k->norms[i].xw2);
	k->norms[i].yw2 = k->norms[i].xw2;
}

/* The present Gram is K = XᵀX: ‖X ΔW_tᵀ‖². */
static void target_norm(struct task *k, const struct stack *s, int i)
{
	int r0 = s->first[k->t], r = s->first[k->t + 1] - r0;
	double *BtB = xarray((size_t)r * (size_t)r, sizeof(*BtB));

	if (r) {
		solve_BtB(BtB, s->B + r0, s->R, s->d_out, r);
		k->norms[i].y2 = s->s[k->t] * s->s[k->t] * gram_norm2(&k->all->gram, s->A + (size_t)r0 * (size_t)s->d, BtB, r);
	}
	free(BtB);
}

/* Calls fn for every module with its factors. */
static void each_module(struct task *k, void (*fn)(struct task *k, const struct stack *s, int i))
{
	for (int i = 0; i < k->all->job.targets.n; i++) {
		struct stack s;

		stack_load(&s, &k->all->job.targets, i);
		fn(k, &s, i);
		stack_release(&s);
	}
}

static void shared_H(struct task *k, const struct stack *s, int i)
{
	char *path = module_path(k, i, "/H");

	(void)s;
	k->norms[i].h = k->norms[0].h;
	h5_link(k->out, "/H", path);
	free(path);
}

static void shared_C(struct task *k, const struct stack *s, int i)
{
	char *path = module_path(k, i, "/C");

	(void)s;
	h5_link(k->out, "/C", path);
	free(path);
}

static void shared_cross(struct task *k, const struct stack *s, int i)
{
	cross(k, s, i, i ? k->norms[0].xxm : gram_norm(&k->all->gram));
}

static void x_norms(struct task *k, const struct stack *s, int i)
{
	weight_norms(k, s, i);
	target_norm(k, s, i);
}

static void unweighted(struct task *k)
{
	run_gram(k, GRAM_XM_XM);
	k->norms[0].h = gram_norm(&k->all->gram);
	write_gram(k, "/H");
	each_module(k, shared_H);
	if (!k->rows.same)
		run_gram(k, GRAM_X_XM);
	if (dense) {
		write_gram(k, "/C");
		each_module(k, shared_C);
	}
	each_module(k, shared_cross);
	if (!k->rows.same)
		run_gram(k, GRAM_X_X);
	each_module(k, x_norms);
}

/* The module's weights (P), allocated; its ‖√w X ΔWᵀ‖² to norms. */
static double *row_weights(struct task *k, const struct stack *s, int i)
{
	struct gram *g = &k->all->gram;
	struct dcs q;
	double *w = xarray(k->rows.P, sizeof(*w)), *own = xarray(k->rows.P, sizeof(*own));
	size_t bad;

	dcs_init(&q, s->A, s->B, s->s, s->task_of, k->t, s->N, s->R, s->d, s->d_out, GRAM_STAGE);
	for (size_t p = 0; p < k->rows.P; p += GRAM_STAGE) {
		size_t n = k->rows.P - p < GRAM_STAGE ? k->rows.P - p : GRAM_STAGE;

		if (gram_stage(g, &k->rows, GRAM_SIDE_X, p, n))
			die_row(k);
		dcs_rows(&q, w + p, own + p, g->stage[GRAM_SIDE_X], (int)n);
	}
	dcs_release(&q);
	bad = dcs_weights(w, w, k->rows.P, dcs_kappa(dcs_sigma, iteration));
	if (bad)
		die_data("task %s, site %s: row %zu: the adapters' variance is not finite", k->name, k->all->job.name, bad - 1);
	for (size_t p = 0; p < k->rows.P; p++)
		k->norms[i].y2 += w[p] * own[p];
	free(own);
	return w;
}

/* The present Gram is the module's own C. */
static void weighted_dense(struct task *k, const struct stack *s, int i)
{
	char *path = module_path(k, i, "/C");
	double w2 = 0;

	write_gram(k, path);
	if (!k->rows.same)
		run_gram(k, GRAM_X_X);
	k->norms[i].yw2 = 0;
	whole_norms(k, s, i, &w2, &k->norms[i].yw2);
	free(path);
}

static void weighted_module(struct task *k, const struct stack *s, int i)
{
	double *w = row_weights(k, s, i);
	char *path = module_path(k, i, "/H");

	k->rows.w = w;
	run_gram(k, GRAM_XM_XM);
	k->norms[i].h = gram_norm(&k->all->gram);
	write_gram(k, path);
	if (!k->rows.same)
		run_gram(k, GRAM_X_XM);
	cross(k, s, i, gram_norm(&k->all->gram));
	if (dense)
		weighted_dense(k, s, i);
	k->rows.w = NULL;
	free(path);
	free(w);
}

static void weighted(struct task *k)
{
	run_gram(k, GRAM_X_X);
	each_module(k, weight_norms);
	each_module(k, weighted_module);
}

static void write_attributes(struct task *k, const char *features)
{
	const struct job *j = &k->all->job;
	const struct gram *g = &k->all->gram;

	h5_set_string(k->out, "/", "site", j->name);
	h5_set_string(k->out, "/", "task", k->name);
	h5_set_string(k->out, "/", "features", features);
	h5_set_int(k->out, "/", "d", g->d);
	h5_set_int(k->out, "/", "P", (long)k->rows.P);
	h5_set_double(k->out, "/", "reg_ceof", reg_ceof);
	h5_set_int(k->out, "/", "use_dcs", use_dcs);
	h5_set_int(k->out, "/", "largest_row", (long)g->largest_row);
	h5_set_double(k->out, "/", "largest_norm", g->largest_norm);
	for (int i = 0; i < j->targets.n; i++) {
		const struct lora *l = adapter_find(j->targets.adapter[k->t], j->targets.module[i]);
		char *path = module_path(k, i, "");

		h5_group(k->out, path);
		h5_set_int(k->out, path, "r", l ? l->r : 0);
		h5_set_double(k->out, path, "scale", l ? l->scale : 0);
		h5_set_double(k->out, path, "w_norm2", k->norms[i].w2);
		h5_set_double(k->out, path, "xw_norm2", k->norms[i].xw2);
		h5_set_double(k->out, path, "xxm_norm", k->norms[i].xxm);
		h5_set_double(k->out, path, "h_norm", k->norms[i].h);
		h5_set_double(k->out, path, "y_norm2", k->norms[i].y2);
		if (dense)
			h5_set_double(k->out, path, "yw_norm2", k->norms[i].yw2);
		h5_set_int(k->out, path, "h_shared", !use_dcs);
		free(path);
	}
}

static struct h5 *open_side(const struct task *k, const char *template, int ntasks, const char *option, const char *side)
{
	char *path = path_for_task(template, k->name, ntasks, option);
	const struct acts_of of = {k->all->job.name, k->name, side, NULL};
	struct h5 *f = acts_open(path, &of);

	h5_expect_int(f, "d", k->all->gram.d);
	h5_expect_shape(f, "/rows", (size_t)h5_get_int(f, "/", "P"), (size_t)k->all->gram.d);
	free(path);
	return f;
}

/* Opens both sides; returns their kind of rows (features), allocated. */
static char *open_sides(struct task *k, int ntasks)
{
	char *features;

	k->side[GRAM_SIDE_X] = open_side(k, lora_arg, ntasks, "--lora", "lora");
	features = h5_get_string(k->side[GRAM_SIDE_X], "/", "features");
	k->rows = (struct gram_rows){.read = read_rows, .arg = k, .same = !merged_arg, .rho = reg_ceof};
	k->rows.P = (size_t)h5_get_int(k->side[GRAM_SIDE_X], "/", "P");
	if (!k->rows.P)
		die("'%s': no rows", h5_path(k->side[GRAM_SIDE_X]));
	if (merged_arg) {
		k->side[GRAM_SIDE_XM] = open_side(k, merged_arg, ntasks, "--merged", "merged");
		h5_expect_string(k->side[GRAM_SIDE_XM], "features", features);
		h5_expect_int(k->side[GRAM_SIDE_XM], "P", (long)k->rows.P);
	}
	return features;
}

static void run_task(struct shared *all, const char *name, int ntasks)
{
	struct task k = {.all = all, .name = name, .t = strlist_find(&all->job.tasks, name)};
	char *features, *target;

	if (k.t < 0)
		die_usage("--task '%s' is none of --tasks %s", name, job_args.tasks);
	sums_scope(name);
	features = open_sides(&k, ntasks);
	target = path_for_task(output_arg, name, ntasks, "-o");
	k.norms = xcalloc((size_t)all->job.targets.n, sizeof(*k.norms));
	k.out = h5_create(target, "iteris-grams", 1);
	if (use_dcs)
		weighted(&k);
	else
		unweighted(&k);
	write_attributes(&k, features);
	h5_commit(k.out);
	sums_scope(NULL);
	h5_close(k.side[GRAM_SIDE_XM]);
	h5_close(k.side[GRAM_SIDE_X]);
	free(k.norms);
	free(target);
	free(features);
}

static void shared_open(struct shared *all)
{
	size_t d;

	job_open(&all->job);
	all->model = st_open(job_args.model);
	d = (size_t)all->job.d;
	job_limit(&all->job, budget_grams((int)d, common.threads));
	be->reserve(demand_grams((int)d));
	gram_init(&all->gram, (int)d);
	all->W = xarray(BUDGET_WEIGHT_ROWS * d, sizeof(*all->W));
}

static void shared_close(struct shared *all)
{
	gram_release(&all->gram);
	st_close(all->model);
	job_close(&all->job);
	free(all->W);
}

static void run(void)
{
	struct strlist todo = strlist_split(task_arg, "--task");
	struct shared all = {0};
	int n;

	be_select(common.backend);
	shared_open(&all);
	for (int i = 0; i < todo.n; i++)
		run_task(&all, todo.item[i], todo.n);
	n = all.job.targets.n;
	tool_done("%s: %d module%s, %d task%s", all.job.name, n, n == 1 ? "" : "s", todo.n, todo.n == 1 ? "" : "s");
	shared_close(&all);
	strlist_release(&todo);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	run();
	return 0;
}
