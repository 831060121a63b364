/* dense_cut.c: see dense_cut.h for the formula and the letters.
 *
 * LAPACK is column-major: its eigenvectors are our rows. BLAS and LAPACK run on one thread: equal
 * data give equal bits for any -t. */
#include "math/dense_cut.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

/* dsyevr needs at least 26 n and 10 n; more columns let it work in blocks. */
static void shape(struct dense_cut *c, int m, int d, int r)
{
	*c = (struct dense_cut){.m = m, .d = d, .n = smaller(m, d)};
	c->most = smaller(r, c->n);
	c->lwork = 64 * c->n;
	c->liwork = 10 * c->n;
}

static size_t doubles(const struct dense_cut *c)
{
	return 2 * area(c->m, c->d) + area(c->n, c->n) + area(c->most, c->n) + area(c->most, c->m) +
	       (size_t)c->n + (size_t)c->lwork;
}

size_t dense_cut_bytes(int m, int d, int r)
{
	struct dense_cut c;

	shape(&c, m, d, r);
	return doubles(&c) * sizeof(double) + ((size_t)c.liwork + 2 * (size_t)c.n) * sizeof(int);
}

void dense_cut_place(struct dense_cut *c, void *slab, int m, int d, int r)
{
	double *p = slab;

	shape(c, m, d, r);
	c->D = p, p += area(m, d);
	c->X = p, p += area(m, d);
	c->M = p, p += area(c->n, c->n);
	c->Z = p, p += area(c->most, c->n);
	c->U = p, p += area(c->most, m);
	c->lambda = p, p += c->n;
	c->work = p, p += c->lwork;
	c->iwork = (int *)(void *)p;
	c->isuppz = c->iwork + c->liwork;
	openblas_set_num_threads(1);
}

/* X = D L, and its norm. */
static void metric(struct dense_cut *c, const struct cut_metric *L)
{
	memcpy(c->X, c->D, area(c->m, c->d) * sizeof(double));
	L->multiply(L->arg, c->X, c->m);
	c->norm2 = 0;
	for (int o = 0; o < c->m; o++) {
		const double *x = c->X + area(o, c->d);

		c->norm2 += cblas_ddot(c->d, x, 1, x, 1);
	}
}

/* M = X Xᵀ or XᵀX, one triangle, and its largest eigenvalues. */
static int largest(struct dense_cut *c)
{
	bool wide = c->n == c->m;
	int found;

	cblas_dsyrk(CblasRowMajor, CblasLower, wide ? CblasNoTrans : CblasTrans, c->n,
		    wide ? c->d : c->m, 1, c->X, c->d, 0, c->M, c->n);
	/* Our lower triangle is LAPACK's upper one. */
	return LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'U', c->n, c->M, c->n, 0, 0,
				   c->n - c->most + 1, c->n, 0, &found, c->lambda, c->Z, c->n,
				   c->isuppz, c->work, c->lwork, c->iwork, c->liwork) != 0 ||
	       found != c->most;
}

static double lambda(const struct dense_cut *c, int i)
{
	return fmax(c->lambda[c->most - 1 - i], 0);
}

/* Row i of U, the direction of the i-th largest σ. Zero where σ is noise. */
static void direction(struct dense_cut *c, int i)
{
	double *u = c->U + area(i, c->m);
	const double *z = c->Z + area(c->most - 1 - i, c->n);

	if (!(lambda(c, i) > 1e-14 * c->norm2))
		memset(u, 0, (size_t)c->m * sizeof(*u));
	else if (c->n == c->m)
		memcpy(u, z, (size_t)c->m * sizeof(*u));
	else
		cblas_dgemv(CblasRowMajor, CblasNoTrans, c->m, c->d, 1 / sqrt(lambda(c, i)), c->X,
			    c->d, z, 1, 0, u, 1);
}

int dense_cut_decompose(struct dense_cut *c, const struct cut_metric *L)
{
	metric(c, L);
	if (!isfinite(c->norm2) || largest(c))
		return 1;
	for (int i = 0; i < c->most; i++)
		direction(c, i);
	return 0;
}

/* Σ σ² beyond rank r. */
static double beyond(const struct dense_cut *c, int r)
{
	double left = c->norm2;

	for (int i = 0; i < r && i < c->most; i++)
		left -= lambda(c, i);
	return r < c->n ? fmax(left, 0) : 0;
}

double dense_cut_error(const struct dense_cut *c, int r)
{
	return c->norm2 > 0 ? sqrt(beyond(c, r) / c->norm2) : 0;
}

int dense_cut_rank(const struct dense_cut *c, double share)
{
	int r = 1;

	while (r < c->most && beyond(c, r) > (1 - share) * c->norm2)
		r++;
	return r;
}

void dense_cut_write(const struct dense_cut *c, int r, float *B, double *A)
{
	int n = smaller(r, c->most);

	memset(A, 0, area(r, c->d) * sizeof(*A));
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, c->d, c->m, 1, c->U, c->m, c->D,
		    c->d, 0, A, c->d);
	for (int o = 0; o < c->m; o++)
		for (int i = 0; i < r; i++)
			B[area(o, r) + (size_t)i] =
				i < n ? (float)c->U[area(i, c->m) + (size_t)o] : 0;
}
