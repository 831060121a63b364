/* generate.h: greedy generation, with a draft of each answer.
 *
 * A draft (the label's tokens) is run through the decoder at once, as its inputs. That pass gives
 * the draft's loss and, as far as the model's own choices agree with the draft, the generated
 * tokens too; later passes run only sequences that are not finished, with what was generated so far
 * as their inputs. Of the prompts is kept what forward_encode() leaves: an encoder's output, or a
 * single stack's keys and values. Of the answers nothing is kept: with a draft a second pass is
 * needed only where the model disagrees, and answers are short.
 */
#ifndef GENERATE_H
#define GENERATE_H

#include "forward/forward.h"

struct generation {
	int n, max_new;
	int *length; /* (n): generated tokens, a final end token included */
	int *ids;    /* (n, max_new) */
	float *gap;  /* (n): the two largest logits' difference at the first token */
	double *nll; /* (n): Σ −log p over the draft's tokens */
};

/* Per sequence of enc (H: by forward_encode()): greedy tokens until an end token of the model's
 * decoding, at most max_new. draft: ids with </s> at the end. */
void generate(const struct forward *f, const struct seqs *enc, const float *H,
	      const int *draft_length, const int *draft_offset, const int *draft_ids, int max_new,
	      struct generation *g);
/* Plans the device's memory (be.h) for generation over n sequences of these lengths (made up to
 * pad_to), taken in groups of at most `most` encoder rows by seqs_within(). draft_length NULL: no
 * drafts. */
void generate_reserve(const struct forward *f, int n, const int *length, int pad_to, size_t most,
		      const int *draft_length, int max_new);
void generation_release(struct generation *g); /* zero is fine */

#endif
