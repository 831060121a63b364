/* test_solve.c: lib/solve against LAPACK's residual test and against a dense float64 evaluation of
 * the formula. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/solve.h"

enum { N = 3, P = 40, D = 17, M = 11 }; /* tasks, rows, d_in, d_out */

static uint64_t seed = 1;

/* Uniform in [-1, 1). */
static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 4503599627370496.0 - 1;
}

static double *new_array(int rows, int cols)
{
	return calloc((size_t)rows * (size_t)cols + 1, sizeof(double));
}

static double *random_array(int rows, int cols)
{
	double *x = new_array(rows, cols);

	for (int i = 0; i < rows * cols; i++)
		x[i] = uniform();
	return x;
}

/* ------------------------------------------------------------ naive dense algebra */

/* C (m, n) += f op(A) op(B), k products each; ta: A is (k, m), tb: B is (n, k). */
static void add_product(double *C, double f, const double *A, int ta, const double *B, int tb,
			int m, int n, int k)
{
	for (int i = 0; i < m; i++)
		for (int j = 0; j < n; j++)
			for (int e = 0; e < k; e++)
				C[i * n + j] += f * (ta ? A[e * m + i] : A[i * k + e]) *
						(tb ? B[j * k + e] : B[e * n + j]);
}

static double norm2(const double *x, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sum;
}

/* X (m, n) := X S⁻¹ by elimination with row exchanges; S (n, n) symmetric, destroyed. */
static void right_divide(double *X, double *S, int m, int n)
{
	for (int p = 0; p < n; p++) {
		int best = p;

		for (int i = p + 1; i < n; i++)
			best = fabs(S[i * n + p]) > fabs(S[best * n + p]) ? i : best;
		for (int j = 0; j < n; j++) {
			double swap = S[p * n + j];

			S[p * n + j] = S[best * n + j];
			S[best * n + j] = swap;
		}
		for (int i = 0; i < m; i++) {
			double swap = X[i * n + p];

			X[i * n + p] = X[i * n + best];
			X[i * n + best] = swap;
		}
		for (int i = 0; i < n; i++) {
			double f = S[i * n + p] / S[p * n + p];

			if (i == p)
				continue;
			for (int j = 0; j < n; j++)
				S[i * n + j] -= f * S[p * n + j];
			for (int j = 0; j < m; j++)
				X[j * n + i] -= f * X[j * n + p];
		}
	}
	for (int i = 0; i < m; i++)
		for (int j = 0; j < n; j++)
			X[i * n + j] /= S[j * n + j];
}

/* ------------------------------------------------------------ a merge of N random tasks */

struct problem {
	int n, same, R; /* tasks; same: Xm is X */
	int r[N], first[N + 1];
	double s[N], m[N], c[N], w2[N], xw2[N];
	double *X[N], *Xm[N], *dW[N];
	float *A, *B; /* (R, D), (M, R) */
	double *W0;
	double alpha_1;
	struct ridge ridge;
};

static void problem_init(struct problem *q, int n, int same)
{
	static const int ranks[N] = {2, 0, 5};

	*q = (struct problem){
		.n = n, .same = same, .alpha_1 = 3e-3, .ridge = {.alpha_2 = same ? 3e-3 : 7e-3}};
	q->W0 = random_array(M, D);
	for (int t = 0; t < n; t++) {
		q->r[t] = ranks[t];
		q->first[t + 1] = q->first[t] + ranks[t];
		q->s[t] = 1.5 + t;
		q->m[t] = n > 1 ? 0.5 + t : 1;
	}
	q->R = q->first[n];
	q->A = calloc((size_t)(q->R * D), sizeof(float));
	q->B = calloc((size_t)(q->R * M), sizeof(float));
	for (int i = 0; i < q->R * D; i++)
		q->A[i] = (float)uniform();
	for (int i = 0; i < q->R * M; i++)
		q->B[i] = (float)uniform();
	for (int t = 0; t < n; t++) {
		double *W = new_array(M, D), *XW = new_array(P, M);

		q->X[t] = random_array(P, D);
		q->Xm[t] = same ? q->X[t] : random_array(P, D);
		for (int i = 0; !same && i < P * D; i++)
			q->Xm[t][i] = q->X[t][i] + 0.3 * q->Xm[t][i];
		q->dW[t] = new_array(M, D);
		for (int o = 0; o < M; o++)
			for (int j = q->first[t]; j < q->first[t + 1]; j++)
				for (int i = 0; i < D; i++)
					q->dW[t][o * D + i] += q->s[t] *
							       (double)q->B[o * q->R + j] *
							       (double)q->A[j * D + i];
		for (int i = 0; i < M * D; i++)
			W[i] = q->W0[i] + q->dW[t][i];
		add_product(XW, 1, q->X[t], 0, W, 1, P, M, D);
		q->w2[t] = norm2(W, M * D);
		q->xw2[t] = norm2(XW, P * M);
		free(W);
		free(XW);
	}
}

