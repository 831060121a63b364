/* test_mats.c: lib/mats on a linear map with a known fixed point, against Anderson's method of type
 * II on whole matrices W = B A. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/mats.h"

enum {
	R = 3,
	D = 7,
	O = 5,
	STEPS = 40,
	MOST = 4
}; /* rank, d_in, d_out; pairs kept: a history of 3 */

static double B[O * R], BtB[R * R], M[D * D], C[R * D], fixed[R * D];

static uint64_t seed = 11;

static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 4503599627370496.0 - 1;
}

/* G(A) = A M + C on the factor; so W M + B C on W = B A. */
static void map(double *G, const double *A)
{
	for (int i = 0; i < R; i++)
		for (int j = 0; j < D; j++) {
			double sum = C[i * D + j];

			for (int k = 0; k < D; k++)
				sum += A[i * D + k] * M[k * D + j];
			G[i * D + j] = sum;
		}
}

/* M has a spectral radius under 1 (rows sum to at most 0.9). C makes `fixed` the fixed point. */
static int setup(void **state)
{
	double image[R * D];

	(void)state;
	for (int i = 0; i < O * R; i++)
		B[i] = uniform();
	for (int i = 0; i < R * R; i++) {
		BtB[i] = 0;
		for (int o = 0; o < O; o++)
			BtB[i] += B[o * R + i / R] * B[o * R + i % R];
	}
	for (int i = 0; i < D; i++) {
		double sum = 0;

		for (int j = 0; j < D; j++)
			sum += fabs(M[i * D + j] = uniform());
		for (int j = 0; j < D; j++)
			M[i * D + j] *= 0.9 / sum;
	}
	for (int i = 0; i < R * D; i++) {
		fixed[i] = uniform();
		C[i] = 0;
	}
	map(image, fixed);
	for (int i = 0; i < R * D; i++)
		C[i] = fixed[i] - image[i];
	return 0;
}

static void product(double *W, const double *A)
{
	for (int o = 0; o < O; o++)
		for (int j = 0; j < D; j++) {
			W[o * D + j] = 0;
			for (int i = 0; i < R; i++)
				W[o * D + j] += B[o * R + i] * A[i * D + j];
		}
}

static double difference(const double *a, const double *b, int n)
{
	double sum = 0, norm = 0;

	for (int i = 0; i < n; i++) {
		sum += (a[i] - b[i]) * (a[i] - b[i]);
		norm += b[i] * b[i];
	}
	return sqrt(sum / norm);
}

/* ------------------------------------------------------------ the textbook's method, on whole
 * matrices */

static double dense_W[STEPS][O * D], dense_G[STEPS][O * D]; /* W_k and G(W_k) */

static void gauss(double *A, double *b, int n) /* Gauss-Jordan with pivoting */
{
	for (int c = 0; c < n; c++) {
		int p = c;

		for (int i = c + 1; i < n; i++)
			p = fabs(A[i * n + c]) > fabs(A[p * n + c]) ? i : p;
		for (int j = 0; j < n; j++) {
			double t = A[c * n + j];

			A[c * n + j] = A[p * n + j];
			A[p * n + j] = t;
		}
		double t = b[c];

		b[c] = b[p];
		b[p] = t;
		for (int i = 0; i < n; i++) {
			double f = A[i * n + c] / A[c * n + c];

			if (i == c)
				continue;
			for (int j = 0; j < n; j++)
				A[i * n + j] -= f * A[c * n + j];
			b[i] -= f * b[c];
		}
	}
	for (int i = 0; i < n; i++)
		b[i] /= A[i * n + i];
}

