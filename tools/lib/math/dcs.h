/* dcs.h: DCS weights a task's rows by how much the adapters disagree about them. Maths only,
 * float64.
 *
 *   v(x) = (1/d_out) (1/N) Σ_j ‖ y_j − ȳ ‖²,   y_j = ΔW_j x,   ȳ = (1/N) Σ_j y_j
 *   w = exp(−κ · minmax(log1p v)),  w /= mean w,  w = clamp(w, 0.1, 3),  w /= mean w
 *   κ = max(dcs_sigma · min(1, (k+1)/2), 0.1)
 *
 * j runs over all N adapters; x are the rows of one task's own side; k = 0, 1, … is the iteration.
 * The rows of X and Xm are then multiplied by √w.
 *
 * No y is ever formed. With z = [A_1 x; …; A_N x] (R) and y_j = s_j B_j z_j, v is zᵀ M z; the R × R
 * matrix M is made of the products B_jᵀB_l. An adapter that does not target the module has ΔW = 0,
 * and counts in N. */
#ifndef DCS_H
#define DCS_H

#include <stddef.h>

struct dcs {
	int R, d, most;
	double *A;          /* (R, d) */
	double *M, *Q;      /* (R, R) v = zᵀ M z, ‖ΔW_t x‖² = zᵀ Q z */
	double *x, *Z, *ZM; /* (most, d), (most, R), (most, R) workspace */
};

/* A (R, d), B (d_out, R): the raw factors of all adapters at a module, stacked. s (N): the
 * adapters' scales. task_of (R): the adapter of each row of A. `own`: the task t whose ‖ΔW_t x‖² is
 * wanted. `most`: most rows of a call of dcs_rows(). */
void dcs_init(struct dcs *q, const float *A, const float *B, const double *s, const int *task_of,
	      int own, int N, int R, int d, int d_out, int most);
void dcs_release(struct dcs *q); /* zero is fine */

/* v (n), and own (n) = ‖ΔW_t x‖², of n rows X (n, d). Where rounding gives a negative value, the
 * result is zero. */
void dcs_rows(struct dcs *q, double *v, double *own, const float *X, int n);

double dcs_kappa(double sigma, int iteration);
/* w (P) from v (P); w and v may be the same array. If all v are equal, all weights are. Returns 0,
 * or the number (from 1) of the first v that is not finite. */
size_t dcs_weights(double *w, const double *v, size_t P, double kappa);

#endif
