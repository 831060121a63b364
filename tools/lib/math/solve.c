/* solve.c: see solve.h for the formula and the letters.
 *
 * All matrices are row-major and symmetric. So LAPACK's column-major 'U' is our lower triangle, and
 * (R, d) rows are its d × R right-hand sides: nothing is transposed. The factorisation leaves our
 * strict upper triangle as it was. With the diagonal put back (without Λ) it is Σ c m XmᵀXm again.
 * The residual needs exactly this, so H is not read a second time. With panels there is no such
 * triangle, and the residual follows from what the misfits read.
 *
 * BLAS and LAPACK run on one thread (solve_place()): equal data give equal bits for any -t. */
#include "math/solve.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

/* Memory of all but S. */
static size_t small_bytes(int d, int R)
{
	size_t doubles = 3 * area(R, d) + area(R, R) + 6 * (size_t)d;

	return doubles * sizeof(double) + (size_t)d * sizeof(int);
}

static void place_small(struct solve *q, double *p)
{
	int d = q->d, R = q->R;

	q->A = p, p += area(R, d);
	q->U = p, p += area(R, d);
	q->V = p, p += area(R, d);
	q->diag = p, p += d;
	q->hdiag = p, p += d;
	q->work = p, p += 4 * (size_t)d + area(R, R);
	q->iwork = (int *)(void *)p;
	openblas_set_num_threads(1);
	solve_reset(q);
}

size_t solve_bytes(int d, int R)
{
	return area(d, d) * sizeof(double) + small_bytes(d, R);
}

void solve_place(struct solve *q, void *slab, int d, int R)
{
	*q = (struct solve){.d = d, .R = R, .S = slab};
	place_small(q, q->S + area(d, d));
}

/* Keeps what follows at a multiple of 64 bytes, as the slab itself. */
static size_t panels_doubles(int d, int width)
{
	return (panels_bytes(d, width) + 63) / 64 * 8;
}

size_t solve_panels_bytes(int d, int R, int width)
{
	size_t doubles = panels_doubles(d, width) + (size_t)d + area(R, d);

	return doubles * sizeof(double) + small_bytes(d, R);
}

void solve_place_panels(struct solve *q, struct panels *p, void *slab, int d, int R)
{
	double *at = (double *)slab + panels_doubles(d, p->width);

	p->d = d;
	panels_place(p, slab);
	*q = (struct solve){.d = d, .R = R, .panels = p, .S = at, .VS = at + d};
	place_small(q, q->VS + area(R, d));
}

void solve_reset(struct solve *q)
{
	memset(q->S, 0, area(q->d, q->panels ? 1 : q->d) * sizeof(double));
	if (q->panels)
		memset(q->VS, 0, area(q->R, q->d) * sizeof(double));
	memset(q->A, 0, area(q->R, q->d) * sizeof(double));
	memset(q->U, 0, area(q->R, q->d) * sizeof(double));
	memset(q->diag, 0, (size_t)q->d * sizeof(double));
	memset(q->hdiag, 0, (size_t)q->d * sizeof(double));
	q->y_norm2 = 0;
}

int solve_coefficient(double *c, double w_norm2, double xw_norm2)
{
	*c = w_norm2 / xw_norm2;
	return !(isfinite(*c) && *c > 0);
}

void solve_add_H(struct solve *q, double cm, const double *H, int i0, int n)
{
	size_t d = (size_t)q->d;
	double *S = q->S + (size_t)i0 * d;

	for (size_t i = 0; i < (size_t)n * d; i++)
		S[i] += cm * H[i];
	for (int i = 0; i < n; i++)
		q->hdiag[i0 + i] = H[(size_t)i * d + (size_t)(i0 + i)];
}

void solve_add_diagonal(struct solve *q, double cm, const double *H)
{
	for (int i = 0; i < q->d; i++) {
		q->S[i] += cm * H[i];
		q->hdiag[i] = H[i];
	}
}

/* S's entry (i, i). */
static double *diagonal(const struct solve *q, int i)
{
	return q->S + (q->panels ? (size_t)i : area(i, q->d + 1));
}

double solve_diagonal(const struct solve *q, int i)
{
	return *diagonal(q, i);
}

void solve_add_ridge(struct solve *q, double cm, double h_norm, const struct ridge *k)
{
	double sum = 0;

	for (int i = 0; i < q->d; i++)
		sum += q->hdiag[i];
	for (int i = 0; i < q->d; i++) {
		double share = sum > 0 ? q->hdiag[i] / sum : 0;
		double Lambda = k->camr ? h_norm * (k->camr_alpha * (1 - share) + k->camr_beta)
					: h_norm * k->alpha_2;

		q->diag[i] += cm * q->hdiag[i];
		*diagonal(q, i) += cm * Lambda;
	}
}

void solve_add_rows(struct solve *q, int r0, int r, const double *AC, const float *At, double cms,
		    double ridge, double cm_y2)
{
	size_t at = area(r0, q->d);

	for (size_t i = 0; i < area(r, q->d); i++) {
		q->U[at + i] = cms * AC[i];
		q->A[at + i] = cms * (AC[i] + ridge * (double)At[i]);
	}
	q->y_norm2 += cm_y2;
}

