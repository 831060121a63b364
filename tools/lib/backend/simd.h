/* simd.h: the elementwise loops that decide the speed outside products, in a form that the compiler
 * can vectorise.
 *
 * Each function is compiled for several instruction sets, and the loader chooses (x86-64).
 * Elsewhere it is plain C. */
#ifndef SIMD_H
#define SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Round to nearest even; NaN stays NaN. */
void simd_to_bf16(uint16_t *y, const float *x, size_t n);
/* y = x / sqrt(mean(x²) + eps) · g over one row. */
void simd_rmsnorm(float *y, const float *x, const float *g, size_t n, float eps);
/* Softmax over one row in place. */
void simd_softmax(float *x, size_t n);
void simd_add(float *y, const float *x, size_t n);
/* y = y + x; Σ x y, in float64. */
void simd_add_f64(double *y, const float *x, size_t n);
double simd_dot_f64(const float *x, const float *y, size_t n);
/* y (cols, rows) = xᵀ, x (rows, cols). */
void simd_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t cols);
/* (a, b) = (a cos − b sin, b cos + a sin), n each. x has a, then b; turn has the cosines, then the
 * sines. */
void simd_rotate(float *x, const float *turn, size_t n);
/* x = cap tanh(x / cap). */
void simd_softcap(float *x, float cap, size_t n);
/* x = act(x), times g where g is not NULL. */
void simd_relu(float *x, const float *g, size_t n);
void simd_gelu(float *x, const float *g, size_t n);
void simd_silu(float *x, const float *g, size_t n);

#endif
