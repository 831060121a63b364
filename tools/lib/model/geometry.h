/* geometry.h: a model's sizes and settings, from its config.json, and the names of its linears.
 *
 * Letters as everywhere: D width of the residual stream, F of the feed-forward, NH heads, HS their
 * width, DI = NH·HS (inner width), V vocabulary, L blocks. */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#include <stddef.h>

#include "backend/be.h"
#include "model/decoding.h"
#include "model/family.h"
#include "model/rope.h"

/* Bounds above any model (t5-11b: d_model 1024, d_ff 65536, 128 heads of 128): each fits an int
 * with room for small factors; products of two widths are for size_t. */
enum {
	MAX_WIDTH = 1 << 17,
	MAX_HEADS = 1 << 12,
	MAX_VOCABULARY = 1 << 24,
	MAX_BLOCKS = 999,
};

struct geometry {
	const struct family *family;
	int D, F, NH, HS, DI, V;
	int kv_heads;              /* heads of keys and values; NH: each head of queries its own */
	int L[2];                  /* blocks, by stack */
	int buckets, max_distance; /* relative position buckets (32) and distance (128) */
	float eps;                 /* of the norms */
	float attention_scale;     /* of queries times keys */
	int window;                /* a row of a sliding block attends to so many rows; 0: none */
	unsigned char sliding[(MAX_BLOCKS + 8) / 8]; /* a bit for each block */
	struct rope rope;
	unsigned biased; /* a bit for each slot: the linear has a bias */
	bool head_norms; /* of queries and keys */
	bool gated;      /* two linears before the activation */
	enum be_act act;
	bool tied;   /* tie_word_embeddings; true without the key. embedding.h says which tensor is
			the output embedding */
	bool scaled; /* the decoder's output is scaled by D^-0.5: scale_decoder_outputs, else as
			tied says */
	bool scale_given; /* config.json has scale_decoder_outputs: transformers 5 wrote it */
	int default_eos;  /* the end token of a config that names none; -1: none */
	int pad;          /* token id that fills short texts up */
	int label_start;  /* the decoder's first input before a given answer, for the loss; -1: the
			     prompt's last token */
	struct decoding decoding;
};

/* Reads DIR/config.json and DIR/generation_config.json. A folder that holds no model of a known
 * family (kind.h), an activation that is not known, a value out of range: die(), naming file and
 * key. */
struct geometry geometry_load(const char *dir);
/* What `read` of a family shares: NH, HS and their product; the norms' eps under its key. */
void geometry_read_heads(struct geometry *m, const json_t *o, const char *path, const char *heads,
			 const char *width);
void geometry_read_eps(struct geometry *m, const json_t *o, const char *path, const char *key);

/* One linear: slot is its number in the family's table. */
struct module {
	int stack, block, slot;
};

/* A name of the family with the block's number in the place of %d, allocated. */
char *name_of_block(const char *name, int block);
/* Hugging Face name without ".weight" ("encoder.block.3.layer.0.SelfAttention.q"), allocated. */
char *module_name(const struct geometry *m, struct module q);
/* The inverse; false when `name` is no linear of this model. */
bool module_parse(const struct geometry *m, const char *name, struct module *q);
int module_d_in(const struct geometry *m, int slot);
int module_d_out(const struct geometry *m, int slot);
/* Block b attends to a window of rows alone. */
bool block_slides(const struct geometry *m, int block);
bool slot_exists(const struct geometry *m, int stack, int slot);
/* Whether a linear is applied to the encoder's output: packed head by head (forward/block.h). */
bool slot_of_encoder(const struct geometry *m, int slot);
/* The elements of all linears of one block. */
size_t block_elements(const struct geometry *m, int stack);

#endif
