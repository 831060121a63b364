/* t5.h: the geometry of a T5 model, from its config.json, and the names of its linears.
 *
 * Letters as everywhere: D d_model, F d_ff, NH heads, HS d_kv, DI = NH·HS (inner width), V
 * vocabulary, L blocks. */
#ifndef T5_H
#define T5_H

#include <stdbool.h>

#include "model/decoding.h"

struct t5 {
	int D, F, NH, HS, DI, V;
	int L[2]; /* blocks: [0] encoder, [1] decoder (num_decoder_layers; default num_layers) */
	int buckets, max_distance; /* relative position buckets (32) and distance (128) */
	float eps;                 /* layer_norm_epsilon */
	bool gated;                /* wi_0, wi_1 instead of wi */
	bool gelu;                 /* gelu_new (tanh form); otherwise relu */
	bool tied;   /* tie_word_embeddings; true without the key. embedding.h says which tensor is
			the output embedding */
	bool scaled; /* the decoder's output is scaled by D^-0.5: scale_decoder_outputs, else as
			tied says */
	bool scale_given; /* config.json has scale_decoder_outputs: transformers 5 wrote it */
	int pad;          /* token id that fills short texts up */
	int label_start;  /* the decoder's first input before a given answer: the loss */
	struct decoding decoding;
};

/* Reads DIR/config.json and DIR/generation_config.json. A folder that holds no T5 (kind.h), an
 * activation other than relu or gelu_new, a value out of range: die(), naming file and key.
 * feed_forward_proj ("relu", "gated-gelu", …) as transformers reads it. */
struct t5 t5_load(const char *dir);

/* The linears of a block. */
enum slot {
	SELF_Q,
	SELF_K,
	SELF_V,
	SELF_O,
	CROSS_Q,
	CROSS_K,
	CROSS_V,
	CROSS_O,
	WI,
	WI_0,
	WI_1,
	WO,
	SLOTS
};

/* One linear: stack 0 encoder, 1 decoder. */
struct module {
	int stack, block;
	enum slot slot;
};

/* Hugging Face name without ".weight" ("encoder.block.3.layer.0.SelfAttention.q"), allocated. */
char *module_name(const struct t5 *m, struct module q);
/* The inverse; false when `name` is no linear of this model. */
bool module_parse(const struct t5 *m, const char *name, struct module *q);
int module_d_in(const struct t5 *m, enum slot s);  /* DI for o, F for wo, D else */
int module_d_out(const struct t5 *m, enum slot s); /* DI for q k v, F for wi*, D for o, wo */
bool slot_exists(const struct t5 *m, int stack,
		 enum slot s); /* no cross in the encoder; wi or wi_0 and wi_1 */

#endif
