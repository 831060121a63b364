/* mats.c: see mats.h for the formula and the letters. Sums in a fixed order on one thread: equal data give equal bits. */
#include "mats.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

static const double GAMMA_MAX = 2, FAR = 2; /* as published */

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

void mats_init(struct mats *m, int R, int d, int most)
{
	BUG_IF(most < 1);
	openblas_set_num_threads(1);
	*m = (struct mats){.R = R, .d = d, .most = most};
	m->W = xcalloc((size_t)most * area(R, d), sizeof(*m->W));
	m->G = xcalloc((size_t)most * area(R, d), sizeof(*m->G));
}

void mats_release(struct mats *m)
{
	free(m->W);
	free(m->G);
	*m = (struct mats){0};
}

void mats_push(struct mats *m, const double *W, const double *G)
{
	size_t n = area(m->R, m->d);

	if (m->n == m->most) {
		m->n--;
		memmove(m->W, m->W + n, (size_t)m->n * n * sizeof(*m->W));
		memmove(m->G, m->G + n, (size_t)m->n * n * sizeof(*m->G));
	}
	memcpy(m->W + (size_t)m->n * n, W, n * sizeof(*W));
	memcpy(m->G + (size_t)m->n * n, G, n * sizeof(*G));
	m->n++;
}

/* ⟨B U, B V⟩; T (R, d) workspace. */
static double inner(const double *U, const double *V, const double *BtB, double *T, int R, int d)
{
	double sum = 0;

	if (!area(R, d))
		return 0;
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, R, d, R, 1.0, BtB, R, U, d, 0.0, T, d);
	for (size_t i = 0; i < area(R, d); i++)
		sum += T[i] * V[i];
	return sum;
}

double mats_distance(const double *U, const double *V, const double *BtB, int R, int d)
{
	size_t n = area(R, d);
	double *D = xarray(n, sizeof(*D)), *T = xarray(n, sizeof(*T)), square;

	for (size_t i = 0; i < n; i++)
		D[i] = U[i] - (V ? V[i] : 0);
	square = inner(D, D, BtB, T, R, d);
	free(D);
	free(T);
	return sqrt(fmax(square, 0)); /* BᵀB is never negative but for rounding */
}

/* R_j into r (R, d). */
static void remainder_of(const struct mats *m, int j, double *r)
{
	size_t n = area(m->R, m->d), at = (size_t)j * n;

	for (size_t i = 0; i < n; i++)
		r[i] = m->G[at + i] - m->W[at + i];
}

/* gamma (n−1); 0, or 1 when the system has no finite solution. */
static int solve_gamma(const struct mats *m, double *gamma, const double *BtB, double mu)
{
	int q = m->n - 1, info;
	size_t n = area(m->R, m->d);
	double *dR = xarray((size_t)m->n * n, sizeof(*dR)), *T = xarray(n, sizeof(*T)), *M = xcalloc(area(q, q), sizeof(*M));
	const double *last = dR + (size_t)q * n; /* R_k */

	for (int j = 0; j < m->n; j++)
		remainder_of(m, j, dR + (size_t)j * n);
	for (int j = 0; j < q; j++)
		for (size_t i = 0; i < n; i++)
			dR[(size_t)j * n + i] = dR[(size_t)(j + 1) * n + i] - dR[(size_t)j * n + i];
	for (int i = 0; i < q; i++) {
		for (int j = 0; j <= i; j++)
			M[area(i, q) + (size_t)j] = inner(dR + (size_t)i * n, dR + (size_t)j * n, BtB, T, m->R, m->d);
		M[area(i, q) + (size_t)i] += mu;
		gamma[i] = inner(dR + (size_t)i * n, last, BtB, T, m->R, m->d);
	}
	info = LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'U', q, 1, M, q, gamma, q); /* row-major lower is column-major upper */
	for (int i = 0; i < q; i++)
		info |= !isfinite(gamma[i]);
	free(dR);
	free(T);
	free(M);
	return info != 0;
}

enum mats_outcome mats_next(const struct mats *m, double *A, const double *BtB, double mu)
{
	int q = m->n - 1;
	size_t n = area(m->R, m->d);
	double *gamma;
	const double *G;
	enum mats_outcome outcome = MATS_PLAIN;

	BUG_IF(m->n < 1);
	G = m->G + (size_t)q * n;
	memcpy(A, G, n * sizeof(*A));
	if (q < 1 || !n)
		return outcome;
	gamma = xarray((size_t)q, sizeof(*gamma));
	if (!solve_gamma(m, gamma, BtB, mu)) {
		outcome = MATS_ACCELERATED;
		for (int j = 0; j < q; j++) {
			const double *Gj = m->G + (size_t)j * n, g = fmin(fmax(gamma[j], -GAMMA_MAX), GAMMA_MAX);

			for (size_t i = 0; i < n; i++)
				A[i] -= g * (Gj[n + i] - Gj[i]);
		}
		if (!(mats_distance(A, G, BtB, m->R, m->d) <= FAR * mats_distance(G, NULL, BtB, m->R, m->d))) {
			memcpy(A, G, n * sizeof(*A));
			outcome = MATS_TOO_FAR;
		}
	}
	free(gamma);
	return outcome;
}
