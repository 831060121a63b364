/* gemm.h: products with packed weights on the CPU, by oneDNN. The results do not depend on the
 * batch or the threads.
 *
 * A weight (n, k) is cut into panels of GEMM_PANEL outputs. They are packed once, in the layout
 * that oneDNN's kernel prefers. X is cut into tiles of GEMM_TILE rows. Zeros fill the last tile up
 * to a height that changes no bits: a multiple of GEMM_STEP, of 24 without AVX-512. Every (tile,
 * panel) product is one call of one single-threaded kernel, which sums over all inputs in one
 * order. So a row's bits depend only on the row and the weight. Threads share the (tile, panel)
 * pairs.
 *
 * The sizes: a panel of 2816 inputs and a tile fit a second-level cache of 2 MiB. Measured on one
 * AVX-512 core with weights that are not in the cache, against 48 × 256: in float32 1.06 times as
 * fast with 2816 inputs and as fast with 1024, in bfloat16 1.08 and 1.0 times. */
#ifndef GEMM_H
#define GEMM_H

#include "backend/be.h"

enum { GEMM_TILE = 96, GEMM_STEP = 8, GEMM_PANEL = 128 };

enum be_precision gemm_fast16(void);
struct be_weight *gemm_pack(const float *w, int n, int k, int ld, bool transposed,
			    enum be_precision p);
void gemm_weight_free(struct be_weight *w);
void gemm_linear(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W, int P,
		 bool accumulate);
void gemm_linear_heads(float *Y, int ldy, int step_y, const float *X, int ldx, int step_x,
		       struct be_weight *const *W, int heads, int P, bool accumulate);
void gemm_feed_forward(float *Y, float *Z, const float *X, const struct be_weight *W0,
		       const struct be_weight *W1, enum be_act act, int P);
/* x = act(x), times g where g is not NULL; n elements. */
void gemm_activate(enum be_act act, float *x, const float *g, size_t n);
/* gram_cpu.c */
void gemm_gram(double *G, const float *X, const float *Y, int P, int m, int n, int i0, int rows);
/* Bytes that a Gram of width d takes in addition to its arguments. */
size_t gemm_gram_bytes(int d, int threads);
void gemm_mirror(double *G, int m);

#endif
