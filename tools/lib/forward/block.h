/* block.h: one block of a model, run from one place inside it to another.
 *
 * The places are the steps that the model's family lists (family.h). The family also lists the
 * operations between the steps. At each step the block's state is (h, x): h is the residual stream
 * (P, D), x the input of the step's linears. The steps of T5:
 *   enter SELF       x = norm0(h)
 *   SELF → OUT       x = self-attention(x Wqᵀ, x Wkᵀ, x Wvᵀ)
 *   OUT → CROSS|FFN  h += x Woᵀ, x = norm1(h)
 *   CROSS → CROSSOUT x = cross-attention(x Wqᵀ, m)                (decoder)
 *   CROSSOUT → FFN   h += x Woᵀ, x = norm2(h)                     (decoder)
 *   FFN → DOWN       x = act(x Wi0ᵀ) · (x Wi1ᵀ), or relu(x Wiᵀ)
 *   DOWN → END       h += x Woᵀ
 * Cross-attention forms no keys or values of the encoder's output m. It uses q·(Wk m) = (Wkᵀ q)·m
 * and Σ p (Wv m) = Wv (Σ p m). With few decoder rows per encoder row this is ten times less work,
 * and nothing is cached per block. */
#ifndef BLOCK_H
#define BLOCK_H

#include "backend/layout.h"
#include "forward/delta.h"
#include "model/model.h"
#include "model/site.h"

/* A way through a block. At a step that is given, x is not computed: its caller has it. The linears
 * of the step before are then not needed. A given step is `from`, or one without a norm before
 * `to`. Where `from` is given, h is read only by projections that add to it. */
struct way {
	enum step from, to; /* `from` has a norm */
	bool given[STEP_END];
};
/* Nothing is given. */
struct way way_between(enum step from, enum step to);

/* Base weights of the linears on a way through one block. */
struct block {
	const struct model *model;
	int stack, index;
	struct way way;
	enum be_precision precision;
	float *norm[STEP_END];               /* at the steps that have one */
	float *added_norm[STEP_END];         /* of what steps add; NULL: none */
	struct be_weight *w[SLOTS][PARTS];   /* NULL: read as it is multiplied (model->streamed) */
	float *bias[SLOTS];                  /* NULL: none */
	float *head_norm[2];                 /* of queries, of keys; NULL: none */
	struct be_weight **k_head, **v_head; /* cross: NH of Wk_hᵀ (D, HS) and of Wv_h (HS, D) */
};

/* Allocates or counts (layout.h). To count, it reads only model->m and model->streamed. */
void block_load(struct block *b, struct layout *l, const struct model *model, int stack, int index,
		struct way way, enum be_precision p);
void block_release(struct block *b);
/* The sizes of a block's operations, for planning. T: rows of a sequence; keys: rows that it
 * attends to; rank: the largest rank of any ΔW. */
struct be_sizes block_sizes(const struct geometry *m, int stack, int T, int keys, int rank,
			    enum be_precision p);

/* The ΔW of one model for these linears. */
struct block_deltas {
	struct delta *slot[SLOTS];
};
void block_deltas_load(struct block_deltas *d, const struct block *b,
		       const struct delta_source *from);
void block_deltas_release(struct block_deltas *d, const struct block *b);
/* Counts what block_deltas_load() allocates for ΔW of these ranks. */
void block_deltas_count(struct layout *l, const struct block *b, const struct ranks *r);

/* Keys (rotated) and values of one block, each (rows, kv_heads·HS). */
struct kept {
	float *K, *V; /* NULL: none */
};

/* The inputs of linears that a way takes from its caller. fetch() returns x (rows of the batch,
 * width of the step's linears) in backend memory. */
struct given {
	void *arg;
	float *(*fetch)(void *arg, enum step at);
};

/* The outputs of a step's linears, which a way shows to its caller. take() gets y = x (W0+ΔW)ᵀ
 * (rows of the batch, n), without bias, in backend memory: for each linear of the step, or for each
 * part of a fused one. It must not change y. Not for linears that read the encoder's output. */
struct outputs {
	enum step at;
	void *arg;
	void (*take)(void *arg, int slot, int part, const float *y, int n); /* NULL: none is shown
									     */
};

/* A batch of n sequences; the arrays have n entries. */
struct batch {
	int n;
	const int *off, *len; /* first row in h, and number of rows */
	const int *valid; /* rows of a sequence that are keys of self-attention: the first valid[i],
			     without the pads */
	int rows;         /* Σ len */
	struct kept store; /* the batch writes its own keys and values here, row by row; NULL:
			      nowhere */
	struct kept past;  /* keys and values that precede the sequences; of sequence i */
	const int *past_off, *past_len; /* rows [past_off[i], past_off[i] + past_len[i]) */
	const int *before; /* all rows before the sequence: those of the past, then those of its
			      answer */
	/* Keys and values of answers that grow from pass to pass; NULL: none. Sequence i has
	 * before[i] − past_len[i] rows from answer_off[i] on. The batch adds its own rows behind
	 * them, up to `room` rows. */
	struct kept answer;
	const int *answer_off;
	int room;
	struct given given; /* where the block's way has given steps */
	struct outputs outputs;
};

/* The encoder's output, for the decoder's cross-attention. fetch() returns the rows of sequences
 * [first, first+n) in backend memory. They are valid until the next call. off[i] is where sequence
 * first+i begins in them. The batch's sequences have the numbers base, base+1, … */
struct encoder_output {
	void *arg;
	const float *(*fetch)(void *arg, int first, int n, int *off);
	const int *len, *valid; /* per sequence: its rows, and its rows that are no pads */
	int base;
	int max_rows; /* most rows of one fetch; a single sequence may have more */
};

/* Working arrays for batches of up to `rows` rows and sequences of up to T positions. All blocks
 * use the same ones. */
struct work {
	int rows, T;
	const struct batch *batch; /* the batch that is being run */
	float *x;     /* (rows, max(D, DI, F)) input of the linears: a, or y after the activation */
	float *a, *y; /* y: three arrays, at distances of `wide` */
	float *u;     /* (rows, R); also (CROSS_ROWS, NH, R) */
	int wide;     /* rows · max(D, DI, F) */
	float *Q, *U; /* cross-attention: (CROSS_ROWS or longest sequence, NH, D) */
	float *keys;  /* keys, then values, of the past and the batch: two arrays of (key_rows,
			 kv_heads·HS) */
	int key_rows;
	int cross_rows, rank;
	float *bias;  /* (NH, 2T−1), or NULL */
	float *turns; /* be->rotate's table, or NULL */
};
enum { CROSS_ROWS = 64, KEY_ROWS = 512 };
/* Allocates or counts, as block_load(). rank: the largest rank of any ΔW. */
void work_init(struct work *w, struct layout *l, const struct model *model, int stack, int rows,
	       int T, int rank);
/* Adds arrays to attend to a past. T: most positions of a sequence, its past included. */
void work_add_keys(struct work *w, struct layout *l, const struct geometry *m, int T);
void work_release(struct work *w);

/* Floats that a prompt row keeps for computing answers: its encoder output, or a single stack's
 * keys and values of all blocks. prompt_peak(): the most while they are computed. */
size_t prompt_floats(const struct geometry *m);
size_t prompt_peak(const struct geometry *m);

/* Runs a batch from the way's start to step `to`, at most its end. h (P, D) is updated in place.
 * The input of the linears at `to` is left in w->x; at STEP_END there is none. At the start x is
 * recomputed from h. */
void block_run(const struct block *b, const struct block_deltas *d, struct work *w,
	       const struct batch *s, const struct encoder_output *mem, float *h, enum step to);

#endif
