/* answers.c: see answers.h. */
#include "merge/answers.h"

#include <stdlib.h>

#include "base/die.h"
#include "math/metrics.h"

/* The place of `token` among the n of `list`, or METRICS_NONE. */
static int place(const int *list, int n, int token)
{
	for (int k = 0; k < n; k++)
		if (list[k] == token)
			return k;
	return METRICS_NONE;
}

struct answers answers_of_tokens(const int *truth, const int *answered, int n)
{
	int K = 0, *token = xarray((size_t)n, sizeof *token);
	int *class_of = xarray((size_t)n, sizeof *class_of),
	    *predicted = xarray((size_t)n, sizeof *predicted);

	for (int i = 0; i < n; i++) {
		class_of[i] = place(token, K, truth[i]);
		if (class_of[i] == METRICS_NONE) {
			class_of[i] = K;
			token[K++] = truth[i];
		}
	}
	for (int i = 0; i < n; i++)
		predicted[i] = place(token, K, answered[i]);
	int *count = xarray((size_t)K * (size_t)(K + 1), sizeof *count);
	metrics_confusion(class_of, predicted, n, K, count);
	struct answers a = answers_of_confusion(count, K);
	free(count);
	free(predicted);
	free(class_of);
	free(token);
	return a;
}

struct answers answers_of_confusion(const int *count, int K)
{
	struct answers a = {.rows = metrics_total(count, K),
			    .labels = K,
			    .recall = metrics_mean_recall(count, K)};
	for (int k = 0; k < K; k++)
		a.right += count[k * (K + 1) + k];
	return a;
}

double answers_chance(const struct answers *a)
{
	return 1.0 / (a->labels > 2 ? a->labels : 2);
}

bool answers_by_chance(const struct answers *a)
{
	return a->recall < 1.5 * answers_chance(a);
}

char *answers_words(const struct answers *a, const char *task, const char *what)
{
	return xformat("task '%s': its own adapter answers %d of %d %s rows right (mean over %d "
		       "label%s %.1f %%, by chance %.1f %%): "
		       "do the texts hold the prompt that it was trained on, and are the labels, "
		       "the tokenizer and the base model "
		       "those of its training?",
		       task, a->right, a->rows, what, a->labels, a->labels == 1 ? "" : "s",
		       100 * a->recall, 100 * answers_chance(a));
}