static bool all_finite(const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* *condition = 1 / rcond; infinite where the estimate is below the smallest number. */
static void condition_of(struct solve *q, double norm1, double *condition)
{
	double rcond = 0;

	LAPACKE_dpocon_work(LAPACK_COL_MAJOR, 'U', q->d, q->S, q->d, norm1, &rcond, q->work,
			    q->iwork);
	*condition = 1 / rcond;
}

/* Factors S and solves; the 1-norm condition. */
static int solve_whole(struct solve *q, double *condition)
{
	int d = q->d, info;
	double norm1;

	if (!all_finite(q->S, area(d, d)))
		return -1;
	norm1 = LAPACKE_dlansy_work(LAPACK_COL_MAJOR, '1', 'U', d, q->S, d, q->work);
	info = be->potrf(q->S, d);
	if (info)
		return info;
	condition_of(q, norm1, condition);
	be->potrs(q->A, q->S, d, q->R);
	return 0;
}

static int solve_in_panels(struct solve *q, double *condition)
{
	int info = panels_factor(q->panels);

	if (info)
		return info;
	*condition = panels_condition(q->panels);
	panels_solve(q->panels, q->A, q->R);
	return 0;
}

int solve_system(struct solve *q, double extra, double *condition)
{
	int d = q->d, info;

	*condition = 1;
	if (d == 0)
		return 0;
	for (int i = 0; i < d; i++)
		*diagonal(q, i) += extra;
	if (!all_finite(q->A, area(q->R, d)))
		return -1;
	info = q->panels ? solve_in_panels(q, condition) : solve_whole(q, condition);
	if (info)
		return info;
	return all_finite(q->A, area(q->R, d)) ? 0 : -2;
}

void solve_times_factor(void *solve, double *X, int r)
{
	struct solve *q = solve;

	if (q->panels)
		panels_multiply(q->panels, X, r);
	else
		cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, r,
			    q->d, 1, q->S, q->d, X, q->d);
}

void solve_more(const struct solve *q, double *X, int r)
{
	BUG_IF(q->panels);
	be->potrs(X, q->S, q->d, r);
}

/* sum + Σ BᵀB ∘ (A Vᵀ) */
static double add_inner_product(struct solve *q, const double *BtB, double sum)
{
	double *M = q->work;

	if (q->d == 0 || q->R == 0)
		return sum;
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, q->R, q->R, q->d, 1.0, q->A, q->d,
		    q->V, q->d, 0.0, M, q->R);
	for (size_t i = 0; i < area(q->R, q->R); i++)
		sum += BtB[i] * M[i];
	return sum;
}

/* Between the factor's diagonal and that of the summed XmᵀXm. */
static void swap_diagonal(struct solve *q)
{
	for (int i = 0; i < q->d; i++) {
		double *s = &q->S[area(i, q->d + 1)], keep = *s;

		*s = q->diag[i];
		q->diag[i] = keep;
	}
}

/* V = A S − 2 U, without Λ. */
static void residual_V(struct solve *q)
{
	int d = q->d, R = q->R;

	if (q->panels) {
		for (size_t i = 0; i < area(R, d); i++)
			q->V[i] = q->VS[i] - 2 * q->U[i];
		return;
	}
	swap_diagonal(q);
	memcpy(q->V, q->U, area(R, d) * sizeof(double));
	cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, R, d, 1.0, q->S, d, q->A, d, -2.0, q->V,
		    d);
	swap_diagonal(q);
}

double solve_residual(struct solve *q, const double *BtB)
{
	double sum;

	if (q->d == 0 || q->R == 0 || !(q->y_norm2 > 0))
		return 0;
	/* ‖Y − Xm Wᵀ‖² = ‖Y‖² − 2 Σ BᵀB ∘ (A Uᵀ) + Σ BᵀB ∘ (A S Aᵀ) = ‖Y‖² + Σ BᵀB ∘ (A Vᵀ). */
	residual_V(q);
	sum = add_inner_product(q, BtB, q->y_norm2);
	return sum > 0 ? sqrt(sum / q->y_norm2) : 0;
}

void solve_misfit_begin(struct solve *q)
{
	memset(q->V, 0, area(q->R, q->d) * sizeof(double));
}

void solve_misfit_add_H(struct solve *q, const double *H, int i0, int n)
{
	if (q->R > 0 && n > 0)
		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, q->R, q->d, n, 1.0,
			    q->A + i0, q->d, H, q->d, 1.0, q->V, q->d);
}

void solve_misfit_sum(struct solve *q, double cm)
{
	for (size_t i = 0; q->panels && i < area(q->R, q->d); i++)
		q->VS[i] += cm * q->V[i];
}

void solve_misfit_add_rows(struct solve *q, int r0, int r, const double *AC, double s)
{
	double *V = q->V + area(r0, q->d);

	for (size_t i = 0; i < area(r, q->d); i++)
		V[i] -= 2 * s * AC[i];
}

double solve_misfit(struct solve *q, const double *BtB, double y_norm2)
{
	return fmax(add_inner_product(q, BtB, y_norm2), 0);
}

void solve_BtB(double *BtB, const float *B, int ldb, int m, int r)
{
	memset(BtB, 0, area(r, r) * sizeof(double));
	for (int o = 0; o < m; o++) {
		const float *b = B + area(o, ldb);

		for (int i = 0; i < r; i++)
			for (int j = 0; j < r; j++)
				BtB[area(i, r) + (size_t)j] += (double)b[i] * (double)b[j];
	}
}
