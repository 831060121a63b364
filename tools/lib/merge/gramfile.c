/* gramfile.c: see gramfile.h.
 *
 * Only one Gram is in memory at a time, so each has a pass over the rows:
 * - H = XmᵀXm
 * - C = XᵀXm, or in place of it its products and an estimate of its norm (math/sketch.h)
 * - without a Gram: ‖X ΔW_tᵀ‖² of all modules
 * - where no normfile is given: K = XᵀX, for ‖X Wᵀ‖² = tr(W K Wᵀ). Where X Wᵀ itself costs less,
 *   there are passes for W's panels instead.
 *
 * A pass returns its Gram, which is valid until the next pass. Where memory does not hold it, it is
 * in a file beside the output, which is removed at the end. With DCS weights every module has
 * its own H and C, and H is stored per module. */
#include "merge/gramfile.h"

#include <stdlib.h>

#include "adapter/targets.h"
#include "backend/simd.h"
#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/h5/h5_lower.h"
#include "math/dcs.h"
#include "math/solve.h"
#include "merge/normfile.h"

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

/* Stages rows of X from row p on, as many as a stage takes. Returns how many. */
static size_t stage_X(struct gramfile *k, size_t p)
{
	size_t n = k->rows.P - p < GRAM_STAGE ? k->rows.P - p : GRAM_STAGE;

	if (gram_stage(k->gram, &k->rows, GRAM_SIDE_X, p, n))
		die_row(k);
	return n;
}

/* ------------------------------------------------------------ the passes over the rows */

/* H = XmᵀXm of the weighted rows. */
static struct gram *pass_H(struct gramfile *k)
{
	if (gram_run(k->gram, &k->rows, GRAM_XM_XM))
		die_row(k);
	return k->gram;
}

/* Enters the task's factors at n modules, for pass_C(). s: factors that include the task's. */
static void enter_A(struct gramfile *k, const struct factors *s, int n)
{
	if (!k->sketch)
		return;
	sketch_clear(k->sketch);
	for (int i = 0; i < n; i++) {
		size_t r0 = (size_t)s[i].first[k->t], r1 = (size_t)s[i].first[k->t + 1];

		sketch_add(k->sketch, s[i].A + r0 * (size_t)s[i].d, (int)(r1 - r0));
	}
}

static bool is_sketched(const struct gramfile *k)
{
	return k->sketch && sketch_pays(k->rows.P, k->gram->d, k->sketch->r);
}

/* C = XᵀXm; NULL: there is the sketch of it. H: what pass_H() returned, and h its norm; it is C
 * where Xm is X. Sets *norm to ‖C‖_F. */
static struct gram *pass_C(struct gramfile *k, struct gram *H, double h, double *norm)
{
	bool sketched = is_sketched(k);

	*norm = h;
	if (k->rows.same)
		return H;
	if (sketched ? sketch_run(k->sketch, H, &k->rows) : gram_run(k->gram, &k->rows, GRAM_X_XM))
		die_row(k);
	*norm = sketched ? sketch_norm(k->sketch, h) : gram_norm(k->gram);
	return sketched ? NULL : k->gram;
}

/* K = XᵀX. C: what pass_C() returned; NULL: C was not made. */
static struct gram *pass_K(struct gramfile *k, struct gram *C)
{
	if (k->rows.same && C)
		return C;
	if (gram_run(k->gram, &k->rows, GRAM_X_X))
		die_row(k);
	return k->gram;
}

/* ------------------------------------------------------------ a Gram that memory does not hold */

static void scratch_begin(void *arg, int d, bool symmetric)
{
	struct gramfile *k = arg;
	char *path = xformat("%s.gram", h5_path(k->out));

	h5_discard(k->scratch);
	k->scratch = h5_create(path, "iteris-gram", 1);
	k->symmetric = symmetric;
	if (symmetric)
		lower_dataset(k->scratch, "/G", d);
	else
		h5_dataset(k->scratch, "/G", H5_F64, (size_t)d, (size_t)d);
	free(path);
}

static void scratch_put(void *arg, int i0, int n, const double *rows)
{
	struct gramfile *k = arg;

	if (k->symmetric)
		lower_write(k->scratch, "/G", k->gram->d, i0, n, rows);
	else
		h5_write_double(k->scratch, "/G", (size_t)i0, (size_t)n, rows);
}

static void scratch_get(void *arg, int i0, int n, double *rows)
{
	struct gramfile *k = arg;

	if (k->symmetric)
		lower_read(k->scratch, "/G", k->gram->d, i0, n, rows);
	else
		h5_read_double(k->scratch, "/G", (size_t)i0, (size_t)n, rows);
}

