/* test_gemm.c: the basis of equal bits. In a product with packed weights, a row's bits do not
 * depend on the other rows of its batch, nor on the threads. Arrays for BLAS are aligned alike in
 * every process. */
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
		cmocka_unit_test(test_f32),
		cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_feed_forward),
		cmocka_unit_test(test_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
