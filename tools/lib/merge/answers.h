/* answers.h: does an adapter answer the rows of its own task any better than chance? Where it does
 * not, the rows are probably not what it was trained on: their prompt is missing, or the labels,
 * the tokenizer or the base are others.
 *
 * Measured is the mean, over the labels, of the share of a label's rows that are answered right
 * (mean recall). Whoever answers without a look at the text, by whatever rule, reaches 1/K of K
 * labels on average, however unequal the labels' numbers of rows are: that is chance. One label
 * alone cannot show chance; it counts as two. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>

struct answers {
	int rows, right, labels;
	double recall; /* mean over the labels */
};

/* By first tokens: truth (n) of the labels, answered (n), -1 for none. */
struct answers answers_of_tokens(const int *truth, const int *answered, int n);
struct answers answers_of_confusion(const int *count, int K); /* (K, K+1), as in metrics.h */

double answers_chance(const struct answers *a);
/* Under 1.5 × chance. */
bool answers_by_chance(const struct answers *a);
/* The line that says so, with figures; `what`: "calibration" or "test" rows. Allocated. */
char *answers_words(const struct answers *a, const char *task, const char *what);

#endif
