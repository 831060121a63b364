/* test_gemm.c: the basis of equal bits. In a product with packed weights, a row's bits do not
 * depend on the other rows of its batch, nor on the threads. Arrays for BLAS are aligned alike in
 * every process. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include <cmocka.h>

#include "backend/be.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/int8.h"
#include "base/die.h"

enum { ROWS = 2 * GEMM_TILE + 8 };

static float *random_array(size_t n)
{
	float *x = xarray(n, sizeof(*x));

	for (size_t i = 0; i < n; i++)
		x[i] = (float)(drand48() - 0.5);
	return x;
}

/* Every number of rows against all of them: d_out n, d_in k. */
static void check_linear(int n, int k, enum be_precision p)
{
	float *w = random_array((size_t)n * (size_t)k), *X = random_array((size_t)ROWS * (size_t)k);
	size_t count = (size_t)ROWS * (size_t)n;
	float *all = xarray(count, sizeof(float)), *some = xarray(count, sizeof(float));
	struct be_weight *W = gemm_pack(w, n, k, k, false, p);

	gemm_linear(all, n, X, k, W, ROWS, false);
	for (int P = 1; P < ROWS; P++) {
		threads_use(1 + P % 2);
		memset(some, 0xff, count * sizeof(float));
		gemm_linear(some, n, X, k, W, P, false);
		if (memcmp(some, all, (size_t)P * (size_t)n * sizeof(float)))
			fail_msg("d_out %d, d_in %d, precision %d: %d rows have other bits than %d",
				 n, k, (int)p, P, (int)ROWS);
	}
	gemm_weight_free(W);
	free(w), free(X), free(all), free(some);
}

/* Widths of the linears of the demo, of flan-t5-large and of SmolLM2, of heads, and of factors of
 * ranks 8, 16, 32 and 48; and some odd widths. */
static const int shape[][2] = {{128, 1024}, {300, 1024}, {96, 2816}, {1024, 64}, {64, 1024},
			       {8, 1024},   {32, 1024},  {128, 8},   {128, 32},  {16, 64},
			       {64, 8},     {33, 37},    {1, 5},     {192, 576}, {128, 1536},
			       {48, 576},   {128, 48},   {128, 16},  {7, 3}};

static void check_shapes(enum be_precision p)
{
	srand48(1);
	for (size_t i = 0; i < sizeof(shape) / sizeof(*shape); i++)
		check_linear(shape[i][0], shape[i][1], p);
}

static void test_f32(void **state)
{
	(void)state;
	check_shapes(BE_F32);
}

static void test_bf16(void **state)
{
	(void)state;
	if (gemm_fast16() != BE_BF16) {
		print_message("skipped: this CPU has no bfloat16 products\n");
		skip();
	}
	check_shapes(BE_BF16);
}

static void test_int8(void **state)
{
	(void)state;
	check_shapes(BE_INT8);
}

/* Every pair of products as large as it can be: sums of 16 bits would be cut off. The steps are
 * exactly 1: q is 0 or 127, r is ±127. */
static void test_int8_extremes(void **state)
{
	enum { N = 130, K = 1024, P = 3 };
	float *w = xarray((size_t)N * K, sizeof(*w)), X[P * K], Y[P * N];

	(void)state;
	for (int j = 0; j < N; j++)
		for (int i = 0; i < K; i++)
			w[j * K + i] = j % 3 == 0 ? 127 : j % 3 == 1 ? -127 : i < j ? 127 : -127;
	for (int i = 0; i < K; i++) {
		X[i] = i ? 127 : 0;
		X[K + i] = i % 2 ? 127 : 0;
		X[2 * K + i] = i < K / 2 ? 0 : 127;
	}
	for (int transposed = 0; transposed < 2; transposed++) {
		float *given = transposed ? xarray((size_t)N * K, sizeof(*w)) : w;

		for (int j = 0; transposed && j < N; j++)
			for (int i = 0; i < K; i++)
				given[i * N + j] = w[j * K + i];
		struct be_weight *W =
			gemm_pack(given, N, K, transposed ? N : K, transposed, BE_INT8);

		gemm_linear(Y, N, X, K, W, P, false);
		for (int p = 0; p < P; p++)
			for (int j = 0; j < N; j++) {
				double want = 0;

				for (int i = 0; i < K; i++)
					want += (double)X[p * K + i] * (double)w[j * K + i];
				assert_true((double)Y[p * N + j] == want);
			}
		gemm_weight_free(W);
		if (transposed)
			free(given);
	}
	free(w);
}

