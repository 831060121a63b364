/* test_full_weight.c: math/full_weight against the normal equations of the full weight, formed and
 * solved directly in float64. Also with rows weighted by DCS: the weights are computed by their
 * definition, from the adapters' whole outputs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lapacke.h>

#include "base/rng.h"
#include "math/dcs.h"
#include "math/full_weight.h"

enum {
	N = 3,
	P = 60,
	D = 17,
	M = 150,
	R = 5
}; /* tasks, rows, d_in, d_out (over FULL_WEIGHT_ROWS), ranks together */

static const int first[N + 1] = {0, 2, 2, 5}; /* task 1 does not target the module */
static const double s[N] = {0.5, 0, 2}, cm[N] = {0.3, 1, 1.7}, alpha_1 = 1e-2;
static const struct ridge ridge = {.alpha_2 = 3e-2};

static float W0[M * D], A[R * D], B[M * R];
static double X[N][P * D], Xm[N][P * D]; /* X of float32 numbers */
static double weight[N][P];              /* of the rows */
static const int task_of[R] = {0, 0, 2, 2, 2};
static const double dcs_sigma = 1.5;
static struct rng rng;

static double uniform(void)
{
	return 2 * rng_uniform(&rng) - 1;
}

static void product(double *C, int t, const double *a,
		    const double *b) /* C (D, D) = aᵀ diag(w_t) b, a and b (P, D) */
{
	memset(C, 0, D * D * sizeof(*C));
	for (int p = 0; p < P; p++)
		for (int i = 0; i < D; i++)
			for (int j = 0; j < D; j++)
				C[i * D + j] += weight[t][p] * a[p * D + i] * b[p * D + j];
}

static double frobenius(const double *C, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += C[i] * C[i];
	return sqrt(sum);
}

/* V (M, D) = W0 + s_t B_t A_t */
static void whole(double *V, int t)
{
	for (int o = 0; o < M; o++)
		for (int i = 0; i < D; i++) {
			V[o * D + i] = (double)W0[o * D + i];
			for (int e = first[t]; e < first[t + 1]; e++)
				V[o * D + i] += s[t] * (double)B[o * R + e] * (double)A[e * D + i];
		}
}

/* ‖√w (X Vᵀ − Y Wᵀ)‖² of task t, Y = Xm or (W NULL) nothing. */
static double task_misfit(int t, const double *W)
{
	static double V[M * D];
	double sum = 0;

	whole(V, t);
	for (int p = 0; p < P; p++)
		for (int o = 0; o < M; o++) {
			double e = 0;

			for (int i = 0; i < D; i++)
				e += X[t][p * D + i] * V[o * D + i] -
				     (W ? Xm[t][p * D + i] * W[o * D + i] : 0);
			sum += weight[t][p] * e * e;
		}
	return sum;
}

/* Their sum, weighted by c m. */
static double misfit(const double *W)
{
	double sum = 0;

	for (int t = 0; t < N; t++)
		sum += cm[t] * task_misfit(t, W);
	return sum;
}

/* want (M, D): (Σ c m V_t G_t) (S + extra I)⁻¹ by a general solver. */
static void direct(double *want, double extra)
{
	static double V[M * D], S[D * D], H[D * D], G[D * D];
	int pivot[D];

	memset(want, 0, M * D * sizeof(*want));
	memset(S, 0, sizeof(S));
	for (int t = 0; t < N; t++) {
		double g, h;

		product(H, t, Xm[t], Xm[t]);
		product(G, t, X[t], Xm[t]);
		g = frobenius(G, D * D);
		h = frobenius(H, D * D);
		for (int i = 0; i < D; i++) {
			G[i * (D + 1)] += alpha_1 * g;
			H[i * (D + 1)] += ridge.alpha_2 * h;
		}
		whole(V, t);
		for (int o = 0; o < M; o++)
			for (int i = 0; i < D; i++)
				for (int k = 0; k < D; k++)
					want[o * D + k] += cm[t] * V[o * D + i] * G[i * D + k];
		for (int i = 0; i < D * D; i++)
			S[i] += cm[t] * H[i];
	}
	for (int i = 0; i < D; i++)
		S[i * (D + 1)] += extra;
	/* S is symmetric: its columns are its rows. The rows of `want` are the columns of the
	 * right-hand sides. */
	assert_int_equal(LAPACKE_dgesv(LAPACK_COL_MAJOR, D, M, S, D, pivot, want, D), 0);
}

