/* test_grams.c: lib/grams on the CPU backend against float64 loops. The bound is that of float32:
 * chunk sums of GRAM_CHUNK products. */
#include "base/threads.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/be.h"
#include "base/opts.h"
#include "math/grams.h"

enum {
	P = GRAM_CHUNK + GRAM_STAGE + 7,
	D = GRAM_PANEL + 45,
	M = 60,
	R = 3
}; /* no size is a multiple of a block size */

static float X[P * D], Xm[P * D], W[M * D], A[R * D];
static double w[P], G[D * D];

static uint64_t seed = 3;

static float uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(seed >> 40) / 8388608.0f - 1;
}

static void read_rows(void *arg, enum gram_side side, size_t row0, size_t n, float *dst)
{
	(void)arg;
	memcpy(dst, (side == GRAM_SIDE_X ? X : Xm) + row0 * D, n * D * sizeof(float));
}

/* G = Σ w l rᵀ; the merged side r (and l) is blended by rho where this is asked for. */
static void naive(enum gram_kind kind, double rho, const double *weight)
{
	memset(G, 0, sizeof(G));
	for (int p = 0; p < P; p++) {
		const float *x = X + p * D, *xm = Xm + p * D;
		double l[D], r[D];

		for (int i = 0; i < D; i++) {
			double blend = (1 - rho) * (double)xm[i] + rho * (double)x[i];

			l[i] = (weight ? weight[p] : 1) *
			       (kind == GRAM_XM_XM ? blend : (double)x[i]);
			r[i] = kind == GRAM_X_X ? (double)x[i] : blend;
		}
		for (int i = 0; i < D; i++)
			for (int j = 0; j < D; j++)
				G[i * D + j] += l[i] * r[j];
	}
}

/* ‖G − want‖ / ‖want‖, and the norm against G's own. */
static void compare(struct gram *g)
{
	double *have = malloc(sizeof(G)), diff = 0, norm = 0;

	gram_get(g, 0, D, have);
	for (int i = 0; i < D * D; i++) {
		diff += (have[i] - G[i]) * (have[i] - G[i]);
		norm += G[i] * G[i];
	}
	assert_true(sqrt(diff / norm) <= 1e-6);
	assert_true(fabs(gram_norm(g) / sqrt(norm) - 1) <= 1e-6);
	free(have);
}

static void kinds(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P, .rho = 0.25, .w = w};
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	for (int weighted = 0; weighted < 2; weighted++)
		for (enum gram_kind kind = GRAM_XM_XM; kind <= GRAM_X_X; kind++) {
			rows.w = weighted ? w : NULL;
			assert_int_equal(gram_run(&g, &rows, kind), 0);
			naive(kind, rows.rho, rows.w);
			compare(&g);
		}
	/* Xm is X: all three are XᵀX. */
	rows = (struct gram_rows){.read = read_rows, .P = P, .same = true, .rho = 0.25};
	naive(GRAM_X_X, 0, NULL);
	for (enum gram_kind kind = GRAM_XM_XM; kind <= GRAM_X_X; kind++) {
		assert_int_equal(gram_run(&g, &rows, kind), 0);
		compare(&g);
	}
	gram_release(&g);
}

/* The products with G, in float64; only WᵀW is in float32. */
static void products(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P};
	double AG[R * D], trace = 0;
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	assert_int_equal(gram_run(&g, &rows, GRAM_X_XM), 0);
	gram_get(&g, 0, D, G);
	gram_thin(&g, AG, A, R);
	for (int r = 0; r < R; r++)
		for (int j = 0; j < D; j++) {
			double want = 0;

			for (int i = 0; i < D; i++)
				want += (double)A[r * D + i] * G[i * D + j];
			assert_true(fabs(AG[r * D + j] - want) <= 1e-10 * P);
		}
	assert_int_equal(gram_run(&g, &rows, GRAM_X_X), 0);
	gram_get(&g, 0, D, G);
	for (int o = 0; o < M; o++)
		for (int i = 0; i < D; i++)
			for (int j = 0; j < D; j++)
				trace += (double)W[o * D + i] * G[i * D + j] * (double)W[o * D + j];
	assert_true(fabs(gram_trace(&g, W, M) / trace - 1) <= 1e-6);
	gram_release(&g);
}

