/* test_dcs.c: lib/dcs against the formula with every ΔW formed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "math/dcs.h"

enum { N = 3, P = 50, D = 13, M = 9, R = 6 }; /* adapters, rows, d_in, d_out, ranks together */

static const int task_of[R] = {0, 0, 2, 2, 2, 2}; /* adapter 1 does not target the module */
static const double s[N] = {1.5, 0, 0.7};
static float A[R * D], B[M * R], X[P * D];

static uint64_t seed = 7;

static float uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(seed >> 40) / 8388608.0f - 1;
}

static void fill(float *x, int n)
{
	for (int i = 0; i < n; i++)
		x[i] = uniform();
}

/* y_j = ΔW_j x. */
static void output(double *y, int j, const float *x)
{
	for (int o = 0; o < M; o++) {
		y[o] = 0;
		for (int i = 0; i < D; i++) {
			double dW = 0;

			for (int e = 0; e < R; e++)
				if (task_of[e] == j)
					dW += s[j] * (double)B[o * R + e] * (double)A[e * D + i];
			y[o] += dW * (double)x[i];
		}
	}
}

static double naive_variance(const float *x)
{
	double y[N][M], sum = 0;

	for (int j = 0; j < N; j++)
		output(y[j], j, x);
	for (int o = 0; o < M; o++) {
		double mean = (y[0][o] + y[1][o] + y[2][o]) / N;

		for (int j = 0; j < N; j++)
			sum += (y[j][o] - mean) * (y[j][o] - mean);
	}
	return sum / N / M;
}

static void naive_weights(double *w, const double *v, double kappa)
{
	double lo = INFINITY, hi = 0, sum = 0;

	for (int p = 0; p < P; p++) {
		lo = fmin(lo, log(1 + v[p]));
		hi = fmax(hi, log(1 + v[p]));
	}
	for (int p = 0; p < P; p++)
		sum += w[p] = exp(-kappa * (log(1 + v[p]) - lo) / (hi - lo));
	for (int p = 0; p < P; p++)
		w[p] = fmin(fmax(w[p] / (sum / P), 0.1), 3);
	sum = 0;
	for (int p = 0; p < P; p++)
		sum += w[p];
	for (int p = 0; p < P; p++)
		w[p] /= sum / P;
}

static void variance_and_own_output(void **state)
{
	double v[P], own[P], y[M];
	struct dcs q;

	(void)state;
	dcs_init(&q, A, B, s, task_of, 2, N, R, D, M, 16);
	for (int p = 0; p < P; p += 16)
		dcs_rows(&q, v + p, own + p, X + p * D, P - p < 16 ? P - p : 16);
	for (int p = 0; p < P; p++) {
		double want = naive_variance(X + p * D), y2 = 0;

		output(y, 2, X + p * D);
		for (int o = 0; o < M; o++)
			y2 += y[o] * y[o];
		assert_true(fabs(v[p] - want) <= 1e-10 * want);
		assert_true(fabs(own[p] - y2) <= 1e-10 * y2);
	}
	dcs_release(&q);
}

/* A strong κ, so that both limits are reached; in place. */
static void weights(void **state)
{
	static const double kappa[] = {0.1, 0.5, 8};
	double v[P], w[P], want[P];

	(void)state;
	for (int k = 0; k < 3; k++) {
		double sum = 0;

		for (int p = 0; p < P; p++)
			w[p] = v[p] = naive_variance(X + p * D);
		naive_weights(want, v, kappa[k]);
		assert_int_equal(dcs_weights(w, w, P, kappa[k]), 0);
		for (int p = 0; p < P; p++) {
			assert_true(fabs(w[p] - want[p]) <= 1e-10);
			sum += w[p];
		}
		assert_true(fabs(sum / P - 1) <= 1e-14);
	}
}

static void edges(void **state)
{
	double v[3] = {2, 2, 2}, w[3];

	(void)state;
	assert_int_equal(dcs_weights(w, v, 3, 5), 0);
	for (int p = 0; p < 3; p++)
		assert_true(w[p] == 1);
	v[1] = (double)NAN;
	assert_int_equal(dcs_weights(w, v, 3, 5), 2);
}

static void warm_up(void **state)
{
	(void)state;
	assert_true(dcs_kappa(0.5, 0) == 0.25);
	assert_true(dcs_kappa(0.5, 1) == 0.5);
	assert_true(dcs_kappa(0.5, 9) == 0.5);
	assert_true(dcs_kappa(0.1, 0) == 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variance_and_own_output),
		cmocka_unit_test(weights),
		cmocka_unit_test(edges),
		cmocka_unit_test(warm_up),
	};

	fill(A, R * D);
	fill(B, M * R);
	fill(X, P * D);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
