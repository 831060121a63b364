/* test_cut.c: math/cut against changes whose singular values in the metric are known, and against
 * the definition of the error. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <cmocka.h>

#include "base/die.h"
#include "math/cut.h"

static uint64_t seed = 1;

/* Uniform in [-1, 1). */
static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 4503599627370496.0 - 1;
}

static double *array(int rows, int cols)
{
	return xcalloc((size_t)rows * (size_t)cols, sizeof(double));
}

static double *random_array(int rows, int cols)
{
	double *x = array(rows, cols);

	for (int i = 0; i < rows * cols; i++)
		x[i] = uniform();
	return x;
}

/* A lower triangle with a diagonal of 1 to 2. What lies above must not be read. */
static double *random_triangle(int d)
{
	double *L = random_array(d, d);

	for (int i = 0; i < d; i++) {
		L[i * d + i] = 1.5 + 0.5 * L[i * d + i];
		for (int j = i + 1; j < d; j++)
			L[i * d + j] = NAN;
	}
	return L;
}

/* X (rows, d) L, L NULL: X itself. */
static double *times(const double *X, const double *L, int rows, int d)
{
	double *Y = array(rows, d);

	for (int i = 0; i < rows; i++)
		for (int j = 0; j < d; j++)
			for (int e = L ? j : 0; e < d; e++)
				Y[i * d + j] +=
					L ? X[i * d + e] * L[e * d + j] : (e == j) * X[i * d + e];
	return Y;
}

/* X (rows, d) L⁻¹ in place, column by column from the last. */
static void divide(double *X, const double *L, int rows, int d)
{
	for (int i = 0; i < rows; i++)
		for (int j = d - 1; j >= 0; j--) {
			for (int e = j + 1; e < d; e++)
				X[i * d + j] -= X[i * d + e] * L[e * d + j];
			X[i * d + j] /= L[j * d + j];
		}
}

/* B (m, r) A (r, d). */
static double *product(const float *B, const double *A, int m, int r, int d)
{
	double *W = array(m, d);

	for (int i = 0; i < m; i++)
		for (int k = 0; k < r; k++)
			for (int j = 0; j < d; j++)
				W[i * d + j] += (double)B[i * r + k] * A[k * d + j];
	return W;
}

static double norm2(const double *x, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sum;
}

/* The rows of X become orthonormal. */
static void orthonormal(double *X, int rows, int cols)
{
	for (int i = 0; i < rows; i++) {
		double *x = X + i * cols;

		for (int pass = 0; pass < 2; pass++)
			for (int k = 0; k < i; k++) {
				double dot = 0;

				for (int j = 0; j < cols; j++)
					dot += x[j] * X[k * cols + j];
				for (int j = 0; j < cols; j++)
					x[j] -= dot * X[k * cols + j];
			}
		double length = sqrt(norm2(x, cols));
		for (int j = 0; j < cols; j++)
			x[j] /= length;
	}
}

struct problem {
	int m, d, R;
	float *B;
	double *A, *L;
	struct cut cut;
	void *slab;
};

/* X (k, d) = X L. */
static void multiply(void *arg, double *X, int k)
{
	const struct problem *p = arg;

	cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, k, p->d, 1,
		    p->L, p->d, X, p->d);
}

static void decompose(struct problem *p)
{
	const struct cut_metric rows = {multiply, p};

	p->slab = xaligned(1, cut_bytes(p->m, p->d, p->R));
	cut_place(&p->cut, p->slab, p->m, p->d, p->R);
	assert_int_equal(cut_decompose(&p->cut, p->B, p->A, p->L ? &rows : NULL), 0);
}

static void release(struct problem *p)
{
	free(p->B);
	free(p->A);
	free(p->L);
	free(p->slab);
}

/* ‖(W − W_r) L‖ / ‖W L‖ of what cut_write() gives. */
static double true_error(const struct problem *p, int r)
{
	float *B = xarray((size_t)(p->m * r), sizeof(*B));
	double *A = array(r, p->d), *W = product(p->B, p->A, p->m, p->R, p->d), *cut, *all, *left,
	       error;

	cut_write(&p->cut, r, B, A);
	cut = product(B, A, p->m, r, p->d);
	all = times(W, p->L, p->m, p->d);
	for (int i = 0; i < p->m * p->d; i++)
		cut[i] = W[i] - cut[i];
	left = times(cut, p->L, p->m, p->d);
	error = sqrt(norm2(left, p->m * p->d) / norm2(all, p->m * p->d));
	free(left);
	free(all);
	free(cut);
	free(W);
	free(A);
	free(B);
	return error;
}

/* ---- A change whose singular values are known: W L = Σ σ_i u_i v_iᵀ ---- */

static const double SIGMA[] = {8, 4, 2, 1, 0.5, 0.25};
enum { KNOWN = sizeof(SIGMA) / sizeof(*SIGMA) };

