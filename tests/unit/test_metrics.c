/* test_metrics.c: accuracy, macro-F1, their standard errors and McNemar's test, against sums done
 * by hand or directly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "math/metrics.h"

#define NEAR(a, b, tol) assert_true(fabs((a) - (b)) <= (tol))

static void test_by_hand(void **state)
{
	(void)state;
	const int truth[] = {0, 0, 1, 1, 2, 2}, predicted[] = {0, 1, 1, 1, METRICS_NONE, 2};
	int count[3 * 4];
	metrics_confusion(truth, predicted, 6, 3, count);
	const int want[] = {1, 1, 0, 0, /**/ 0, 2, 0, 0, /**/ 0, 0, 1, 1};
	assert_memory_equal(count, want, sizeof want);
	assert_int_equal(metrics_total(count, 3), 6);
	assert_int_equal(metrics_no_label(count, 3), 1);
	NEAR(metrics_accuracy(count, 3), 4.0 / 6, 1e-15);
	NEAR(metrics_accuracy_stderr(count, 3), sqrt(4.0 / 6 * 2.0 / 6 / 6), 1e-15);
	/* F1: 2·1/(2+0+1), 2·2/(4+1+0), 2·1/(2+0+1) */
	NEAR(metrics_macro_f1(count, 3), (2.0 / 3 + 4.0 / 5 + 2.0 / 3) / 3, 1e-15);
	NEAR(metrics_mean_recall(count, 3), (1.0 / 2 + 1 + 1.0 / 2) / 3, 1e-15);
}

/* A label that never occurs does not count in the mean, however often it is predicted. A label that
 * is never found counts as 0. */
static void test_absent_labels(void **state)
{
	(void)state;
	const int truth[] = {0, 0, 1}, predicted[] = {0, 2, 0};
	int count[3 * 4];
	metrics_confusion(truth, predicted, 3, 3, count);
	NEAR(metrics_macro_f1(count, 3), (2.0 / 4 + 0) / 2, 1e-15);
	NEAR(metrics_mean_recall(count, 3), (1.0 / 2 + 0) / 2, 1e-15);
	const int none[] = {METRICS_NONE, METRICS_NONE, METRICS_NONE};
	metrics_confusion(truth, none, 3, 3, count);
	assert_true(metrics_macro_f1(count, 3) == 0);
	assert_true(metrics_accuracy(count, 3) == 0);
	assert_int_equal(metrics_no_label(count, 3), 3);
}

static void test_perfect(void **state)
{
	(void)state;
	const int truth[] = {1, 0, 2, 1, 0, 2, 1, 1, 0, 2};
	int count[3 * 4];
	metrics_confusion(truth, truth, 10, 3, count);
	assert_true(metrics_accuracy(count, 3) == 1);
	assert_true(metrics_accuracy_stderr(count, 3) == 0);
	assert_true(metrics_macro_f1(count, 3) == 1);
	/* There are so many rows that no draw misses a label, which would then count as 0. */
	int large[3 * 4] = {1000, 0, 0, 0, 0, 1000, 0, 0, 0, 0, 1000, 0};
	assert_true(metrics_macro_f1_stderr(large, 3, 100, 1) == 0);
}

/* Two labels, equally frequent and equally often confused. Here macro-F1 and accuracy have the same
 * gradients by the four counts. So to first order the standard errors are equal. 1000 draws
 * determine it to 1/sqrt(2000) = 2 %. */
static void test_bootstrap(void **state)
{
	(void)state;
	const int count[2 * 3] = {400, 100, 0, 100, 400, 0};
	double direct = metrics_accuracy_stderr(count, 2),
	       boot = metrics_macro_f1_stderr(count, 2, METRICS_RESAMPLES, 42);
	NEAR(boot / direct, 1, 0.08);
	assert_true(boot == metrics_macro_f1_stderr(count, 2, METRICS_RESAMPLES, 42));
	assert_true(boot != metrics_macro_f1_stderr(count, 2, METRICS_RESAMPLES, 43));
}

