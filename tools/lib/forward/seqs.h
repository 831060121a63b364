/* seqs.h: many sequences packed without gaps, and the batches they are run in. */
#ifndef SEQS_H
#define SEQS_H

#include "forward/block.h"

struct seqs {
	int n, rows, longest;
	int *off, *len, *valid; /* (n): first row, rows, rows that are no pads */
	int *ids;               /* (rows) token ids */
};

/* Sequences of `length` tokens from the flat `ids`; with pad_to > 0 each is made up to pad_to rows
 * by `pad` (valid stays the length). */
void seqs_init(struct seqs *s, int n, const int *length, const int *offset, const int *ids,
	       int pad_to, int pad);
void seqs_release(struct seqs *s); /* zero is fine */

/* How many of the n sequences have at most `most` rows together, one in any case; each is made up
 * to pad_to rows where that is given, and has `beside` more (of the decoder). */
int seqs_within(const int *length, int n, int pad_to, int beside, size_t most);

/* The batch of sequences from `first` on whose rows fit max_rows (one sequence at least), at most
 * `most` of them (0: any number); off starts at 0. Arrays point into `off` (caller's, n ints) and
 * into s. */
struct batch seqs_batch(const struct seqs *s, int first, int max_rows, int most, int *off);

/* The row number of the batch at most large enough for good products: more rows gain nothing
 * (gemm.h), fewer cost weight traffic. */
enum { BATCH_ROWS = 480 };
enum { HEAD_ROWS = 2048 }; /* of the output embedding, packed at a time */

#endif
