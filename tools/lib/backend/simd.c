/* simd.c: see simd.h.
 *
 * exp(x) = 2^k · e^r, k = round(x / ln 2), |r| ≤ ln 2 / 2. e^r is its Taylor polynomial of degree
 * 7. The first omitted term is r^8/8! < 6e-9, below half a unit in the last place of a float32 near
 * 1. */
#include "backend/simd.h"

#include <math.h>
#include <string.h>

#include "backend/bf16.h"
#include "base/clones.h"

static inline float exp_poly(float x)
{
	const float log2e = 1.44269504f, ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
	union {
		int32_t i;
		float f;
	} scale;
	float k, r, p;

	x = x < -87.0f ? -87.0f
		       : x; /* 2^k remains a normal number; e^-87 is 0 in any sum that matters */
	x = x > 88.0f ? 88.0f : x;
	k = __builtin_rintf(x * log2e);
	r = x - k * ln2_hi - k * ln2_lo;
	p = 1.0f / 5040;
	p = p * r + 1.0f / 720;
	p = p * r + 1.0f / 120;
	p = p * r + 1.0f / 24;
	p = p * r + 1.0f / 6;
	p = p * r + 0.5f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	scale.i = ((int32_t)k + 127) << 23;
	return p * scale.f;
}

CLONES void simd_to_bf16(uint16_t *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t u;

		memcpy(&u, &x[i], sizeof(u));
		y[i] = bf16_round(u);
	}
}

CLONES void simd_rmsnorm(float *y, const float *x, const float *g, size_t n, float eps)
{
	enum { LANES = 16 };
	float sum[LANES] = {0}, total = 0, scale;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			sum[l] += x[i + (size_t)l] * x[i + (size_t)l];
	for (; i < n; i++)
		sum[0] += x[i] * x[i];
	for (int l = 0; l < LANES; l++)
		total += sum[l];
	scale = 1.0f / sqrtf(total / (float)n + eps);
	for (i = 0; i < n; i++)
		y[i] = x[i] * scale * g[i];
}

CLONES void simd_softmax(float *x, size_t n)
{
	enum { LANES = 16 };
	float sum[LANES] = {0}, max = -INFINITY, total = 0;
	size_t i = 0;

	for (i = 0; i < n; i++)
		max = x[i] > max ? x[i] : max;
	for (i = 0; i < n; i++)
		x[i] = exp_poly(x[i] - max);
	for (i = 0; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			sum[l] += x[i + (size_t)l];
	for (; i < n; i++)
		sum[0] += x[i];
	for (int l = 0; l < LANES; l++)
		total += sum[l];
	for (i = 0; i < n; i++)
		x[i] /= total;
}

CLONES void simd_add(float *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += x[i];
}

CLONES void simd_add_f64(double *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += (double)x[i];
}

CLONES double simd_dot_f64(const float *x, const float *y, size_t n)
{
	enum { LANES = 16 };
	double sum[LANES] = {0}, total = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			sum[l] += (double)x[i + (size_t)l] * (double)y[i + (size_t)l];
	for (; i < n; i++)
		sum[0] += (double)x[i] * (double)y[i];
	for (int l = 0; l < LANES; l++)
		total += sum[l];
	return total;
}

/* In squares, through a local copy of constant size: the compiler then transposes in registers. */
CLONES void simd_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows,
			   size_t cols)
{
	enum { SQUARE = 16 };

	for (size_t r0 = 0; r0 < rows; r0 += SQUARE)
		for (size_t c0 = 0; c0 < cols; c0 += SQUARE) {
			size_t nr = rows - r0 < SQUARE ? rows - r0 : SQUARE,
			       nc = cols - c0 < SQUARE ? cols - c0 : SQUARE;
			float turned[SQUARE][SQUARE];

			if (nr < SQUARE || nc < SQUARE) {
				for (size_t c = 0; c < nc; c++)
					for (size_t r = 0; r < nr; r++)
						y[(c0 + c) * ldy + r0 + r] =
							x[(r0 + r) * ldx + c0 + c];
				continue;
			}
			for (size_t r = 0; r < SQUARE; r++)
				for (size_t c = 0; c < SQUARE; c++)
					turned[c][r] = x[(r0 + r) * ldx + c0 + c];
			for (size_t c = 0; c < SQUARE; c++)
				memcpy(y + (c0 + c) * ldy + r0, turned[c], sizeof(turned[c]));
		}
}

CLONES void simd_rotate(float *x, const float *turn, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float a = x[i], b = x[n + i];

		x[i] = a * turn[i] - b * turn[n + i];
		x[n + i] = b * turn[i] + a * turn[n + i];
	}
}

/* tanh(u) = (1 − e^(−2|u|)) / (1 + e^(−2|u|)) with u's sign. Near 0, where 1 − e^… cancels, its
 * series: the first term left out is 1382/155925 u^11. */
static inline float tanh_poly(float u)
{
	float a = u < 0 ? -u : u, e = exp_poly(-2 * a), s = u * u, p;

	p = 62.0f / 2835;
	p = p * s - 17.0f / 315;
	p = p * s + 2.0f / 15;
	p = p * s - 1.0f / 3;
	p = u + u * s * p;
	e = (1.0f - e) / (1.0f + e);
	e = u < 0 ? -e : e;
	return a < 0.25f ? p : e;
}

CLONES void simd_softcap(float *x, float cap, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = cap * tanh_poly(x[i] / cap);
}

CLONES void simd_relu(float *x, const float *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] > 0 ? x[i] : 0;
	for (size_t i = 0; g && i < n; i++)
		x[i] *= g[i];
}

/* gelu_new(x) = x/2 (1 + tanh u) = x / (1 + e^(−2u)), u = sqrt(2/π) (x + 0.044715 x³). */
CLONES void simd_gelu(float *x, const float *g, size_t n)
{
	const float twice = 2 * 0.797884561f;

	for (size_t i = 0; i < n; i++) {
		float v = x[i], u = twice * (v + 0.044715f * v * v * v);

		x[i] = v / (1.0f + exp_poly(-u));
	}
	for (size_t i = 0; g && i < n; i++)
		x[i] *= g[i];
}

/* silu(x) = x / (1 + e^(−x)). */
CLONES void simd_silu(float *x, const float *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] / (1.0f + exp_poly(-x[i]));
	for (size_t i = 0; g && i < n; i++)
		x[i] *= g[i];
}
