/* mats.h: MATS, which accelerates the iteration: Anderson's method of type II with a small ridge,
 * one module at a time. Maths only, float64.
 *
 *   R_j = G(W_j) − W_j,   pairs j = 0 … k, of which k is the newest
 *   ΔR_j = R_{j+1} − R_j,   ΔG_j = G_{j+1} − G_j
 *   γ = (ΔRᵀΔR + μ I)⁻¹ ΔRᵀ R_k,   each in [−2, 2]
 *   W⁺ = G_k − Σ γ_j ΔG_j;   W⁺ = G_k where ‖W⁺ − G_k‖ > 2 ‖G_k‖
 *
 * ⟨·, ·⟩ is the Frobenius product of full weights. In the low-rank path all W of a module are B A
 * with the same B. A (R, d) then stands for W, and the history holds only A: ⟨B U, B V⟩ = Σ (BᵀB
 * U)∘V. Full weights (BtB NULL) may come in parts, by rows: add up the sums of all parts first,
 * then step each part. */
#ifndef MATS_H
#define MATS_H

#include <stddef.h>

struct mats {
	int R, d;
	int n, most;   /* pairs held, and most pairs: history size + 1 */
	double *W, *G; /* (most, R, d), oldest first: A of W_j and of G(W_j), or rows of W_j and
			  G(W_j) */
};

void mats_init(struct mats *m, int R, int d, int most);
void mats_release(struct mats *m); /* zero is fine */
/* Adds a pair. If there is no room, the oldest is dropped. */
void mats_push(struct mats *m, const double *W, const double *G);

/* What γ is computed from: products of the differences, summed over all parts. */
struct mats_sums {
	int q;           /* number of differences */
	double *RR, *GG; /* (q, q), lower triangles: ⟨ΔR_i, ΔR_j⟩, ⟨ΔG_i, ΔG_j⟩ */
	double *gamma;   /* (q) ⟨ΔR_i, R_k⟩, then γ */
	double G2;       /* ‖G_k‖² */
};
enum mats_outcome { MATS_PLAIN, MATS_ACCELERATED, MATS_TOO_FAR };

void mats_sums_init(struct mats_sums *s, int q);
void mats_sums_release(struct mats_sums *s);
/* Adds a part, which has q + 1 pairs. */
void mats_add(struct mats_sums *s, const struct mats *m, const double *BtB);
/* Computes γ from all parts. MATS_PLAIN: there are no differences, or no usable γ. MATS_TOO_FAR:
 * the step would be too long. In both cases W⁺ is G_k. */
enum mats_outcome mats_solve(struct mats_sums *s, double mu);
/* A (R, d) = G_k − Σ γ_j ΔG_j of the part. */
void mats_step(double *A, const struct mats *m, const struct mats_sums *s);

/* All steps at once, where there is one part: A (R, d) = W⁺. BtB (R, R) = BᵀB. */
enum mats_outcome mats_next(const struct mats *m, double *A, const double *BtB, double mu);
/* Bytes that mats_init() and mats_add() take for parts of R rows. */
size_t mats_bytes(int R, int d, int most);

/* ‖B (U − V)‖_F; V NULL: ‖B U‖_F. */
double mats_distance(const double *U, const double *V, const double *BtB, int R, int d);

#endif
