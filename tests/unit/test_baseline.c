/* test_baseline.c: lib/baseline against direct evaluations: a full sort for ties' trim, the
 * definition for its election, LAPACK's singular values for the cut, and the mean for dare. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lapacke.h>

#include "math/baseline.h"

static struct rng rng;

static float uniform(void)
{
	return (float)(2 * rng_uniform(&rng) - 1);
}

static void fill(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = uniform();
}

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x < y) - (x > y);
}

/* Keeps the k largest magnitudes; of equal ones the earlier. */
static void naive_trim(float *out, const float *x, size_t n, size_t k)
{
	float *size = malloc(n * sizeof(float)), least;
	size_t above = 0, equal;

	for (size_t i = 0; i < n; i++)
		size[i] = fabsf(x[i]);
	qsort(size, n, sizeof(float), descending);
	least = size[k - 1];
	for (size_t i = 0; i < n; i++)
		above += size[i] > least;
	equal = k - above;
	for (size_t i = 0; i < n; i++) {
		out[i] = 0;
		if (fabsf(x[i]) > least)
			out[i] = x[i];
		else if (fabsf(x[i]) == least && equal > 0) {
			out[i] = x[i];
			equal--;
		}
	}
	free(size);
}

static void check_trim(const float *x, size_t n, double density)
{
	float *a = malloc(n * sizeof(float)), *b = malloc(n * sizeof(float));
	size_t k = (size_t)(density * (double)n);
	struct ties_trim t;

	memcpy(a, x, n * sizeof(float));
	t = ties_trim_find(a, n, density);
	memcpy(a, x, n * sizeof(float));
	for (size_t i = 0; i < n; i += 7) /* in pieces, as the tool does */
		ties_trim_apply(&t, a + i, n - i < 7 ? n - i : 7);
	naive_trim(b, x, n, k < 1 ? 1 : k);
	assert_memory_equal(a, b, n * sizeof(float));
	free(a);
	free(b);
}

static void test_trim(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 5, 10, 50, 997};
	static const double densities[] = {1e-6, 0.1, 0.2, 0.5, 0.99, 1};
	float x[997];

	(void)state;
	rng_seed(&rng, 3);
	for (int kind = 0; kind < 4; kind++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
			for (size_t d = 0; d < sizeof(densities) / sizeof(*densities); d++) {
				fill(x, sizes[s]);
				for (size_t i = 0; i < sizes[s]; i++)
					x[i] = kind == 0   ? x[i]
					       : kind == 1 ? rintf(3 * x[i])
					       : kind == 2 ? 0
							   : (float)i; /* equal entries, zeros,
									  sorted entries */
				check_trim(x, sizes[s], densities[d]);
			}
}

static void test_elect(void **state)
{
	/* columns: agreement; the majority by weight; one task trimmed; a sum of zero; all trimmed;
	 * one against two */
	static const float a[] = {1, 3, 0, 2, 0, 1}, b[] = {3, -1, 4, -2, 0, 1},
			   c[] = {2, -1, 0, 0, 0, -5}, *const x[] = {a, b, c};
	static const float want[] = {2, 3, 4, 0, 0, -5};
	float out[6];

	(void)state;
	ties_elect(out, x, 3, 6);
	for (int i = 0; i < 6; i++)
		assert_true(out[i] == want[i]);
}

/* Every entry is 0 or x / density. About the right share is kept. An equal seed draws equally, in
 * whatever pieces. */
static void test_dare(void **state)
{
	enum { n = 20000 };
	float *x = malloc(n * sizeof(float)), *a = calloc(n, sizeof(float)),
	      *b = calloc(n, sizeof(float));
	double kept = 0;

	(void)state;
	rng_seed(&rng, 5);
	fill(x, n);
	rng_seed(&rng, 6);
	dare_add(a, x, n, 0.2, &rng);
	rng_seed(&rng, 6);
	for (size_t i = 0; i < n; i += 100)
		dare_add(b + i, x + i, 100, 0.2, &rng);
	assert_memory_equal(a, b, n * sizeof(float));
	for (int i = 0; i < n; i++) {
		assert_true(a[i] == 0 || a[i] == (float)((double)x[i] / 0.2));
		kept += a[i] != 0;
	}
	assert_true(fabs(kept / n - 0.2) < 4 * sqrt(0.2 * 0.8 / n));
	rng_seed(&rng, 6);
	dare_add(a, x, n, 1, &rng); /* density 1 adds everything */
	for (int i = 0; i < n; i++)
		assert_true(a[i] == b[i] + x[i]);
	free(x);
	free(a);
	free(b);
}

