/* reference.h: the backend's operations as be.h defines them, in float64, one plain loop each. For
 * the tests. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* A value, and the sum of the absolute values of its terms. Rounding errors are measured relative
 * to this sum. */
struct exact {
	double value, size;
};

/* Σ x_i y_i, n terms at distances of step_x and step_y. */
static inline struct exact ref_dot(const float *x, size_t step_x, const float *y, size_t step_y,
				   int n)
{
	struct exact sum = {0, 0};

	for (size_t i = 0; i < (size_t)n; i++) {
		double term = (double)x[i * step_x] * (double)y[i * step_y];

		sum.value += term;
		sum.size += fabs(term);
	}
	return sum;
}

static inline double ref_relu(double x)
{
	return x > 0 ? x : 0;
}

/* The tanh form. */
static inline double ref_gelu(double x)
{
	return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/* 1 / sqrt(mean(x²) + eps) of a row of n. */
static inline double ref_rms_factor(const float *x, int n, double eps)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return 1 / sqrt(sum / n + eps);
}

static inline double ref_silu(double x)
{
	return x / (1 + exp(-x));
}

/* cap tanh(x / cap); cap 0: x. */
static inline double ref_softcap(double x, double cap)
{
	return cap > 0 ? cap * tanh(x / cap) : x;
}

/* What one query attends to: keys and values (keys, width) with leading dimension ld. If bias is
 * not NULL, bias[j] is added to key j's score. */
struct ref_attention {
	const float *K, *V;
	size_t ld;
	int keys, width;
	double scale, cap;
	const float *bias;
};

/* Element e of softmax(cap(scale K q) + bias) V. */
static inline struct exact ref_attend(const struct ref_attention *a, const float *q, int e)
{
	double total = 0;
	struct exact sum = {0, 0};

	for (size_t j = 0; j < (size_t)a->keys; j++) {
		double score = a->scale * ref_dot(q, 1, a->K + j * a->ld, 1, a->width).value;
		double p = exp(ref_softcap(score, a->cap) + (a->bias ? (double)a->bias[j] : 0));
		double term = p * (double)a->V[j * a->ld + (size_t)e];

		total += p;
		sum.value += term;
		sum.size += fabs(term);
	}
	return (struct exact){sum.value / total, sum.size / total};
}

#endif
