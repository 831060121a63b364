/* evaluation.h: a model's answers to a test file, their scores, and the two files that hold them.
 *
 * The published score compares first tokens only; its figures stand at the top of the result. Every
 * other score that was asked for has a block of its own. */
#ifndef EVALUATION_H
#define EVALUATION_H

#include <stdint.h>

#include "base/strlist.h"
#include "merge/testset.h"
#include "model/tokenizer/tokenizer.h"

struct evaluation {
	const struct testset *test;
	struct asked_scores asked;
	int max_new;
	int *length, *ids; /* (rows), (rows, max_new): generated */
	float *gap;        /* (rows) the two largest logits at the first token */
	double *nll;       /* (rows) Σ −log p over the tokens of the row's answer */
	char **text;       /* (rows) the generated text */
	int *predicted;    /* (rows) class of the generated first token, or METRICS_NONE */
	int *likeliest, *likeliest_bytes; /* (rows) the choice with the largest log p; with the
					     largest log p per byte */
	bool *exact;                      /* (rows) the generated text equals the answer */
};

void evaluation_init(struct evaluation *e, const struct testset *t, struct asked_scores asked,
		     int max_new);
void evaluation_release(struct evaluation *e);

/* Takes likelihood()'s results for the n rows from `first` on: nll (n, choices). Of equal choices
 * the first one wins. */
void evaluation_add_likelihoods(struct evaluation *e, int first, int n, const double *nll);
/* Call after all rows: makes the texts and everything that is derived from them. */
void evaluation_finish(struct evaluation *e, const struct tokenizer *tokenizer);
double evaluation_loss(const struct evaluation *e); /* mean −log p over the tokens of all answers */

/* Writes the result, and returns the accuracy of the first score asked for. */
double evaluation_write(const struct evaluation *e, const char *path, const char *task,
			uint64_t seed);
void evaluation_write_predictions(const struct evaluation *e, const char *path);
/* The n generated texts of a file that evaluation_write_predictions() wrote. die() where the file
 * has no n rows with a text. */
struct strlist evaluation_read_texts(const char *path, int n);
/* How many of the rows' generated texts differ from these, one for each row. */
int evaluation_differing(const struct evaluation *e, const struct strlist *texts);

#endif
