/* example.h: a row as token ids: those that a model reads, and those that it should answer.
 *
 * The filled prompt is tokenised as one text, the answer as another. A row that brings its own ids
 * is taken as it is. Errors are die(), naming file, row and key. */
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

/* Each function fills ids (max_length) and returns how many there are. `path` and `i` name the row
 * in messages.
 *
 * A prompt of more than max_length tokens loses characters at the end of its row's longest text
 * until it fits. In the end all shortened texts have the same number of characters. The template
 * around them stays. Where the template ends in its only text, that text loses tokens instead, as
 * published. prompt_ids over max_length are refused. */
int example_prompt(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids);
/* The end token follows. answer_ids without one get the model's first end token. T5's answers over
 * max_length tokens lose their end, as published; other models' are refused. */
int example_answer(struct example_maker *e, const struct row *row, const char *path, int i,
		   int *ids);

#endif
