/* test_panels.c: the Cholesky factor in panels against LAPACK's of the whole matrix, and a module's
 * system in panels against the same system in memory. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <cmocka.h>
#include <lapacke.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/opts.h"
#include "base/threads.h"
#include "math/panels.h"
#include "math/solve.h"

enum {
	D = PANEL_ROWS + 199,
	R = 5,
	WIDTH = 96
}; /* the last panel is narrower; rows in two pieces */

static uint64_t seed = 1;

/* Uniform in [-1, 1). */
static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 4503599627370496.0 - 1;
}

/* A matrix in memory, and the panels that were kept. */
struct whole {
	struct panels panels;
	void *slab;
	double *S, *L;       /* (D, D) */
	double *kept, *sums; /* (D, D) by panels; (panels, D) */
	int made;
};

static void system_of(void *arg, int k, double *P)
{
	struct whole *w = arg;
	int c = k * w->panels.width, n = panels_columns(&w->panels, k);

	for (int i = c; i < D; i++)
		for (int j = 0; j < n; j++)
			P[(i - c) * n + j] = c + j <= i ? w->S[i * D + c + j] : NAN;
}

static void keep(void *arg, int k, const double *P, const double *sums)
{
	struct whole *w = arg;
	int c = k * w->panels.width, n = panels_columns(&w->panels, k);

	memcpy(w->kept + (size_t)c * D, P, (size_t)((D - c) * n) * sizeof(double));
	memcpy(w->sums + k * D, sums, D * sizeof(double));
	w->made++;
}

static void read_rows(void *arg, int k, int i0, int n, double *rows)
{
	struct whole *w = arg;
	int c = k * w->panels.width, cols = panels_columns(&w->panels, k);

	assert_true(i0 >= c && i0 + n <= D && n <= (PANEL_ROWS > cols ? PANEL_ROWS : cols));
	memcpy(rows, w->kept + (size_t)c * D + (i0 - c) * cols,
	       (size_t)(n * cols) * sizeof(double));
}

static void read_sums(void *arg, int k, double *sums)
{
	memcpy(sums, ((struct whole *)arg)->sums + k * D, D * sizeof(double));
}

static double *new_array(size_t n)
{
	return xaligned(n, sizeof(double));
}

/* S = Σ x xᵀ over D/2 random rows, plus a ridge: a condition of some 1e5. */
static void whole_init(struct whole *w, int width)
{
	double *X = new_array(D / 2 * D);

	*w = (struct whole){.S = new_array(D * D), .L = new_array(D * D), .kept = new_array(D * D)};
	w->panels = (struct panels){.d = D,
				    .width = width,
				    .arg = w,
				    .system = system_of,
				    .keep = keep,
				    .read = read_rows,
				    .read_sums = read_sums};
	w->sums = new_array((size_t)panels_count(D, width) * D);
	w->slab = xaligned(1, panels_bytes(D, width));
	panels_place(&w->panels, w->slab);
	for (int i = 0; i < D / 2 * D; i++)
		X[i] = uniform();
	memset(w->S, 0, D * D * sizeof(double));
	cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, D, D / 2, 1, X, D, 0, w->S, D);
	for (int i = 0; i < D; i++)
		w->S[i * D + i] += 0.01;
	memcpy(w->L, w->S, D * D * sizeof(double));
	assert_int_equal(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', D, w->L, D), 0);
	free(X);
}

static void whole_release(struct whole *w)
{
	free(w->S);
	free(w->L);
	free(w->kept);
	free(w->sums);
	free(w->slab);
}

static double kept_at(const struct whole *w, int i, int j)
{
	int k = j / w->panels.width, c = k * w->panels.width;

	return w->kept[(size_t)c * D + (size_t)((i - c) * panels_columns(&w->panels, k) + j - c)];
}

static void same(const double *have, const double *want, int n, double bound)
{
	double difference = 0, norm = 0;

	for (int i = 0; i < n; i++) {
		difference += (have[i] - want[i]) * (have[i] - want[i]);
		norm += want[i] * want[i];
	}
	assert_true(sqrt(difference / norm) <= bound);
}

