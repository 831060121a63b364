/* sketch.h: what the solve needs of C = XᵀXm without its d × d product, which would take twice the
 * products of H = XmᵀXm. The difference of the sides has thin products only:
 *
 *   C = H + F,   F = (X − Xm)ᵀ Xm
 *   A C = A H + ((X − Xm) Aᵀ)ᵀ Xm                                                     (r, d)
 *   ‖C‖²_F ≈ ‖C Q‖² + (‖H‖² − ‖H Q‖²) Σ_j ‖C ω_j‖² / Σ_j ‖H ω_j‖²,   C v = H v + (X − Xm)ᵀ (Xm v)
 *
 * - Q (d, SKETCH_TOP) is an orthonormal basis near H's largest eigenvectors: SKETCH_STEPS steps of
 *   subspace iteration (Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4).
 * - ω_j: SKETCH_PROBES vectors of random signs, less their part in Q. Their mean estimates what Q
 *   leaves (Hutch++: Meyer, Musco, Musco and Woodruff, SOSA 2021). It is taken as a ratio, because
 *   the same sum is known for H.
 *
 * A C is exact but for rounding. The error of the estimate is a fluctuation of what Q leaves of
 * CᵀC − H², so it falls with X − Xm: where X = Xm the estimate is ‖H‖. math/README.md has its
 * bound and measurements.
 *
 * The signs come from a fixed seed, so that equal rows give equal bits. As in grams.h, the result
 * does not depend on the number of threads, nor on whether memory holds H. With weights, all rows
 * are multiplied by √w. */
#ifndef SKETCH_H
#define SKETCH_H

#include "math/grams.h"

enum {
	SKETCH_TOP = 32,
	SKETCH_PROBES = 16,
	SKETCH_SIZE = SKETCH_TOP + SKETCH_PROBES,
	SKETCH_STEPS = 2
};

struct sketch {
	int d, most;  /* most: the largest r */
	int r;        /* rows of A so far */
	float *A;     /* host (most, d) */
	float *V;     /* host (SKETCH_SIZE, d): the columns of Q, then ω_j */
	double *HV;   /* host (SKETCH_SIZE, d): (H V)ᵀ; before that Q in float64 */
	double *back; /* host (d, most or SKETCH_SIZE): FV or FA */
	float *T;     /* device (GRAM_CHUNK, most or SKETCH_SIZE): Xm V, or (X − Xm) Aᵀ */
	double *FV;   /* device (d, SKETCH_SIZE): F V */
	double *FA;   /* device (d, r): (A F)ᵀ */
};

/* Allocates or counts (layout.h). most: the largest r. */
void sketch_init(struct sketch *s, struct layout *l, int d, int most);
void sketch_release(struct sketch *s); /* zero is fine */

/* Whether a sketch takes less time than C itself, for P rows of width d and r rows of A. Of few
 * rows, whose Gram is made in float64, it never does. */
bool sketch_pays(size_t P, int d, int r);
/* Multiply-adds of the sketch, or of C where a sketch does not pay: for planning. Those in float64
 * count twice. */
double sketch_products(size_t P, int d, int r);

/* Forgets all rows of A; then adds A (r, d) below those that are there. */
void sketch_clear(struct sketch *s);
void sketch_add(struct sketch *s, const float *A, int r);
/* Makes the products in one pass over the rows, which are not `same`. g: holds H, and still does
 * afterwards. Returns as gram_run(). */
int sketch_run(struct sketch *s, struct gram *g, const struct gram_rows *rows);

/* After sketch_run(), while g holds H. The estimate of ‖C‖_F; h = ‖H‖_F. */
double sketch_norm(struct sketch *s, double h);
/* AC (r, d) = A C for rows [r0, r0+r) of A, in float64. */
void sketch_thin(struct sketch *s, struct gram *g, double *AC, int r0, int r);

#endif
