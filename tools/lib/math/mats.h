/* mats.h: MATS, the iteration's acceleration: Anderson's method of type II with a small ridge, one
 * module at a time. Maths only, float64.
 *
 *   R_k = G(W_k) − W_k, pairs j = 0 … n−1, the last one the present k;  ΔR_j = R_{j+1} − R_j,  ΔG_j
 * = G_{j+1} − G_j γ = (ΔRᵀΔR + μ I)⁻¹ ΔRᵀ R_k, each in [−2, 2];   W⁺ = G_k − Σ γ_j ΔG_j;   W⁺ = G_k
 * where ‖W⁺ − G_k‖ > 2 ‖G_k‖
 *
 * ⟨·, ·⟩ is the Frobenius product of whole weights. Where all W of a module are B A with the same
 * B, A (R, d) stands for W and the history holds no more: ⟨B U, B V⟩ = Σ (BᵀB U)∘V. Whole weights
 * (BtB NULL) may come in parts, by rows: sums over all parts first, then the step of each. */
#ifndef MATS_H
#define MATS_H

#include <stddef.h>

struct mats {
	int R, d;
	int n, most;   /* pairs held, and held at most: history size + 1 */
	double *W, *G; /* (most, R, d): A of W_j and of G(W_j), or rows of them themselves, oldest
			  first */
};

void mats_init(struct mats *m, int R, int d, int most);
void mats_release(struct mats *m); /* zero is fine */
/* The next pair; the oldest goes when there is no room. */
void mats_push(struct mats *m, const double *W, const double *G);

/* What γ is found from: the products of the differences, over all parts. */
struct mats_sums {
	int q;           /* differences */
	double *RR, *GG; /* (q, q), lower triangles: ⟨ΔR_i, ΔR_j⟩, ⟨ΔG_i, ΔG_j⟩ */
	double *gamma;   /* (q) ⟨ΔR_i, R_k⟩, then γ */
	double G2;       /* ‖G_k‖² */
};
enum mats_outcome { MATS_PLAIN, MATS_ACCELERATED, MATS_TOO_FAR };

void mats_sums_init(struct mats_sums *s, int q);
void mats_sums_release(struct mats_sums *s);
/* Adds a part's, of q + 1 pairs. */
void mats_add(struct mats_sums *s, const struct mats *m, const double *BtB);
/* γ of all parts. MATS_PLAIN: no differences, or no γ to be had; MATS_TOO_FAR: W⁺ would be; in both
 * W⁺ is G_k. */
enum mats_outcome mats_solve(struct mats_sums *s, double mu);
/* A (R, d) = the part's G_k − Σ γ_j ΔG_j. */
void mats_step(double *A, const struct mats *m, const struct mats_sums *s);

/* All of it, of one part: A (R, d) = W⁺. BtB (R, R) = BᵀB. */
enum mats_outcome mats_next(const struct mats *m, double *A, const double *BtB, double mu);
/* What mats_init() and mats_add() take for parts of R rows, bytes. */
size_t mats_bytes(int R, int d, int most);

/* ‖B (U − V)‖_F; V NULL: ‖B U‖_F. */
double mats_distance(const double *U, const double *V, const double *BtB, int R, int d);

#endif
