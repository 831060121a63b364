/* test_dense.c: lib/dense against the normal equations of the whole weight, formed and solved directly in float64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lapacke.h>

#include "../../tools/lib/dense.h"
#include "../../tools/lib/rng.h"

enum { N = 3, P = 60, D = 17, M = 150, R = 5 }; /* tasks, rows, d_in, d_out (over DENSE_ROWS), ranks together */

static const int first[N + 1] = {0, 2, 2, 5}; /* task 1 does not target the module */
static const double s[N] = {0.5, 0, 2}, cm[N] = {0.3, 1, 1.7}, alpha_1 = 1e-2;
static const struct ridge ridge = {.alpha_2 = 3e-2};

static float W0[M * D], A[R * D], B[M * R];
static double X[N][P * D], Xm[N][P * D];
static struct rng rng;

static double uniform(void)
{
	return 2 * rng_uniform(&rng) - 1;
}

static void product(double *C, const double *a, const double *b) /* C (D, D) = aᵀ b, a and b (P, D) */
{
	memset(C, 0, D * D * sizeof(*C));
	for (int p = 0; p < P; p++)
		for (int i = 0; i < D; i++)
			for (int j = 0; j < D; j++)
				C[i * D + j] += a[p * D + i] * b[p * D + j];
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

/* Σ c m ‖X Vᵀ − Y Wᵀ‖², Y = Xm or (W NULL) nothing. */
static double misfit(const double *W)
{
	static double V[M * D];
	double sum = 0;

	for (int t = 0; t < N; t++) {
		whole(V, t);
		for (int p = 0; p < P; p++)
			for (int o = 0; o < M; o++) {
				double e = 0;

				for (int i = 0; i < D; i++)
					e += X[t][p * D + i] * V[o * D + i] - (W ? Xm[t][p * D + i] * W[o * D + i] : 0);
				sum += cm[t] * e * e;
			}
	}
	return sum;
}

/* want (M, D): (Σ c m V_t G_t) S⁻¹ by a general solver. */
static void direct(double *want)
{
	static double V[M * D], S[D * D], H[D * D], G[D * D];
	int pivot[D];

	memset(want, 0, M * D * sizeof(*want));
	memset(S, 0, sizeof(S));
	for (int t = 0; t < N; t++) {
		double g, h;

		product(H, Xm[t], Xm[t]);
		product(G, X[t], Xm[t]);
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
	/* S is symmetric: its columns are its rows, and want's rows are right-hand sides' columns. */
	assert_int_equal(LAPACKE_dgesv(LAPACK_COL_MAJOR, D, M, S, D, pivot, want, D), 0);
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

		product(H, Xm[t], Xm[t]);
		product(G, X[t], Xm[t]);
		g = frobenius(G, D * D);
		solve_add_H(q, cm[t], H, 0, D);
		solve_add_ridge(q, cm[t], frobenius(H, D * D), &ridge);
		memset(AC, 0, sizeof(AC));
		for (int e = 0; e < r; e++)
			for (int i = 0; i < D; i++)
				for (int k = 0; k < D; k++)
					AC[e * D + k] += (double)A[(first[t] + e) * D + i] * G[i * D + k];
		if (r)
			solve_add_rows(q, first[t], r, AC, A + first[t] * D, cm[t] * s[t], alpha_1 * g, 0);
		for (int i = 0; i < D * D; i++)
			C[i] += cm[t] * G[i];
		tau += cm[t] * alpha_1 * g;
	}
	return tau;
}

static void test_against_direct(void **state)
{
	static double want[M * D], W[M * D];
	void *slab = malloc(solve_bytes(D, R)), *more = malloc(dense_bytes(D, R));
	struct solve q;
	struct dense x;
	double condition, tau, worst = 0, norm2;

	(void)state;
	direct(want);
	solve_place(&q, slab, D, R);
	dense_place(&x, more, &q);
	tau = sums(&q, x.C);
	assert_int_equal(solve_system(&q, 0, &condition), 0);
	assert_int_equal(dense_solve(&x, tau), 0);
	for (int o = 0; o < M; o += DENSE_ROWS) {
		int n = M - o < DENSE_ROWS ? M - o : DENSE_ROWS;

		dense_rows(&x, W0 + o * D, B + o * R, n);
		memcpy(W + o * D, x.W, (size_t)(n * D) * sizeof(double));
	}
	for (int i = 0; i < M * D; i++)
		worst = fmax(worst, fabs(W[i] - want[i]));
	assert_true(worst < 1e-11 * frobenius(want, M * D));
	norm2 = misfit(NULL);
	assert_true(fabs(dense_residual(&x, norm2) - sqrt(misfit(want) / norm2)) < 1e-9);
	free(slab);
	free(more);
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
			X[t][i] = uniform();
			Xm[t][i] = X[t][i] + 0.2 * uniform();
		}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_direct)};

	return cmocka_run_group_tests(tests, setup, NULL);
}
