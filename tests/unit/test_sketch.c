/* test_sketch.c: math/sketch.h on the CPU backend against C = XᵀXm in float64. The rows are like a
 * model's: a spectrum that falls, and sides that differ by a twentieth. */
#include "math/sketch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/opts.h"
#include "base/rng.h"
#include "base/threads.h"

enum { P = GRAM_CHUNK + GRAM_STAGE + 7, D = GRAM_BLOCK + 45, R = 5, MOST = SKETCH_SIZE + 3 };

static float X[P * D], Xm[P * D], A[MOST * D];
static double w[P];

static void read_rows(void *arg, enum gram_side side, size_t row0, size_t n, float *dst)
{
	(void)arg;
	memcpy(dst, (side == GRAM_SIDE_X ? X : Xm) + row0 * D, n * D * sizeof(float));
}

/* C (D, D) of the weighted and blended rows, allocated. */
static double *naive(const struct gram_rows *rows)
{
	double *C = calloc((size_t)D * D, sizeof(*C));

	for (size_t p = 0; p < rows->P; p++)
		for (int i = 0; i < D; i++)
			for (int j = 0; j < D; j++) {
				double x = (double)X[p * D + (size_t)i],
				       blend = (1 - rows->rho) * (double)Xm[p * D + (size_t)j] +
					       rows->rho * (double)X[p * D + (size_t)j];

				C[i * D + j] += (rows->w ? rows->w[p] : 1) * x * blend;
			}
	return C;
}

static double norm_of(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sqrt(sum);
}

/* ‖have − A C‖ / ‖A C‖ for r rows of A. */
static double thin_error(const double *have, const float *a, int r, const double *C)
{
	double diff = 0, norm = 0;

	for (int i = 0; i < r; i++)
		for (int j = 0; j < D; j++) {
			double want = 0;

			for (int e = 0; e < D; e++)
				want += (double)a[i * D + e] * C[e * D + j];
			diff += (have[i * D + j] - want) * (have[i * D + j] - want);
			norm += want * want;
		}
	return sqrt(diff / norm);
}

/* Makes H, then the sketch with the first r rows of A. Returns the estimate of ‖C‖; *h = ‖H‖. */
static double run(struct sketch *s, struct gram *g, const struct gram_rows *rows, int r, double *h)
{
	assert_int_equal(gram_run(g, rows, GRAM_XM_XM), 0);
	*h = gram_norm(g);
	sketch_clear(s);
	sketch_add(s, A, R);
	sketch_add(s, A + R * D, r - R);
	assert_int_equal(sketch_run(s, g, rows), 0);
	return sketch_norm(s, *h);
}

/* Weights, a blend, and more rows of A than the sketch has vectors. */
static void against_float64(void **state)
{
	double *AC = malloc(MOST * D * sizeof(*AC)), h;
	struct sketch s;
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	sketch_init(&s, NULL, D, MOST);
	for (int k = 0; k < 4; k++) {
		struct gram_rows rows = {
			.read = read_rows, .P = P, .rho = k & 1 ? 0.25 : 0, .w = k & 2 ? w : NULL};
		double *C = naive(&rows), norm = norm_of(C, (size_t)D * D),
		       have = run(&s, &g, &rows, k ? R : MOST, &h);

		assert_true(fabs(have / norm - 1) <= 1e-4);
		assert_true(fabs(h / norm - 1) >= 1e-3); /* ‖H‖ would not do */
		sketch_thin(&s, &g, AC, 0, k ? R : MOST);
		assert_true(thin_error(AC, A, k ? R : MOST, C) <= 1e-6);
		sketch_thin(&s, &g, AC, 2, 3);
		assert_true(thin_error(AC, A + 2 * D, 3, C) <= 1e-6);
		free(C);
	}
	gram_release(&g);
	sketch_release(&s);
	free(AC);
}

/* Where the sides are equal, C is H: the merge of one task gives its adapter back. */
static void equal_sides(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P, .rho = 1};
	double *AC = malloc(R * D * sizeof(*AC)), *AH = malloc(R * D * sizeof(*AH)), h;
	struct sketch s;
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	sketch_init(&s, NULL, D, R);
	assert_true(fabs(run(&s, &g, &rows, R, &h) / h - 1) <= 1e-14);
	sketch_thin(&s, &g, AC, 0, R);
	gram_thin(&g, AH, A, R);
	assert_memory_equal(AC, AH, R * D * sizeof(*AC));
	gram_release(&g);
	sketch_release(&s);
	free(AC);
	free(AH);
}

