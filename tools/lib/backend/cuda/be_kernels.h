/* be_kernels.h: the CUDA backend's own device code, with one launcher per kernel. Pointers are to
 * device memory; row-major, ld in elements. A launcher returns before the kernel has finished. Its
 * value says whether the launch was accepted. A launch with nothing to do is a success. */
#ifndef BE_KERNELS_H
#define BE_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A dense tile (rows, k) from X (P, k), P ≤ rows, filled with zeros. float32 or bfloat16, by p. */
cudaError_t kernel_gather(cudaStream_t s, void *tile, const float *X, int ldx, int P, int rows,
			  int k, enum be_precision p);
/* Y (P, n) = the first P rows of a dense tile (rows, n), or += them. */
cudaError_t kernel_scatter(cudaStream_t s, float *Y, int ldy, const float *tile, int P, int n,
			   bool accumulate);
cudaError_t kernel_rmsnorm(cudaStream_t s, float *Y, const float *X, const float *g, int P, int D,
			   float eps);
/* Y = X, n elements. */
cudaError_t kernel_copy(cudaStream_t s, float *Y, const float *X, size_t n);
cudaError_t kernel_add(cudaStream_t s, float *Y, const float *X, size_t n);
/* Y (P, n) += b (n). */
cudaError_t kernel_add_row(cudaStream_t s, float *Y, const float *b, int P, int n);
/* sum (P) = Σ y² of each row of Y (P, n), in float64. */
cudaError_t kernel_squares(cudaStream_t s, double *sum, const float *Y, int P, int n);
cudaError_t kernel_scale(cudaStream_t s, float *X, float factor, size_t n);
/* X = cap tanh(X / cap). */
cudaError_t kernel_softcap(cudaStream_t s, float *X, float cap, size_t n);
/* G may be NULL. */
cudaError_t kernel_activate(cudaStream_t s, float *X, const float *G, enum be_act act, size_t n);
/* be.h's rotate for one sequence X (P, heads·width). */
cudaError_t kernel_rotate(cudaStream_t s, float *X, int P, int heads, int width, int turned,
			  const float *table);
/* Softmax of S (heads, rows, keys). A row uses all keys, or (causal) the first before + row + 1,
 * and of these with a window only the last ones. The other entries become 0. bias (heads, 2T−1) is
 * added first, entry key − row + T − 1; it may be NULL. */
cudaError_t kernel_softmax(cudaStream_t s, float *S, int heads, int rows, int keys, int before,
			   bool causal, int window, const float *bias, int T);
/* G (rows, n) += the first rows of X (P, m)ᵀ Y (P, n), in float64. */
cudaError_t kernel_gram(cudaStream_t s, double *G, const float *X, const float *Y, int P, int m,
			int n, int rows);
/* G += C, n elements. */
cudaError_t kernel_gram_add(cudaStream_t s, double *G, const float *C, size_t n);
/* G (m, m): copies the lower triangle to the upper one. */
cudaError_t kernel_mirror(cudaStream_t s, double *G, int m);
cudaError_t kernel_logits_reduce(cudaStream_t s, struct be_logits *state, const float *logits,
				 int P, int n, int id0);

#ifdef __cplusplus
}
#endif

#endif
