/* test_simd.c: the accuracy of the elementwise functions of backend/simd.c, on every instruction
 * set for which it is compiled and that this CPU has.
 *
 * The source is compiled here once per set (simd_sets.h), because a program's own copy uses only
 * one set. Errors are in float32 units. For exp they are units in the last place of the result. For
 * softcap the unit is 2^-24 of the result. For gelu and silu it is 2^-24 |x|, because for large
 * negative x the result is a tail that no sum notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/die.h"
#include "reference.h"
#include "simd_sets.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
enum { BATCH = 4096 };

static float from_bits(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* Every step-th float32 x of 2^-30 to 2^7, with both signs; calls fn(x, y, n) for each batch. */
static void sweep_floats(uint32_t step, void (*fn)(void *arg, const float *x, size_t n), void *arg)
{
	float x[BATCH];
	size_t n = 0;

	for (uint32_t sign = 0; sign < 2; sign++)
		for (uint32_t bits = 97u << 23; bits < 134u << 23; bits += step) {
			x[n++] = from_bits(sign << 31 | bits);
			if (n == BATCH) {
				fn(arg, x, n);
				n = 0;
			}
		}
	fn(arg, x, n);
}

struct accuracy {
	const struct simd_set *set;
	double worst;
	float at;
};

static void keep_worst(struct accuracy *a, double error, float x)
{
	if (error > a->worst || isnan(error)) {
		a->worst = error;
		a->at = x;
	}
}

/* The unit in the last place of a float32 near x. */
static double ulp(double x)
{
	int exponent;

	frexp(x, &exponent);
	return ldexp(1, exponent - 24);
}

static void exp_batch(void *arg, const float *x, size_t n)
{
	struct accuracy *a = arg;
	float y[BATCH];

	memcpy(y, x, n * sizeof(*x));
	a->set->exp(y, n);
	for (size_t i = 0; i < n; i++) {
		double want = exp((double)x[i]);

		if (x[i] >= -87 && x[i] <= 88) /* beyond the range, exp_poly stays at its ends */
			keep_worst(a, fabs((double)y[i] - want) / ulp(want), x[i]);
	}
}

/* In units of 2^-24 |x|. */
static void activation_errors(struct accuracy *a, const float *x, const float *y, size_t n,
			      double (*exact)(double))
{
	for (size_t i = 0; i < n; i++)
		keep_worst(a,
			   fabs((double)y[i] - exact((double)x[i])) /
				   (0x1p-24 * fabs((double)x[i])),
			   x[i]);
}

static void gelu_batch(void *arg, const float *x, size_t n)
{
	struct accuracy *a = arg;
	float y[BATCH];

	memcpy(y, x, n * sizeof(*x));
	a->set->gelu(y, NULL, n);
	activation_errors(a, x, y, n, ref_gelu);
}

static void silu_batch(void *arg, const float *x, size_t n)
{
	struct accuracy *a = arg;
	float y[BATCH];

	memcpy(y, x, n * sizeof(*x));
	a->set->silu(y, NULL, n);
	activation_errors(a, x, y, n, ref_silu);
}

static void softcap_batch(void *arg, const float *x, size_t n)
{
	struct accuracy *a = arg;
	float y[BATCH];

	memcpy(y, x, n * sizeof(*x));
	a->set->softcap(y, 30, n);
	for (size_t i = 0; i < n; i++) {
		double want = ref_softcap((double)x[i], 30);

		keep_worst(a, fabs((double)y[i] - want) / (0x1p-24 * fabs(want)), x[i]);
	}
}

typedef void batch_fn(void *arg, const float *x, size_t n);

/* Prints the error on each set; none may be over `most`. */
static void check_accuracy(const char *what, batch_fn *fn, double most)
{
	for (size_t i = 0; i < COUNT(simd_sets); i++) {
		struct accuracy a = {.set = simd_sets[i]};

		if (!a.set->here()) {
			print_message("# %s, %s: not on this CPU\n", what, a.set->name);
			continue;
		}
		sweep_floats(101, fn, &a);
		print_message("# %s, %s: at most %.3f units, at %.9g\n", what, a.set->name, a.worst,
			      (double)a.at);
		if (!(a.worst <= most))
			fail_msg("%s, %s: %g units at %.9g, %g allowed", what, a.set->name, a.worst,
				 (double)a.at, most);
	}
}

static void test_exp(void **state)
{
	(void)state;
	check_accuracy("exp", exp_batch, 2);
}

static void test_gelu(void **state)
{
	(void)state;
	check_accuracy("gelu", gelu_batch, 3);
}

static void test_silu(void **state)
{
	(void)state;
	check_accuracy("silu", silu_batch, 3);
}

static void test_softcap(void **state)
{
	(void)state;
	check_accuracy("softcap", softcap_batch, 8);
}

