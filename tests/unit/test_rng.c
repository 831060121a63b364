/* test_rng.c: the generator against its published values, and that its draws are uniform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* The first values of splitmix64 from 1234567, as its authors give them. */
static void test_seed(void **state)
{
	(void)state;
	struct rng r;
	rng_seed(&r, 1234567);
	assert_true(r.s[0] == UINT64_C(6457827717110365317));
	assert_true(r.s[1] == UINT64_C(3203168211198807973));
	assert_true(r.s[2] == UINT64_C(9817491932198370423));
	assert_true(r.s[3] == UINT64_C(4593380528125082431));
}

/* xoshiro256** from the state 1 2 3 4. */
static void test_next(void **state)
{
	(void)state;
	static const uint64_t want[] = {11520,
					0,
					1509978240,
					UINT64_C(1215971899390074240),
					UINT64_C(1216172134540287360),
					UINT64_C(607988272756665600),
					UINT64_C(16172922978634559625),
					UINT64_C(8476171486693032832)};
	struct rng r = {{1, 2, 3, 4}};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_true(rng_next(&r) == want[i]);
}

/* Counts of 7 cells, 10000 each expected: chi² with 6 degrees of freedom is under 22.5 with
 * probability 0.999. */
static void test_below(void **state)
{
	(void)state;
	struct rng r;
	double count[7] = {0}, chi2 = 0;
	rng_seed(&r, 1);
	for (int i = 0; i < 70000; i++)
		count[rng_below(&r, 7)]++;
	for (int k = 0; k < 7; k++)
		chi2 += (count[k] - 10000) * (count[k] - 10000) / 10000;
	assert_true(chi2 < 22.5);
	for (int i = 0; i < 100; i++)
		assert_true(rng_below(&r, 1) == 0);
}

/* A range that does not divide 2^64. Values that would favour the low numbers are drawn again. */
static void test_below_large(void **state)
{
	(void)state;
	struct rng r;
	const uint64_t n = UINT64_C(3) << 62; /* 3/4 of 2^64: with a plain x % n the lowest third
						 would occur twice as often */
	int low = 0;
	rng_seed(&r, 2);
	for (int i = 0; i < 30000; i++) {
		uint64_t x = rng_below(&r, n);
		assert_true(x < n);
		low += x < n / 3;
	}
	assert_in_range(low, 10000 - 330,
			10000 + 330); /* 4 standard deviations, sqrt(30000 · 1/3 · 2/3) = 82 */
}

static void test_uniform(void **state)
{
	(void)state;
	struct rng r;
	double sum = 0, squares = 0;
	rng_seed(&r, 3);
	for (int i = 0; i < 100000; i++) {
		double x = rng_uniform(&r);
		assert_true(x >= 0 && x < 1);
		sum += x;
		squares += x * x;
	}
	assert_true(sum / 100000 > 0.496 &&
		    sum / 100000 < 0.504); /* 1/2 ± 4 · 0.289 / sqrt(100000) */
	assert_true(squares / 100000 > 0.329 &&
		    squares / 100000 < 0.338); /* 1/3 ± 4 · 0.298 / sqrt(100000) */
}

/* Each of the 6 orders of three things, 10000 times each expected; 5 degrees of freedom:
 * under 20.5. */
static void test_shuffle(void **state)
{
	(void)state;
	struct rng r;
	double count[27] = {0}, chi2 = 0;
	int orders = 0;
	rng_seed(&r, 4);
	for (int i = 0; i < 60000; i++) {
		int a[3] = {0, 1, 2};
		rng_shuffle(&r, a, 3);
		assert_int_equal(a[0] + a[1] + a[2], 3);
		assert_int_equal(a[0] * a[1] * a[2], 0);
		count[9 * a[0] + 3 * a[1] + a[2]]++;
	}
	for (int k = 0; k < 27; k++) {
		orders += count[k] > 0;
		if (count[k] > 0)
			chi2 += (count[k] - 10000) * (count[k] - 10000) / 10000;
	}
	assert_int_equal(orders, 6);
	assert_true(chi2 < 20.5);
	rng_shuffle(&r, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seed),    cmocka_unit_test(test_next),
		cmocka_unit_test(test_below),   cmocka_unit_test(test_below_large),
		cmocka_unit_test(test_uniform), cmocka_unit_test(test_shuffle),
	};
	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