static void problem_release(struct problem *q)
{
	for (int t = 0; t < q->n; t++) {
		if (!q->same)
			free(q->Xm[t]);
		free(q->X[t]);
		free(q->dW[t]);
	}
	free(q->A);
	free(q->B);
	free(q->W0);
}

/* Λ_t (D) of H = XmᵀXm, by its definition. */
static void naive_ridge(double *Lambda, const double *H, const struct ridge *k)
{
	double nu = sqrt(norm2(H, D * D)), sum = 0;

	for (int i = 0; i < D; i++)
		sum += H[i * D + i];
	for (int i = 0; i < D; i++)
		Lambda[i] = k->camr ? nu * (k->camr_alpha * (1 - H[i * D + i] / sum) + k->camr_beta)
				    : nu * k->alpha_2;
}

/* W (M, D), allocated, and the relative residual, computed without factors. misfit: each task's ‖X
 * ΔWᵀ − Xm Wᵀ‖². */
static double *naive_merge(const struct problem *q, double extra, double *residual,
			   double misfit[N])
{
	double *S = new_array(D, D), *W = new_array(M, D), fit = 0, all = 0;

	for (int t = 0; t < q->n; t++) {
		double *C = new_array(D, D), *H = new_array(D, D), Lambda[D],
		       cm = q->m[t] * q->w2[t] / q->xw2[t], nc;

		add_product(C, 1, q->X[t], 1, q->Xm[t], 0, D, D, P);
		add_product(H, 1, q->Xm[t], 1, q->Xm[t], 0, D, D, P);
		naive_ridge(Lambda, H, &q->ridge);
		nc = sqrt(norm2(C, D * D));
		for (int i = 0; i < D; i++) {
			C[i * D + i] += q->alpha_1 * nc;
			H[i * D + i] += Lambda[i];
		}
		add_product(W, cm, q->dW[t], 0, C, 0, M, D, D);
		for (int i = 0; i < D * D; i++)
			S[i] += cm * H[i];
		free(C);
		free(H);
	}
	for (int i = 0; i < D; i++)
		S[i * D + i] += extra;
	right_divide(W, S, M, D);
	for (int t = 0; t < q->n; t++) {
		double *Y = new_array(P, M), cm = q->m[t] * q->w2[t] / q->xw2[t];

		add_product(Y, 1, q->X[t], 0, q->dW[t], 1, P, M, D);
		all += cm * norm2(Y, P * M);
		add_product(Y, -1, q->Xm[t], 0, W, 1, P, M, D);
		misfit[t] = norm2(Y, P * M);
		fit += cm * misfit[t];
		free(Y);
	}
	*residual = sqrt(fit / all);
	free(S);
	return W;
}

/* Makes for task t what compute-grams would store, then calls as solve-layer does; H comes in
 * uneven pieces. */
static void add_task(struct solve *k, struct problem *q, int t)
{
	double *C = new_array(D, D), *H = new_array(D, D), *AC = new_array(q->r[t], D),
	       *Y = new_array(P, M), cm;
	int r0 = q->first[t], r = q->r[t];

	add_product(C, 1, q->X[t], 1, q->Xm[t], 0, D, D, P);
	add_product(H, 1, q->Xm[t], 1, q->Xm[t], 0, D, D, P);
	add_product(Y, 1, q->X[t], 0, q->dW[t], 1, P, M, D);
	for (int i = 0; i < r; i++)
		for (int e = 0; e < D; e++)
			for (int j = 0; j < D; j++)
				AC[i * D + j] += (double)q->A[(r0 + i) * D + e] * C[e * D + j];
	assert_int_equal(solve_coefficient(&q->c[t], q->w2[t], q->xw2[t]), 0);
	cm = q->c[t] * q->m[t];
	for (int i0 = 0; i0 < D; i0 += 7)
		solve_add_H(k, cm, H + i0 * D, i0, D - i0 < 7 ? D - i0 : 7);
	solve_add_ridge(k, cm, sqrt(norm2(H, D * D)), &q->ridge);
	solve_add_rows(k, r0, r, AC, q->A + r0 * D, cm * q->s[t],
		       q->alpha_1 * sqrt(norm2(C, D * D)), cm * norm2(Y, P * M));
	free(C);
	free(H);
	free(AC);
	free(Y);
}