/* ------------------------------------------------------------ what is computed from a Gram */

/* Writes H as the dataset `path`, in tiles. */
static void write_H(struct gramfile *k, struct gram *H, const char *path)
{
	int b = lower_tile(H->d);

	lower_dataset(k->out, path, H->d);
	for (int i0 = 0; i0 < H->d; i0 += b) {
		int n = H->d - i0 < b ? H->d - i0 : b;

		gram_get(H, i0, n, H->panel);
		lower_write(k->out, path, H->d, i0, n, H->panel);
	}
}

/* Writes C as the dataset `path`, whole. */
static void write_C(struct gramfile *k, struct gram *C, const char *path)
{
	size_t d = (size_t)C->d;

	h5_dataset(k->out, path, H5_F64, d, d);
	for (int i0 = 0, n; i0 < C->d; i0 += n) {
		n = gram_fetch(C, i0);
		h5_write_double(k->out, path, (size_t)i0, (size_t)n, C->panel);
	}
}

/* Writes a matrix as the dataset /NAME, and a link to it in the group of every module. */
static void write_shared(struct gramfile *k, struct gram *g, const char *name,
			 void (*write)(struct gramfile *, struct gram *, const char *))
{
	char *path = xformat("/%s", name);

	write(k, g, path);
	for (int i = 0; i < k->job->targets.n; i++) {
		char *link = module_path(k, i, path);

		h5_link(k->out, path, link);
		free(link);
	}
	free(path);
}

/* A_t C, where the task's adapter targets the module. s: factors that include the task's. C: as
 * pass_C() returned it. at: A_t's first row in the sketch. */
static void write_AC(struct gramfile *k, const struct factors *s, int i, struct gram *C, int at)
{
	size_t r0 = (size_t)s->first[k->t], r = (size_t)s->first[k->t + 1] - r0, d = (size_t)s->d;
	double *AC = xarray(r * d, sizeof(*AC));
	char *path = module_path(k, i, "/AC");

	if (r) {
		if (C)
			gram_thin(C, AC, s->A + r0 * d, (int)r);
		else
			sketch_thin(k->sketch, k->gram, AC, at, (int)r);
		h5_dataset(k->out, path, H5_F64, r, d);
		h5_write_double(k->out, path, 0, r, AC);
	}
	free(path);
	free(AC);
}

/* ‖X Wᵀ‖² for the n rows of W that are in k->W, in a pass over the rows. */
static double rows_trace(struct gramfile *k, int n)
{
	double sum = 0;

	for (size_t p = 0, rows; p < k->rows.P; p += rows) {
		rows = stage_X(k, p);
		sum += gram_staged_trace(k->gram, (int)rows, k->W, n);
	}
	return sum;
}

struct whole_norms {
	double w2, xw2; /* ‖W‖² and ‖X Wᵀ‖² of W = W0+ΔW_t. */
};

/* W is made in panels of rows. K: as pass_K() returns it; NULL: xw2 is made from the rows, but with
 * a normfile it is not made. */
static struct whole_norms whole_norms(struct gramfile *k, const struct factors *s, int i,
				      struct gram *K)
{
	char *name = job_module(k->job, i), *weight = xformat("%s.weight", name);
	const struct st_tensor *W0 = st_need(k->model, weight, (size_t)s->d_out, (size_t)s->d);
	struct whole_norms sum = {0, 0};
	size_t d = (size_t)s->d;

	for (int o = 0; o < s->d_out; o += GRAMFILE_WEIGHT_ROWS) {
		int n = s->d_out - o < GRAMFILE_WEIGHT_ROWS ? s->d_out - o : GRAMFILE_WEIGHT_ROWS;
		size_t count = (size_t)n * d;

		st_read(k->model, W0, (size_t)o * d, count, k->W);
		factors_add(s, k->t, o, n, k->W);
		sum.w2 += simd_dot_f64(k->W, k->W, count);
		if (K || !k->normfile)
			sum.xw2 += K ? gram_trace(K, k->W, n) : rows_trace(k, n);
	}
	free(weight);
	free(name);
	return sum;
}

static double handed_norm(const struct gramfile *k, int i)
{
	char *name = job_module(k->job, i);
	double xw2 = normfile_get(k->normfile, name);

	free(name);
	return xw2;
}

