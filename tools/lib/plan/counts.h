/* counts.h: how many rows a task's calibration texts give. The texts are drawn and tokenised as
 * draw-samples does it, so prompts and given answers are exact. Generated answers are assumed to be
 * as long as the given ones, up to max_new_tokens. */
#ifndef COUNTS_H
#define COUNTS_H

#include "plan/plan.h"

/* Of task t, and of its shard k (1 … the key shards); counted when first asked for. die() as
 * draw-samples, or where a task has fewer samples than shards. */
struct text_counts counts_of(const struct plan *p, int t);
const struct text_counts *counts_of_shard(const struct plan *p, int t, int k);

/* Rows of a shard at the sites of a stack, or (encoder) at the encoder's output. */
struct stack_rows {
	double written; /* in a file */
	double run;     /* that the blocks compute, and a state has */
	double pairs;   /* of a row and a row that it attends to, in its own stack */
	double encoder; /* of the encoder's output that its cross-attention reads */
	double cross;   /* pairs of a row and a row of the encoder's output */
};
struct stack_rows counts_rows(const struct plan *p, int t, int k, int stack);

#endif
