/* panels.h: the Cholesky factor of a symmetric positive definite S (d, d) that memory does not
 * hold: S = L Lᵀ, in float64. Pure maths: no files, no printing.
 *
 * L is made panel by panel. Panel k has columns [k·width, k·width + w) and all rows from k·width
 * on. To make it, the panel of S is read, and every earlier panel of L once:
 *
 *   P = S_k − Σ_{j<k} L_j (L_j's rows of panel k)ᵀ,   then Cholesky of its first w rows and
 *   L_k = P L_kk⁻ᵀ below.
 *
 * This is the left-looking order (Golub and Van Loan, Matrix Computations, 4.2). A panel is final
 * when it is written, so a factorisation that was interrupted goes on behind its last panel. S is
 * read once, and L d / (2 width) times. Results do not depend on the number of threads. */
#ifndef PANELS_H
#define PANELS_H

#include <stddef.h>

enum { PANEL_ROWS = 1024 }; /* rows of a panel that are in memory at a time */

struct panels {
	/* The caller's. */
	int d, width;
	int done; /* panels that are made already */
	void *arg;
	/* Reads panel k of S, (d − k·width, w), into P. Above the diagonal it may hold anything. */
	void (*system)(void *arg, int k, double *P);
	/* Keeps panel k of L, in which zeros are above the diagonal, and the sums (d) after it. */
	void (*keep)(void *arg, int k, const double *P, const double *sums);
	/* Reads rows [i0, i0+n) of the matrix in panel k of L, (n, w); the sums (d) after panel k.
	 */
	void (*read)(void *arg, int k, int i0, int n, double *rows);
	void (*read_sums)(void *arg, int k, double *sums);
	/* Set by panels_place(). */
	double *P;     /* (d, width) the panel at hand */
	double *top;   /* (width, width) the rows of panel k in another panel */
	double *rows;  /* (PANEL_ROWS, width) */
	double *sums;  /* (d) of each column, the sum of |S| over the panels made so far */
	double *v, *x; /* (d) workspace */
	int *sign;     /* (d) workspace */
};

/* How many panels there are, and how many columns panel k has. */
int panels_count(int d, int width);
int panels_columns(const struct panels *p, int k);

/* Memory of the arrays, and how they are laid out in the caller's slab of xaligned(). */
size_t panels_bytes(int d, int width);
void panels_place(struct panels *p, void *slab);

/* Makes the panels from `done` on. Returns 0; k > 0: pivot k (from 1) is not positive; −1: S is not
 * finite. */
int panels_factor(struct panels *p);
/* X (r, d) = X S⁻¹. */
void panels_solve(struct panels *p, double *X, int r);
/* X (r, d) = X L. */
void panels_multiply(struct panels *p, double *X, int r);
/* The 1-norm estimate of S's condition, as LAPACK's dpocon has it. Infinite where the estimate is
 * beyond the largest number. */
double panels_condition(struct panels *p);

#endif
