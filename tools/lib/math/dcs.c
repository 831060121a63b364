/* dcs.c: see dcs.h. */
#include "math/dcs.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "base/die.h"
#include "math/solve.h"

/* As published: no row is dropped, and no row counts more than three times the mean. */
static const double W_MIN = 0.1, W_MAX = 3.0;

/* M and Q from BᵀB, which is in M. */
static void forms(struct dcs *q, const double *s, const int *task_of, int own, int N, int d_out)
{
	size_t R = (size_t)q->R;

	/* (1/N) Σ‖y_j − ȳ‖² = (1/N) Σ‖y_j‖² − (1/N²) ‖Σ y_j‖² */
	for (size_t i = 0; i < R; i++)
		for (size_t j = 0; j < R; j++) {
			int a = task_of[i], b = task_of[j];
			double product = s[a] * s[b] * q->M[i * R + j];

			q->Q[i * R + j] = a == own && b == own ? product : 0;
			q->M[i * R + j] =
				product * ((a == b ? 1.0 / N : 0) - 1.0 / ((double)N * N)) / d_out;
		}
}

void dcs_init(struct dcs *q, const float *A, const float *B, const double *s, const int *task_of,
	      int own, int N, int R, int d, int d_out, int most)
{
	size_t rows = (size_t)R, n = rows * (size_t)d;

	*q = (struct dcs){.R = R, .d = d, .most = most};
	q->A = xarray(n, sizeof(double));
	q->M = xarray(rows * rows, sizeof(double));
	q->Q = xarray(rows * rows, sizeof(double));
	q->x = xarray((size_t)most * (size_t)d, sizeof(double));
	q->Z = xarray((size_t)most * rows, sizeof(double));
	q->ZM = xarray((size_t)most * rows, sizeof(double));
	for (size_t i = 0; i < n; i++)
		q->A[i] = (double)A[i];
	solve_BtB(q->M, B, R, d_out, R);
	forms(q, s, task_of, own, N, d_out);
}

void dcs_release(struct dcs *q)
{
	free(q->A);
	free(q->M);
	free(q->Q);
	free(q->x);
	free(q->Z);
	free(q->ZM);
	*q = (struct dcs){0};
}

/* out (n) = the diagonal of Z M Zᵀ. */
static void quadratic(struct dcs *q, double *out, const double *M, int n)
{
	size_t R = (size_t)q->R;

	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, q->R, q->R, 1.0, q->Z, q->R, M,
		    q->R, 0.0, q->ZM, q->R);
	for (size_t p = 0; p < (size_t)n; p++) {
		double sum = 0;

		for (size_t i = 0; i < R; i++)
			sum += q->Z[p * R + i] * q->ZM[p * R + i];
		out[p] = sum < 0 ? 0 : sum;
	}
}

void dcs_rows(struct dcs *q, double *v, double *own, const float *X, int n)
{
	BUG_IF(n > q->most);
	if (!n)
		return;
	for (size_t i = 0; i < (size_t)n * (size_t)q->d; i++)
		q->x[i] = (double)X[i];
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, q->R, q->d, 1.0, q->x, q->d, q->A,
		    q->d, 0.0, q->Z, q->R);
	quadratic(q, v, q->M, n);
	quadratic(q, own, q->Q, n);
}

double dcs_kappa(double sigma, int iteration)
{
	/* Warm-up over two iterations: the rows of the first solution are not reliable yet. */
	return fmax(sigma * fmin(1.0, (iteration + 1) / 2.0), 0.1);
}

static void divide_by_mean(double *w, size_t P)
{
	double sum = 0;

	for (size_t p = 0; p < P; p++)
		sum += w[p];
	for (size_t p = 0; p < P; p++)
		w[p] /= sum / (double)P;
}

size_t dcs_weights(double *w, const double *v, size_t P, double kappa)
{
	double lo = INFINITY, hi = -INFINITY;

	for (size_t p = 0; p < P; p++) {
		if (!isfinite(v[p]))
			return p + 1;
		lo = fmin(lo, v[p]);
		hi = fmax(hi, v[p]);
	}
	lo = log1p(lo);
	hi = log1p(hi);
	for (size_t p = 0; p < P; p++)
		w[p] = hi > lo ? exp(-kappa * (log1p(v[p]) - lo) / (hi - lo)) : 1;
	divide_by_mean(w, P);
	for (size_t p = 0; p < P; p++)
		w[p] = fmin(fmax(w[p], W_MIN), W_MAX);
	divide_by_mean(w, P);
	return 0;
}
