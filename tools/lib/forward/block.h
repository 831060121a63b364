/* block.h: one block of a model, run from one place inside it to another.
 *
 * The places are the steps that the model's family lists (family.h), and so are the operations that
 * lead from one to the next. At each the block's state is (h, x): h the residual stream (P, D), x
 * the input of the linears there. T5's:
 *   enter SELF       x = norm0(h)
 *   SELF → OUT       x = self-attention(x Wqᵀ, x Wkᵀ, x Wvᵀ)
 *   OUT → CROSS|FFN  h += x Woᵀ, x = norm1(h)
 *   CROSS → CROSSOUT x = cross-attention(x Wqᵀ, memory)           (decoder)
 *   CROSSOUT → FFN   h += x Woᵀ, x = norm2(h)                     (decoder)
 *   FFN → DOWN       x = act(x Wi0ᵀ) · (x Wi1ᵀ), or relu(x Wiᵀ)
 *   DOWN → END       h += x Woᵀ
 * Cross-attention never forms keys or values of the memory: q·(Wk m) = (Wkᵀ q)·m, and Σ p (Wv m) =
 * Wv (Σ p m). With few decoder rows per memory row that is an order of magnitude less work, and
 * nothing is cached per block. */
#ifndef BLOCK_H
#define BLOCK_H

#include "forward/delta.h"
#include "model/model.h"
#include "model/site.h"

/* Base weights of the linears between two steps of one block. */
struct block {
	const struct model *model;
	int stack, index;
	enum step from, to;
	enum be_precision precision;
	float *norm[STEP_END]; /* at the steps that have one */
	struct be_weight *w[SLOTS];
	float *bias[SLOTS];                  /* NULL: none */
	float *head_norm[2];                 /* of queries, of keys; NULL: none */
	struct be_weight **k_head, **v_head; /* cross: NH of Wk_hᵀ (D, HS) and of Wv_h (HS, D) */
};

void block_load(struct block *b, const struct model *model, int stack, int index, enum step from,
		enum step to, enum be_precision p);
void block_release(struct block *b);

/* The ΔW of one model for such a block. */
struct block_deltas {
	struct delta *slot[SLOTS];
};
void block_deltas_load(struct block_deltas *d, const struct block *b,
		       const struct delta_source *from);
void block_deltas_release(struct block_deltas *d, const struct block *b);

/* Keys and values, rotated, of one block: rows (rows, kv_heads·HS). */
struct kept {
	float *K, *V; /* NULL: none */
};

/* A batch of sequences; arrays of n. */
struct batch {
	int n;
	const int *off, *len; /* rows of the sequence in h */
	const int *valid;  /* self-attention's keys: the first valid[i] rows of the sequence (= len
			      but for pads) */
	int rows;          /* Σ len */
	struct kept store; /* where the rows' own keys and values go, row by row */
	struct kept past;  /* keys and values before the sequences: of sequence i */
	const int *past_off, *past_len; /* rows [past_off[i], past_off[i] + past_len[i]) */
};

/* The encoder's output, for the decoder's cross-attention. fetch() returns rows of sequences
 * [first, first+n) in backend memory, valid until the next call; off[i] is the row of sequence
 * first+i in what is returned. The batch's sequences are numbers base, base+1, … */
struct encoder_output {
	void *arg;
	const float *(*fetch)(void *arg, int first, int n, int *off);
	const int *len, *valid; /* per sequence: rows, and rows that are no pads */
	int base;
	int max_rows; /* the most rows one fetch may ask for (a single sequence may always be asked
			 for) */
};

/* Working arrays for batches of up to `rows` rows and sequences of up to T positions; reused from
 * block to block. */
struct work {
	int rows, T;
	const struct batch *batch; /* that is being run */
	float *x; /* (rows, max(D, DI, F)): input of the linears; it is a, or after the activation y
		   */
	float *a, *y; /* y: three of them, one after the other at distances of `wide` */
	float *u;     /* (rows, R), also of (CROSS_ROWS, NH) */
	int wide;     /* rows · max(D, DI, F) */
	float *Q, *U; /* cross-attention: (CROSS_ROWS or longest sequence, NH, D) */
	float *keys;  /* two of (key_rows, kv_heads·HS): keys of the past and of the batch, and
			 values */
	int key_rows;
	int cross_rows, rank;
	float *bias;  /* (NH, 2T−1), or NULL */
	float *turns; /* (T, HS), of rotary positions, or NULL */
};
enum { CROSS_ROWS = 64, KEY_ROWS = 512 };
/* The ranks of ΔW that will be met, at most. */
void work_init(struct work *w, const struct model *model, int stack, int rows, int T, int rank);
/* Room to attend to a past, for sequences of up to T positions with it. */
void work_add_keys(struct work *w, const struct geometry *m, int T);
void work_release(struct work *w);
size_t work_bytes(const struct geometry *m, int stack, int rows, int T, int rank);

/* Floats for each row of a prompt that answers are computed from: of the encoder's output, or of a
 * single stack's keys and values in all blocks. And the most while they are made. */
size_t prompt_floats(const struct geometry *m);
size_t prompt_peak(const struct geometry *m);

/* Runs a batch from b->from to step `to` (≤ b->to). h (P, D) is updated in place; the input x of
 * the linears at `to` is left in w->x (for STEP_END: nothing). x is recomputed from h at b->from,
 * which is SELF, CROSS or FFN. */
void block_run(const struct block *b, const struct block_deltas *d, struct work *w,
	       const struct batch *s, const struct encoder_output *mem, float *h, enum step to);

#endif
