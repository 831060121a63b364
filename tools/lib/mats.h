/* mats.h: MATS, the iteration's acceleration: Anderson's method of type II with a small ridge, one module at a time. Maths only, float64.
 *
 *   R_k = G(W_k) − W_k, pairs j = 0 … n−1, the last one the present k;  ΔR_j = R_{j+1} − R_j,  ΔG_j = G_{j+1} − G_j
 *   γ = (ΔRᵀΔR + μ I)⁻¹ ΔRᵀ R_k, each in [−2, 2];   W⁺ = G_k − Σ γ_j ΔG_j;   W⁺ = G_k where ‖W⁺ − G_k‖ > 2 ‖G_k‖
 *
 * All W of a module are B A with the same B, so that A (R, d) stands for W and the history holds no more: ⟨B U, B V⟩ = Σ (BᵀB U)∘V. */
#ifndef MATS_H
#define MATS_H

#include <stddef.h>

struct mats {
	int R, d;
	int n, most;   /* pairs held, and held at most: history size + 1 */
	double *W, *G; /* (most, R, d): A of W_j and of G(W_j), oldest first */
};

void mats_init(struct mats *m, int R, int d, int most);
void mats_release(struct mats *m); /* zero is fine */
/* The next pair; the oldest goes when there is no room. */
void mats_push(struct mats *m, const double *W, const double *G);

enum mats_outcome { MATS_PLAIN, MATS_ACCELERATED, MATS_TOO_FAR };
/* A (R, d) = W⁺. MATS_PLAIN: fewer than two pairs, or no γ to be had, and A is G_k; MATS_TOO_FAR: A is G_k again. BtB (R, R) = BᵀB. */
enum mats_outcome mats_next(const struct mats *m, double *A, const double *BtB, double mu);

/* ‖B (U − V)‖_F; V NULL: ‖B U‖_F. */
double mats_distance(const double *U, const double *V, const double *BtB, int R, int d);

#endif
