/* family.h: a family of models as data: the linears of its blocks, the steps that compute a block,
 * and the names of its tensors in a file.
 *
 * A family with two stacks has an encoder (0) and a decoder (1). A family with one stack has only a
 * decoder, as stack 0. In names, %d stands for the block's number. */
#ifndef FAMILY_H
#define FAMILY_H

#include <jansson.h>
#include <stdbool.h>

struct geometry;

/* The places in a block, in order. At each place x is the input of some linears, so it can be a
 * site. STEP_END is the start of the next block, or the end of the stack. The numbers are stored in
 * files. */
enum step { STEP_SELF, STEP_OUT, STEP_CROSS, STEP_CROSSOUT, STEP_FFN, STEP_DOWN, STEP_END };

/* The operation that leads from a step to the next one. h: the residual stream. Wa, Wb, Wc: those
 * of the step's linears that the model has, in the table's order; of a fused one its parts. */
enum operation {
	NO_STEP,         /* the stack's blocks have no such place */
	SELF_ATTENTION,  /* x = attention(x Waᵀ, x Wbᵀ, x Wcᵀ) */
	ADD_PROJECTION,  /* h += x Waᵀ, or the norm of it */
	CROSS_ATTENTION, /* x = attention(x Waᵀ, e Wbᵀ, e Wcᵀ), e: the encoder's output */
	FEED_FORWARD,    /* x = act(x Waᵀ) · (x Wbᵀ); with one linear act(x Waᵀ) */
};

struct family_step {
	enum operation operation;
	const char *norm; /* weight of the norm that makes x from h; NULL: x is the previous step's
			     result */
};

struct family_stack {
	const char *site;  /* prefix of the names of its sites */
	const char *block; /* prefix of the names of a block's tensors */
	const char *norm;  /* the final norm's weight */
	const char *bias;  /* the attention bias by distance; NULL: none */
	/* Norms of every head, before the rotation: of queries, of keys (geometry.h:
	 * head_norms). */
	const char *head_norm[2];
	/* Norms of what a projection adds to h, by step: their weights; NULL: none. */
	const char *added_norm[STEP_END];
	bool causal;        /* a row attends to no later row */
	bool reads_encoder; /* its blocks attend to the encoder's output */
	struct family_step step[STEP_END];
};

/* D; heads × their width; heads of keys × their width; d_ff. */
enum width { WIDTH_NONE, WIDTH_MODEL, WIDTH_HEADS, WIDTH_KEYS, WIDTH_FEED };
/* The input of a linear: x at its step; or the encoder's output, for keys or for values. */
enum linear_of { OF_STEP, OF_ENCODER_KEYS, OF_ENCODER_VALUES };
/* The models that have the linear: all; those with one linear before the activation; those with
 * two. */
enum linear_form { ANY_FORM, PLAIN_FORM, GATED_FORM };

enum { SLOTS = 12, INPUT_NAMES = 3, PARTS = 3 }; /* room of the tables */

struct family_linear {
	const char *name[2]; /* by stack, without ".weight"; NULL: the stack has none */
	enum step step;
	enum width in, out;
	/* Of a fused linear: the parts behind the first one in its rows. Operations take each part
	 * as a linear of its own. */
	enum width more[PARTS - 1];
	enum linear_of of;
	enum linear_form form;
};

struct family {
	int nstacks;
	struct family_stack stack[2];
	const struct family_linear *linear; /* SLOTS of them */
	float norm_offset;                  /* norms multiply by their weights plus this */
	const char *linears;                /* last parts of the linears' names, for messages */
	const char *input[INPUT_NAMES];     /* names of the input embedding */
	const char *task_type;              /* PEFT's name for the task */
	const char *targets[2]; /* PEFT's choice where target_modules is absent; NULL: none */
	/* Reads the family's keys of config.json; die(), naming file and key. */
	void (*read)(struct geometry *m, const json_t *config, const char *path);
};

/* The step after s in a stack's blocks. */
enum step family_next_step(const struct family *f, int stack, enum step s);

extern const struct family family_t5;
extern const struct family family_llama; /* also Mistral, Qwen2, Qwen3 */
extern const struct family family_gemma; /* Gemma2 */
extern const struct family family_phi3;

#endif
