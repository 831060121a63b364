/* mats.c: see mats.h for the formula and the letters. One thread sums in a fixed order: equal data
 * give equal bits. */
#include "math/mats.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

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

/* ⟨B U, B V⟩, or (BtB NULL) ⟨U, V⟩; T (R, d) workspace. */
static double inner(const double *U, const double *V, const double *BtB, double *T, int R, int d)
{
	double sum = 0;

	if (!area(R, d))
		return 0;
	if (BtB) {
		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, R, d, R, 1.0, BtB, R, U, d,
			    0.0, T, d);
		U = T;
	}
	for (size_t i = 0; i < area(R, d); i++)
		sum += U[i] * V[i];
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
	return sqrt(fmax(square, 0)); /* only rounding makes it negative */
}

size_t mats_bytes(int R, int d, int most)
{
	return (4 * (size_t)most + 1) * area(R, d) * sizeof(double);
}

void mats_sums_init(struct mats_sums *s, int q)
{
	*s = (struct mats_sums){.q = q};
	s->RR = memset(xaligned(area(q, q), sizeof(*s->RR)), 0, area(q, q) * sizeof(*s->RR));
	s->GG = xcalloc(area(q, q), sizeof(*s->GG));
	s->gamma = xcalloc((size_t)q, sizeof(*s->gamma));
}

void mats_sums_release(struct mats_sums *s)
{
	free(s->RR);
	free(s->GG);
	free(s->gamma);
	*s = (struct mats_sums){0};
}

/* Replaces x (n, R, d) by its differences x_{j+1} − x_j; the last entry stays. */
static void differences(double *x, int n, size_t size)
{
	for (size_t i = 0; i < area(n - 1, 1) * size; i++)
		x[i] = x[size + i] - x[i];
}

void mats_add(struct mats_sums *s, const struct mats *m, const double *BtB)
{
	int q = s->q;
	size_t n = area(m->R, m->d), all = area(m->n, 1) * n;
	double *dR = xarray(all, sizeof(*dR)), *dG = xarray(all, sizeof(*dG)),
	       *T = xarray(n, sizeof(*T));

	BUG_IF(m->n != q + 1);
	for (size_t i = 0; i < all; i++)
		dR[i] = m->G[i] - m->W[i];
	memcpy(dG, m->G, all * sizeof(*dG));
	differences(dR, m->n, n);
	differences(dG, m->n, n);
	for (int i = 0; i < q; i++) {
		const double *r = dR + area(i, 1) * n, *g = dG + area(i, 1) * n;

		for (int j = 0; j <= i; j++) {
			s->RR[area(i, q) + (size_t)j] +=
				inner(r, dR + area(j, 1) * n, BtB, T, m->R, m->d);
			s->GG[area(i, q) + (size_t)j] +=
				inner(g, dG + area(j, 1) * n, BtB, T, m->R, m->d);
		}
		s->gamma[i] += inner(r, dR + area(q, 1) * n, BtB, T, m->R, m->d);
	}
	s->G2 += inner(dG + area(q, 1) * n, dG + area(q, 1) * n, BtB, T, m->R, m->d);
	free(dR);
	free(dG);
	free(T);
}

/* ‖Σ γ_j ΔG_j‖ > FAR ‖G_k‖, or not a number. */
static bool is_far(const struct mats_sums *s)
{
	double square = 0;

	for (int i = 0; i < s->q; i++)
		for (int j = 0; j <= i; j++)
			square += (i == j ? 1 : 2) * s->gamma[i] * s->gamma[j] *
				  s->GG[area(i, s->q) + (size_t)j];
	return !(square <= FAR * FAR * s->G2);
}

enum mats_outcome mats_solve(struct mats_sums *s, double mu)
{
	int q = s->q, info;

	if (q < 1)
		return MATS_PLAIN;
	for (int i = 0; i < q; i++)
		s->RR[area(i, q) + (size_t)i] += mu;
	info = LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'U', q, 1, s->RR, q, s->gamma,
				  q); /* row-major lower is column-major upper */
	for (int i = 0; i < q; i++) {
		info |= !isfinite(s->gamma[i]);
		s->gamma[i] = fmin(fmax(s->gamma[i], -GAMMA_MAX), GAMMA_MAX);
	}
	return info ? MATS_PLAIN : is_far(s) ? MATS_TOO_FAR : MATS_ACCELERATED;
}

void mats_step(double *A, const struct mats *m, const struct mats_sums *s)
{
	size_t n = area(m->R, m->d);

	memcpy(A, m->G + area(s->q, 1) * n, n * sizeof(*A));
	for (int j = 0; j < s->q; j++) {
		const double *Gj = m->G + area(j, 1) * n;

		for (size_t i = 0; i < n; i++)
			A[i] -= s->gamma[j] * (Gj[n + i] - Gj[i]);
	}
}

enum mats_outcome mats_next(const struct mats *m, double *A, const double *BtB, double mu)
{
	size_t n = area(m->R, m->d);
	enum mats_outcome outcome;
	struct mats_sums s;

	BUG_IF(m->n < 1);
	mats_sums_init(&s, m->n - 1);
	mats_add(&s, m, BtB);
	outcome = n ? mats_solve(&s, mu) : MATS_PLAIN;
	if (outcome == MATS_ACCELERATED)
		mats_step(A, m, &s);
	else
		memcpy(A, m->G + area(s.q, 1) * n, n * sizeof(*A));
	mats_sums_release(&s);
	return outcome;
}