/* The steps are those of the rows' ranges. Every number is rounded to the nearest integer. */
static void test_int8_rounding(void **state)
{
	static const float x[] = {-1, 0.3f, 126}, w[] = {0.5f, -2, 0.126f};
	uint8_t q[3];
	int8_t r[3];
	float sum;
	const struct int8_steps s = int8_input(q, x, 3);

	(void)state;
	assert_true(s.low == -1 && s.step == 1);
	assert_int_equal(q[0], 0);
	assert_int_equal(q[1], 1);
	assert_int_equal(q[2], 127);
	assert_true(int8_weight(r, w, 3, &sum) == 2.0f / 127);
	assert_int_equal(r[0], 32);
	assert_int_equal(r[1], -127);
	assert_int_equal(r[2], 8);
	assert_true(sum == 32 - 127 + 8);
}

/* Equal numbers are exact. What is not finite in a row stays so, and does not touch other rows. */
static void test_int8_rows(void **state)
{
	enum { K = 37 };
	const float wrong[] = {NAN, INFINITY, -INFINITY};
	float w[2 * K], X[2 * K], Y[4];

	(void)state;
	for (int i = 0; i < K; i++) {
		w[i] = 1, w[K + i] = -1;
		X[i] = 2.5f, X[K + i] = 0;
	}
	for (size_t which = 0; which < 7; which++) {
		float *at = which ? which % 2 ? X + K + 5 : w + K + 5 : &(float){0}, kept = *at;

		if (which)
			*at = wrong[(which - 1) / 2];
		struct be_weight *W = gemm_pack(w, 2, K, K, false, BE_INT8);

		*at = which % 2 ? *at : kept;
		gemm_linear(Y, 2, X, K, W, 2, false);
		*at = kept;
		assert_true(fabsf(Y[0] - 2.5f * K) < 1e-4f);
		if (!which)
			assert_true(fabsf(Y[1] + 2.5f * K) < 1e-4f && Y[2] == 0 && Y[3] == 0);
		else
			assert_true(isnan(which % 2 ? Y[2] : Y[1]) && isnan(Y[3]));
		gemm_weight_free(W);
	}
}

/* Heads and the fused feed-forward: their rows against the rows of one batch. */
static void test_feed_forward(void **state)
{
	enum { N = 200, K = 96 };
	float *w0 = random_array(N * K), *w1 = random_array(N * K),
	      *X = random_array((size_t)ROWS * K);
	float *all = xarray((size_t)ROWS * N, sizeof(float)),
	      *some = xarray((size_t)ROWS * N, sizeof(float));
	struct be_weight *W0 = gemm_pack(w0, N, K, K, false, BE_F32),
			 *W1 = gemm_pack(w1, N, K, K, false, BE_F32);

	(void)state;
	gemm_feed_forward(all, NULL, X, W0, W1, BE_GELU_NEW, ROWS);
	for (int P = 1; P < ROWS; P++) {
		gemm_feed_forward(some, NULL, X, W0, W1, BE_GELU_NEW, P);
		assert_memory_equal(some, all, (size_t)P * N * sizeof(float));
	}
	gemm_weight_free(W0), gemm_weight_free(W1);
	free(w0), free(w1), free(X), free(all), free(some);
}

/* An array at another address in the next run (as on the heap) would give other sums. dasum's, for
 * example, are part of a solution's condition. */
static void test_alignment(void **state)
{
	enum { TURNS = 64 };
	void *array[TURNS];

	(void)state;
	for (size_t i = 0; i < TURNS; i++) {
		array[i] = xaligned(3 + i, 24);
		assert_int_equal((uintptr_t)array[i] % 64, 0);
		memset(array[i], 1, (3 + i) * 24);
	}
	for (size_t i = 0; i < TURNS; i++)
		free(array[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f32),           cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_int8),          cmocka_unit_test(test_int8_extremes),
		cmocka_unit_test(test_int8_rounding), cmocka_unit_test(test_int8_rows),
		cmocka_unit_test(test_feed_forward),  cmocka_unit_test(test_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
