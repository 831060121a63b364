/* forward.h: whole forward passes over many sequences, the weights streamed block by block.
 *
 * In memory: the residual stream of all the sequences given (rows × D floats), one block's weights,
 * one batch's working arrays. The caller chooses how many sequences to give at once by the memory
 * there is. */
#ifndef FORWARD_H
#define FORWARD_H

#include "forward/seqs.h"

struct forward {
	const struct model *model;
	/* ΔW on top of the base model (all NULL: none), several where sequences of several models
	 * share the pass, and so the base weights. */
	int nsources;
	const struct delta_source *source;
	const int *
		source_of; /* per encoder sequence, in ascending order; NULL: all are of source 0 */
	enum be_precision precision;
	int batch; /* sequences in one batch at most; 0: as many as make full products */
};

/* What a pass over the prompts leaves behind for passes over answers, in backend memory:
 * prompt_floats() floats for each row. Of an encoder H (s->rows, D) becomes its normed output. Of
 * a single stack H becomes the rows' keys and values, block by block. */
void forward_encode(const struct forward *f, const struct seqs *s, float *H);

/* What the output embedding says at one decoder row. */
struct prediction {
	int id;            /* the largest logit's token; the lower id on a tie */
	float top, second; /* the two largest logits */
	double nll;        /* −log p of the row's target; 0 without one */
};

/* The decoder, or a family's only stack, over inputs dec (teacher-forced: row
 * j of a sequence sees rows ≤ j). Sequence i attends to rows [off, off+valid) of H for encoder
 * sequence which[i]. target (dec->rows): the token whose nll is wanted, −1 for none. out
 * (dec->rows). A single stack's sequence goes on from all of prompt which[i] but its last token,
 * which is the first input where that is given as −1; enc and H NULL: from nothing. */
void forward_decode(const struct forward *f, const struct seqs *enc, const float *H,
		    const struct seqs *dec, const int *which, const int *target,
		    struct prediction *out);

/* Plans the device's memory (be.h) for passes over up to rows[0] encoder rows and rows[1] decoder
 * rows, in sequences of up to T[0] and T[1]: before the first of them. */
void forward_reserve(const struct forward *f, const int rows[2], const int T[2]);

/* Peak bytes of a forward pass but for H, for planning. */
size_t forward_bytes(const struct forward *f, int longest);

#endif
