/* generate.h: greedy generation, with a draft of each answer.
 *
 * A draft is the label's tokens. One pass runs all of it through the decoder as inputs. The pass
 * gives the draft's loss. It also gives the generated tokens, as far as the model's own choices
 * agree with the draft. Later passes run only unfinished sequences.
 *
 * Of the prompts, the results of forward_encode() are kept: an encoder's output, or a single
 * stack's keys and values. A single stack also keeps the keys and values of the answers so far, so
 * a later pass runs one token of a sequence. A decoder beside an encoder keeps nothing of its
 * answers: a later pass runs all tokens again. Its answers are short, and with a draft a second
 * pass is needed only where the model disagrees. */
#ifndef GENERATE_H
#define GENERATE_H

#include "forward/forward.h"

struct generation {
	int n, max_new;
	int *length; /* (n) number of generated tokens, with a final end token */
	int *ids;    /* (n, max_new) */
	float *gap;  /* (n) difference of the two largest logits at the first token */
	double *nll; /* (n) Σ −log p over the draft's tokens */
};

/* For each sequence of enc (H: from forward_encode()): greedy tokens until an end token of the
 * model's decoding, at most max_new. draft: ids, with </s> at the end. */
void generate(const struct forward *f, const struct seqs *enc, const float *H,
	      const int *draft_length, const int *draft_offset, const int *draft_ids, int max_new,
	      struct generation *g);
void generation_release(struct generation *g); /* zero is fine */

/* Texts that a model answers, group by group. */
struct texts {
	int n;
	const int *length;       /* (n) tokens of the prompts */
	int pad_to;              /* every prompt is padded to this; 0: no padding */
	const int *draft_length; /* (n); NULL: no drafts */
	int max_new;
};
/* How many texts from `first` on form a group of at most `most` rows; at least one. A text has the
 * rows of its prompt and max_new more. */
int texts_within(const struct texts *t, int first, size_t most);
/* The sizes of passes over such groups. */
struct passes texts_passes(const struct texts *t, size_t most);

#endif
