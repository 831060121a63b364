/* gramfile.c: see gramfile.h.
 *
 * Products with X are products with its Gram K = XᵀX: ‖X Wᵀ‖² = tr(W K Wᵀ). One Gram exists at a
 * time, so there are up to three passes over the rows: H, C = XᵀXm, K (or X itself, where its rows
 * are few). With weights every module has its own H and C, and H is stored per module. */
#include "merge/gramfile.h"

#include <stdlib.h>

#include "adapter/targets.h"
#include "backend/simd.h"
#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "math/dcs.h"
#include "math/solve.h"

struct norms {
	double w2, xw2, y2, xxm, h, yw2; /* yw2: xw2 of the weighted rows */
};

static char *module_path(const struct gramfile *k, int i, const char *member)
{
	char *name = job_module(k->job, i);
	char *path = xformat("/modules/%s%s", name, member);

	free(name);
	return path;
}

static void read_rows(void *arg, enum gram_side side, size_t row0, size_t n, float *dst)
{
	struct gramfile *k = arg;

	h5_read_float(k->side[side], "/rows", row0, n, dst);
}

_Noreturn static void die_row(const struct gramfile *k)
{
	const struct gram *g = k->gram;

	die_data("task %s, site %s: row %zu of '%s' is not finite", k->task, k->job->name,
		 g->bad_row, h5_path(k->side[g->bad_side]));
}

static void run_gram(struct gramfile *k, enum gram_kind kind)
{
	if (gram_run(k->gram, &k->rows, kind))
		die_row(k);
}

static void run_norms(struct gramfile *k)
{
	if (gram_run_norms(k->gram, &k->rows))
		die_row(k);
}

static void write_gram(struct gramfile *k, const char *path)
{
	struct gram *g = k->gram;
	size_t d = (size_t)g->d;

	h5_dataset(k->out, path, H5_F64, d, d);
	for (int i0 = 0; i0 < g->d; i0 += GRAM_PANEL) {
		int n = g->d - i0 < GRAM_PANEL ? g->d - i0 : GRAM_PANEL;

		gram_get(g, i0, n, g->panel);
		h5_write_double(k->out, path, (size_t)i0, (size_t)n, g->panel);
	}
}

/* The present Gram is C = XᵀXm: A_t C and ‖C‖. */
static void cross(struct gramfile *k, const struct factors *s, int i, double xxm)
{
	size_t r0 = (size_t)s->first[k->t], r = (size_t)s->first[k->t + 1] - r0, d = (size_t)s->d;
	double *AC = xarray(r * d, sizeof(*AC));
	char *path = module_path(k, i, "/AC");

	k->norms[i].xxm = xxm;
	if (r) {
		gram_thin(k->gram, AC, s->A + r0 * d, (int)r);
		h5_dataset(k->out, path, H5_F64, r, d);
		h5_write_double(k->out, path, 0, r, AC);
	}
	free(path);
	free(AC);
}

/* The present Gram is K = XᵀX: ‖W‖² and tr(W K Wᵀ) of W = W0+ΔW_t, by panels of its rows. */
static void whole_norms(struct gramfile *k, const struct factors *s, int i, double *w2, double *xw2)
{
	char *name = job_module(k->job, i), *weight = xformat("%s.weight", name);
	const struct st_tensor *W0 = st_need(k->model, weight, (size_t)s->d_out, (size_t)s->d);
	size_t d = (size_t)s->d;

	for (int o = 0; o < s->d_out; o += GRAMFILE_WEIGHT_ROWS) {
		int n = s->d_out - o < GRAMFILE_WEIGHT_ROWS ? s->d_out - o : GRAMFILE_WEIGHT_ROWS;
		size_t count = (size_t)n * d;

		st_read(k->model, W0, (size_t)o * d, count, k->W);
		factors_add(s, k->t, o, n, k->W);
		*w2 += simd_dot_f64(k->W, k->W, count);
		*xw2 += gram_trace(k->gram, k->W, n);
	}
	free(weight);
	free(name);
}

static void weight_norms(struct gramfile *k, const struct factors *s, int i)
{
	whole_norms(k, s, i, &k->norms[i].w2, &k->norms[i].xw2);
	k->norms[i].yw2 = k->norms[i].xw2;
}

/* The present Gram is K = XᵀX: ‖X ΔW_tᵀ‖². */
static void target_norm(struct gramfile *k, const struct factors *s, int i)
{
	int r0 = s->first[k->t], r = s->first[k->t + 1] - r0;
	double *BtB = xarray((size_t)r * (size_t)r, sizeof(*BtB));

	if (r) {
		solve_BtB(BtB, s->B + r0, s->R, s->d_out, r);
		k->norms[i].y2 = s->s[k->t] * s->s[k->t] *
				 gram_norm2(k->gram, s->A + (size_t)r0 * (size_t)s->d, BtB, r);
	}
	free(BtB);
}

