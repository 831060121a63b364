/* full_weight.h: one module's least squares over the full weight (with_pretrain_matrix), in
 * float64. Pure maths; letters as in solve.h.
 *
 *   minimise over W   Σ_t c_t m_t ‖ X_t (W0+ΔW_t)ᵀ − Xm_t Wᵀ ‖² + regularisation
 *   W = (Σ c m (W0+ΔW_t) G_t) S⁻¹ = W0 K + B A,   K = (Σ c m G_t) S⁻¹,   A as in solve.h
 *
 * K is not the identity, because Xm is not X and α₁ is not Λ. So W − W0 = W0 (K − I) + B A has full
 * rank and is no LoRA. The form W0 K + B A needs d more right-hand sides, and reads W0 by rows.
 *
 * The same with a change D beside W0 (drift, and linears that no adapter targets: correct):
 *
 *   minimise over D   Σ_t c_t m_t ‖ X_t (W0+ΔW_t)ᵀ − Xm_t (W0+D)ᵀ ‖² + regularisation
 *   D = W0 K + B A,   K = (Σ c m (C_t − Xm_tᵀXm_t)) S⁻¹
 *
 * The ridges pull D, not W0+D: to the weighted mean of the ΔW_t with α₁ and Λ, to 0 where no
 * adapter targets the linear. Where Xm = X, D is the solution of solve.h. */
#ifndef FULL_WEIGHT_H
#define FULL_WEIGHT_H

#include "math/solve.h"

struct full_weight {
	struct solve *q;
	double *C;          /* (d, d) Σ c m C_t, filled by the caller */
	double *K;          /* (d, d) */
	double *W, *Z, *w0; /* (FULL_WEIGHT_ROWS, d) */
	double *b;          /* (FULL_WEIGHT_ROWS, R) */
	double residual;    /* Σ W S Wᵀ − 2 W Uᵀ over the rows so far */
	double misfit;      /* the current task's sums so far */
};
enum { FULL_WEIGHT_ROWS = 128 };

size_t full_weight_bytes(int d, int R);
/* Lays the arrays out in the caller's slab of full_weight_bytes(d, R). */
void full_weight_place(struct full_weight *x, void *slab, struct solve *q);
/* Computes K from Σ c m G_t = C + tau I. Call it after solve_system() on x->q, with C filled. It
 * replaces solve_residual(): the upper triangle and the diagonal of S are the summed XmᵀXm again.
 * Returns 0, or 1 when K is not finite. */
int full_weight_solve(struct full_weight *x, double tau);
/* The same for a change D: K from C − Σ c m XmᵀXm. S stays as solve_system() left it. */
int full_weight_drift(struct full_weight *x);
/* x->W (n, d) = W0 K + B A, for W0 (n, d), B (n, R), n ≤ FULL_WEIGHT_ROWS. */
void full_weight_product(struct full_weight *x, const float *W0, const float *B, int n);
/* Computes rows of the solution of full_weight_solve(): x->W (n, d) = W0 K + B A, for W0 (n, d), B
 * (n, R), n ≤ FULL_WEIGHT_ROWS. */
void full_weight_rows(struct full_weight *x, const float *W0, const float *B, int n);
/* What one task lost. Call these after full_weight_residual(): first the products of the whole
 * solution by rows, W (n, d), W0 (n, d) and B (n, R). Then the task's H and C, and its rows [r0,
 * r0+r) with AC (r, d) = A_t C_t and scale s, each as in solve.h. C and K are overwritten by the
 * products.
 *
 *   ‖X (W0+ΔW_t)ᵀ − Xm Wᵀ‖² = y_norm2 + Σ WᵀW ∘ H − 2 Σ W0ᵀW ∘ C − 2 s Σ BᵀW ∘ A_t C_t */
void full_weight_products_begin(struct full_weight *x);
void full_weight_products_add(struct full_weight *x, const float *W, const float *W0,
			      const float *B, int n);
void full_weight_misfit_begin(struct full_weight *x);
void full_weight_misfit_add_H(struct full_weight *x, const double *H, int i0, int n);
void full_weight_misfit_add_C(struct full_weight *x, const double *C, int i0, int n);
void full_weight_misfit_add_rows(struct full_weight *x, int r0, int r, const double *AC, double s);
double full_weight_misfit(const struct full_weight *x, double y_norm2);
/* After all rows: sqrt( Σ c m ‖X (W0+ΔW)ᵀ − Xm Wᵀ‖² / norm2 ), norm2 = Σ c m ‖X (W0+ΔW)ᵀ‖². */
double full_weight_residual(const struct full_weight *x, double norm2);

#endif
