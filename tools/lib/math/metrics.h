/* metrics.h: figures of an evaluation, from true and predicted labels. Pure arithmetic.
 *
 * Labels are 0 … K-1. A prediction that is no label is METRICS_NONE. A confusion matrix is (K,
 * K+1): row = true label, column = predicted label. The last column counts the predictions that are
 * no label. */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stdint.h>

enum { METRICS_NONE = -1, METRICS_RESAMPLES = 1000 };

/* count (K, K+1) from truth (n) and predicted (n). A label out of range is BUG(). */
void metrics_confusion(const int *truth, const int *predicted, int n, int K, int *count);
int metrics_total(const int *count, int K);    /* n */
int metrics_no_label(const int *count, int K); /* sum of the last column */

double metrics_accuracy(const int *count, int K);
/* sqrt(p (1-p) / n): the binomial standard error. */
double metrics_accuracy_stderr(const int *count, int K);

/* The mean of recall = TP / (TP + FN) over the labels that occur as true labels. As scikit-learn's
 * balanced_accuracy_score. */
double metrics_mean_recall(const int *count, int K);

/* The mean of F1 = 2 TP / (2 TP + FP + FN) over the labels that occur as true labels. A label that
 * is never found has F1 = 0. As scikit-learn's f1_score(average='macro', labels=the true ones,
 * zero_division=0). */
double metrics_macro_f1(const int *count, int K);
/* Standard deviation of macro-F1 over `resamples` (≥ 2) draws of n rows with replacement: the
 * bootstrap. `seed` seeds its generator. In every draw the mean is over the labels of the original
 * rows; a label that a draw misses counts as 0. */
double metrics_macro_f1_stderr(const int *count, int K, int resamples, uint64_t seed);

/* Standard error of a ratio Σ sum / Σ count over n independent rows, each with several counts. It
 * is linearised (Cochran, Sampling Techniques, 3rd ed., 6.4): sqrt(n/(n−1) Σ (sum_i − ratio
 * count_i)²) / Σ count. 0 for one row. */
double metrics_ratio_stderr(const double *sum, const int *count, int n);

/* McNemar's exact test, two-sided. Of the rows that only one of two predictors has right: is the
 * split what a fair coin gives? right_a, right_b (n). *only_a, *only_b (may be NULL): rows that
 * only this one has right. Returns p; 1 when there are no such rows. */
double metrics_mcnemar(const bool *right_a, const bool *right_b, int n, int *only_a, int *only_b);

/* Two predictors on the same n ≥ 1 rows: the difference of their accuracies, a − b; its variance,
 * as the mean of n differences of two 0-1 variables; and McNemar's test. */
struct paired {
	double mean, variance;
	int only_a, only_b;
	double p;
};
struct paired metrics_paired(const bool *right_a, const bool *right_b, int n);

#endif
