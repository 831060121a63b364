/* solve.h: one module's least squares, in float64. Pure maths: no files, no printing.
 *
 *   minimise over W   Σ_t c_t m_t ‖ X_t ΔW_tᵀ − Xm_t Wᵀ ‖² + regularisation,   ΔW_t = s_t B_t A_t
 *   C_t = X_tᵀ Xm_t,   G_t = C_t + α₁‖C_t‖_F I,   H_t = Xm_tᵀ Xm_t + Λ_t
 *   W = (Σ c m ΔW_t G_t)(Σ c m H_t)⁻¹ = B A
 *   B = [B_1 … B_N],   A = [c_t m_t s_t A_t G_t]_t S⁻¹,   S = Σ c m H_t
 *
 * Xm is X tilde, the rows of the merged side; m is manual_ceof, not below 0. The equations for W
 * are those of IterIS (Chen et al., CVPR 2025). The factored form is ours: it has R right-hand
 * sides, and forms no d_out × d matrix.
 *
 * For one module, call in this order:
 * - solve_reset();
 * - for every task: solve_add_H() over the rows of H in any pieces; solve_add_ridge(); where the
 *   task's adapter targets the module, solve_add_rows();
 * - solve_system(), then solve_residual();
 * - for what one task lost: solve_misfit_begin(), solve_misfit_add_H() over its H again,
 *   solve_misfit_add_rows(), solve_misfit().
 *
 * Where memory does not hold S, it is factored in panels (panels.h). Then:
 * - for every task: solve_add_diagonal() takes the place of solve_add_H(); the panels' source adds
 *   the rest of cm H, and takes S's diagonal from solve_diagonal();
 * - solve_residual() comes after the misfits, and solve_misfit_sum() sums what it needs. */
#ifndef SOLVE_H
#define SOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "math/panels.h"

struct solve {
	int d, R;
	double *S; /* (d, d) Σ c m H; after solve_system() its lower triangle is the Cholesky
		      factor. With panels: (d) its diagonal */
	struct panels *panels; /* NULL: S is whole */
	double *VS;            /* with panels: (R, d) A S without Λ, of solve_misfit_sum() */
	double *diag;          /* (d) diagonal of S without Λ */
	double *hdiag;         /* (d) diagonal of the current task's XmᵀXm */
	double *A;             /* (R, d) right-hand sides, then the solution */
	double *U;             /* (R, d) c m s A_t C_t */
	double *V;             /* (R, d) workspace */
	double *work;          /* (4 d + R R) workspace */
	int *iwork;            /* (d) workspace */
	double y_norm2;        /* Σ c m ‖X ΔWᵀ‖² */
};

/* Λ_t = α₂ ‖XmᵀXm‖_F I, or with CAMR diag( ν(α_c (1 − h/Σh) + β_c) ); ν = ‖XmᵀXm‖_F, h =
 * diag(XmᵀXm). */
struct ridge {
	double alpha_2;
	bool camr;
	double camr_alpha, camr_beta;
};

/* Added to the diagonal of the summed H where DCS weights the rows, as published. */
#define SOLVE_DCS_RIDGE 1e-4

/* Memory of a module's system: a d × d matrix of float64 and smaller arrays. */
size_t solve_bytes(int d, int R);
/* Lays the arrays out in the caller's slab of solve_bytes(d, R), and resets. The slab comes from
 * xaligned(), so that equal data give equal bits. */
void solve_place(struct solve *q, void *slab, int d, int R);
/* The same with panels, whose width is set. The caller sets their functions. */
size_t solve_panels_bytes(int d, int R, int width);
void solve_place_panels(struct solve *q, struct panels *p, void *slab, int d, int R);
/* Sets all sums to zero. */
void solve_reset(struct solve *q);

/* *c = w_norm2 / xw_norm2 = ‖W0+ΔW‖² / ‖X (W0+ΔW)ᵀ‖². Returns 0, or 1 when *c is not a positive
 * finite number. */
int solve_coefficient(double *c, double w_norm2, double xw_norm2);

/* S += cm H for rows [i0, i0+n) of XmᵀXm, given as H (n, d). Notes their diagonal. */
void solve_add_H(struct solve *q, double cm, const double *H, int i0, int n);
/* With panels: the diagonal (d) of H. */
void solve_add_diagonal(struct solve *q, double cm, const double *H);
/* With panels: S's entry (i, i), ridges included. */
double solve_diagonal(const struct solve *q, int i);
/* After all rows of a task's H: S += cm Λ_t. h_norm = ‖XmᵀXm‖_F. */
void solve_add_ridge(struct solve *q, double cm, double h_norm, const struct ridge *k);
/* Sets rows [r0, r0+r) of the right-hand side to cms (A_t C_t + ridge A_t). AC = A_t C_t (r, d), At
 * (r, d), cms = c m s, ridge = α₁‖C_t‖_F. y_norm2 += cm_y2 = c m ‖X_t ΔW_tᵀ‖². */
void solve_add_rows(struct solve *q, int r0, int r, const double *AC, const float *At, double cms,
		    double ridge, double cm_y2);

/* A = right-hand sides · (S + extra I)⁻¹ by Cholesky; *condition = 1-norm estimate of S's
 * condition. Returns 0; k > 0: pivot k (from 1) is not positive; -1: S or a right-hand side is not
 * finite; -2: the solution is not finite. */
int solve_system(struct solve *q, double extra, double *condition);
/* X (r, d) = X L, with the Cholesky factor L of S + extra I; of solve_system(). For a cut_metric
 * (cut.h) of a struct solve. */
void solve_times_factor(void *solve, double *X, int r);
/* Solves more right-hand sides, X (r, d) = X (S + extra I)⁻¹. Call it after solve_system() and
 * before solve_residual(). Not with panels. */
void solve_more(const struct solve *q, double *X, int r);
/* After solve_system(): sqrt( Σ c m ‖X ΔWᵀ − Xm Wᵀ‖² / Σ c m ‖X ΔWᵀ‖² ), BtB (R, R) = BᵀB. The
 * squares are differences of sums. So a perfect fit gives about 1e-8, or the rounding of the Grams
 * if that is larger. 0 when there is nothing to fit. */
double solve_residual(struct solve *q, const double *BtB);

/* After solve_residual(), one task's own ‖X ΔWᵀ − Xm Wᵀ‖², which no c m weighs:
 *
 *   ‖X ΔWᵀ‖² + Σ BᵀB ∘ (A Vᵀ),   V = A XmᵀXm − 2 (s A_t C_t in the task's rows)
 *
 * H (n, d) may come in any pieces: rows [i0, i0+n) of XmᵀXm. Then, where the adapter targets the
 * module, come its rows [r0, r0+r) with AC (r, d) = A_t C_t and scale s. y_norm2 = ‖X ΔWᵀ‖². The
 * result is never below 0. A perfect fit gives about 1e-16 y_norm2, or the Grams' own rounding. */
void solve_misfit_begin(struct solve *q);
void solve_misfit_add_H(struct solve *q, const double *H, int i0, int n);
void solve_misfit_add_rows(struct solve *q, int r0, int r, const double *AC, double s);
double solve_misfit(struct solve *q, const double *BtB, double y_norm2);
/* With panels, between the last solve_misfit_add_H() and solve_misfit_add_rows(): sums A XmᵀXm for
 * solve_residual(). */
void solve_misfit_sum(struct solve *q, double cm);

/* BtB (r, r) = BᵀB of B (m, r) with leading dimension ldb, in float64. */
void solve_BtB(double *BtB, const float *B, int ldb, int m, int r);

#endif
