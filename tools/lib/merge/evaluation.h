/* evaluation.h: what a model answered to a test file, its scores, and the two files that hold them.
 *
 * The published score goes by the first token alone; its figures stand at the result's top. Each
 * other score that was asked for has a block of its own. */
#ifndef EVALUATION_H
#define EVALUATION_H

#include <stdint.h>

#include "merge/testset.h"
#include "model/tokenizer/tokenizer.h"

struct evaluation {
	const struct testset *test;
	struct asked_scores asked;
	int max_new;
	int *length, *ids;                /* (rows), (rows, max_new): generated */
	float *gap;                       /* (rows) the two largest logits' at the first token */
	double *nll;                      /* (rows) Σ −log p over the row's answer */
	char **text;                      /* (rows) of what was generated */
	int *predicted;                   /* (rows) class of the first token, or METRICS_NONE */
	int *likeliest, *likeliest_bytes; /* (rows) choice with the largest log p; log p / byte */
	bool *exact;                      /* (rows) the text is the answer */
};

void evaluation_init(struct evaluation *e, const struct testset *t, struct asked_scores asked,
		     int max_new);
void evaluation_release(struct evaluation *e);

/* What the n rows from `first` on have of likelihood(): nll (n, choices). The first of equals
 * wins. */
void evaluation_add_likelihoods(struct evaluation *e, int first, int n, const double *nll);
/* After all rows: the texts, and what follows from them. */
void evaluation_finish(struct evaluation *e, const struct tokenizer *tokenizer);
double evaluation_loss(const struct evaluation *e); /* mean −log p of the answers' tokens */

/* Writes the result, and returns the accuracy of the first score asked for. */
double evaluation_write(const struct evaluation *e, const char *path, const char *task,
			uint64_t seed);
void evaluation_write_predictions(const struct evaluation *e, const char *path);

#endif
