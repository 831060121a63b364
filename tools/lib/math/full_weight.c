/* full_weight.c: see full_weight.h. */
#include "math/full_weight.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

size_t full_weight_bytes(int d, int R)
{
	return (2 * area(d, d) + 3 * area(FULL_WEIGHT_ROWS, d) + area(FULL_WEIGHT_ROWS, R)) *
	       sizeof(double);
}

void full_weight_place(struct full_weight *x, void *slab, struct solve *q)
{
	double *p = slab;

	*x = (struct full_weight){.q = q, .C = p};
	p += area(q->d, q->d);
	x->K = p, p += area(q->d, q->d);
	x->W = p, p += area(FULL_WEIGHT_ROWS, q->d);
	x->Z = p, p += area(FULL_WEIGHT_ROWS, q->d);
	x->w0 = p, p += area(FULL_WEIGHT_ROWS, q->d);
	x->b = p;
}

int full_weight_solve(struct full_weight *x, double tau)
{
	int d = x->q->d;

	memcpy(x->K, x->C, area(d, d) * sizeof(double));
	for (int i = 0; i < d; i++)
		x->K[area(i, d + 1)] += tau;
	solve_more(x->q, x->K, d);
	for (int i = 0; i < d; i++)
		x->q->S[area(i, d + 1)] = x->q->diag[i];
	for (size_t i = 0; i < area(d, d); i++)
		if (!isfinite(x->K[i]))
			return 1;
	return 0;
}

int full_weight_drift(struct full_weight *x)
{
	const double *S = x->q->S;
	int d = x->q->d;
	double sum;

	/* The strict upper triangle of S and q->diag are the summed XmᵀXm. */
	for (int i = 0; i < d; i++) {
		x->K[area(i, d + 1)] = x->C[area(i, d + 1)] - x->q->diag[i];
		for (int j = 0; j < i; j++) {
			double H = S[area(j, d) + (size_t)i];

			x->K[area(i, d) + (size_t)j] = x->C[area(i, d) + (size_t)j] - H;
			x->K[area(j, d) + (size_t)i] = x->C[area(j, d) + (size_t)i] - H;
		}
	}
	solve_more(x->q, x->K, d);
	sum = cblas_ddot((int)area(d, d), x->K, 1, x->K, 1);
	return !isfinite(sum);
}

void full_weight_product(struct full_weight *x, const float *W0, const float *B, int n)
{
	int d = x->q->d, R = x->q->R;

	for (size_t i = 0; i < area(n, R); i++)
		x->b[i] = (double)B[i];
	for (size_t i = 0; i < area(n, d); i++)
		x->w0[i] = (double)W0[i];
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, d, d, 1, x->w0, d, x->K, d, 0,
		    x->W, d);
	if (R > 0)
		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, d, R, 1, x->b, R, x->q->A,
			    d, 1, x->W, d);
}

void full_weight_rows(struct full_weight *x, const float *W0, const float *B, int n)
{
	int d = x->q->d, R = x->q->R;

	full_weight_product(x, W0, B, n);
	/* Z = W S − 2 U,  U = W0 C + B (Σ c m s A_t C_t) */
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, d, d, -2, x->w0, d, x->C, d, 0,
		    x->Z, d);
	if (R > 0)
		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, d, R, -2, x->b, R,
			    x->q->U, d, 1, x->Z, d);
	cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, n, d, 1, x->q->S, d, x->W, d, 1, x->Z,
		    d);
	x->residual += cblas_ddot((int)area(n, d), x->Z, 1, x->W, 1);
}

double full_weight_residual(const struct full_weight *x, double norm2)
{
	double sum = norm2 + x->residual;

	return norm2 > 0 && sum > 0 ? sqrt(sum / norm2) : 0;
}

void full_weight_products_begin(struct full_weight *x)
{
	memset(x->K, 0, area(x->q->d, x->q->d) * sizeof(double));
	memset(x->C, 0, area(x->q->d, x->q->d) * sizeof(double));
	memset(x->q->V, 0, area(x->q->R, x->q->d) * sizeof(double));
}

/* K += WᵀW, C += W0ᵀW, V += BᵀW. */
void full_weight_products_add(struct full_weight *x, const float *W, const float *W0,
			      const float *B, int n)
{
	int d = x->q->d, R = x->q->R;

	for (size_t i = 0; i < area(n, R); i++)
		x->b[i] = (double)B[i];
	for (size_t i = 0; i < area(n, d); i++) {
		x->W[i] = (double)W[i];
		x->w0[i] = (double)W0[i];
	}
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, d, d, n, 1, x->W, d, x->W, d, 1, x->K,
		    d);
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, d, d, n, 1, x->w0, d, x->W, d, 1, x->C,
		    d);
	if (R > 0)
		cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, R, d, n, 1, x->b, R, x->W, d,
			    1, x->q->V, d);
}

void full_weight_misfit_begin(struct full_weight *x)
{
	x->misfit = 0;
}

void full_weight_misfit_add_H(struct full_weight *x, const double *H, int i0, int n)
{
	int d = x->q->d;

	x->misfit += cblas_ddot((int)area(n, d), H, 1, x->K + area(i0, d), 1);
}

void full_weight_misfit_add_C(struct full_weight *x, const double *C, int i0, int n)
{
	int d = x->q->d;

	x->misfit -= 2 * cblas_ddot((int)area(n, d), C, 1, x->C + area(i0, d), 1);
}

void full_weight_misfit_add_rows(struct full_weight *x, int r0, int r, const double *AC, double s)
{
	int d = x->q->d;

	x->misfit -= 2 * s * cblas_ddot((int)area(r, d), AC, 1, x->q->V + area(r0, d), 1);
}

double full_weight_misfit(const struct full_weight *x, double y_norm2)
{
	return fmax(y_norm2 + x->misfit, 0);
}
