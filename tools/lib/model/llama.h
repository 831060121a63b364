/* llama.h: config.json of the decoder-only models whose blocks are Llama's with changes. What
 * differs between architectures is in a dialect; what only one family has, its own file reads. */
#ifndef LLAMA_H
#define LLAMA_H

#include "model/geometry.h"

enum llama_slot { Q, K, V, O, GATE, UP, DOWN };
extern const struct family_linear llama_linears[SLOTS];
#define LAYER(name) "model.layers.%d." name

enum bias_rule { BIAS_BY_KEYS /* attention_bias: q k v o; mlp_bias */, BIAS_QKV, BIAS_NONE };
enum window_rule {
	WINDOW_NONE,
	WINDOW_ALL,     /* sliding_window: of every block */
	WINDOW_BY_KEYS, /* use_sliding_window, max_window_layers or layer_types */
	WINDOW_BY_TYPES /* layer_types, or full_every */
};

/* An architecture, with the defaults that transformers has where config.json lacks a key. */
struct dialect {
	const char *type; /* model_type */
	int kv_heads;     /* 0: as many as heads */
	int width;        /* of a head; 0: hidden_size / heads */
	enum bias_rule bias;
	bool mlp_bias, head_norms, tied;
	enum window_rule window;
	int rows;       /* sliding_window, where it is absent; 0: none */
	int full_every; /* WINDOW_BY_TYPES: the last of so many blocks does not slide */
	int eos;        /* -1: none */
	double eps;
	bool partial;                 /* partial_rotary_factor counts */
	const char *activation, *act; /* the key, and its default */
	const char *reads[4];         /* keys that are other architectures' and refused there */
};

/* All keys that the dialects share, by the row of list (n) for config.json's model_type. */
void llama_read(struct geometry *m, const struct dialect *list, size_t n, const json_t *o,
		const char *path);

#endif
