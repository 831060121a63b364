/* dense_cut.h: a change D (m, d) of full rank cut to rank r, where the rows notice it least. Pure
 * maths: no files, no printing. cut.h has the objective, the letters and the source; there the
 * change is a product B A of small factors.
 *
 *   X = D L,   X Xᵀ = U Σ² Uᵀ,   B_r = U_r,   A_r = U_rᵀ D
 *   error = √( Σ_{i>r} σ_i² / Σ σ_i² ) = ‖(D − D_r) L‖ / ‖D L‖
 *
 * The largest eigenvectors come from the smaller of X Xᵀ (m, m) and XᵀX = V Σ² Vᵀ (d, d), where
 * U_r = X V_r Σ_r⁻¹. This takes a tenth of the time of a singular value decomposition. Squares lose
 * half of the digits: errors below 1e-7 are noise, and directions below 1e-7 of ‖X‖ are left
 * out. */
#ifndef DENSE_CUT_H
#define DENSE_CUT_H

#include <stddef.h>

#include "math/cut.h"

struct dense_cut {
	int m, d, n;    /* n = min(m, d) */
	int most;       /* eigenvectors: at most n */
	double *D;      /* (m, d): filled by the caller, and kept */
	double *X;      /* (m, d) */
	double *M;      /* (n, n) */
	double *Z;      /* (most, n): eigenvectors as rows, the smallest first */
	double *lambda; /* (n): the eigenvalues σ² of Z's rows */
	double *U;      /* (most, m): the columns of U as rows, the largest first */
	double norm2;   /* ‖X‖² */
	double *work;
	int *iwork, *isuppz;
	int lwork, liwork;
};

/* Memory of a cut to at most rank r, with D. It grows with each of the sizes. */
size_t dense_cut_bytes(int m, int d, int r);
/* Lays the arrays out in a slab of dense_cut_bytes(), of xaligned(), owned by the caller. */
void dense_cut_place(struct dense_cut *c, void *slab, int m, int d, int r);
/* Decomposes D in the metric of L. Returns 0, or 1 when D is not finite or LAPACK does not
 * converge. */
int dense_cut_decompose(struct dense_cut *c, const struct cut_metric *L);
/* The error of rank r ≤ that of dense_cut_place(); 0 where D L is 0. */
double dense_cut_error(const struct dense_cut *c, int r);
/* The least rank, from 1 on, that keeps this share of ‖D L‖² (cut_rank()); the rank of
 * dense_cut_place() where none does. */
int dense_cut_rank(const struct dense_cut *c, double share);
/* B_r (m, r), its columns orthonormal, and A_r (r, d). Columns and rows beyond the rank of D are
 * zero. */
void dense_cut_write(const struct dense_cut *c, int r, float *B, double *A);

#endif