/* L, products with it and with S⁻¹, and the condition, for widths that divide D and do not. */
static void test_factor(void **state)
{
	static const int widths[] = {WIDTH, 1, 237, D - 1, D, 2 * D};
	(void)state;
	for (size_t n = 0; n < sizeof(widths) / sizeof(*widths); n++) {
		double *X = new_array(R * D), *Y = new_array(R * D), rcond,
		       *work = new_array(4 * D);
		int *iwork = xarray(D, sizeof(int));
		struct whole w;

		whole_init(&w, widths[n]);
		assert_int_equal(panels_factor(&w.panels), 0);
		assert_int_equal(w.made, panels_count(D, widths[n]));
		for (int i = 0; i < D; i++)
			for (int j = 0; j <= i; j++)
				assert_true(fabs(kept_at(&w, i, j) - w.L[i * D + j]) <= 1e-9);
		for (int i = 0; i < R * D; i++)
			X[i] = Y[i] = uniform();
		panels_multiply(&w.panels, X, R);
		cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, R, D,
			    1, w.L, D, Y, D);
		same(X, Y, R * D, 1e-12);
		panels_solve(&w.panels, X, R);
		LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', D, R, w.L, D, Y, D);
		same(X, Y, R * D, 1e-9);
		LAPACKE_dpocon_work(
			LAPACK_COL_MAJOR, 'U', D, w.L, D,
			LAPACKE_dlansy_work(LAPACK_COL_MAJOR, '1', 'U', D, w.S, D, work), &rcond,
			work, iwork);
		assert_true(fabs(panels_condition(&w.panels) * rcond - 1) <= 1e-9);
		whole_release(&w);
		free(X), free(Y), free(work), free(iwork);
	}
}

/* A factorisation that goes on behind its first panels, and one on more threads: equal bits. */
static void test_resume(void **state)
{
	struct whole w;
	double *kept = new_array(D * D), condition;

	(void)state;
	whole_init(&w, WIDTH);
	assert_int_equal(panels_factor(&w.panels), 0);
	condition = panels_condition(&w.panels);
	memcpy(kept, w.kept, D * D * sizeof(double));
	for (int done = 0; done <= panels_count(D, WIDTH); done++) {
		memset(w.kept + (size_t)(done * WIDTH) * D, 0,
		       done * WIDTH < D ? (size_t)(D - done * WIDTH) * D * sizeof(double) : 0);
		threads_use(1 + done % 4);
		w.panels.done = done;
		w.made = 0;
		assert_int_equal(panels_factor(&w.panels), 0);
		assert_int_equal(w.made, panels_count(D, WIDTH) - done);
		for (int i = 0; i < D; i++)
			for (int j = 0; j <= i; j++) {
				int c = j / WIDTH * WIDTH;
				size_t at =
					(size_t)c * D +
					(size_t)((i - c) * panels_columns(&w.panels, j / WIDTH) +
						 j - c);

				assert_true(w.kept[at] == kept[at]);
			}
		assert_true(panels_condition(&w.panels) == condition);
	}
	threads_use(1);
	whole_release(&w);
	free(kept);
}

/* Not positive definite: LAPACK's pivot. Not finite: −1. */
static void test_bad_systems(void **state)
{
	struct whole w;

	(void)state;
	whole_init(&w, WIDTH);
	w.S[300 * D + 300] = -1;
	assert_int_equal(panels_factor(&w.panels), 301);
	w.panels.done = 0;
	w.S[400 * D + 17] = INFINITY;
	assert_int_equal(panels_factor(&w.panels), -1);
	whole_release(&w);
}

/* ------------------------------------------------------------ a module's system */

enum { N = 3, r = 4, M = 30 }; /* tasks, rank of each, d_out */

struct tasks {
	double *H[N], *AC[N], cm[N];
	float *At;
	double BtB[N * r * N * r];
};

static void tasks_init(struct tasks *t)
{
	float B[M * N * r];

	t->At = xarray(N * r * D, sizeof(float));
	for (int i = 0; i < N * r * D; i++)
		t->At[i] = (float)uniform();
	for (int i = 0; i < M * N * r; i++)
		B[i] = (float)uniform();
	solve_BtB(t->BtB, B, N * r, M, N * r);
	for (int k = 0; k < N; k++) {
		double *X = new_array(D / 2 * D);

		for (int i = 0; i < D / 2 * D; i++)
			X[i] = uniform();
		t->cm[k] = 0.5 + k;
		t->H[k] = new_array(D * D);
		t->AC[k] = new_array(r * D);
		cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, D, D, D / 2, 1, X, D, X, D, 0,
			    t->H[k], D);
		for (int i = 0; i < r * D; i++)
			t->AC[k][i] = uniform() * D;
		free(X);
	}
}

