/* example.h: a row as the token ids that a model reads, and those that it should answer.
 *
 * The prompt is filled in and tokenised as one text, the answer as another. A row that brings its
 * ids is taken as it is. Failures are die(), naming file, row and key. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "merge/rows.h"
#include "model/geometry.h"
#include "model/tokenizer/tokenizer.h"

struct example_maker {
	const char *model_dir;
	const struct geometry *m;
	const struct row_templates *templates;
	int max_length;
	struct tokenizer *tokenizer; /* opened when a row first needs it; closed by the caller */
};

/* Each fills ids (max_length) and returns how many there are; `path` and `i` say which row it is.
 *
 * A prompt over max_length tokens loses characters at the end of its row's longest text, until it
 * fits: all texts are then cut to one number of characters. The template around them stays.
 * Where the template ends in its only text, that text loses tokens, as published. prompt_ids over
 * max_length are refused. */
int example_prompt(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids);
/* With the end token, which follows answer_ids too where they have none: the model's first. T5's
 * answers over max_length tokens lose their end, as published; others are refused. */
int example_answer(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids);

#endif
