/* answers.h: does an adapter answer the rows of its own task better than chance? If not, the rows
 * are probably not what it was trained on. The prompt is missing, or the labels, the tokenizer or
 * the base model differ.
 *
 * The measure is mean recall: the share of each label's rows that are answered right, averaged over
 * the labels. An answer that does not depend on the text reaches 1/K with K labels, however unequal
 * the labels' numbers of rows are. 1/K is chance. A single label cannot show chance; it counts as
 * two. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>

struct answers {
	int rows, right, labels;
	double recall; /* mean recall, over the labels */
};

/* From first tokens: truth (n) are the labels', answered (n) the adapter's, -1 for none. */
struct answers answers_of_tokens(const int *truth, const int *answered, int n);
struct answers answers_of_confusion(const int *count, int K); /* (K, K+1), as in metrics.h */

double answers_chance(const struct answers *a);
/* Whether the recall is under 1.5 × chance. */
bool answers_by_chance(const struct answers *a);
/* The warning with its figures, allocated. `what`: "calibration" or "test" rows. */
char *answers_words(const struct answers *a, const char *task, const char *what);

#endif
