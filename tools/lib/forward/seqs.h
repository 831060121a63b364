/* seqs.h: many sequences packed without gaps, and the batches in which they are run. */
#ifndef SEQS_H
#define SEQS_H

#include "forward/block.h"

struct seqs {
	int n, rows, longest;
	int *off, *len, *valid; /* (n) first row, rows, rows that are no pads */
	int *ids;               /* (rows) token ids */
};

/* Makes sequences of `length` tokens from the flat `ids`. With pad_to > 0 each is filled with `pad`
 * up to pad_to rows; `valid` remains the length. */
void seqs_init(struct seqs *s, int n, const int *length, const int *offset, const int *ids,
	       int pad_to, int pad);
void seqs_release(struct seqs *s); /* zero is fine */

/* How many of the n sequences have at most `most` rows together; at least one. A sequence counts
 * pad_to rows where pad_to is given, and `beside` decoder rows in addition. */
int seqs_within(const int *length, int n, int pad_to, int beside, size_t most);

/* The batch of sequences from `first` on that fit max_rows: at least one, at most `most` (0: any
 * number). off starts at 0. The arrays point into s and into the caller's `off` (n ints). */
struct batch seqs_batch(const struct seqs *s, int first, int max_rows, int most, int *off);

/* Rows of a batch, at most. More rows make products no faster (gemm.h); with fewer the weights are
 * read more often. */
enum { BATCH_ROWS = 480 };
enum { HEAD_ROWS = 2048 }; /* rows of the output embedding that are packed at a time */

#endif
