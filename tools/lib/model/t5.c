/* t5.c: see t5.h. Hugging Face's names of linears are in this file alone. */
#include "model/t5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "model/kind.h"

/* Bounds above any T5 (t5-11b: d_model 1024, d_ff 65536, 128 heads of 128): each fits an int with
 * room for small factors; products of two widths are for size_t. */
enum {
	MAX_WIDTH = 1 << 17,
	MAX_HEADS = 1 << 12,
	MAX_VOCABULARY = 1 << 24,
	MAX_BLOCKS = 999,
	MAX_BUCKETS = 1 << 10
};

/* Where a slot lives: the sublayer's index in the encoder's and the decoder's blocks (-1: not
 * there) and its name. */
static const struct {
	int layer[2];
	const char *name;
} SLOT[SLOTS] = {
	[SELF_Q] = {{0, 0}, "SelfAttention.q"},     [SELF_K] = {{0, 0}, "SelfAttention.k"},
	[SELF_V] = {{0, 0}, "SelfAttention.v"},     [SELF_O] = {{0, 0}, "SelfAttention.o"},
	[CROSS_Q] = {{-1, 1}, "EncDecAttention.q"}, [CROSS_K] = {{-1, 1}, "EncDecAttention.k"},
	[CROSS_V] = {{-1, 1}, "EncDecAttention.v"}, [CROSS_O] = {{-1, 1}, "EncDecAttention.o"},
	[WI] = {{1, 2}, "DenseReluDense.wi"},       [WI_0] = {{1, 2}, "DenseReluDense.wi_0"},
	[WI_1] = {{1, 2}, "DenseReluDense.wi_1"},   [WO] = {{1, 2}, "DenseReluDense.wo"},
};

static const char *const STACK[2] = {"encoder", "decoder"};

/* As transformers reads it: "relu", "gated-gelu", "gated-relu" …; "gated-gelu" means gelu_new (a
 * leftover of old checkpoints); the derived keys dense_act_fn and is_gated_act override it when a
 * config carries them. */
static void read_activation(struct t5 *m, const json_t *o, const char *path)
{
	const char *proj = jsonx_string_or(o, path, "feed_forward_proj", "relu");
	bool gated = strncmp(proj, "gated-", 6) == 0;
	const char *act = gated ? proj + 6 : proj;
	if (strchr(act, '-'))
		die("'%s': feed_forward_proj: expected ACTIVATION or gated-ACTIVATION, found '%s'",
		    path, proj);
	if (strcmp(proj, "gated-gelu") == 0)
		act = "gelu_new";

	act = jsonx_string_or(o, path, "dense_act_fn", act);
	m->gated = jsonx_bool_or(o, path, "is_gated_act", gated);
	m->gelu = strcmp(act, "gelu_new") == 0;
	if (!m->gelu && strcmp(act, "relu") != 0)
		die("'%s': feed_forward_proj '%s' asks for the activation '%s'; only relu and "
		    "gelu_new (gated-gelu) are known",
		    path, proj, act);
}

static void read_widths(struct t5 *m, const json_t *o, const char *path)
{
	m->D = (int)jsonx_int(o, path, "d_model", 1, MAX_WIDTH);
	m->F = (int)jsonx_int(o, path, "d_ff", 1, MAX_WIDTH);
	m->HS = (int)jsonx_int(o, path, "d_kv", 1, MAX_WIDTH);
	m->NH = (int)jsonx_int(o, path, "num_heads", 1, MAX_HEADS);
	if (m->HS > MAX_WIDTH / m->NH)
		die("'%s': num_heads × d_kv: expected at most %d, found %d × %d", path, MAX_WIDTH,
		    m->NH, m->HS);
	m->DI = m->NH * m->HS;
	m->V = (int)jsonx_int(o, path, "vocab_size", 1, MAX_VOCABULARY);
	m->L[0] = (int)jsonx_int(o, path, "num_layers", 1, MAX_BLOCKS);
	m->L[1] = (int)jsonx_int_or(o, path, "num_decoder_layers", 1, MAX_BLOCKS, m->L[0]);
}

static void read_positions(struct t5 *m, const json_t *o, const char *path)
{
	/* The encoder halves the buckets by sign, and half of what is left counts single steps:
	 * four at least. */
	m->buckets =
		(int)jsonx_int_or(o, path, "relative_attention_num_buckets", 4, MAX_BUCKETS, 32);
	m->max_distance =
		(int)jsonx_int_or(o, path, "relative_attention_max_distance", 2, 1 << 20, 128);
	/* The decoder's formula divides by log(max_distance / (buckets/2)). */
	if (m->max_distance <= m->buckets / 2)
		die("'%s': relative_attention_max_distance: expected more than half of %d buckets, "
		    "found %d",
		    path, m->buckets, m->max_distance);
}

