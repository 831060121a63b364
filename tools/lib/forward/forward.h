/* forward.h: whole forward passes over many sequences; the weights are streamed block by block.
 *
 * In memory are the residual stream of all given sequences (rows × D floats), one block's weights,
 * and the working arrays of one batch. The caller gives as many sequences at once as memory
 * allows. */
#ifndef FORWARD_H
#define FORWARD_H

#include "forward/seqs.h"

struct forward {
	struct model *model; /* footprint.h sets its `streamed` */
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

/* A single stack's answers, which grow from pass to pass. Their keys and values are kept, so that
 * no input is run twice. */
struct answers_kept {
	int n, room;  /* encoder sequences, and the most rows of each one's answer */
	float *store; /* of n · room rows, by forward_prompts() */
	int *len;     /* (n) rows so far; set by the caller */
};

/* Runs the decoder, or a family's only stack, on the inputs dec. Row j of a sequence sees the rows
 * ≤ j (teacher forcing). target (dec->rows): the token whose nll is wanted, −1 for none. The result
 * is out (dec->rows).
 *
 * With an encoder, sequence i attends to rows [off, off+valid) of H, for encoder sequence which[i].
 * A single stack continues prompt which[i] without its last token; a first input of −1 stands for
 * that last token. enc and H NULL: the sequences continue nothing. kept: dec continues these
 * answers, and its rows are added behind them, up to `room`; NULL: it continues the prompts. */
void forward_decode(const struct forward *f, const struct seqs *enc, const float *H,
		    const struct seqs *dec, const int *which, const int *target,
		    const struct answers_kept *kept, struct prediction *out);

/* Allocates or counts (layout.h) H for this many rows. */
float *forward_prompts(struct layout *l, const struct geometry *m, size_t rows);

/* The ranks of all sources' ΔW, for planning. */
struct ranks forward_ranks(const struct forward *f);
/* The sizes of passes over prompts (0) and over their answers (1): rows at once, and longest
 * sequence. */
struct passes {
	int rows[2], T[2];
};
/* The most memory that such passes take, H included, with ΔW of these ranks. Reads only f's
 * model->m and precision. */
struct layout forward_layout(const struct forward *f, const struct ranks *r,
			     const struct passes *n);

#endif