/* Macro-F1 directly from the label vectors, with new counts for every label. */
static double direct_f1(const int *truth, const int *predicted, int n, int K)
{
	double sum = 0;
	int present = 0;
	for (int k = 0; k < K; k++) {
		int tp = 0, fp = 0, fn = 0;
		for (int i = 0; i < n; i++) {
			tp += truth[i] == k && predicted[i] == k;
			fp += truth[i] != k && predicted[i] == k;
			fn += truth[i] == k && predicted[i] != k;
		}
		if (tp + fn == 0)
			continue;
		double precision = tp + fp ? (double)tp / (tp + fp) : 0,
		       recall = (double)tp / (tp + fn);
		present++;
		sum += precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
	}
	return sum / present;
}

static void test_random_against_direct(void **state)
{
	(void)state;
	struct rng r;
	rng_seed(&r, 7);
	for (int round = 0; round < 200; round++) {
		int K = 1 + (int)rng_below(&r, 8), n = 1 + (int)rng_below(&r, 60), right = 0;
		int truth[60], predicted[60], count[8 * 9];
		for (int i = 0; i < n; i++) {
			truth[i] = (int)rng_below(&r, (uint64_t)K);
			predicted[i] = (int)rng_below(&r, (uint64_t)K + 1) - 1; /* -1: no label */
			right += truth[i] == predicted[i];
		}
		metrics_confusion(truth, predicted, n, K, count);
		NEAR(metrics_macro_f1(count, K), direct_f1(truth, predicted, n, K), 1e-14);
		NEAR(metrics_accuracy(count, K), (double)right / n, 1e-15);
	}
}

static double mcnemar(int only_a, int only_b, int both)
{
	int n = only_a + only_b + both, a, b;
	bool *right_a = calloc((size_t)n + 1, sizeof *right_a),
	     *right_b = calloc((size_t)n + 1, sizeof *right_b);
	for (int i = 0; i < n; i++) {
		right_a[i] = i < only_a || i >= only_a + only_b;
		right_b[i] = i >= only_a;
	}
	double p = metrics_mcnemar(right_a, right_b, n, &a, &b);
	assert_int_equal(a, only_a);
	assert_int_equal(b, only_b);
	assert_true(p == metrics_mcnemar(right_b, right_a, n, NULL, NULL));
	free(right_a);
	free(right_b);
	return p;
}

static void test_mcnemar(void **state)
{
	(void)state;
	assert_true(mcnemar(0, 0, 5) == 1);
	assert_true(mcnemar(3, 3, 1) == 1);
	NEAR(mcnemar(1, 9, 4), 22.0 / 1024, 1e-15);
	NEAR(mcnemar(0, 5, 0), 2.0 / 32, 1e-16);
	/* Every split of up to 40. The tail is summed directly from Pascal's triangle. */
	for (int n = 1; n <= 40; n++)
		for (int k = 0; k <= n / 2; k++) {
			double c = 1, sum = 0;
			for (int i = 0; i <= k; c = c * (n - i) / (i + 1), i++)
				sum += c;
			double want = fmin(1, 2 * sum * pow(0.5, n));
			NEAR(mcnemar(k, n - k, 0) / want, 1, 1e-12);
		}
	/* Many rows: against the normal approximation with continuity correction. And a p that is
	 * too small for a double. */
	NEAR(mcnemar(4900, 5100, 0), erfc(199 / 100.0 / sqrt(2)), 1e-4);
	assert_true(mcnemar(0, 5000, 0) == 0);
}

/* Rows with equal counts: the usual standard error of a mean, divided by the count. */
static void test_ratio(void **state)
{
	(void)state;
	const double sum[] = {2, 4, 6, 8}, loose[] = {1, 6, 2};
	const int twos[] = {2, 2, 2, 2}, counts[] = {1, 3, 1};
	NEAR(metrics_ratio_stderr(sum, twos, 4), sqrt(20.0 / 3 / 4) / 2, 1e-15);
	/* ratio 9/5; the differences are -4/5, 3/5, 1/5; their squares sum to 26/25 */
	NEAR(metrics_ratio_stderr(loose, counts, 3), sqrt(3.0 / 2 * 26 / 25) / 5, 1e-15);
	assert_true(metrics_ratio_stderr(sum, twos, 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_absent_labels),
		cmocka_unit_test(test_perfect),
		cmocka_unit_test(test_bootstrap),
		cmocka_unit_test(test_random_against_direct),
		cmocka_unit_test(test_mcnemar),
		cmocka_unit_test(test_ratio),
	};
	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
