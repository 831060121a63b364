/* cut.h: a low-rank change W = B A cut to a smaller rank, where the rows notice it least. Pure
 * maths: no files, no printing.
 *
 *   minimise over W_r of rank r   Σ_t c_t m_t ‖ Xm_t (W − W_r)ᵀ ‖² + ridge = ‖ (W − W_r) L ‖_F²
 *   L Lᵀ = S = Σ c m H (solve.h's Cholesky factor)
 *
 * By Eckart and Young (Psychometrika 1, 1936) W_r L is the projection of B A L on its first r left
 * singular vectors U_r, so W_r = U_r U_rᵀ B A, and L needs no inverse. With B = Q K (QR) and the
 * singular value decomposition K A L = Z Σ Vᵀ it is U = Q Z, and
 *
 *   B_r = Q Z_r,   A_r = Z_rᵀ K A,   error = √( Σ_{i>r} σ_i² / Σ σ_i² ) = ‖(W − W_r) L‖ / ‖W L‖
 *
 * Without L (NULL) it is the plain truncation of W, for methods that see no rows. Nothing m × d is
 * formed. */
#ifndef CUT_H
#define CUT_H

#include <stddef.h>

struct cut {
	int m, d, R;   /* B (m, R), A (R, d) */
	int k, n;      /* min(m, R) columns of Q; min(k, d) singular values */
	double *Q;     /* (k, m): the columns of Q as rows */
	double *KA;    /* (k, d) */
	double *Z;     /* (k, n) */
	double *sigma; /* (n), the largest first */
	double *work;
	int lwork;
};

/* Memory of a cut, beside its arguments. It grows with each of the sizes. */
size_t cut_bytes(int m, int d, int R);
/* Lays the arrays out in a slab of cut_bytes(), of xaligned(), owned by the caller. */
void cut_place(struct cut *c, void *slab, int m, int d, int R);
/* X (k, d) = X L. */
struct cut_metric {
	void (*multiply)(void *arg, double *X, int k);
	void *arg;
};
/* Decomposes W = B A in the metric of L, or plainly (NULL). Returns 0, or 1 when an
 * input is not finite or LAPACK does not converge. */
int cut_decompose(struct cut *c, const float *B, const double *A, const struct cut_metric *L);
/* The error of rank r, from 0 on; 0 where W L is 0. */
double cut_error(const struct cut *c, int r);
/* The least rank, from 1 on, with 1 − cut_error()² ≥ share: it keeps this share of ‖W L‖². 0 <
 * share < 1. */
int cut_rank(const struct cut *c, double share);
/* B_r (m, r), its columns orthonormal, and A_r (r, d); r ≥ 1. Columns and rows beyond c->n are
 * zero. */
void cut_write(const struct cut *c, int r, float *B, double *A);

#endif