/* Σ ‖B A x‖² over n rows of X, in float64. */
static double naive_norm2(size_t n, const double *BtB)
{
	double sum = 0;

	for (size_t p = 0; p < n; p++) {
		double a[R] = {0};

		for (int r = 0; r < R; r++)
			for (int i = 0; i < D; i++)
				a[r] += (double)A[r * D + i] * (double)X[p * D + (size_t)i];
		for (int r = 0; r < R * R; r++)
			sum += BtB[r] * a[r / R] * a[r % R];
	}
	return sum;
}

/* The same for any number of threads: a tile's sum is one thread's. */
static void staged_norms(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P};
	double BtB[R * R], last = 0;
	struct gram g;

	(void)state;
	for (int r = 0; r < R * R; r++)
		BtB[r] = r / R + r % R + 1;
	gram_init(&g, NULL, D, D);
	for (size_t n = 1; n <= GRAM_STAGE; n += 239)
		for (int t = 1; t <= 3; t++) {
			threads_use(t);
			assert_int_equal(gram_stage(&g, &rows, GRAM_SIDE_X, 0, n), 0);
			double have = gram_staged_norm2(&g, (int)n, A, BtB, R);
			assert_true(fabs(have / naive_norm2(n, BtB) - 1) <= 1e-6);
			assert_true(t == 1 || have == last);
			last = have;
		}
	threads_use(1);
	gram_release(&g);
}

/* ‖X Wᵀ‖² of the rows themselves is that from their Gram. */
static void norms_of_rows(void **state)
{
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	for (size_t n = 1; n <= GRAM_STAGE; n += GRAM_STAGE - 1) {
		struct gram_rows rows = {.read = read_rows, .P = n};
		double trace;

		assert_int_equal(gram_run(&g, &rows, GRAM_X_X), 0);
		trace = gram_trace(&g, W, M);
		assert_int_equal(gram_stage(&g, &rows, GRAM_SIDE_X, 0, n), 0);
		assert_true(fabs(gram_staged_trace(&g, (int)n, W, M) / trace - 1) <= 1e-6);
	}
	gram_release(&g);
}

static void bad_rows(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P, .rho = 0.25};
	float *at = &X[(GRAM_CHUNK + 3) * D + 11], kept = *at;
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	*at = -INFINITY;
	assert_int_equal(gram_run(&g, &rows, GRAM_XM_XM), 1);
	assert_int_equal(g.bad_row, GRAM_CHUNK + 3);
	assert_int_equal(g.bad_side, GRAM_SIDE_X);
	*at = kept;
	X[5 * D] = NAN;
	rows.P = 9;
	assert_int_equal(gram_run(&g, &rows, GRAM_X_X), 1);
	assert_int_equal(g.bad_row, 5);
	X[5 * D] = 0;
	rows.P = P;
	/* The longest row of the merged side. */
	rows.rho = 0;
	Xm[77 * D] = 1000;
	assert_int_equal(gram_run(&g, &rows, GRAM_XM_XM), 0);
	assert_int_equal(g.largest_row, 77);
	assert_true(g.largest_norm >= 1000 && g.largest_norm < 1000 + D);
	Xm[77 * D] = 0;
	gram_release(&g);
}

/* A Gram that is made in two blocks of rows, the second one smaller. */
enum { WIDE = GRAM_BLOCK + 45 };

struct kept {
	double *G; /* (WIDE, WIDE) */
	bool symmetric;
	int next; /* the row that comes next */
};