/* A_t C_t of task t (r, D), of all rows C. */
static void thin(double *AC, const double *C, int t)
{
	int r = first[t + 1] - first[t];

	memset(AC, 0, (size_t)(r * D) * sizeof(*AC));
	for (int e = 0; e < r; e++)
		for (int i = 0; i < D; i++)
			for (int k = 0; k < D; k++)
				AC[e * D + k] += (double)A[(first[t] + e) * D + i] * C[i * D + k];
}

/* The system as the tool sums it; returns tau. */
static double sums(struct solve *q, double *C)
{
	static double H[D * D], G[D * D], AC[R * D];
	double tau = 0;

	memset(C, 0, D * D * sizeof(*C));
	for (int t = 0; t < N; t++) {
		int r = first[t + 1] - first[t];
		double g;

		product(H, t, Xm[t], Xm[t]);
		product(G, t, X[t], Xm[t]);
		g = frobenius(G, D * D);
		solve_add_H(q, cm[t], H, 0, D);
		solve_add_ridge(q, cm[t], frobenius(H, D * D), &ridge);
		thin(AC, G, t);
		if (r)
			solve_add_rows(q, first[t], r, AC, A + first[t] * D, cm[t] * s[t],
				       alpha_1 * g, 0);
		for (int i = 0; i < D * D; i++)
			C[i] += cm[t] * G[i];
		tau += cm[t] * alpha_1 * g;
	}
	return tau;
}

/* What each task lost by W (M, D), as the tool computes it, against its definition. The tool has W
 * in float32. */
static void compare_misfits(struct full_weight *x, const double *W)
{
	static double H[D * D], C[D * D], AC[R * D];
	static float rounded[M * D];

	for (int i = 0; i < M * D; i++)
		rounded[i] = (float)W[i];
	full_weight_products_begin(x);
	for (int o = 0; o < M; o += FULL_WEIGHT_ROWS)
		full_weight_products_add(x, rounded + o * D, W0 + o * D, B + o * R,
					 M - o < FULL_WEIGHT_ROWS ? M - o : FULL_WEIGHT_ROWS);
	for (int t = 0; t < N; t++) {
		double want = task_misfit(t, W), found;

		product(H, t, Xm[t], Xm[t]);
		product(C, t, X[t], Xm[t]);
		thin(AC, C, t);
		full_weight_misfit_begin(x);
		full_weight_misfit_add_H(x, H, 0, 5);
		full_weight_misfit_add_H(x, H + 5 * D, 5, D - 5);
		full_weight_misfit_add_C(x, C, 0, D);
		full_weight_misfit_add_rows(x, first[t], first[t + 1] - first[t], AC, s[t]);
		found = full_weight_misfit(x, task_misfit(t, NULL));
		assert_true(fabs(found - want) <= 1e-5 * want);
	}
}

/* W (M, D) as the tool computes it, by rows. Returns the relative residual; norm2 = Σ c m ‖√w X
 * Vᵀ‖². */
static double fitted(double *W, double extra, double norm2)
{
	void *slab = malloc(solve_bytes(D, R)), *more = malloc(full_weight_bytes(D, R));
	struct solve q;
	struct full_weight x;
	double condition, residual, tau;

	solve_place(&q, slab, D, R);
	full_weight_place(&x, more, &q);
	tau = sums(&q, x.C);
	assert_int_equal(solve_system(&q, extra, &condition), 0);
	assert_int_equal(full_weight_solve(&x, tau), 0);
	for (int o = 0; o < M; o += FULL_WEIGHT_ROWS) {
		int n = M - o < FULL_WEIGHT_ROWS ? M - o : FULL_WEIGHT_ROWS;

		full_weight_rows(&x, W0 + o * D, B + o * R, n);
		memcpy(W + o * D, x.W, (size_t)(n * D) * sizeof(double));
	}
	residual = full_weight_residual(&x, norm2);
	compare_misfits(&x, W);
	free(slab);
	free(more);
	return residual;
}

static void equal(const double *W, const double *want)
{
	double worst = 0;

	for (int i = 0; i < M * D; i++)
		worst = fmax(worst, fabs(W[i] - want[i]));
	assert_true(worst < 1e-11 * frobenius(want, M * D));
}

static void unweighted(void)
{
	for (int t = 0; t < N; t++)
		for (int p = 0; p < P; p++)
			weight[t][p] = 1;
}

