/* solve.h: one module's least squares, in float64. Pure maths: no files, no printing.
 *
 *   minimise over W   Σ_t c_t m_t ‖ X_t ΔW_tᵀ − Xm_t Wᵀ ‖² + regularisation          ΔW_t = s_t B_t
 * A_t C_t = X_tᵀ Xm_t        G_t = C_t + α₁‖C_t‖_F I         H_t = Xm_tᵀ Xm_t + Λ_t W = (Σ c m ΔW_t
 * G_t)(Σ c m H_t)⁻¹ = B A,   B = [B_1 … B_N],   A = [c_t m_t s_t A_t G_t]_t S⁻¹,   S = Σ c m H_t
 *
 * Xm is X tilde, the merged side's rows; m is manual_ceof. (IterIS, Chen et al., CVPR 2025,
 * equations for W; the factored form is ours: R right-hand sides, and nothing of d_out × d is ever
 * formed.)
 *
 * One module: solve_reset(); for every task solve_add_H() over H's rows in any pieces, then
 * solve_add_ridge(), then, where the task's adapter targets the module, solve_add_rows();
 * solve_system(); solve_residual(). */
#ifndef SOLVE_H
#define SOLVE_H

#include <stdbool.h>
#include <stddef.h>

struct solve {
	int d, R;
	double *S;      /* (d, d) Σ c m H; after solve_system() the lower triangle is the Cholesky
			   factor's */
	double *diag;   /* (d) diagonal of S without Λ */
	double *hdiag;  /* (d) diagonal of the present task's XmᵀXm */
	double *A;      /* (R, d) right-hand sides, then the solution */
	double *U;      /* (R, d) c m s A_t C_t */
	double *V;      /* (R, d) workspace */
	double *work;   /* (4 d + R R) workspace */
	int *iwork;     /* (d) workspace */
	double y_norm2; /* Σ c m ‖X ΔWᵀ‖² */
};

/* Λ_t = α₂ ‖XmᵀXm‖_F I, or CAMR: diag( ν(α_c (1 − h/Σh) + β_c) ), ν = ‖XmᵀXm‖_F, h = diag(XmᵀXm).
 */
struct ridge {
	double alpha_2;
	bool camr;
	double camr_alpha, camr_beta;
};

/* Added to the summed H's diagonal when the rows are weighted by DCS (as published). */
#define SOLVE_DCS_RIDGE 1e-4

/* Memory of a module's system: d × d float64 and a little. */
size_t solve_bytes(int d, int R);
/* Lays the arrays out in a slab of solve_bytes(d, R), of xaligned() (so that equal data give equal
 * bits), owned by the caller; resets. */
void solve_place(struct solve *q, void *slab, int d, int R);
/* All sums to zero. */
void solve_reset(struct solve *q);

/* *c = w_norm2 / xw_norm2 = ‖W0+ΔW‖² / ‖X (W0+ΔW)ᵀ‖². Returns 0, or 1 when that is no positive
 * finite number. */
int solve_coefficient(double *c, double w_norm2, double xw_norm2);

/* S += cm H for rows [i0, i0+n) of XmᵀXm, H (n, d); notes their diagonal. */
void solve_add_H(struct solve *q, double cm, const double *H, int i0, int n);
/* After all rows of a task's H: S += cm Λ_t; h_norm = ‖XmᵀXm‖_F. */
void solve_add_ridge(struct solve *q, double cm, double h_norm, const struct ridge *k);
/* Rows [r0, r0+r) of the right-hand side: cms (A_t C_t + ridge A_t), AC = A_t C_t (r, d), At (r,
 * d), cms = c m s, ridge = α₁‖C_t‖_F; y_norm2 += cm_y2 = c m ‖X_t ΔW_tᵀ‖². */
void solve_add_rows(struct solve *q, int r0, int r, const double *AC, const float *At, double cms,
		    double ridge, double cm_y2);

/* A = right-hand sides · (S + extra I)⁻¹ by Cholesky; *condition = 1-norm estimate of S's
 * condition. Returns 0; k > 0: pivot k (from 1) is not positive; -1: S or a right-hand side is not
 * finite; -2: the solution is not. */
int solve_system(struct solve *q, double extra, double *condition);
/* After solve_system(), before solve_residual(): more right-hand sides, X (r, d) = X (S + extra
 * I)⁻¹. */
void solve_more(const struct solve *q, double *X, int r);
/* After solve_system(): sqrt( Σ c m ‖X ΔWᵀ − Xm Wᵀ‖² / Σ c m ‖X ΔWᵀ‖² ), BtB (R, R) = BᵀB. The
 * squares are differences of sums, so a perfect fit reads about 1e-8, or as far as the Grams' own
 * rounding goes. 0 when there is nothing to fit. */
double solve_residual(struct solve *q, const double *BtB);

/* BtB (r, r) = BᵀB of B (m, r) with leading dimension ldb, in float64. */
void solve_BtB(double *BtB, const float *B, int ldb, int m, int r);

#endif
