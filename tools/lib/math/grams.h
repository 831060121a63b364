/* grams.h: Gram matrices of a stream of rows, and what the solve needs of them. One d × d matrix at
 * a time is on the backend.
 *
 *   XmᵀXm, XᵀXm or XᵀX, in chunks of GRAM_CHUNK rows (float32 inside a chunk, float64 between);
 *   ‖G‖_F,  A G (r rows),  tr(W G Wᵀ)
 *
 * X are the rows of the own side, Xm (X tilde) the rows of the merged side. Xm is blended: Xm ←
 * (1−ρ) Xm + ρ X. Where there are weights, the rows of both are multiplied by √w.
 *
 * Memory: one d × d of float64, two chunks of rows, panels. It does not grow with the number of
 * rows. Where d × d does not fit, G is made in blocks of rows, with one pass over the rows of X and
 * Xm for each; a store takes the blocks and gives them back. The numbers are the same, to the bit.
 * Results do not depend on the number of threads: each fixed tile is computed by one thread, and
 * the tiles are summed in a fixed order. */
#ifndef GRAMS_H
#define GRAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/layout.h"

enum gram_kind { GRAM_XM_XM, GRAM_X_XM, GRAM_X_X };
enum gram_side { GRAM_SIDE_X, GRAM_SIDE_XM };

/* Where the rows come from. */
struct gram_rows {
	/* Reads rows [row0, row0+n) of a side into dst (n, d). */
	void (*read)(void *arg, enum gram_side side, size_t row0, size_t n, float *dst);
	void *arg;
	size_t P;
	bool same;       /* Xm is X, so that all three kinds are GRAM_XM_XM */
	double rho;      /* reg_ceof */
	const double *w; /* (P) weights; NULL: all 1 */
};

/* Where a Gram is kept that memory does not hold. */
struct gram_store {
	/* Empties the store for a Gram (d, d). symmetric: only its lower triangle will be put. */
	void (*begin)(void *arg, int d, bool symmetric);
	/* Takes rows [i0, i0+n), in ascending order. Of a symmetric Gram they are whole up to the
	 * diagonal. */
	void (*put)(void *arg, int i0, int n, const double *rows);
	/* Gives rows [i0, i0+n), whole. */
	void (*get)(void *arg, int i0, int n, double *rows);
	void *arg;
};

struct gram {
	int d, block;            /* rows of G in memory: d, or a multiple of GRAM_BLOCK */
	double *G;               /* device (block, d): the current Gram, or a block of its rows */
	float *X, *Xm;           /* device (GRAM_CHUNK, d) */
	float *stage[2];         /* host (GRAM_STAGE, d), by side */
	double *panel;           /* host (GRAM_PANEL, d) */
	struct gram_store store; /* the caller's; used where block < d */
	/* After gram_run() returned 1: the first row that is not finite, and its side. */
	size_t bad_row;
	enum gram_side bad_side;
	/* The longest row of the last GRAM_XM_XM, before weights: its number and ‖x‖. */
	size_t largest_row;
	double largest_norm;
};

enum {
	GRAM_STAGE = 240, /* rows that go to the device at a time: a quarter of GRAM_CHUNK */
	GRAM_PANEL = 256, /* rows of G that come back at a time */
	GRAM_TILE = 128,  /* tile of a float32 product whose squares are summed. It divides
			     GRAM_PANEL; 64 KB, on the thread's stack */
};

/* Allocates or counts (layout.h). block: as above. */
void gram_init(struct gram *g, struct layout *l, int d, int block);
void gram_release(struct gram *g); /* zero is fine */

/* Makes G of this kind over all rows. Returns 0, or 1 when a row is not finite (bad_row,
 * bad_side). */
int gram_run(struct gram *g, const struct gram_rows *rows, enum gram_kind kind);
/* Reads n ≤ GRAM_STAGE rows of a side from row0 into its stage, as a product takes them: blended,
 * unweighted. Returns as gram_run(). */
int gram_stage(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0,
	       size_t n);

/* Moves n ≤ GRAM_CHUNK rows from row0 to the device, as a product takes them: Xm, and X − Xm in the
 * place of X. Returns as gram_run(). */
int gram_put_difference(struct gram *g, const struct gram_rows *rows, size_t row0, size_t n);

/* Copies rows [i0, i0+n) of G to out (n, d) on the host. */
void gram_get(const struct gram *g, int i0, int n, double *out);
double gram_norm(struct gram *g); /* Frobenius */
/* AG (r, d) = A G, A (r, d), in float64. */
void gram_thin(struct gram *g, double *AG, const float *A, int r);
/* Fetches the panel of G that starts at row i0; returns how many rows it has. */
int gram_fetch(struct gram *g, int i0);

/* gram_norms.c: norms of products with the first `rows` rows of X that gram_stage() has staged. No
 * Gram is needed.
 *
 * ‖X (B A)ᵀ‖² = Σ aᵀ (BᵀB) a, a = A x. A (r, d), BtB (r, r) = BᵀB. a is computed in float32, the
 * rest in float64. */
double gram_staged_norm2(const struct gram *g, int rows, const float *A, const double *BtB, int r);
/* ‖X Wᵀ‖² for n rows of W (n, d). X Wᵀ is formed in float32, its squares are summed in float64. */
double gram_staged_trace(const struct gram *g, int rows, const float *W, int n);
/* Whether ‖X Wᵀ‖² costs less from P rows of X than from K = XᵀX, for n rows of W in all. made: K is
 * there already. Half of K and half of WᵀW are multiplied. */
bool gram_rows_cost_less(double P, double d, double n, bool made);
/* ‖X Wᵀ‖² = tr(W K Wᵀ) = Σ (WᵀW)∘K over all rows, where K = XᵀX is the current Gram. WᵀW is formed
 * in float32. */
double gram_trace(struct gram *g, const float *W, int n);

#endif