/* Of all modules' outputs. made: K is there already. */
static bool rows_cost_less(const struct gramfile *k, bool made)
{
	const struct targets *t = &k->job->targets;
	double outputs = 0;

	for (int i = 0; i < t->n; i++)
		outputs += module_d_out(t->m, t->module[i].slot);
	return gram_rows_cost_less((double)k->rows.P, k->job->d, outputs, made);
}

/* The norms of W0+ΔW_t, for every module. Releases the task's own factors. C: for pass_K(). */
static void own_norms(struct gramfile *k, struct gram *C)
{
	bool made = C && k->rows.same;
	struct gram *K = k->normfile || rows_cost_less(k, made) ? NULL : pass_K(k, C);

	for (int i = 0; i < k->job->targets.n; i++) {
		struct gramfile_norms *norms = &k->norms[i];
		struct whole_norms w = whole_norms(k, &k->own[i], i, K);

		norms->w2 = w.w2;
		norms->xw2 = norms->yw2 = k->normfile ? handed_norm(k, i) : w.xw2;
		factors_release(&k->own[i]);
	}
}

/* BᵀB of the task's own factors, by module; NULL where it has none. */
static double **own_BtB(const struct gramfile *k)
{
	int n = k->job->targets.n;
	double **BtB = xcalloc((size_t)n, sizeof(*BtB));

	for (int i = 0; i < n; i++) {
		const struct factors *own = &k->own[i];
		size_t r = (size_t)own->R;

		if (!r)
			continue;
		BtB[i] = xarray(r * r, sizeof(**BtB));
		solve_BtB(BtB[i], own->B, own->R, own->d_out, own->R);
	}
	return BtB;
}

/* ‖X ΔW_tᵀ‖² of every module, in a pass over the rows. */
static void target_norms(struct gramfile *k)
{
	double **BtB = own_BtB(k);
	int n = k->job->targets.n;

	for (size_t p = 0, rows; p < k->rows.P; p += rows) {
		rows = stage_X(k, p);
		for (int i = 0; i < n; i++) {
			const struct factors *own = &k->own[i];
			double s2 = own->s[k->t] * own->s[k->t];

			if (BtB[i])
				k->norms[i].y2 += s2 * gram_staged_norm2(k->gram, (int)rows, own->A,
									 BtB[i], own->R);
		}
	}
	for (int i = 0; i < n; i++)
		free(BtB[i]);
	free(BtB);
}

/* ------------------------------------------------------------ without weights */

static void unweighted(struct gramfile *k)
{
	int n = k->job->targets.n, at = 0;
	struct gram *H = pass_H(k), *C;
	double h = gram_norm(H), xxm;

	write_shared(k, H, "H", write_H);
	for (int i = 0; i < n; i++)
		stack_load_A(&k->own[i], &k->job->targets, i, k->t);
	enter_A(k, k->own, n);
	C = pass_C(k, H, h, &xxm);
	if (k->full_weight || (k->adds && !k->rows.same))
		write_shared(k, C, "C", write_C);
	for (int i = 0; i < n; i++) {
		write_AC(k, &k->own[i], i, C, at);
		at += k->own[i].R;
		stack_load_B(&k->own[i], &k->job->targets, i, k->t);
		k->norms[i].h = h;
		k->norms[i].xxm = xxm;
	}
	target_norms(k);
	own_norms(k, C);
}

/* ------------------------------------------------------------ with weights */

/* The module's weights (P), allocated; adapters that do not target it cannot disagree. Sets ‖√w X
 * ΔWᵀ‖² in norms. */