/* ------------------------------------------------------------ rows, on every set */

static uint64_t seed = 3;

static float uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(seed >> 40) / 8388608.0f - 1;
}

static void fill(float *x, size_t n, float factor)
{
	for (size_t i = 0; i < n; i++)
		x[i] = factor * uniform();
}

static void each_set(void (*fn)(const struct simd_set *set))
{
	for (size_t i = 0; i < COUNT(simd_sets); i++)
		if (simd_sets[i]->here())
			fn(simd_sets[i]);
}

enum { LONGEST = 100 };

/* Every length around the 16 lanes; scores that differ by up to 40. */
static void softmax_rows(const struct simd_set *set)
{
	for (size_t n = 1; n < LONGEST; n++) {
		float x[LONGEST], y[LONGEST];
		double total = 0;

		fill(x, n, 20);
		memcpy(y, x, n * sizeof(*x));
		set->softmax(y, n);
		for (size_t i = 0; i < n; i++)
			total += exp((double)x[i]);
		for (size_t i = 0; i < n; i++) {
			double want = exp((double)x[i]) / total;

			/* the difference x - max is rounded: up to 40 · 2^-24 */
			assert_true(fabs((double)y[i] - want) <= 50 * 0x1p-24 * want);
		}
	}
}

static void test_softmax(void **state)
{
	(void)state;
	each_set(softmax_rows);
}

static void rmsnorm_rows(const struct simd_set *set)
{
	for (size_t n = 1; n < LONGEST; n++) {
		float x[LONGEST], g[LONGEST], y[LONGEST];

		fill(x, n, 1);
		fill(g, n, 2);
		set->rmsnorm(y, x, g, n, 1e-6f);
		for (size_t i = 0; i < n; i++) {
			double want = (double)x[i] * ref_rms_factor(x, (int)n, 1e-6) * (double)g[i];

			assert_true(fabs((double)y[i] - want) <= 6 * 0x1p-24 * fabs(want));
		}
	}
}

static void test_rmsnorm(void **state)
{
	(void)state;
	each_set(rmsnorm_rows);
}

static void dots(const struct simd_set *set)
{
	for (size_t n = 0; n < LONGEST; n++) {
		float x[LONGEST], y[LONGEST];
		struct exact want;

		fill(x, n, 1);
		fill(y, n, 1);
		want = ref_dot(x, 1, y, 1, (int)n);
		assert_true(fabs(set->dot_f64(x, y, n) - want.value) <= 0x1p-50 * want.size);
	}
}

static void test_dot(void **state)
{
	(void)state;
	each_set(dots);
}

/* Whole squares of 16, parts of squares, and gaps behind the rows. */
static void transposes(const struct simd_set *set)
{
	static const size_t shapes[][2] = {{16, 16}, {33, 16}, {5, 40}, {1, 17}, {48, 1}};

	for (size_t i = 0; i < COUNT(shapes); i++) {
		size_t rows = shapes[i][0], cols = shapes[i][1], ldx = cols + 3, ldy = rows + 2;
		float x[64 * 64], y[64 * 64];

		fill(x, COUNT(x), 1);
		memset(y, 0, sizeof(y));
		set->transpose(y, ldy, x, ldx, rows, cols);
		for (size_t c = 0; c < cols; c++)
			for (size_t r = 0; r < ldy; r++)
				assert_true(y[c * ldy + r] == (r < rows ? x[r * ldx + c] : 0));
	}
}

static void test_transpose(void **state)
{
	(void)state;
	each_set(transposes);
}

static float of_bf16(uint16_t y)
{
	return from_bits((uint32_t)y << 16);
}

/* Half-way values go to the even neighbour; infinity stays, and NaN stays NaN. */
static void roundings(const struct simd_set *set)
{
	float x[] = {1,        1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1.01p-8f, -0x1.ffp127f,
		     INFINITY, NAN,         0x1p-133f};
	static const float want[] = {1,        1, 1 + 4 * 0x1p-8f, 1 + 2 * 0x1p-8f, -INFINITY,
				     INFINITY, 0, 0x1p-133f};
	uint16_t y[COUNT(want)];

	set->to_bf16(y, x, COUNT(x));
	for (size_t i = 0; i < COUNT(want); i++)
		assert_true(isnan(x[i]) ? isnan(of_bf16(y[i])) : of_bf16(y[i]) == want[i]);
}

static void test_rounding(void **state)
{
	(void)state;
	each_set(roundings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exp),       cmocka_unit_test(test_gelu),
		cmocka_unit_test(test_silu),      cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_rmsnorm),   cmocka_unit_test(test_dot),
		cmocka_unit_test(test_transpose), cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_softcap),
	};

	return cmocka_run_group_tests_name("simd", tests, NULL, NULL);
}