/* The task's ‖X ΔWᵀ − Xm Wᵀ‖², as solve-layer computes it. */
static double task_misfit(struct solve *k, const struct problem *q, int t, const double *BtB)
{
	double *C = new_array(D, D), *H = new_array(D, D), *AC = new_array(q->r[t], D),
	       *Y = new_array(P, M), y2, misfit;
	int r0 = q->first[t], r = q->r[t];

	add_product(C, 1, q->X[t], 1, q->Xm[t], 0, D, D, P);
	add_product(H, 1, q->Xm[t], 1, q->Xm[t], 0, D, D, P);
	add_product(Y, 1, q->X[t], 0, q->dW[t], 1, P, M, D);
	y2 = norm2(Y, P * M);
	for (int i = 0; i < r; i++)
		for (int e = 0; e < D; e++)
			for (int j = 0; j < D; j++)
				AC[i * D + j] += (double)q->A[(r0 + i) * D + e] * C[e * D + j];
	solve_misfit_begin(k);
	for (int i0 = 0; i0 < D; i0 += 7)
		solve_misfit_add_H(k, H + i0 * D, i0, D - i0 < 7 ? D - i0 : 7);
	solve_misfit_add_rows(k, r0, r, AC, q->s[t]);
	misfit = solve_misfit(k, BtB, y2);
	free(C);
	free(H);
	free(AC);
	free(Y);
	return misfit;
}

/* W = B A (M, D), allocated. */
static double *factored_merge(struct problem *q, double extra, double *residual, double misfit[N])
{
	void *slab = malloc(solve_bytes(D, q->R));
	double *BtB = new_array(q->R, q->R), *W = new_array(M, D), condition;
	struct solve k;

	solve_place(&k, slab, D, q->R);
	for (int t = 0; t < q->n; t++)
		add_task(&k, q, t);
	assert_int_equal(solve_system(&k, extra, &condition), 0);
	assert_true(condition >= 1);
	if (extra == 0 && !q->ridge.camr) /* ‖·‖₁ ≤ √d ‖·‖₂ both ways; cond₂ ≤ 1 + 1/α₂ */
		assert_true(condition <= D * (1 + 1 / q->ridge.alpha_2));
	solve_BtB(BtB, q->B, q->R, M, q->R);
	*residual = solve_residual(&k, BtB);
	for (int t = 0; t < q->n; t++)
		misfit[t] = task_misfit(&k, q, t, BtB);
	for (int o = 0; o < M; o++)
		for (int j = 0; j < q->R; j++)
			for (int i = 0; i < D; i++)
				W[o * D + i] += (double)q->B[o * q->R + j] * k.A[j * D + i];
	free(BtB);
	free(slab);
	return W;
}

static double relative_difference(const double *x, const double *y, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (x[i] - y[i]) * (x[i] - y[i]);
	return sqrt(sum / norm2(y, n));
}

static void compare_with_naive(struct problem *q, double extra)
{
	double residual, expected, misfit[N], expected_misfit[N];
	double *W = factored_merge(q, extra, &residual, misfit),
	       *want = naive_merge(q, extra, &expected, expected_misfit);

	assert_true(relative_difference(W, want, M * D) <= 1e-10);
	assert_true(fabs(residual - expected) <= 1e-10);
	for (int t = 0; t < q->n; t++)
		assert_true(fabs(misfit[t] - expected_misfit[t]) <= 1e-10 * expected_misfit[t]);
	free(W);
	free(want);
	problem_release(q);
}

/* ------------------------------------------------------------ tests */

static void formula(void **state)
{
	struct problem q;

	(void)state;
	problem_init(&q, N, 0);
	compare_with_naive(&q, 0);
}

static void camr(void **state)
{
	struct problem q;

	(void)state;
	problem_init(&q, N, 0);
	q.ridge = (struct ridge){.camr = true, .camr_alpha = 2e-2, .camr_beta = 1e-3};
	compare_with_naive(&q, 0);
}