static double *row_weights(struct gramfile *k, const struct factors *s, int i)
{
	struct dcs q;
	double *w = xarray(k->rows.P, sizeof(*w)), *own = xarray(k->rows.P, sizeof(*own));
	size_t bad;

	dcs_init(&q, s->A, s->B, s->s, s->task_of, k->t, s->N, s->R, s->d, s->d_out, GRAM_STAGE);
	for (size_t p = 0, n; p < k->rows.P; p += n) {
		n = stage_X(k, p);
		dcs_rows(&q, w + p, own + p, k->gram->stage[GRAM_SIDE_X], (int)n);
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

/* Writes C whole, and the norm of the weighted rows' outputs. */
static void weighted_dense(struct gramfile *k, const struct factors *s, int i, struct gram *C)
{
	char *path = module_path(k, i, "/C");

	write_C(k, C, path);
	k->norms[i].yw2 = whole_norms(k, s, i, pass_K(k, C)).xw2;
	free(path);
}

static void weighted_module(struct gramfile *k, int i)
{
	char *path = module_path(k, i, "/H");
	struct gram *H, *C;
	struct factors s;
	double *w;

	factors_load(&s, &k->job->targets, i);
	w = s.R ? row_weights(k, &s, i) : NULL;
	k->rows.w = w;
	H = pass_H(k);
	k->norms[i].h = gram_norm(H);
	write_H(k, H, path);
	enter_A(k, &s, 1);
	C = pass_C(k, H, k->norms[i].h, &k->norms[i].xxm);
	write_AC(k, &s, i, C, 0);
	if (k->full_weight)
		weighted_dense(k, &s, i, C);
	k->rows.w = NULL;
	factors_release(&s);
	free(path);
	free(w);
}

/* The coefficient's norms use the unweighted rows. */
static void weighted(struct gramfile *k)
{
	for (int i = 0; i < k->job->targets.n; i++) {
		stack_load_A(&k->own[i], &k->job->targets, i, k->t);
		stack_load_B(&k->own[i], &k->job->targets, i, k->t);
	}
	own_norms(k, NULL);
	for (int i = 0; i < k->job->targets.n; i++)
		weighted_module(k, i);
}

/* ------------------------------------------------------------ the file */

void gramfile_put_head(struct h5 *f, const struct gramfile_head *h)
{
	h5_set_string(f, "/", "site", h->site);
	h5_set_string(f, "/", "task", h->task);
	h5_set_string(f, "/", "features", h->features);
	h5_set_int(f, "/", "d", h->d);
	h5_set_int(f, "/", "P", h->P);
	h5_set_double(f, "/", "reg_ceof", h->rho);
	h5_set_int(f, "/", "use_dcs", h->weighted);
	h5_set_int(f, "/", "largest_row", h->largest_row);
	h5_set_double(f, "/", "largest_norm", h->largest_norm);
}

void gramfile_put_module(struct h5 *f, const char *group, const struct gramfile_module *m)
{
	h5_group(f, group);
	h5_set_int(f, group, "r", m->r);
	h5_set_double(f, group, "scale", m->scale);
	h5_set_double(f, group, "w_norm2", m->norms.w2);
	h5_set_double(f, group, "xw_norm2", m->norms.xw2);
	h5_set_double(f, group, "xxm_norm", m->norms.xxm);
	h5_set_double(f, group, "h_norm", m->norms.h);
	h5_set_double(f, group, "y_norm2", m->norms.y2);
	if (m->full_weight)
		h5_set_double(f, group, "yw_norm2", m->norms.yw2);
	h5_set_int(f, group, "h_shared", !m->weighted);
}

static void write_module(struct gramfile *k, int i)
{
	const struct targets *t = &k->job->targets;
	const struct lora *l = adapter_find(t->adapter[k->t], t->module[i]);
	const struct gramfile_module m = {l ? l->r : 0, l ? l->scale : 0, k->full_weight,
					  k->weighted, k->norms[i]};
	char *group = module_path(k, i, "");

	gramfile_put_module(k->out, group, &m);
	free(group);
}

static void write_attributes(struct gramfile *k, const char *features)
{
	const struct gram *g = k->gram;
	const struct gramfile_head h = {.site = k->job->name,
					.task = k->task,
					.features = features,
					.d = g->d,
					.P = (long)k->rows.P,
					.rho = k->rows.rho,
					.weighted = k->weighted,
					.largest_row = (long)g->largest_row,
					.largest_norm = g->largest_norm};

	gramfile_put_head(k->out, &h);
	for (int i = 0; i < k->job->targets.n; i++)
		write_module(k, i);
}

float *gramfile_weight_rows(struct layout *l, int d)
{
	return layout_host(l, GRAMFILE_WEIGHT_ROWS * (size_t)d * sizeof(float));
}

void gramfile_make(struct gramfile *k, const char *path, const char *features)
{
	k->rows.read = read_rows;
	k->rows.arg = k;
	k->gram->store = (struct gram_store){scratch_begin, scratch_put, scratch_get, k};
	k->norms = xcalloc((size_t)k->job->targets.n, sizeof(*k->norms));
	k->own = xcalloc((size_t)k->job->targets.n, sizeof(*k->own));
	k->out = h5_create(path, "iteris-grams", GRAMFILE_VERSION);
	if (k->weighted)
		weighted(k);
	else
		unweighted(k);
	h5_discard(k->scratch);
	k->scratch = NULL;
	write_attributes(k, features);
	h5_commit(k->out);
	free(k->norms);
	free(k->own);
	k->out = NULL;
	k->norms = NULL;
	k->own = NULL;
}