static void test_against_direct(void **state)
{
	static double want[M * D], W[M * D];
	double norm2, residual;

	(void)state;
	unweighted();
	direct(want, 0);
	norm2 = misfit(NULL);
	residual = fitted(W, 0, norm2);
	equal(W, want);
	assert_true(fabs(residual - sqrt(misfit(want) / norm2)) < 1e-9);
}

/* DCS's variance of a row by its definition: from every adapter's whole ΔW x. */
static double variance(const double *x)
{
	static double y[N][M];
	double sum = 0;

	for (int t = 0; t < N; t++)
		for (int o = 0; o < M; o++) {
			y[t][o] = 0;
			for (int e = first[t]; e < first[t + 1]; e++)
				for (int i = 0; i < D; i++)
					y[t][o] += s[t] * (double)B[o * R + e] *
						   (double)A[e * D + i] * x[i];
		}
	for (int o = 0; o < M; o++) {
		double mean = 0;

		for (int t = 0; t < N; t++)
			mean += y[t][o] / N;
		for (int t = 0; t < N; t++)
			sum += (y[t][o] - mean) * (y[t][o] - mean) / N;
	}
	return sum / M;
}

static void mean_to_one(double *w)
{
	double mean = 0;

	for (int p = 0; p < P; p++)
		mean += w[p] / P;
	for (int p = 0; p < P; p++)
		w[p] /= mean;
}

/* exp(−κ v) with v scaled to [0, 1]; then mean 1, limits [0.1, 3], mean 1. In iteration 1, where κ
 * is dcs_sigma. */
static void weights_by_definition(void)
{
	for (int t = 0; t < N; t++) {
		double *w = weight[t], least, most;

		for (int p = 0; p < P; p++)
			w[p] = log(1 + variance(X[t] + p * D));
		least = most = w[0];
		for (int p = 1; p < P; p++) {
			least = fmin(least, w[p]);
			most = fmax(most, w[p]);
		}
		for (int p = 0; p < P; p++)
			w[p] = exp(-dcs_sigma * (w[p] - least) / (most - least));
		mean_to_one(w);
		for (int p = 0; p < P; p++)
			w[p] = w[p] < 0.1 ? 0.1 : w[p] > 3 ? 3 : w[p];
		mean_to_one(w);
	}
}

static void weights_by_library(void)
{
	static float x[P * D];
	double own[P];

	for (int t = 0; t < N; t++) {
		struct dcs q;

		for (int i = 0; i < P * D; i++)
			x[i] = (float)X[t][i];
		dcs_init(&q, A, B, s, task_of, t, N, R, D, M, P);
		dcs_rows(&q, weight[t], own, x, P);
		assert_int_equal(dcs_weights(weight[t], weight[t], P, dcs_kappa(dcs_sigma, 1)), 0);
		dcs_release(&q);
	}
}

static void test_with_dcs(void **state)
{
	static double want[M * D], plain[M * D], W[M * D];
	double norm2, misfit_want, residual, far = 0;

	(void)state;
	unweighted();
	direct(plain, SOLVE_DCS_RIDGE);
	weights_by_definition();
	direct(want, SOLVE_DCS_RIDGE);
	norm2 = misfit(NULL);
	misfit_want = misfit(want);
	for (int i = 0; i < M * D; i++) /* the weights matter here */
		far = fmax(far, fabs(plain[i] - want[i]));
	assert_true(far > 1e-4 * frobenius(want, M * D));
	weights_by_library();
	residual = fitted(W, SOLVE_DCS_RIDGE, norm2);
	equal(W, want);
	assert_true(fabs(residual - sqrt(misfit_want / norm2)) < 1e-9);
}

static int setup(void **state)
{
	(void)state;
	rng_seed(&rng, 11);
	for (int i = 0; i < M * D; i++)
		W0[i] = (float)uniform();
	for (int i = 0; i < R * D; i++)
		A[i] = (float)uniform();
	for (int i = 0; i < M * R; i++)
		B[i] = (float)uniform();
	for (int t = 0; t < N; t++)
		for (int i = 0; i < P * D; i++) {
			X[t][i] = (double)(float)uniform();
			Xm[t][i] = X[t][i] + 0.2 * uniform();
		}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_direct),
					   cmocka_unit_test(test_with_dcs)};

	return cmocka_run_group_tests(tests, setup, NULL);
}