/* H of no more rank than Q has columns: there is nothing to estimate. */
static void few_directions(void **state)
{
	enum { RANK = SKETCH_TOP / 2 };
	float *x = malloc(sizeof(X)), *xm = malloc(sizeof(Xm));
	struct gram_rows rows = {.read = read_rows, .P = P};
	double *C, norm, h;
	struct sketch s;
	struct gram g;

	(void)state;
	memcpy(x, X, sizeof(X));
	memcpy(xm, Xm, sizeof(Xm));
	for (size_t p = RANK; p < P; p++) {
		memcpy(X + p * D, X + p % RANK * D, D * sizeof(float));
		memcpy(Xm + p * D, Xm + p % RANK * D, D * sizeof(float));
	}
	gram_init(&g, NULL, D, D);
	sketch_init(&s, NULL, D, R);
	C = naive(&rows);
	norm = norm_of(C, (size_t)D * D);
	assert_true(fabs(run(&s, &g, &rows, R, &h) / norm - 1) <= 1e-6);
	gram_release(&g);
	sketch_release(&s);
	memcpy(X, x, sizeof(X));
	memcpy(Xm, xm, sizeof(Xm));
	free(C);
	free(x);
	free(xm);
}

/* ------------------------------------------------------------ equal bits */

static double *kept; /* (D, D): a Gram that memory does not hold */

static void begin(void *arg, int d, bool symmetric)
{
	(void)arg;
	assert_true(d == D && symmetric);
}

static void put(void *arg, int i0, int n, const double *rows)
{
	(void)arg;
	for (int i = i0; i < i0 + n; i++)
		for (int j = 0; j <= i; j++)
			kept[i * D + j] = kept[j * D + i] = rows[(i - i0) * D + j];
}

static void get(void *arg, int i0, int n, double *rows)
{
	(void)arg;
	memcpy(rows, kept + i0 * D, (size_t)n * D * sizeof(double));
}

/* For any number of threads, and for a Gram in blocks. */
static void same_bits(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P};
	double *AC = malloc(R * D * sizeof(*AC)), *once = malloc(R * D * sizeof(*AC)), norm = 0, h;
	struct sketch s;

	(void)state;
	kept = malloc((size_t)D * D * sizeof(*kept));
	sketch_init(&s, NULL, D, R);
	for (int k = 0; k < 4; k++) {
		struct gram g;
		double have;

		threads_use(k < 3 ? k + 1 : 1);
		gram_init(&g, NULL, D, k < 3 ? D : GRAM_BLOCK);
		g.store = (struct gram_store){begin, put, get, NULL};
		have = run(&s, &g, &rows, R, &h);
		sketch_thin(&s, &g, k ? AC : once, 0, R);
		norm = k ? norm : have;
		assert_true(have == norm);
		if (k)
			assert_memory_equal(AC, once, R * D * sizeof(*AC));
		gram_release(&g);
	}
	threads_use(1);
	sketch_release(&s);
	free(kept);
	free(once);
	free(AC);
}

/* A row that is not finite is found by the pass for H, or on the other side by the sketch's. */
static void bad_row(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P};
	float *at = &X[(GRAM_CHUNK + 3) * D + 11], good = *at;
	struct sketch s;
	struct gram g;

	(void)state;
	*at = NAN;
	gram_init(&g, NULL, D, D);
	sketch_init(&s, NULL, D, R);
	assert_int_equal(gram_run(&g, &rows, GRAM_XM_XM), 0);
	assert_int_equal(sketch_run(&s, &g, &rows), 1);
	assert_int_equal(g.bad_row, GRAM_CHUNK + 3);
	assert_int_equal(g.bad_side, GRAM_SIDE_X);
	*at = good;
	gram_release(&g);
	sketch_release(&s);
}

/* It takes less time only with many rows, and with width to spare. */
static void when_it_pays(void **state)
{
	(void)state;
	assert_true(sketch_pays(3600, 1024, 16));
	assert_true(sketch_pays(3600, 256, 16));
	assert_false(sketch_pays(3600, 128, 32));
	assert_false(sketch_pays(3600, 576, 300));
	assert_false(sketch_pays(GRAM_F64_ROWS, 4096, 16));
	assert_true(sketch_products(3600, 1024, 16) < 3600.0 * 1024 * 1024 / 4);
	assert_true(sketch_products(100, 1024, 16) == 100.0 * 1024 * 1024);
}

/* ------------------------------------------------------------ */

static double normal(struct rng *r)
{
	double u = 1 - rng_uniform(r);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * rng_uniform(r));
}

/* Coordinate j has the size 1/(1+j) in a random order; the difference has the same spectrum. */
static void make_rows(void)
{
	struct rng random;
	int order[D];

	rng_seed(&random, 5);
	for (int j = 0; j < D; j++)
		order[j] = j;
	rng_shuffle(&random, order, D);
	for (int p = 0; p < P; p++) {
		w[p] = 1.5 + rng_uniform(&random);
		for (int j = 0; j < D; j++) {
			double size = 1.0 / (1 + order[j]);

			X[p * D + j] = (float)(size * normal(&random));
			Xm[p * D + j] = (float)((double)X[p * D + j] * 0.95 +
						0.05 * size * normal(&random));
		}
	}
	for (int i = 0; i < MOST * D; i++)
		A[i] = (float)normal(&random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_float64), cmocka_unit_test(equal_sides),
		cmocka_unit_test(few_directions),  cmocka_unit_test(same_bits),
		cmocka_unit_test(bad_row),         cmocka_unit_test(when_it_pays),
	};

	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	make_rows();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
