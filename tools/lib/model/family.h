/* family.h: what a family of models is, as data: the linears of its blocks, the steps by which a
 * block is computed, and the names under which its tensors lie in a file.
 *
 * A family with two stacks has an encoder (0) and a decoder (1); one with a single stack has a
 * decoder alone, as stack 0. In names, %d stands for a block's number. */
#ifndef FAMILY_H
#define FAMILY_H

#include <jansson.h>
#include <stdbool.h>

struct geometry;

/* The places of a block, in order. At each, x is the input of some linears: there a site can be.
 * STEP_END is the start of the next block, or the end of the stack. The numbers go into files. */
enum step { STEP_SELF, STEP_OUT, STEP_CROSS, STEP_CROSSOUT, STEP_FFN, STEP_DOWN, STEP_END };

/* What leads from a step to the next one. h: the residual stream; Wa, Wb, Wc: the step's linears
 * that the model has, in the table's order. */
enum operation {
	NO_STEP,         /* the stack's blocks have no such place */
	SELF_ATTENTION,  /* x = attention(x Waᵀ, x Wbᵀ, x Wcᵀ) */
	ADD_PROJECTION,  /* h += x Waᵀ */
	CROSS_ATTENTION, /* x = attention(x Waᵀ, e Wbᵀ, e Wcᵀ), e: the encoder's output */
	FEED_FORWARD,    /* x = act(x Waᵀ) · (x Wbᵀ); of a single linear act(x Waᵀ) */
};

struct family_step {
	enum operation operation;
	const char *norm; /* gives x from h: its weight; NULL: x is what the step before left */
};

struct family_stack {
	const char *site;  /* what the names of its sites begin with */
	const char *block; /* what the names of a block's tensors begin with */
	const char *norm;  /* the final norm's weight */
	const char *bias;  /* the attention bias by distance; NULL: none */
	/* Norms of every head of queries, of keys, before the rotation (geometry.h: head_norms). */
	const char *head_norm[2];
	bool causal;        /* a row attends to no later one */
	bool reads_encoder; /* its blocks attend to the encoder's output */
	struct family_step step[STEP_END];
};

/* D; heads × their width; heads of keys × their width; d_ff. */
enum width { WIDTH_MODEL, WIDTH_HEADS, WIDTH_KEYS, WIDTH_FEED };
/* What a linear is applied to: x at its step; or the encoder's output, as keys or as values. */
enum linear_of { OF_STEP, OF_ENCODER_KEYS, OF_ENCODER_VALUES };
/* The models that have it: all; those with a single linear before the activation; with two. */
enum linear_form { ANY_FORM, PLAIN_FORM, GATED_FORM };

struct family_linear {
	const char *name[2]; /* by stack, without ".weight"; NULL: the stack has none */
	enum step step;
	enum width in, out;
	enum linear_of of;
	enum linear_form form;
};

enum { SLOTS = 12, INPUT_NAMES = 3 }; /* room of the tables */

struct family {
	int nstacks;
	struct family_stack stack[2];
	struct family_linear linear[SLOTS];
	const char *linears;            /* their last names, for messages */
	const char *input[INPUT_NAMES]; /* names of the input embedding */
	const char *task_type;          /* PEFT's */
	const char *targets[2];         /* that PEFT takes where target_modules is absent */
	/* Reads the family's keys of config.json; die(), naming file and key. */
	void (*read)(struct geometry *m, const json_t *config, const char *path);
};

/* The step after s in a stack's blocks. */
enum step family_next_step(const struct family *f, int stack, enum step s);

extern const struct family family_t5;
extern const struct family family_llama; /* and Mistral, Qwen2, Qwen3 */

#endif