static void dcs_diagonal(void **state)
{
	struct problem q;

	(void)state;
	problem_init(&q, N, 0);
	compare_with_naive(&q, 0.25);
}

static void one_task_gives_its_own_back(void **state)
{
	struct problem q;
	double residual, misfit[N], *W;

	(void)state;
	problem_init(&q, 1, 1);
	W = factored_merge(&q, 0, &residual, misfit);
	assert_true(relative_difference(W, q.dW[0], M * D) <= 1e-10);
	assert_true(residual <= 1e-6); /* the root of a difference that is only rounding */
	free(W);
	problem_release(&q);
}

/* S = XᵀX + I with X random; R right-hand sides as rows. ‖A S − F‖ / (n eps ‖S‖ ‖A‖) < 30, which is
 * LAPACK's threshold. */
static void residual_of_size(int d, int R)
{
	struct ridge none = {0};
	double *X = random_array(d + 3, d), *S = new_array(d, d), *F = random_array(R, d),
	       condition = 0, ratio;
	float *zero = calloc((size_t)(R * d) + 1, sizeof(float));
	void *slab = malloc(solve_bytes(d, R) + 1);
	struct solve k;

	add_product(S, 1, X, 1, X, 0, d, d, d + 3);
	for (int i = 0; i < d; i++)
		S[i * d + i] += 1;
	solve_place(&k, slab, d, R);
	solve_add_H(&k, 1, S, 0, d);
	solve_add_ridge(&k, 1, sqrt(norm2(S, d * d)), &none);
	solve_add_rows(&k, 0, R, F, zero, 1, 0, 1);
	assert_int_equal(solve_system(&k, 0, &condition), 0);
	assert_true(condition >= 1 - 1e-12 && isfinite(condition));
	ratio = DBL_EPSILON * d * sqrt(norm2(S, d * d) * norm2(k.A, R * d));
	add_product(F, -1, k.A, 0, S, 0, R, d, d);
	if (d && R)
		assert_true(sqrt(norm2(F, R * d)) / ratio < 30);
	free(X);
	free(S);
	free(F);
	free(zero);
	free(slab);
}

static void residuals(void **state)
{
	static const int size[] = {0, 1, 2, 3, 5, 10, 50};

	(void)state;
	for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++) {
		residual_of_size(size[i], 1);
		residual_of_size(size[i], 4);
		residual_of_size(size[i], 0);
	}
}

/* The diagonal 1, 1, -1, 1 fails at pivot 3. A NaN is found before and after. */
static void info(void **state)
{
	enum { d = 4 };
	double H[d * d] = {0}, AC[d] = {1, 1, 1, 1}, condition;
	float At[d] = {0};
	void *slab = malloc(solve_bytes(d, 1));
	struct ridge none = {0};
	struct solve k;

	(void)state;
	for (int i = 0; i < d; i++)
		H[i * d + i] = i == 2 ? -1 : 1;
	solve_place(&k, slab, d, 1);
	solve_add_H(&k, 1, H, 0, d);
	solve_add_ridge(&k, 1, 1, &none);
	solve_add_rows(&k, 0, 1, AC, At, 1, 0, 1);
	assert_int_equal(solve_system(&k, 0, &condition), 3);

	solve_reset(&k);
	H[10] = (double)NAN;
	solve_add_H(&k, 1, H, 0, d);
	assert_int_equal(solve_system(&k, 0, &condition), -1);

	/* Positive, but its inverse overflows. */
	solve_reset(&k);
	H[10] = 1e-320;
	solve_add_H(&k, 1, H, 0, d);
	solve_add_rows(&k, 0, 1, AC, At, 1, 0, 1);
	assert_int_equal(solve_system(&k, 0, &condition), -2);
	free(slab);
}

static void coefficient(void **state)
{
	double c;

	(void)state;
	assert_int_equal(solve_coefficient(&c, 6, 2), 0);
	assert_true(c == 3);
	assert_int_equal(solve_coefficient(&c, 6, 0), 1);
	assert_int_equal(solve_coefficient(&c, 0, 2), 1);
	assert_int_equal(solve_coefficient(&c, (double)NAN, 2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formula),      cmocka_unit_test(camr),
		cmocka_unit_test(dcs_diagonal), cmocka_unit_test(one_task_gives_its_own_back),
		cmocka_unit_test(residuals),    cmocka_unit_test(info),
		cmocka_unit_test(coefficient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
