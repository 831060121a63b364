/* test_dense_cut.c: math/dense_cut against math/cut, which finds the same by another way, and
 * against the definition of the error. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/die.h"
#include "math/cut.h"
#include "math/dense_cut.h"

static uint64_t seed = 1;

/* Uniform in [-1, 1). */
static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 4503599627370496.0 - 1;
}

/* A lower triangle with a diagonal of 1 to 2. What lies above must not be read. */
static double *random_triangle(int d)
{
	double *L = xcalloc((size_t)(d * d), sizeof(*L));

	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
			L[i * d + j] = j > i   ? (double)NAN
				       : j < i ? uniform()
					       : 1.5 + uniform() / 2;
	return L;
}

struct triangle {
	int d;
	const double *L;
};

static void multiply(void *arg, double *X, int k)
{
	const struct triangle *t = arg;

	for (int i = 0; i < k; i++)
		for (int j = 0; j < t->d; j++) {
			double sum = 0;

			for (int e = j; e < t->d; e++)
				sum += X[i * t->d + e] * t->L[e * t->d + j];
			X[i * t->d + j] = sum;
		}
}

/* The product of float factors, so that math/cut can be given exactly the same change. */
struct change {
	int m, d, R;
	float *B;  /* (m, R) */
	double *A; /* (R, d) */
};

static struct change random_change(int m, int d, int R)
{
	struct change w = {m, d, R, xcalloc((size_t)(m * R), sizeof(float)),
			   xcalloc((size_t)(R * d), sizeof(double))};

	for (int i = 0; i < m * R; i++)
		w.B[i] = (float)uniform();
	for (int i = 0; i < R * d; i++)
		w.A[i] = uniform();
	return w;
}

/* out (m, d) = B A of rank r. */
static void product(double *out, const float *B, const double *A, int m, int d, int r)
{
	for (int o = 0; o < m; o++)
		for (int e = 0; e < d; e++) {
			double sum = 0;

			for (int i = 0; i < r; i++)
				sum += (double)B[o * r + i] * A[i * d + e];
			out[o * d + e] = sum;
		}
}

/* Both cuts of the change to rank r: equal products, equal errors. */
static void compare(int m, int d, int R, int r)
{
	struct change w = random_change(m, d, R);
	double *L = random_triangle(d), *A = xcalloc((size_t)(r * d), sizeof(*A));
	float *B = xcalloc((size_t)(m * r), sizeof(*B));
	double *want = xcalloc((size_t)(m * d), sizeof(*want)),
	       *found = xcalloc((size_t)(m * d), sizeof(*found));
	void *slab = xaligned(1, cut_bytes(m, d, R)),
	     *dense_slab = xaligned(1, dense_cut_bytes(m, d, r));
	struct triangle t = {d, L};
	struct cut_metric metric = {multiply, &t};
	struct dense_cut c;
	struct cut exact;

	cut_place(&exact, slab, m, d, R);
	assert_int_equal(cut_decompose(&exact, w.B, w.A, &metric), 0);
	cut_write(&exact, r, B, A);
	product(want, B, A, m, d, r);

	dense_cut_place(&c, dense_slab, m, d, r);
	product(c.D, w.B, w.A, m, d, R);
	assert_int_equal(dense_cut_decompose(&c, &metric), 0);
	dense_cut_write(&c, r, B, A);
	product(found, B, A, m, d, r);
	for (int i = 0; i < m * d; i++)
		assert_float_equal(found[i], want[i], 2e-5);
	for (int k = 1; k <= c.most; k++)
		assert_float_equal(dense_cut_error(&c, k), cut_error(&exact, k), 1e-6);
	if (cut_rank(&exact, 0.9) <= c.most)
		assert_int_equal(dense_cut_rank(&c, 0.9), cut_rank(&exact, 0.9));
	free(dense_slab), free(slab), free(found), free(want), free(B), free(A), free(L);
	free(w.A), free(w.B);
}

static void test_as_the_cut_of_factors(void **state)
{
	static const int sizes[][4] = {{1, 1, 1, 1},  {5, 5, 5, 2},    {10, 7, 7, 3},
				       {7, 10, 7, 3}, {50, 20, 20, 8}, {20, 50, 20, 8},
				       {9, 9, 4, 4},  {9, 9, 3, 5}};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		compare(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
}

/* More columns than there are directions: zeros, and no error. */
static void test_beyond_the_rank(void **state)
{
	double L[4] = {1, NAN, 0, 1}, A[6];
	struct triangle t = {2, L};
	struct cut_metric metric = {multiply, &t};
	float B[6];
	struct dense_cut c;
	void *slab = xaligned(1, dense_cut_bytes(2, 2, 3));

	(void)state;
	dense_cut_place(&c, slab, 2, 2, 3);
	c.D[0] = 3, c.D[1] = 0, c.D[2] = 0, c.D[3] = 2;
	assert_int_equal(dense_cut_decompose(&c, &metric), 0);
	dense_cut_write(&c, 3, B, A);
	assert_float_equal(dense_cut_error(&c, 3), 0, 0);
	assert_float_equal((double)B[0] * A[0], 3, 1e-12);
	assert_float_equal((double)B[4] * A[3], 2, 1e-12);
	assert_float_equal((double)B[2], 0, 0);
	assert_float_equal(A[4], 0, 0);
	free(slab);
}

/* No change at all, as where nothing drifts, and one that is not finite. */
static void test_zero_and_infinite(void **state)
{
	double L[4] = {1, NAN, 0, 1}, A[2];
	struct triangle t = {2, L};
	struct cut_metric metric = {multiply, &t};
	float B[2];
	struct dense_cut c;
	void *slab = xaligned(1, dense_cut_bytes(2, 2, 1));

	(void)state;
	dense_cut_place(&c, slab, 2, 2, 1);
	c.D[0] = c.D[1] = c.D[2] = c.D[3] = 0;
	assert_int_equal(dense_cut_decompose(&c, &metric), 0);
	dense_cut_write(&c, 1, B, A);
	assert_float_equal(dense_cut_error(&c, 1), 0, 0);
	assert_float_equal(A[0], 0, 0);
	c.D[2] = INFINITY;
	assert_int_equal(dense_cut_decompose(&c, &metric), 1);
	free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_cut_of_factors),
		cmocka_unit_test(test_beyond_the_rank),
		cmocka_unit_test(test_zero_and_infinite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
