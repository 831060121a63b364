/* drift.c: see drift.h. */
#include "merge/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* State of one solution. */
struct drift_work {
	struct drift *x;
	struct full_weight full;
	struct dense_cut cut;
	bool base; /* the products are of W0, not of W0 + B A */
};

/* Calls use(w, o, n) for panels of n rows from o; rows of W0 are then in arrays->W0. */
static void each_rows(struct drift_work *w, void (*use)(struct drift_work *, size_t, int))
{
	const struct drift *x = w->x;
	size_t d = (size_t)x->factors->d, d_out = (size_t)x->factors->d_out;
	char *weight = xformat("%s.weight", x->module);
	const struct st_tensor *W0 = st_need(x->model, weight, d_out, d);

	for (size_t o = 0, n; o < d_out; o += n) {
		n = d_out - o < FULL_WEIGHT_ROWS ? d_out - o : FULL_WEIGHT_ROWS;
		st_read(x->model, W0, o * d, n * d, x->arrays->W0);
		use(w, o, (int)n);
	}
	free(weight);
}

/* The adapters' B from row o on. */
static const float *rows_of_B(const struct drift *x, size_t o)
{
	return x->factors->B + o * (size_t)x->factors->R;
}

static void write_change(struct drift_work *w, size_t o, int n)
{
	size_t d = (size_t)w->cut.d;

	full_weight_product(&w->full, w->x->arrays->W0, rows_of_B(w->x, o), n);
	memcpy(w->cut.D + o * d, w->full.W, (size_t)n * d * sizeof(double));
}

/* arrays->W = rows of W0 + B A. */
static void change_rows(struct drift_work *w, size_t o, int n)
{
	const struct solve_arrays *a = w->x->arrays;
	size_t d = (size_t)w->cut.d, r = (size_t)w->x->rank;

	for (size_t i = 0; i < (size_t)n; i++)
		for (size_t e = 0; e < d; e++) {
			double sum = (double)a->W0[i * d + e];

			for (size_t k = 0; k < r; k++)
				sum += (double)a->B[(o + i) * r + k] * a->A[k * d + e];
			a->W[i * d + e] = (float)sum;
		}
}

static void add_products(struct drift_work *w, size_t o, int n)
{
	const struct solve_arrays *a = w->x->arrays;

	if (!w->base)
		change_rows(w, o, n);
	full_weight_products_add(&w->full, w->base ? a->W0 : a->W, a->W0, rows_of_B(w->x, o), n);
}

/* What each task loses by W0, or by W0 + B A. */
static void measure(struct drift_work *w, bool base, struct misfits *m)
{
	struct drift *x = w->x;

	w->base = base;
	full_weight_products_begin(&w->full);
	each_rows(w, add_products);
	equations_full_misfits(x->system, &w->full, x->module, x->factors, m);
}

/* The full change: cut.D. */
static void solve_change(struct drift_work *w)
{
	struct drift *x = w->x;

	equations_sum_C(x->system, x->module, x->c, w->full.C);
	if (full_weight_drift(&w->full))
		die_data("site %s, %s: the solution is not finite", x->system->site, x->module);
	each_rows(w, write_change);
}

static void cut_change(struct drift_work *w)
{
	struct drift *x = w->x;
	const struct cut_metric rows = {solve_times_factor, x->q};

	if (dense_cut_decompose(&w->cut, &rows))
		die_data("site %s, %s: the eigenvalues of the change did not converge",
			 x->system->site, x->module);
	if (x->share > 0)
		x->rank = dense_cut_rank(&w->cut, x->share);
	dense_cut_write(&w->cut, x->rank, x->arrays->B, x->arrays->A);
	x->cut_error = dense_cut_error(&w->cut, x->rank);
}

/* What each task lost. The Grams are sums of float32 products: a drift of less than 0.1 % of the
 * output is rounding, and nothing to undo. */
static void measure_both(struct drift_work *w)
{
	static const double ROUNDING = 1e-6;
	struct drift *x = w->x;
	struct misfits base;

	misfits_init(&base, x->system->tasks->n);
	measure(w, true, &base);
	measure(w, false, &x->misfits);
	for (int t = 0; t < x->system->tasks->n; t++) {
		bool any = base.misfit[t] > ROUNDING * base.target[t];

		x->misfits.target[t] = any ? base.misfit[t] : 0;
		x->misfits.misfit[t] = any ? x->misfits.misfit[t] : 0;
	}
	misfits_release(&base);
}

void drift_solve(struct drift *x)
{
	struct drift_work w = {.x = x};

	full_weight_place(&w.full, x->arrays->full_slab, x->q);
	dense_cut_place(&w.cut, x->arrays->dense_slab, x->factors->d_out, x->factors->d, x->rank);
	solve_change(&w);
	cut_change(&w);
	measure_both(&w);
	x->residual = equations_residual(x->system, x->c, &x->misfits);
}