/* transformers 4 reads null as false, transformers 5 as true. */
static bool read_tie(const struct t5 *m, const json_t *o, const char *path)
{
	if (!m->scale_given && json_is_null(json_object_get(o, "tie_word_embeddings")))
		die("'%s' key 'tie_word_embeddings': expected true or false, found null, which "
		    "versions of transformers read differently",
		    path);
	return jsonx_bool_or(o, path, "tie_word_embeddings", true);
}

/* transformers 4 has one key for the tie and the scaling. transformers 5 writes `true` for the tie
 * of every model, and the scaling under a key of its own. */
static void read_output(struct t5 *m, const json_t *o, const char *path)
{
	const json_t *scale = json_object_get(o, "scale_decoder_outputs");
	m->scale_given = scale && !json_is_null(scale);
	m->tied = read_tie(m, o, path);
	m->scaled = jsonx_bool_or(o, path, "scale_decoder_outputs", m->tied);
	/* transformers 4 gives encoder and decoder the same weights; transformers 5 ignores the
	 * key. */
	if (jsonx_bool_or(o, path, "tie_encoder_decoder", false))
		die("'%s': tie_encoder_decoder is true: encoder and decoder that share their "
		    "weights are not supported",
		    path);
}

struct t5 t5_load(const char *dir)
{
	struct t5 m;
	memset(&m, 0, sizeof(m));
	char *path = xformat("%s/config.json", dir);
	kind_check_folder(dir);
	json_t *o = jsonx_load(path, CONFIG_MAX_BYTES);
	kind_check_config(o, path);

	read_widths(&m, o, path);
	read_positions(&m, o, path);
	read_activation(&m, o, path);
	read_output(&m, o, path);
	double eps = jsonx_number_or(o, path, "layer_norm_epsilon", 1e-6);
	if (!(eps > 0 && eps < 1) || (float)eps == 0.0f)
		die("'%s': layer_norm_epsilon: expected a small positive number, found %g", path,
		    eps);
	m.eps = (float)eps;
	m.decoding = decoding_read(dir, o, path, m.V);
	m.pad = (int)jsonx_int_or(o, path, "pad_token_id", 0, m.V - 1, 0);
	m.label_start =
		(int)jsonx_int_or(o, path, "decoder_start_token_id", 0, m.V - 1, m.decoding.start);

	json_decref(o);
	free(path);
	return m;
}

bool slot_exists(const struct t5 *m, int stack, enum slot s)
{
	if (stack < 0 || stack > 1 || (int)s < 0 || s >= SLOTS || SLOT[s].layer[stack] < 0)
		return false;
	if (s == WI)
		return !m->gated;
	if (s == WI_0 || s == WI_1)
		return m->gated;
	return true;
}

char *module_name(const struct t5 *m, struct module q)
{
	BUG_IF(!slot_exists(m, q.stack, q.slot) || q.block < 0 || q.block >= m->L[q.stack]);
	return xformat("%s.block.%d.layer.%d.%s", STACK[q.stack], q.block,
		       SLOT[q.slot].layer[q.stack], SLOT[q.slot].name);
}

/* The number at *s, written without sign and leading zeros; *s moves behind it. -1: none, or over
 * MAX_BLOCKS. */
static int take_number(const char **s)
{
	const char *p = *s;
	int v = 0;
	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = 10 * v + (*p - '0');
		if (v > MAX_BLOCKS)
			return -1;
	}
	*s = p;
	return v;
}

static bool take_text(const char **s, const char *text)
{
	size_t n = strlen(text);
	if (strncmp(*s, text, n) != 0)
		return false;
	*s += n;
	return true;
}

bool module_parse(const struct t5 *m, const char *name, struct module *q)
{
	int stack = strncmp(name, STACK[1], strlen(STACK[1])) == 0;
	if (!take_text(&name, STACK[stack]) || !take_text(&name, ".block."))
		return false;
	int block = take_number(&name);
	if (block < 0 || block >= m->L[stack] || !take_text(&name, ".layer."))
		return false;
	int layer = take_number(&name);
	if (layer < 0 || *name++ != '.')
		return false;
	for (int s = 0; s < SLOTS; s++) {
		if (slot_exists(m, stack, (enum slot)s) && SLOT[s].layer[stack] == layer &&
		    strcmp(SLOT[s].name, name) == 0) {
			*q = (struct module){.stack = stack, .block = block, .slot = (enum slot)s};
			return true;
		}
	}
	return false;
}

int module_d_in(const struct t5 *m, enum slot s)
{
	switch (s) {
	case SELF_O:
	case CROSS_O: return m->DI;
	case WO: return m->F;
	default: return m->D;
	}
}

int module_d_out(const struct t5 *m, enum slot s)
{
	switch (s) {
	case SELF_O:
	case CROSS_O:
	case WO: return m->D;
	case WI:
	case WI_0:
	case WI_1: return m->F;
	default: return m->DI;
	}
}
