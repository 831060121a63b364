/* cut.c: see cut.h for the formula and the letters.
 *
 * LAPACK is column-major: a row-major (R, d) matrix is its d × R transpose. So Q holds the columns
 * of the factor as rows, and the decomposition is of (K A L)ᵀ, whose right singular vectors are Z.
 * BLAS and LAPACK run on one thread: equal data give equal bits for any -t. */
#include "math/cut.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/die.h"

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

static void shape(struct cut *c, int m, int d, int R)
{
	*c = (struct cut){.m = m, .d = d, .R = R, .k = smaller(m, R)};
	c->n = smaller(c->k, d);
}

/* For LAPACK: at least what its routines need, and room for their blocks of columns. It grows with
 * every size, so that a slab for a site's largest sizes holds each of its modules. (What LAPACK
 * says is best does not: it is less where d falls below 1.6 k.) */
static int work_doubles(const struct cut *c)
{
	return c->k * c->k + 64 * (c->d + c->k + c->R);
}

/* Q (R, m) before the factor's columns are formed; K (k, R); a product (max(R, k), d) that LAPACK
 * overwrites; the scales of the reflections. */
static size_t scratch_doubles(const struct cut *c)
{
	return area(c->k, c->R) + area(c->R, c->d) + (size_t)c->k;
}

size_t cut_bytes(int m, int d, int R)
{
	struct cut c;

	shape(&c, m, d, R);
	return sizeof(double) * (area(R, m) + area(c.k, d) + area(c.k, c.n) + (size_t)c.n +
				 scratch_doubles(&c) + (size_t)work_doubles(&c));
}

void cut_place(struct cut *c, void *slab, int m, int d, int R)
{
	double *p = slab;

	shape(c, m, d, R);
	c->Q = p, p += area(R, m);
	c->KA = p, p += area(c->k, d);
	c->Z = p, p += area(c->k, c->n);
	c->sigma = p, p += c->n;
	c->work = p;
	c->lwork = work_doubles(c);
	openblas_set_num_threads(1);
}

static int all_finite(const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return 0;
	return 1;
}

/* B = Q K: Q (k, m) and K (k, R), row-major. */
static void factor(struct cut *c, const float *B, double *K, double *tau, double *work)
{
	for (int o = 0; o < c->m; o++)
		for (int j = 0; j < c->R; j++)
			c->Q[area(j, c->m) + (size_t)o] = (double)B[area(o, c->R) + (size_t)j];
	LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, c->m, c->R, c->Q, c->m, tau, work, c->lwork);
	for (int i = 0; i < c->k; i++)
		for (int j = 0; j < c->R; j++)
			K[area(i, c->R) + (size_t)j] = j < i ? 0 : c->Q[area(j, c->m) + (size_t)i];
	LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, c->m, c->k, c->k, c->Q, c->m, tau, work, c->lwork);
}

int cut_decompose(struct cut *c, const float *B, const double *A, const struct cut_metric *L)
{
	double *K = c->work, *X = K + area(c->k, c->R), *tau = X + area(c->R, c->d),
	       *work = tau + c->k;

	factor(c, B, K, tau, work);
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, c->k, c->d, c->R, 1, K, c->R, A,
		    c->d, 0, c->KA, c->d);
	if (!all_finite(c->KA, area(c->k, c->d)))
		return 1;
	memcpy(X, c->KA, area(c->k, c->d) * sizeof(*X));
	if (L)
		L->multiply(L->arg, X, c->k);
	return LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'N', 'S', c->d, c->k, X, c->d, c->sigma, NULL,
				   1, c->Z, c->n, work, c->lwork) != 0 ||
	       !all_finite(c->sigma, (size_t)c->n);
}

/* Σ_{i ≥ r} σ_i², the smallest first. */
static double beyond(const struct cut *c, int r)
{
	double sum = 0;

	for (int i = c->n - 1; i >= r; i--)
		sum += c->sigma[i] * c->sigma[i];
	return sum;
}

double cut_error(const struct cut *c, int r)
{
	double all = beyond(c, 0);

	return all > 0 ? sqrt(beyond(c, r) / all) : 0;
}

int cut_rank(const struct cut *c, double share)
{
	double lost = (1 - share) * beyond(c, 0);
	int r = 1;

	while (r < c->n && beyond(c, r) > lost)
		r++;
	return r;
}

void cut_write(const struct cut *c, int r, float *B, double *A)
{
	int n = smaller(r, c->n);

	BUG_IF(r < 1);
	memset(A, 0, area(r, c->d) * sizeof(*A));
	/* Z is column-major (n, k), whose rows are the vectors: row-major (k, n). */
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, c->d, c->k, 1, c->Z, c->n, c->KA,
		    c->d, 0, A, c->d);
	for (int o = 0; o < c->m; o++)
		for (int i = 0; i < r; i++) {
			double sum = 0;

			for (int j = 0; i < n && j < c->k; j++)
				sum += c->Q[area(j, c->m) + (size_t)o] *
				       c->Z[area(j, c->n) + (size_t)i];
			B[area(o, r) + (size_t)i] = (float)sum;
		}
}