static void sum_tasks(struct solve *q, const struct tasks *t)
{
	static const struct ridge ridge = {.camr = true, .camr_alpha = 1e-4, .camr_beta = 1e-5};
	double *diagonal = new_array(D);

	for (int k = 0; k < N; k++) {
		for (int i = 0; i < D; i++)
			diagonal[i] = t->H[k][i * D + i];
		if (q->panels)
			solve_add_diagonal(q, t->cm[k], diagonal);
		else
			solve_add_H(q, t->cm[k], t->H[k], 0, D);
		solve_add_ridge(q, t->cm[k], cblas_dnrm2(D * D, t->H[k], 1), &ridge);
		solve_add_rows(q, k * r, r, t->AC[k], t->At + k * r * D, t->cm[k] * 2, 1e-3,
			       t->cm[k] * 1e9);
	}
	free(diagonal);
}

static void misfits(struct solve *q, const struct tasks *t, double misfit[N])
{
	for (int k = 0; k < N; k++) {
		solve_misfit_begin(q);
		solve_misfit_add_H(q, t->H[k], 0, D);
		solve_misfit_sum(q, t->cm[k]);
		solve_misfit_add_rows(q, k * r, r, t->AC[k], 2);
		misfit[k] = solve_misfit(q, t->BtB, 1e9);
	}
}

static void test_solve(void **state)
{
	struct tasks t;
	struct whole w = {
		.S = new_array(D * D), .kept = new_array(D * D), .sums = new_array(D * D)};
	struct solve whole, q;
	double condition[2], misfit[2][N], *X = new_array(2 * D), *Y = X + D;
	void *slab = xaligned(1, solve_bytes(D, N * r)),
	     *small = xaligned(1, solve_panels_bytes(D, N * r, WIDTH));

	(void)state;
	be_select(&(struct common_opts){.threads = 1, .backend = "cpu"});
	tasks_init(&t);
	w.panels = (struct panels){.width = WIDTH,
				   .arg = &w,
				   .system = system_of,
				   .keep = keep,
				   .read = read_rows,
				   .read_sums = read_sums};
	solve_place(&whole, slab, D, N * r);
	solve_place_panels(&q, &w.panels, small, D, N * r);
	sum_tasks(&whole, &t);
	sum_tasks(&q, &t);
	memcpy(w.S, whole.S, D * D * sizeof(double));
	for (int i = 0; i < D; i++) {
		assert_true(solve_diagonal(&q, i) == solve_diagonal(&whole, i));
		w.S[i * D + i] = solve_diagonal(&q, i) + SOLVE_DCS_RIDGE;
	}
	assert_int_equal(solve_system(&whole, SOLVE_DCS_RIDGE, &condition[0]), 0);
	assert_int_equal(solve_system(&q, SOLVE_DCS_RIDGE, &condition[1]), 0);
	assert_true(fabs(condition[1] / condition[0] - 1) <= 1e-9);
	same(q.A, whole.A, N * r * D, 1e-9);
	misfits(&whole, &t, misfit[0]);
	misfits(&q, &t, misfit[1]);
	same(misfit[1], misfit[0], N, 1e-9);
	assert_true(solve_residual(&whole, t.BtB) > 0.01);
	assert_true(fabs(solve_residual(&q, t.BtB) / solve_residual(&whole, t.BtB) - 1) <= 1e-9);
	for (int i = 0; i < D; i++)
		X[i] = Y[i] = uniform();
	solve_times_factor(&whole, X, 1);
	solve_times_factor(&q, Y, 1);
	same(Y, X, D, 1e-9);
	for (int k = 0; k < N; k++)
		free(t.H[k]), free(t.AC[k]);
	free(t.At), free(w.S), free(w.kept), free(w.sums), free(X), free(slab), free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_factor),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_bad_systems),
		cmocka_unit_test(test_solve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