/* W_{k+1} from the pairs first … k. */
static void dense_next(double *W, int first, int k, double mu)
{
	double dR[MOST][O * D], N[MOST * MOST], gamma[MOST];
	int q = k - first;

	for (int j = 0; j < q; j++)
		for (int i = 0; i < O * D; i++)
			dR[j][i] = (dense_G[first + j + 1][i] - dense_W[first + j + 1][i]) -
				   (dense_G[first + j][i] - dense_W[first + j][i]);
	for (int a = 0; a < q; a++) {
		for (int b = 0; b < q; b++) {
			N[a * q + b] = a == b ? mu : 0;
			for (int i = 0; i < O * D; i++)
				N[a * q + b] += dR[a][i] * dR[b][i];
		}
		gamma[a] = 0;
		for (int i = 0; i < O * D; i++)
			gamma[a] += dR[a][i] * (dense_G[k][i] - dense_W[k][i]);
	}
	gauss(N, gamma, q);
	memcpy(W, dense_G[k], sizeof(dense_G[k]));
	for (int j = 0; j < q; j++)
		for (int i = 0; i < O * D; i++)
			W[i] -= fmin(fmax(gamma[j], -2), 2) *
				(dense_G[first + j + 1][i] - dense_G[first + j][i]);
}

/* Runs both from W = 0, and compares every step until the fixed point. Returns the number of
 * steps. */
static int run_both(double mu, double until)
{
	struct mats m;
	double A[R * D] = {0}, G[R * D], W[O * D], target[O * D];
	int k;

	product(target, fixed);
	mats_init(&m, R, D, MOST);
	for (k = 0; k < STEPS; k++) {
		int first = k + 1 > MOST ? k + 1 - MOST : 0;

		map(G, A);
		product(dense_W[k], A);
		product(dense_G[k], G);
		mats_push(&m, A, G);
		assert_int_equal(m.n, k + 1 - first);
		assert_int_equal(mats_next(&m, A, BtB, mu), k ? MATS_ACCELERATED : MATS_PLAIN);
		dense_next(W, first, k, mu);
		product(dense_W[STEPS - 1],
			A); /* only a buffer here: W_{k+1} is computed from A above */
		assert_true(difference(dense_W[STEPS - 1], W, O * D) <= 1e-10);
		if (difference(W, target, O * D) < until)
			break;
	}
	mats_release(&m);
	return k + 1;
}

static int plain_steps(double until)
{
	double A[R * D] = {0}, G[R * D], W[O * D], target[O * D];
	int k = 0;

	product(target, fixed);
	do {
		map(G, A);
		memcpy(A, G, sizeof(A));
		product(W, A);
		k++;
	} while (difference(W, target, O * D) >= until);
	return k;
}

/* The same step from full weights, in parts of two rows. */
static void whole_step(double *W, int first, int k, double mu)
{
	enum { ROWS = 2 };
	struct mats_sums s;
	struct mats m;

	mats_init(&m, ROWS, D, MOST);
	mats_sums_init(&s, k - first);
	for (int pass = 0; pass < 2; pass++) {
		for (int o = 0; o < O; o += ROWS) {
			m.n = 0;
			m.R = O - o < ROWS ? O - o : ROWS;
			for (int j = first; j <= k; j++)
				mats_push(&m, dense_W[j] + o * D, dense_G[j] + o * D);
			if (pass)
				mats_step(W + o * D, &m, &s);
			else
				mats_add(&s, &m, NULL);
		}
		if (!pass)
			assert_int_equal(mats_solve(&s, mu),
					 k > first ? MATS_ACCELERATED : MATS_PLAIN);
	}
	mats_sums_release(&s);
	mats_release(&m);
}

static void test_whole_weights_in_parts(void **state)
{
	double W[O * D] = {0}, target[O * D], fitted[O * D];
	int k;

	(void)state;
	/* W M + B C: the map on W itself, whatever W's rank. */
	product(target, fixed);
	product(fitted, C);
	for (k = 0; k < STEPS; k++) {
		int first = k + 1 > MOST ? k + 1 - MOST : 0;
		double want[O * D];

		memcpy(dense_W[k], W, sizeof(W));
		for (int i = 0; i < O * D; i++) {
			dense_G[k][i] = fitted[i];
			for (int e = 0; e < D; e++)
				dense_G[k][i] += W[i / D * D + e] * M[e * D + i % D];
		}
		dense_next(want, first, k, 1e-5);
		whole_step(W, first, k, 1e-5);
		assert_true(difference(W, want, O * D) <= 1e-10);
		if (difference(W, target, O * D) < 1e-6)
			break;
	}
	assert_true(k < STEPS - 1 && k + 1 < plain_steps(1e-6));
}

