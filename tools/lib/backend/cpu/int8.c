/* int8.c: see int8.h. */
#include "backend/cpu/int8.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/clones.h"

enum { MOST = 127 };

/* The bits of a float32 as an integer of the same order, or back. The compiler has vector
 * instructions for the largest integer of a row. A NaN is beyond the infinities. */
static inline int32_t ordered(int32_t bits)
{
	return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

static inline float unordered(int32_t order)
{
	int32_t bits = ordered(order);
	float x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* The least and the largest number of a row. One of them is not finite where a number is not. */
struct range {
	float low, high;
};

static inline struct range range_of(const float *x, size_t n)
{
	int32_t low = INT32_MAX, high = INT32_MIN;

	for (size_t i = 0; i < n; i++) {
		int32_t bits, order;

		memcpy(&bits, &x[i], sizeof(bits));
		order = ordered(bits);
		low = order < low ? order : low;
		high = order > high ? order : high;
	}
	return (struct range){unordered(low), unordered(high)};
}

/* 1 / step. 0 where all integers are 0: in a row of equal numbers, and in one that is not finite.
 */
static inline float per_unit(float step)
{
	return step >= FLT_MIN && step <= FLT_MAX ? 1.0f / step : 0;
}

CLONES struct int8_steps int8_input(uint8_t *q, const float *x, size_t n)
{
	const struct range r = range_of(x, n);
	const struct int8_steps s = {r.low, (r.high - r.low) / MOST};
	float units = per_unit(s.step);

	if (units == 0)
		memset(q, 0, n);
	for (size_t i = 0; units > 0 && i < n; i++)
		q[i] = (uint8_t)(int32_t)__builtin_rintf((x[i] - s.low) * units);
	return s;
}

CLONES float int8_weight(int8_t *r, const float *w, size_t n, float *sum)
{
	const struct range range = range_of(w, n);
	float wrong = range.low * 0 + range.high * 0, /* NaN where a number is not finite */
		largest = fmaxf(range.high, -range.low), step = largest / MOST + wrong,
	      units = per_unit(step);
	int32_t total = 0;

	if (units == 0)
		memset(r, 0, n);
	for (size_t i = 0; units > 0 && i < n; i++)
		r[i] = (int8_t)(int32_t)__builtin_rintf(w[i] * units);
	for (size_t i = 0; i < n; i++)
		total += r[i];
	*sum = (float)total;
	return step;
}

CLONES void int8_products(float *y, const int32_t *dot, struct int8_steps x, const float *step,
			  const float *sum, size_t n)
{
	for (size_t j = 0; j < n; j++)
		y[j] = step[j] * (x.step * (float)dot[j] + x.low * sum[j]);
}
