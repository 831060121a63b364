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

#include "lib/be.h"
#include "lib/dcs.h"
#include "lib/die.h"
#include "lib/grams.h"
#include "lib/h5.h"
#include "lib/opts.h"
#include "lib/solve.h"
#include "lib/targets.h"

enum { WEIGHT_ROWS = 512 }; /* of W0+ΔW at a time: enough for a product to run at full speed */

static const char *model_dir, *site_arg, *task_arg, *tasks_arg, *adapter_arg, *lora_arg, *merged_arg, *output_arg;
static double reg_ceof, dcs_sigma = 0.5;
static bool use_dcs, dense;
static int iteration;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "model folder: config.json and safetensors"},
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site, such as enc07-self"},
	{"task", 0, OPT_STRING, &task_arg, true, 0, 0, "T[,T…]", "task or tasks to do; {task} in a path stands for each"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "T[,T…]", "all tasks of the merge, in order"},
	{"adapter", 0, OPT_STRING, &adapter_arg, true, 0, 0, "DIR", "adapter folder of a task"},
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
struct job {
	struct t5 m;
	struct st *model;
	struct site site;
	char name[32]; /* the site's */
	struct strlist tasks;
	struct targets targets;
	struct gram gram;
	float *W; /* (WEIGHT_ROWS, d) rows of W0+ΔW */
};

struct norms {
	double w2, xw2, y2, xxm, h, yw2; /* yw2: xw2 of the weighted rows */
};

struct task {
	struct job *job;
	const char *name;
	int t; /* its number */
	struct h5 *side[2]; /* by enum gram_side; [1] NULL: Xm is X */
	struct gram_rows rows;
	struct h5 *out;
	struct norms *norms; /* by module */
};

static char *module_path(const struct task *k, int i, const char *member)
{
	char *name = module_name(&k->job->m, k->job->targets.module[i]);
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
	const struct gram *g = &k->job->gram;

	die_data("task %s, site %s: row %zu of '%s' is not finite", k->name, k->job->name, g->bad_row, h5_path(k->side[g->bad_side]));
}

static void run_gram(struct task *k, enum gram_kind kind)
{
	if (gram_run(&k->job->gram, &k->rows, kind))
		die_row(k);
}

static void write_gram(struct task *k, const char *path)
{
	struct gram *g = &k->job->gram;
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
		gram_thin(&k->job->gram, AC, s->A + r0 * d, (int)r);
		h5_dataset(k->out, path, H5_F64, r, d);
		h5_write_double(k->out, path, 0, r, AC);
	}
	free(path);
	free(AC);
}

/* The present Gram is K = XᵀX: ‖W‖² and tr(W K Wᵀ) of W = W0+ΔW_t, by panels of its rows. */
static void whole_norms(struct task *k, const struct stack *s, int i, double *w2, double *xw2)
{
	struct job *j = k->job;
	char *name = module_name(&j->m, j->targets.module[i]), *weight = xformat("%s.weight", name);
	const struct st_tensor *W0 = st_need(j->model, weight, (size_t)s->d_out, (size_t)s->d);
	size_t d = (size_t)s->d;

	for (int o = 0; o < s->d_out; o += WEIGHT_ROWS) {
		int n = s->d_out - o < WEIGHT_ROWS ? s->d_out - o : WEIGHT_ROWS;
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
		k->norms[i].y2 = s->s[k->t] * s->s[k->t] * gram_norm2(&k->job->gram, s->A + (size_t)r0 * (size_t)s->d, BtB, r);
	}
	free(BtB);
}