/* B = Uᵀ T and A = T⁻¹ Σ V L⁻¹; T has ones and a superdiagonal, so that neither is orthogonal. */
static struct problem known(int m, int d, bool metric)
{
	struct problem p = {.m = m, .d = d, .R = KNOWN};
	double *U = random_array(KNOWN, m), *V = random_array(KNOWN, d);

	orthonormal(U, KNOWN, m);
	orthonormal(V, KNOWN, d);
	p.L = metric ? random_triangle(d) : NULL;
	p.B = xarray((size_t)(m * KNOWN), sizeof(*p.B));
	p.A = array(KNOWN, d);
	for (int o = 0; o < m; o++)
		for (int i = 0; i < KNOWN; i++)
			p.B[o * KNOWN + i] =
				(float)(U[i * m + o] + (i ? 0.75 * U[(i - 1) * m + o] : 0));
	for (int i = KNOWN - 1; i >= 0; i--)
		for (int j = 0; j < d; j++)
			p.A[i * d + j] = SIGMA[i] * V[i * d + j] -
					 (i + 1 < KNOWN ? 0.75 * p.A[(i + 1) * d + j] : 0);
	if (metric)
		divide(p.A, p.L, KNOWN, d);
	free(U);
	free(V);
	decompose(&p);
	return p;
}

static void check_known(bool metric)
{
	struct problem p = known(13, 17, metric);
	double all = norm2(SIGMA, KNOWN);

	for (int i = 0; i < KNOWN; i++)
		assert_true(fabs(p.cut.sigma[i] - SIGMA[i]) < 2e-6);
	for (int r = 1; r <= KNOWN; r++) {
		double want = sqrt(norm2(SIGMA + r, KNOWN - r) / all);

		assert_true(fabs(cut_error(&p.cut, r) - want) < 1e-6);
		assert_true(fabs(true_error(&p, r) - want) < 1e-6);
	}
	release(&p);
}

static void test_metric(void **state)
{
	(void)state;
	check_known(true);
}

static void test_plain(void **state)
{
	(void)state;
	check_known(false);
}

/* A slab for the largest sizes of several modules holds each of them. */
static void test_bytes(void **state)
{
	(void)state;
	for (int d = 1; d < 60; d++)
		for (int R = 1; R < 60; R++)
			for (int m = 1; m < 60; m += 7) {
				size_t bytes = cut_bytes(m, d, R);

				assert_true(bytes <= cut_bytes(m + 1, d, R));
				assert_true(bytes <= cut_bytes(m, d + 1, R));
				assert_true(bytes <= cut_bytes(m, d, R + 1));
			}
}

/* Squares 64, 16, 4, 1, 1/4, 1/16 of 85.3125 in all. */
static void test_share(void **state)
{
	static const double kept[] = {64, 80, 84, 85, 85.25};
	struct problem p = known(13, 17, true);

	(void)state;
	for (int r = 1; r <= 5; r++) {
		assert_int_equal(cut_rank(&p.cut, kept[r - 1] / 85.3125 - 1e-5), r);
		assert_int_equal(cut_rank(&p.cut, kept[r - 1] / 85.3125 + 1e-5), r + 1);
	}
	assert_int_equal(cut_rank(&p.cut, 1e-9), 1);
	release(&p);
}

/* ---- Shapes where B or A has more rows than columns can hold ---- */

static void test_shapes(void **state)
{
	static const int SHAPE[][3] = {{4, 17, 6}, {13, 3, 6}, {1, 5, 4}, {5, 1, 4},
				       {3, 4, 6},  {6, 6, 6},  {9, 8, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(SHAPE) / sizeof(*SHAPE); i++) {
		struct problem p = {.m = SHAPE[i][0], .d = SHAPE[i][1], .R = SHAPE[i][2]};

		p.B = xarray((size_t)(p.m * p.R), sizeof(*p.B));
		for (int k = 0; k < p.m * p.R; k++)
			p.B[k] = (float)uniform();
		p.A = random_array(p.R, p.d);
		p.L = random_triangle(p.d);
		decompose(&p);
		for (int r = 1; r <= p.R; r++)
			assert_true(fabs(cut_error(&p.cut, r) - true_error(&p, r)) < 1e-6);
		assert_true(cut_error(&p.cut, p.cut.n) == 0);
		release(&p);
	}
}

static void test_nothing(void **state)
{
	struct problem p = {.m = 3, .d = 4, .R = 2};
	float B[6];
	double A[8];

	(void)state;
	p.B = xcalloc(6, sizeof(*p.B));
	p.A = array(2, 4);
	decompose(&p);
	assert_true(cut_error(&p.cut, 1) == 0);
	assert_int_equal(cut_rank(&p.cut, 0.99), 1);
	cut_write(&p.cut, 2, B, A);
	for (int i = 0; i < 8; i++)
		assert_true(A[i] == 0);
	p.A[3] = INFINITY;
	assert_int_equal(cut_decompose(&p.cut, p.B, p.A, NULL), 1);
	release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metric),  cmocka_unit_test(test_plain),
		cmocka_unit_test(test_bytes),   cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests_name("cut", tests, NULL, NULL);
}