/* Calls fn for every module with its factors. */
static void each_module(struct gramfile *k,
			void (*fn)(struct gramfile *k, const struct factors *s, int i))
{
	for (int i = 0; i < k->job->targets.n; i++) {
		struct factors s;

		factors_load(&s, &k->job->targets, i);
		fn(k, &s, i);
		factors_release(&s);
	}
}

static void shared_H(struct gramfile *k, const struct factors *s, int i)
{
	char *path = module_path(k, i, "/H");

	(void)s;
	k->norms[i].h = k->norms[0].h;
	h5_link(k->out, "/H", path);
	free(path);
}

static void shared_C(struct gramfile *k, const struct factors *s, int i)
{
	char *path = module_path(k, i, "/C");

	(void)s;
	h5_link(k->out, "/C", path);
	free(path);
}

static void shared_cross(struct gramfile *k, const struct factors *s, int i)
{
	cross(k, s, i, i ? k->norms[0].xxm : gram_norm(k->gram));
}

static void x_norms(struct gramfile *k, const struct factors *s, int i)
{
	weight_norms(k, s, i);
	target_norm(k, s, i);
}

static void unweighted(struct gramfile *k)
{
	run_gram(k, GRAM_XM_XM);
	k->norms[0].h = gram_norm(k->gram);
	write_gram(k, "/H");
	each_module(k, shared_H);
	if (!k->rows.same)
		run_gram(k, GRAM_X_XM);
	if (k->dense) {
		write_gram(k, "/C");
		each_module(k, shared_C);
	}
	each_module(k, shared_cross);
	if (!k->rows.same)
		run_norms(k);
	each_module(k, x_norms);
}

/* The module's weights (P), allocated; its ‖√w X ΔWᵀ‖² to norms. */
static double *row_weights(struct gramfile *k, const struct factors *s, int i)
{
	struct gram *g = k->gram;
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
	bad = dcs_weights(w, w, k->rows.P, k->kappa);
	if (bad)
		die_data("task %s, site %s: row %zu: the adapters' variance is not finite", k->task,
			 k->job->name, bad - 1);
	for (size_t p = 0; p < k->rows.P; p++)
		k->norms[i].y2 += w[p] * own[p];
	free(own);
	return w;
}

/* The present Gram is the module's own C. */
static void weighted_dense(struct gramfile *k, const struct factors *s, int i)
{
	char *path = module_path(k, i, "/C");
	double w2 = 0;

	write_gram(k, path);
	if (!k->rows.same)
		run_norms(k);
	k->norms[i].yw2 = 0;
	whole_norms(k, s, i, &w2, &k->norms[i].yw2);
	free(path);
}

static void weighted_module(struct gramfile *k, const struct factors *s, int i)
{
	double *w = row_weights(k, s, i);
	char *path = module_path(k, i, "/H");

	k->rows.w = w;
	run_gram(k, GRAM_XM_XM);
	k->norms[i].h = gram_norm(k->gram);
	write_gram(k, path);
	if (!k->rows.same)
		run_gram(k, GRAM_X_XM);
	cross(k, s, i, gram_norm(k->gram));
	if (k->dense)
		weighted_dense(k, s, i);
	k->rows.w = NULL;
	free(path);
	free(w);
}

static void weighted(struct gramfile *k)
{
	run_norms(k);
	each_module(k, weight_norms);
	each_module(k, weighted_module);
}

static void write_attributes(struct gramfile *k, const char *features)
{
	const struct job *j = k->job;
	const struct gram *g = k->gram;

	h5_set_string(k->out, "/", "site", j->name);
	h5_set_string(k->out, "/", "task", k->task);
	h5_set_string(k->out, "/", "features", features);
	h5_set_int(k->out, "/", "d", g->d);
	h5_set_int(k->out, "/", "P", (long)k->rows.P);
	h5_set_double(k->out, "/", "reg_ceof", k->rows.rho);
	h5_set_int(k->out, "/", "use_dcs", k->weighted);
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
		if (k->dense)
			h5_set_double(k->out, path, "yw_norm2", k->norms[i].yw2);
		h5_set_int(k->out, path, "h_shared", !k->weighted);
		free(path);
	}
}

void gramfile_make(struct gramfile *k, const char *path, const char *features)
{
	k->rows.read = read_rows;
	k->rows.arg = k;
	k->norms = xcalloc((size_t)k->job->targets.n, sizeof(*k->norms));
	k->out = h5_create(path, "iteris-grams", 1);
	if (k->weighted)
		weighted(k);
	else
		unweighted(k);
	write_attributes(k, features);
	h5_commit(k->out);
	free(k->norms);
	k->out = NULL;
	k->norms = NULL;
}
