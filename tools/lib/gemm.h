/* gemm.h: products with packed weights on the CPU, by oneDNN, whose results do not depend on the batch or the threads.
 *
 * A weight (n, k) is cut into panels of GEMM_PANEL outputs, packed once in the layout that oneDNN's kernel likes; X is cut
 * into tiles of GEMM_TILE rows. Every (tile, panel) product is one call of one single-threaded kernel of one fixed shape, so a
 * row's bits depend on the row and the weight alone, and small tiles run as fast as large ones (measured, one AVX-512 core:
 * 48 × 256 × 1024 at 212 GFLOP/s, the library's best on any shape is 218). Threads share the (tile, panel) pairs. */
#ifndef GEMM_H
#define GEMM_H

#include "be.h"

enum { GEMM_TILE = 48, GEMM_PANEL = 256 };

enum be_precision gemm_fast16(void);
struct be_weight *gemm_pack(const float *w, int n, int k, int ld, bool transposed, enum be_precision p);
void gemm_weight_free(struct be_weight *w);
void gemm_linear(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W, int P, bool accumulate);
void gemm_gram(double *G, const float *X, const float *Y, int P, int m, int n);

#endif
