/* full_weight.h: one module's least squares over the whole weight (with_pretrain_matrix), in
 * float64. Pure maths; letters as in solve.h.
 *
 *   minimise over W   Σ_t c_t m_t ‖ X_t (W0+ΔW_t)ᵀ − Xm_t Wᵀ ‖² + regularisation
 *   W = (Σ c m (W0+ΔW_t) G_t) S⁻¹ = W0 K + B A,   K = (Σ c m G_t) S⁻¹,   A as in solve.h
 *
 * K is no identity (Xm is not X, α₁ is not Λ), so W − W0 = W0 (K − I) + B A has full rank: no LoRA.
 * The form W0 K + B A takes d more right-hand sides and goes through W0 by rows. */
#ifndef FULL_WEIGHT_H
#define FULL_WEIGHT_H

#include "math/solve.h"

struct full_weight {
	struct solve *q;
	double *C;          /* (d, d) Σ c m C_t: the caller fills it */
	double *K;          /* (d, d) */
	double *W, *Z, *w0; /* (FULL_WEIGHT_ROWS, d) */
	double *b;          /* (FULL_WEIGHT_ROWS, R) */
	double residual;    /* Σ over the rows so far of W S Wᵀ − 2 W Uᵀ */
};
enum { FULL_WEIGHT_ROWS = 128 };

size_t full_weight_bytes(int d, int R);
/* Lays the arrays out in a slab of full_weight_bytes(d, R), the caller's. */
void full_weight_place(struct full_weight *x, void *slab, struct solve *q);
/* After solve_system() on x->q and with C filled: K, for Σ c m G_t = C + tau I. Takes the place of
 * solve_residual(): S is the summed XmᵀXm again (upper triangle and diagonal). Returns 0, or 1 when
 * K is not finite. */
int full_weight_solve(struct full_weight *x, double tau);
/* Rows of the solution: x->W (n, d) = W0 K + B A for W0 (n, d), B (n, R), n ≤ FULL_WEIGHT_ROWS. */
void full_weight_rows(struct full_weight *x, const float *W0, const float *B, int n);
/* After all rows: sqrt( Σ c m ‖X (W0+ΔW)ᵀ − Xm Wᵀ‖² / norm2 ), norm2 = Σ c m ‖X (W0+ΔW)ᵀ‖². */
double full_weight_residual(const struct full_weight *x, double norm2);

#endif
