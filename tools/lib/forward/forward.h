/* forward.h: whole forward passes over many sequences; the weights are streamed block by block.
 *
 * In memory are the residual stream of all given sequences (rows × D floats), one block's weights,
 * and the working arrays of one batch. The caller gives as many sequences at once as memory
 * allows. */
#ifndef FORWARD_H
#define FORWARD_H

#include "forward/seqs.h"

struct forward {
	const struct model *model;
	/* ΔW on top of the base model; all NULL: none. There can be several: sequences of several
	 * models then share the pass and the base weights. */
	int nsources;
	const struct delta_source *source;
	const int *source_of; /* per encoder sequence, ascending; NULL: source 0 for all */
	enum be_precision precision;
	int batch; /* most sequences of a batch; 0: as many as make full products */
};

/* Runs the prompts and leaves in H what passes over answers need: prompt_floats() floats per row,
 * in backend memory. An encoder's H (s->rows, D) becomes its normed output. A single stack's H
 * becomes the keys and values of the rows, block by block. */
void forward_encode(const struct forward *f, const struct seqs *s, float *H);

/* What the output embedding gives for one decoder row. */
struct prediction {
	int id;            /* the largest logit's token; the lower id on a tie */
	float top, second; /* the two largest logits */
	double nll;        /* −log p of the row's target; 0 without a target */
};

/* Runs the decoder, or a family's only stack, on the inputs dec. Row j of a sequence sees the rows
 * ≤ j (teacher forcing). target (dec->rows): the token whose nll is wanted, −1 for none. The result
 * is out (dec->rows).
 *
 * With an encoder, sequence i attends to rows [off, off+valid) of H, for encoder sequence which[i].
 * A single stack continues prompt which[i] without its last token; a first input of −1 stands for
 * that last token. enc and H NULL: the sequences continue nothing. */
void forward_decode(const struct forward *f, const struct seqs *enc, const float *H,
		    const struct seqs *dec, const int *which, const int *target,
		    struct prediction *out);

/* Plans the device's memory (be.h). Call it before the first of passes with up to rows[0] encoder
 * rows and rows[1] decoder rows, in sequences of up to T[0] and T[1]. */
void forward_reserve(const struct forward *f, const int rows[2], const int T[2]);

/* Peak bytes of a forward pass without H, for planning. */
size_t forward_bytes(const struct forward *f, int longest);

#endif