static void begin(void *arg, int d, bool symmetric)
{
	struct kept *k = arg;

	assert_int_equal(d, WIDE);
	k->symmetric = symmetric;
	k->next = 0;
}

static void put(void *arg, int i0, int n, const double *rows)
{
	struct kept *k = arg;

	assert_int_equal(i0, k->next);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < (k->symmetric ? i0 + i + 1 : WIDE); j++) {
			k->G[(i0 + i) * WIDE + j] = rows[i * WIDE + j];
			if (k->symmetric)
				k->G[j * WIDE + i0 + i] = rows[i * WIDE + j];
		}
	k->next = i0 + n;
}

static void get(void *arg, int i0, int n, double *rows)
{
	struct kept *k = arg;

	assert_int_equal(k->next, WIDE);
	memcpy(rows, k->G + i0 * WIDE, (size_t)(n * WIDE) * sizeof(double));
}

static void read_wide(void *arg, enum gram_side side, size_t row0, size_t n, float *dst)
{
	(void)arg;
	for (size_t i = 0; i < n * WIDE; i++)
		dst[i] = (side == GRAM_SIDE_X ? X : Xm)[(row0 * WIDE + i) % (P * D)];
}

/* The same bits as in memory, of all kinds, with many rows and with few. */
static void blocks(void **state)
{
	struct kept kept = {.G = malloc(WIDE * WIDE * sizeof(double))};
	double *whole = malloc(WIDE * WIDE * sizeof(double));
	struct gram a, b;

	(void)state;
	gram_init(&a, NULL, WIDE, WIDE);
	gram_init(&b, NULL, WIDE, GRAM_BLOCK);
	b.store = (struct gram_store){begin, put, get, &kept};
	for (size_t n = GRAM_F64_ROWS; n <= GRAM_CHUNK + 300; n += GRAM_CHUNK + 44)
		for (enum gram_kind kind = GRAM_XM_XM; kind <= GRAM_X_X; kind++) {
			struct gram_rows rows = {.read = read_wide, .P = n};

			assert_int_equal(gram_run(&a, &rows, kind), 0);
			assert_int_equal(gram_run(&b, &rows, kind), 0);
			gram_get(&a, 0, WIDE, whole);
			assert_memory_equal(whole, kept.G, WIDE * WIDE * sizeof(double));
			assert_true(gram_norm(&a) == gram_norm(&b));
		}
	gram_release(&a);
	gram_release(&b);
	free(whole);
	free(kept.G);
}

static void same_bits_for_any_threads(void **state)
{
	struct gram_rows rows = {.read = read_rows, .P = P};
	double *once = malloc(sizeof(G)), trace = 0;
	struct gram g;

	(void)state;
	gram_init(&g, NULL, D, D);
	for (int threads = 1; threads <= 4; threads++) {
		threads_use(threads);
		assert_int_equal(gram_run(&g, &rows, GRAM_X_XM), 0);
		gram_get(&g, 0, D, threads == 1 ? once : G);
		assert_int_equal(gram_run(&g, &rows, GRAM_X_X), 0);
		if (threads == 1) {
			trace = gram_trace(&g, W, M);
			continue;
		}
		assert_memory_equal(once, G, sizeof(G));
		assert_true(gram_trace(&g, W, M) == trace);
	}
	gram_release(&g);
	free(once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(products),
		cmocka_unit_test(norms_of_rows),
		cmocka_unit_test(staged_norms),
		cmocka_unit_test(bad_rows),
		cmocka_unit_test(blocks),
		cmocka_unit_test(same_bits_for_any_threads),
	};

	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	for (int i = 0; i < P * D; i++) {
		X[i] = uniform();
		Xm[i] = X[i] + 0.3f * uniform();
	}
	for (int i = 0; i < M * D; i++)
		W[i] = uniform();
	for (int i = 0; i < R * D; i++)
		A[i] = uniform();
	for (int p = 0; p < P; p++)
		w[p] = 1.5 + (double)uniform();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
