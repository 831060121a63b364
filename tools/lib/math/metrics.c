/* metrics.c: see metrics.h. */
#include "math/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/rng.h"

void metrics_confusion(const int *truth, const int *predicted, int n, int K, int *count)
{
	memset(count, 0, (size_t)K * ((size_t)K + 1) * sizeof *count);
	for (int i = 0; i < n; i++) {
		int t = truth[i], p = predicted[i] == METRICS_NONE ? K : predicted[i];
		BUG_IF(t < 0 || t >= K || p < 0 || p > K);
		count[t * (K + 1) + p]++;
	}
}

int metrics_total(const int *count, int K)
{
	int n = 0;
	for (int i = 0; i < K * (K + 1); i++)
		n += count[i];
	return n;
}

int metrics_no_label(const int *count, int K)
{
	int n = 0;
	for (int t = 0; t < K; t++)
		n += count[t * (K + 1) + K];
	return n;
}

double metrics_accuracy(const int *count, int K)
{
	int n = metrics_total(count, K), right = 0;
	BUG_IF(n < 1);
	for (int t = 0; t < K; t++)
		right += count[t * (K + 1) + t];
	return (double)right / n;
}

double metrics_accuracy_stderr(const int *count, int K)
{
	double p = metrics_accuracy(count, K);
	return sqrt(p * (1 - p) / metrics_total(count, K));
}

/* Rows whose true label is t: TP + FN. */
static int row_sum(const int *count, int K, int t)
{
	int n = 0;
	for (int p = 0; p <= K; p++)
		n += count[t * (K + 1) + p];
	return n;
}

double metrics_mean_recall(const int *count, int K)
{
	double sum = 0;
	int present = 0;

	for (int k = 0; k < K; k++) {
		int rows = row_sum(count, K, k);
		present += rows > 0;
		if (rows > 0)
			sum += (double)count[k * (K + 1) + k] / rows;
	}
	BUG_IF(present == 0);
	return sum / present;
}

/* Rows whose predicted label is p: TP + FP. */
static int column_sum(const int *count, int K, int p)
{
	int n = 0;
	for (int t = 0; t < K; t++)
		n += count[t * (K + 1) + p];
	return n;
}

/* Mean F1 of the labels that occur in `labels`. This may be another matrix: a bootstrap draw keeps
 * the labels of its original. */
static double macro_f1(const int *count, const int *labels, int K)
{
	double sum = 0;
	int present = 0;

	for (int k = 0; k < K; k++) {
		if (row_sum(labels, K, k) == 0)
			continue;
		int both = row_sum(count, K, k) + column_sum(count, K, k); /* 2 TP + FP + FN */
		present++;
		if (both > 0)
			sum += 2.0 * count[k * (K + 1) + k] / both;
	}
	BUG_IF(present == 0);
	return sum / present;
}

double metrics_macro_f1(const int *count, int K)
{
	return macro_f1(count, count, K);
}

/* One draw: n rows with replacement. cell (n): the cell of the matrix in which each original row
 * is. */
static void resample(const int *cell, int n, int cells, struct rng *rng, int *drawn)
{
	memset(drawn, 0, (size_t)cells * sizeof *drawn);
	for (int i = 0; i < n; i++)
		drawn[cell[rng_below(rng, (uint64_t)n)]]++;
}

double metrics_macro_f1_stderr(const int *count, int K, int resamples, uint64_t seed)
{
	int n = metrics_total(count, K), cells = K * (K + 1);
	BUG_IF(n < 1 || resamples < 2);
	int *cell = xarray((size_t)n, sizeof *cell);
	int *drawn = xarray((size_t)cells, sizeof *drawn);
	struct rng rng;
	double mean = 0, squares = 0; /* Welford: avoids the difference of two large sums */

	for (int c = 0, row = 0; c < cells; c++)
		for (int i = 0; i < count[c]; i++)
			cell[row++] = c;
	rng_seed(&rng, seed);
	for (int b = 0; b < resamples; b++) {
		resample(cell, n, cells, &rng, drawn);
		double f1 = macro_f1(drawn, count, K), before = f1 - mean;
		mean += before / (b + 1);
		squares += before * (f1 - mean);
	}
	free(drawn);
	free(cell);
	return sqrt(squares / (resamples - 1));
}

double metrics_ratio_stderr(const double *sum, const int *count, int n)
{
	double all = 0, counts = 0, squares = 0;
	for (int i = 0; i < n; i++) {
		all += sum[i];
		counts += count[i];
	}
	for (int i = 0; i < n; i++) {
		double off = sum[i] - all / counts * count[i];
		squares += off * off;
	}
	return n < 2 ? 0 : sqrt((double)n / (n - 1) * squares) / counts;
}

/* P(X ≤ k) for X of n fair coins. Terms are relative to the largest, C(n,k), so none overflows.
 * Those that underflow do not matter. */
static double fair_coin_tail(int n, int k)
{
	double term = 1, sum = 1; /* C(n,i) / C(n,k), from i = k downwards */
	for (int i = k; i > 0 && term > 0; i--) {
		term *= (double)i / (n - i + 1);
		sum += term;
	}
	return exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) - n * log(2)) * sum;
}

double metrics_mcnemar(const bool *right_a, const bool *right_b, int n, int *only_a, int *only_b)
{
	int a = 0, b = 0;
	for (int i = 0; i < n; i++) {
		a += right_a[i] && !right_b[i];
		b += right_b[i] && !right_a[i];
	}
	if (only_a)
		*only_a = a;
	if (only_b)
		*only_b = b;
	/* With an even split both tails include the middle: the sum is over 1, so p is 1. */
	return fmin(1, 2 * fair_coin_tail(a + b, a < b ? a : b));
}

struct paired metrics_paired(const bool *right_a, const bool *right_b, int n)
{
	struct paired d = {0};
	double diff;

	d.p = metrics_mcnemar(right_a, right_b, n, &d.only_a, &d.only_b);
	diff = d.only_a - d.only_b;
	d.mean = diff / n;
	d.variance = (d.only_a + d.only_b - diff * diff / n) / n / n;
	return d;
}
