/* int8.h: rows as small integers, for products whose sums are exact.
 *
 * oneDNN multiplies unsigned by signed 8-bit integers. Without VNNI (AVX2, the first AVX-512), its
 * kernels add two products in 16 bits, with saturation. With q ≤ 127 and |r| ≤ 127 two products are
 * at most 2·127² = 32258 < 2^15. So every processor gives the same, exact sums.
 *
 * Where a number of a row is not finite, its step is not finite either, and all products with the
 * row are NaN. */
#ifndef INT8_H
#define INT8_H

#include <stddef.h>
#include <stdint.h>

/* x ≈ low + step q. */
struct int8_steps {
	float low, step;
};

/* Rounds a row of a product's input; q: 0 … 127. */
struct int8_steps int8_input(uint8_t *q, const float *x, size_t n);
/* Rounds a row of a weight, w ≈ step r, r: −127 … 127. Returns the step. sum: Σ r. */
float int8_weight(int8_t *r, const float *w, size_t n, float *sum);
/* y[j] = step[j] (x.step dot[j] + x.low sum[j]): the products of an input row with n weight rows,
 * from dot[j] = Σ q r. */
void int8_products(float *y, const int32_t *dot, struct int8_steps x, const float *step,
		   const float *sum, size_t n);

#endif