/* ‖M − B A‖ and the reported error, against the singular values beyond r. */
static void check_cut(int m, int n, int rank, int r)
{
	size_t M_n = (size_t)m * (size_t)n;
	float *M = calloc(M_n, sizeof(float)), *B = malloc((size_t)m * (size_t)r * sizeof(float));
	double *A = malloc((size_t)r * (size_t)n * sizeof(double)),
	       *copy = malloc(M_n * sizeof(double)),
	       *sv = malloc((size_t)m * sizeof(double) + (size_t)n * sizeof(double));
	double *work = malloc(truncate_doubles(m, n, r) * sizeof(double)),
	       *super = malloc((size_t)(m + n) * sizeof(double)), error = -1, want = 0, norm = 0,
	       real = 0;
	int *iwork = malloc(truncate_ints(m, n) * sizeof(int)), k = m < n ? m : n;

	for (int e = 0; e < rank; e++) {
		float u[64], v[64];

		fill(u, (size_t)m);
		fill(v, (size_t)n);
		for (int i = 0; i < m; i++)
			for (int j = 0; j < n; j++)
				M[i * n + j] += u[i] * v[j];
	}
	for (size_t i = 0; i < M_n; i++)
		copy[i] = (double)M[i];
	assert_int_equal(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', m, n, copy, n, sv, NULL, m,
					NULL, n, super),
			 0);
	for (int i = 0; i < k; i++) {
		norm += sv[i] * sv[i];
		want += i >= r ? sv[i] * sv[i] : 0;
	}
	assert_int_equal(baseline_truncate(M, m, n, &r, 0, B, A, &error, work, iwork), 0);
	for (int i = 0; i < m; i++)
		for (int j = 0; j < n; j++) {
			double x = (double)M[i * n + j];

			for (int e = 0; e < r; e++)
				x -= (double)B[i * r + e] * A[e * n + j];
			real += x * x;
		}
	/* B is rounded to float32. In the eigenvalues, squares below 1e-16 of the norm's square are
	 * lost. */
	assert_true(fabs(sqrt(real / norm) - sqrt(want / norm)) < 1e-6);
	assert_true(fabs(error - sqrt(want / norm)) < 1e-7);
	free(M);
	free(B);
	free(A);
	free(copy);
	free(sv);
	free(work);
	free(super);
	free(iwork);
}

static void test_cut(void **state)
{
	static const int shape[][4] = {
		{1, 1, 1, 1},  {2, 1, 1, 1},    {1, 5, 1, 1},   {3, 3, 3, 3},   {10, 7, 7, 3},
		{7, 10, 7, 3}, {50, 50, 50, 8}, {64, 20, 4, 6}, {20, 64, 4, 6}, {33, 64, 33, 32}};

	(void)state;
	rng_seed(&rng, 9);
	for (size_t i = 0; i < sizeof(shape) / sizeof(*shape); i++)
		check_cut(shape[i][0], shape[i][1], shape[i][2], shape[i][3]);
}

static void test_cut_refuses(void **state)
{
	float M[4] = {1, NAN, 0, 1}, B[2];
	double A[2], error, work[600];
	int iwork[24], r = 1;

	(void)state;
	assert_true(truncate_doubles(2, 2, 1) <= 600 && truncate_ints(2, 2) <= 24);
	assert_int_equal(baseline_truncate(M, 2, 2, &r, 0, B, A, &error, work, iwork), 1);
	memset(M, 0, sizeof(M));
	assert_int_equal(baseline_truncate(M, 2, 2, &r, 0, B, A, &error, work, iwork), 0);
	assert_true(error == 0);
}

/* Squares 16, 4, 1 and 1/4 of 21.25 in all, on either side: the least rank that keeps a share, and
 * its error and factors. */
static void check_share(int m, int n, double share, int want)
{
	static const double square[] = {16, 4, 1, 0.25};
	float M[30] = {0}, B[30];
	double A[30], error, lost = 0, *work = malloc(truncate_doubles(m, n, 4) * sizeof(*work));
	int *iwork = malloc(truncate_ints(m, n) * sizeof(*iwork)), r = 4;

	for (int i = 0; i < 4; i++) {
		M[i * n + 3 - i] = (float)(i % 2 ? -sqrt(square[i]) : sqrt(square[i]));
		lost += i < want ? 0 : square[i];
	}
	assert_int_equal(baseline_truncate(M, m, n, &r, share, B, A, &error, work, iwork), 0);
	assert_int_equal(r, want);
	assert_true(fabs(error - sqrt(lost / 21.25)) < 1e-7);
	for (int i = 0; i < m * n; i++) {
		double x = i / n < want ? (double)M[i] : 0;

		for (int e = 0; e < r; e++)
			x -= (double)B[i / n * r + e] * A[e * n + i % n];
		assert_true(fabs(x) < 1e-6);
	}
	free(work);
	free(iwork);
}

static void test_share(void **state)
{
	static const int size[][2] = {{5, 6}, {6, 5}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		check_share(size[i][0], size[i][1], 16 / 21.25 - 1e-9, 1);
		check_share(size[i][0], size[i][1], 16 / 21.25 + 1e-9, 2);
		check_share(size[i][0], size[i][1], 20 / 21.25 + 1e-9, 3);
		check_share(size[i][0], size[i][1], 0.99, 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trim),        cmocka_unit_test(test_elect),
		cmocka_unit_test(test_dare),        cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_refuses), cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
