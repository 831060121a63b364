/* be_kernels.h: the device code of the CUDA backend that is in no library, one launcher each.
 * Pointers are to device memory; row-major, ld in elements. A launcher returns before the kernel is
 * done; its value says whether the launch was accepted. Nothing to do is success. */
#ifndef BE_KERNELS_H
#define BE_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A dense tile (rows, k) from X (P, k), P ≤ rows: zeros below; float32, or bfloat16 by p. */
cudaError_t kernel_gather(cudaStream_t s, void *tile, const float *X, int ldx, int P, int rows,
			  int k, enum be_precision p);
/* Y (P, n) = or += the first P rows of a dense tile (rows, n). */
cudaError_t kernel_scatter(cudaStream_t s, float *Y, int ldy, const float *tile, int P, int n,
			   bool accumulate);
cudaError_t kernel_rmsnorm(cudaStream_t s, float *Y, const float *X, const float *g, int P, int D,
			   float eps);
/* Y = X, n elements. */
cudaError_t kernel_copy(cudaStream_t s, float *Y, const float *X, size_t n);
cudaError_t kernel_add(cudaStream_t s, float *Y, const float *X, size_t n);
/* Y (P, n) += b (n). */
cudaError_t kernel_add_row(cudaStream_t s, float *Y, const float *b, int P, int n);
cudaError_t kernel_scale(cudaStream_t s, float *X, float factor, size_t n);
/* G may be NULL. */
cudaError_t kernel_activate(cudaStream_t s, float *X, const float *G, enum be_act act, size_t n);
/* One sequence's X (P, heads·width) by be.h's rotate. */
cudaError_t kernel_rotate(cudaStream_t s, float *X, int P, int heads, int width,
			  const float *table);
/* Softmax of S (heads, rows, keys) over its first keys, all or (causal) before + row + 1 of them,
 * with a window the last ones of these; the others become 0. With bias (heads, 2T−1), entry key −
 * row + T − 1 is added first; it may be NULL. */
cudaError_t kernel_softmax(cudaStream_t s, float *S, int heads, int rows, int keys, int before,
			   bool causal, int window, const float *bias, int T);
/* G (m, n) += XᵀY in float64 over P rows. */
cudaError_t kernel_gram(cudaStream_t s, double *G, const float *X, const float *Y, int P, int m,
			int n);
/* G += C, n elements. */
cudaError_t kernel_gram_add(cudaStream_t s, double *G, const float *C, size_t n);
/* G (m, m): above the diagonal what is below it. */
cudaError_t kernel_mirror(cudaStream_t s, double *G, int m);
cudaError_t kernel_logits_reduce(cudaStream_t s, struct be_logits *state, const float *logits,
				 int P, int n, int id0);

#ifdef __cplusplus
}
#endif

#endif
