/* simd.h: the elementwise loops that decide the speed outside the products, written so that the compiler vectorises them.
 *
 * Each function is compiled for several instruction sets and chosen at load time (x86-64); plain C elsewhere. */
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
/* x = relu(x) or gelu_new(x), times g where g is not NULL. */
void simd_relu(float *x, const float *g, size_t n);
void simd_gelu(float *x, const float *g, size_t n);

#endif
