/* geometry.h: a model's sizes and settings, from its config.json, and the names of its linears.
 *
 * Letters: D width of the residual stream, F width of the feed-forward, NH heads, HS width of a
 * head, DI = NH·HS (inner width), V vocabulary, L blocks. */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#include <stddef.h>

#include "backend/be.h"
#include "model/decoding.h"
#include "model/family.h"
#include "model/rope.h"

/* Bounds above any known model (t5-11b: d_model 1024, d_ff 65536, 128 heads of 128). Each fits an
 * int, with room for small factors. A product of two widths needs size_t. */
enum {
	MAX_WIDTH = 1 << 17,
	MAX_HEADS = 1 << 12,
	MAX_VOCABULARY = 1 << 24,
	MAX_BLOCKS = 999,
};

struct geometry {
	const struct family *family;
	int D, F, NH, HS, DI, V;
	int kv_heads;              /* heads of keys and values; NH: one for each head of queries */
	int L[2];                  /* blocks, by stack */
	int buckets, max_distance; /* relative position buckets (32) and distance (128) */
	float eps;                 /* of the norms */
	float attention_scale;     /* of queries times keys */
	float attention_cap;       /* soft cap of the scaled scores (be.h: softcap); 0: none */
	float logit_cap;           /* soft cap of the logits; 0: none */
	float embedding_scale;     /* factor of the input embedding's rows */
	int window; /* a row of a sliding block attends to this many rows; 0: to all */
	unsigned char sliding[(MAX_BLOCKS + 8) / 8]; /* a bit per block: it slides */
	struct rope rope;
	unsigned biased; /* a bit per slot: the linear has a bias */
	bool head_norms; /* norms of every head of queries and keys */
	bool gated;      /* there are two linears before the activation */
	enum be_act act;
	bool tied;   /* tie_word_embeddings; true without the key. See embedding.h for the output
			embedding */
	bool scaled; /* the decoder's output is scaled by D^-0.5: by scale_decoder_outputs, else by
			tied */
	bool scale_given; /* config.json has scale_decoder_outputs: transformers 5 wrote it */
	int default_eos;  /* the end token of a config that names none; -1: none */
	int pad;          /* token id that pads short texts */
	int label_start;  /* the decoder's first input for the loss of a given answer; -1: the
			     prompt's last token */
	struct decoding decoding;
};

/* Reads DIR/config.json and DIR/generation_config.json. die(), naming file and key, at an unknown
 * activation or a value out of range. die() also where the folder holds no model of a known family
 * (kind.h). */
struct geometry geometry_load(const char *dir);
/* Parts that the families' `read` share: NH, HS and their product; the norms' eps under the
 * family's key. */
void geometry_read_heads(struct geometry *m, const json_t *o, const char *path, const char *heads,
			 const char *width);
void geometry_read_eps(struct geometry *m, const json_t *o, const char *path, const char *key,
		       double absent);

/* One linear: slot is its number in the family's table. */
struct module {
	int stack, block, slot;
};
/* The order of struct module, for qsort(): by stack, block and slot. */
int module_compare(const void *a, const void *b);

/* The family's name for something, with the block's number in place of %d, allocated. */
char *name_of_block(const char *name, int block);
/* The linear's name in Hugging Face's files, without ".weight"
 * ("encoder.block.3.layer.0.SelfAttention.q"). Allocated. */
char *module_name(const struct geometry *m, struct module q);
/* The inverse; false when the model has no linear of this name. */
bool module_parse(const struct geometry *m, const char *name, struct module *q);
int module_d_in(const struct geometry *m, int slot);
int module_d_out(const struct geometry *m, int slot);
/* The rows of a fused linear's parts, one behind the other. All rows of another linear are part 0.
 * 0: there is no such part. */
int part_rows(const struct geometry *m, int slot, int part);
/* Whether block b attends only to a window of rows. */
bool block_slides(const struct geometry *m, int block);
bool slot_exists(const struct geometry *m, int stack, int slot);
/* Whether a linear is applied to the encoder's output. Such a linear is packed head by head
 * (forward/block.h). */
bool slot_of_encoder(const struct geometry *m, int slot);
/* Number of elements of all linears of one block. */
size_t block_elements(const struct geometry *m, int stack);

#endif