static void test_follows_the_textbook(void **state)
{
	int steps, plain = plain_steps(1e-6);

	(void)state;
	steps = run_both(1e-5, 1e-6);
	print_message("# 1e-6 after %d steps, without acceleration %d\n", steps, plain);
	assert_true(steps < STEPS - 1);
	assert_true(steps < plain);
	run_both(1e-2, 1e-6); /* a ridge that is not negligible */
}

static void test_one_pair_is_plain(void **state)
{
	struct mats m;
	double A[R * D] = {0}, G[R * D], W[R * D];

	(void)state;
	mats_init(&m, R, D, MOST);
	map(G, A);
	mats_push(&m, A, G);
	assert_int_equal(mats_next(&m, W, BtB, 1e-5), MATS_PLAIN);
	assert_memory_equal(W, G, sizeof(G));
	mats_release(&m);
}

static void test_distance(void **state)
{
	double U[R * D], V[R * D], WU[O * D], WV[O * D], sum = 0, norm = 0;

	(void)state;
	for (int i = 0; i < R * D; i++) {
		U[i] = uniform();
		V[i] = uniform();
	}
	product(WU, U);
	product(WV, V);
	for (int i = 0; i < O * D; i++) {
		sum += (WU[i] - WV[i]) * (WU[i] - WV[i]);
		norm += WU[i] * WU[i];
	}
	assert_true(fabs(mats_distance(U, V, BtB, R, D) - sqrt(sum)) <= 1e-12 * sqrt(sum));
	assert_true(fabs(mats_distance(U, NULL, BtB, R, D) - sqrt(norm)) <= 1e-12 * sqrt(norm));
}

/* One number: R_0 = 1, R_1 = 1 − e. gamma = R_1 / ΔR = −(1−e)/e is limited to −2, and the step is
 * G_1 + 2 ΔG. */
static void test_gamma_is_clamped(void **state)
{
	struct mats m;
	double one = 1, W[2] = {0, 1}, G[2] = {1, 1.99}, A;

	(void)state;
	mats_init(&m, 1, 1, 2);
	mats_push(&m, &W[0], &G[0]);
	mats_push(&m, &W[1], &G[1]);
	assert_int_equal(mats_next(&m, &A, &one, 0), MATS_ACCELERATED);
	assert_true(fabs(A - (1.99 + 2 * 0.99)) < 1e-12);
	mats_release(&m);
}

/* The same limit, with a step 2 ΔG of more than twice G_1 itself. */
static void test_too_far_goes_back(void **state)
{
	struct mats m;
	double one = 1, W[2] = {-1.2, -0.2}, G[2] = {-0.2, 0.79}, A;

	(void)state;
	mats_init(&m, 1, 1, 2);
	mats_push(&m, &W[0], &G[0]);
	mats_push(&m, &W[1], &G[1]);
	assert_int_equal(mats_next(&m, &A, &one, 0), MATS_TOO_FAR);
	assert_true(A == G[1]);
	mats_release(&m);
}

/* Two equal remainders and no ridge: no gamma, no acceleration, no crash. */
static void test_singular_is_plain(void **state)
{
	struct mats m;
	double one = 1, W[2] = {0, 1}, G[2] = {1, 2}, A;

	(void)state;
	mats_init(&m, 1, 1, 2);
	mats_push(&m, &W[0], &G[0]);
	mats_push(&m, &W[1], &G[1]);
	assert_int_equal(mats_next(&m, &A, &one, 0), MATS_PLAIN);
	assert_true(A == G[1]);
	mats_release(&m);
}

static void test_empty(void **state)
{
	struct mats m;
	double A[1];

	(void)state;
	mats_init(&m, 0, D, 2);
	mats_push(&m, A, A);
	mats_push(&m, A, A);
	assert_int_equal(mats_next(&m, A, BtB, 1e-5), MATS_PLAIN);
	assert_true(mats_distance(A, NULL, BtB, 0, D) == 0);
	mats_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows_the_textbook),
		cmocka_unit_test(test_whole_weights_in_parts),
		cmocka_unit_test(test_one_pair_is_plain),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_gamma_is_clamped),
		cmocka_unit_test(test_too_far_goes_back),
		cmocka_unit_test(test_singular_is_plain),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