/* Calls fn for every module with its factors. */
static void each_module(struct task *k, void (*fn)(struct task *k, const struct stack *s, int i))
{
	for (int i = 0; i < k->job->targets.n; i++) {
		struct stack s;

		stack_load(&s, &k->job->targets, i);
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
	cross(k, s, i, i ? k->norms[0].xxm : gram_norm(&k->job->gram));
}

static void x_norms(struct task *k, const struct stack *s, int i)
{
	weight_norms(k, s, i);
	target_norm(k, s, i);
}

static void unweighted(struct task *k)
{
	run_gram(k, GRAM_XM_XM);
	k->norms[0].h = gram_norm(&k->job->gram);
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
	struct gram *g = &k->job->gram;
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
		die_data("task %s, site %s: row %zu: the adapters' variance is not finite", k->name, k->job->name, bad - 1);
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
	k->norms[i].h = gram_norm(&k->job->gram);
	write_gram(k, path);
	if (!k->rows.same)
		run_gram(k, GRAM_X_XM);
	cross(k, s, i, gram_norm(&k->job->gram));
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
	struct job *j = k->job;

	h5_set_string(k->out, "/", "site", j->name);
	h5_set_string(k->out, "/", "task", k->name);
	h5_set_string(k->out, "/", "features", features);
	h5_set_int(k->out, "/", "d", j->gram.d);
	h5_set_int(k->out, "/", "P", (long)k->rows.P);
	h5_set_double(k->out, "/", "reg_ceof", reg_ceof);
	h5_set_int(k->out, "/", "use_dcs", use_dcs);
	h5_set_int(k->out, "/", "largest_row", (long)j->gram.largest_row);
	h5_set_double(k->out, "/", "largest_norm", j->gram.largest_norm);
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
	struct h5 *f = h5_open(path, "iteris-acts", 1);

	h5_expect_string(f, "site", k->job->name);
	h5_expect_string(f, "task", k->name);
	h5_expect_string(f, "side", side);
	h5_expect_int(f, "d", k->job->gram.d);
	h5_expect_shape(f, "/rows", (size_t)h5_get_int(f, "/", "P"), (size_t)k->job->gram.d);
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

static void run_task(struct job *j, const char *name, int ntasks)
{
	struct task k = {.job = j, .name = name, .t = strlist_find(&j->tasks, name)};
	char *features, *target;

	if (k.t < 0)
		die_usage("--task '%s' is none of --tasks %s", name, tasks_arg);
	features = open_sides(&k, ntasks);
	target = path_for_task(output_arg, name, ntasks, "-o");
	k.norms = xcalloc((size_t)j->targets.n, sizeof(*k.norms));
	k.out = h5_create(target, "iteris-grams", 1);
	if (use_dcs)
		weighted(&k);
	else
		unweighted(&k);
	write_attributes(&k, features);
	h5_commit(k.out);
	h5_close(k.side[GRAM_SIDE_XM]);
	h5_close(k.side[GRAM_SIDE_X]);
	free(k.norms);
	free(target);
	free(features);
}

static void job_open(struct job *j)
{
	size_t d, need;

	j->m = t5_load(model_dir);
	j->model = st_open(model_dir);
	if (!site_parse(&j->m, site_arg, &j->site))
		die_usage("--site '%s' is no site of the model in '%s'", site_arg, model_dir);
	site_name(j->site, j->name);
	j->tasks = strlist_split(tasks_arg, "--tasks");
	targets_open(&j->targets, &j->m, adapter_arg, &j->tasks, j->site);
	d = (size_t)site_width(&j->m, j->site);
	need = gram_bytes((int)d) + WEIGHT_ROWS * d * sizeof(*j->W);
	if (common.max_memory && need > common.max_memory)
		die("site %s needs %.1f MB of arrays, more than --max-memory", j->name, (double)need / 1048576);
	gram_init(&j->gram, (int)d);
	j->W = xarray(WEIGHT_ROWS * d, sizeof(*j->W));
}

static void job_close(struct job *j)
{
	gram_release(&j->gram);
	targets_close(&j->targets);
	strlist_release(&j->tasks);
	st_close(j->model);
	free(j->W);
}

static void run(void)
{
	struct strlist todo = strlist_split(task_arg, "--task");
	struct job j = {0};

	be_select(common.backend);
	job_open(&j);
	for (int i = 0; i < todo.n; i++)
		run_task(&j, todo.item[i], todo.n);
	tool_done("%s: %d module%s, %d task%s", j.name, j.targets.n, j.targets.n == 1 ? "" : "s", todo.n, todo.n == 1 ? "" : "s");
	job_close(&j);
	strlist_release(&todo);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	run();
	return 0;
}
