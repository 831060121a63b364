/* llama.c: the family of Llama (Llama 2 and 3, SmolLM2), Mistral, Qwen2 and Qwen3. It has one
 * stack, a decoder, whose blocks are all alike. DIALECTS holds the differences. */
#include <math.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "model/geometry.h"

enum llama_slot { Q, K, V, O, GATE, UP, DOWN };
#define BIT(slot) (1u << (slot))

enum bias_rule { BIAS_BY_KEYS /* attention_bias: q k v o; mlp_bias */, BIAS_QKV, BIAS_NONE };
enum window_rule { WINDOW_NONE, WINDOW_ALL, WINDOW_BY_KEYS };

/* transformers' defaults for keys that config.json lacks. */
static const struct dialect {
	const char *type;
	int kv_heads; /* 0: as many as there are heads */
	int width;    /* width of a head; 0: hidden_size / heads */
	enum bias_rule bias;
	bool mlp_bias, head_norms;
	enum window_rule window;
	int eos; /* -1: none */
} DIALECTS[] = {
	{"llama", 0, 0, BIAS_BY_KEYS, true, false, WINDOW_NONE, 2},
	{"mistral", 8, 0, BIAS_NONE, false, false, WINDOW_ALL, 2},
	{"qwen2", 32, 0, BIAS_QKV, false, false, WINDOW_BY_KEYS, -1},
	{"qwen3", 32, 128, BIAS_BY_KEYS, false, true, WINDOW_BY_KEYS, -1},
};

/* Keys of other models that would change the result here, each with the JSON values that change
 * nothing. */
static const struct {
	const char *key, *neutral;
} REFUSED[] = {
	{"num_local_experts", "null"},
	{"num_experts", "null"},
	{"moe_intermediate_size", "null"},
	{"attn_logit_softcapping", "null"},
	{"final_logit_softcapping", "null"},
	{"query_pre_attn_scalar", "null"},
	{"embedding_multiplier", "1"},
	{"residual_multiplier", "1"},
	{"attention_multiplier", "null"},
	{"logits_scaling", "1"},
	{"use_bidirectional_attention", "false"},
	{"use_qk_norm", "false"},
	{"qk_layernorm", "false"},
	{"no_rope_layers", "null"},
	{"auto_map", "null"},
};

static const struct dialect *dialect_of(const json_t *o, const char *path)
{
	const char *type = jsonx_string(o, path, "model_type");
	for (size_t i = 0; i < sizeof(DIALECTS) / sizeof(*DIALECTS); i++)
		if (strcmp(type, DIALECTS[i].type) == 0)
			return &DIALECTS[i];
	BUG("model_type %s", type);
}

static void refuse_keys(const json_t *o, const char *path)
{
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(*REFUSED); i++) {
		const json_t *v = json_object_get(o, REFUSED[i].key);
		json_t *neutral = json_loads(REFUSED[i].neutral, JSON_DECODE_ANY, NULL);
		bool same = !v || json_is_null(v) || json_equal(v, neutral) ||
			    (json_is_number(v) && json_is_number(neutral) &&
			     json_number_value(v) == json_number_value(neutral));
		json_decref(neutral);
		if (!same)
			die("'%s': %s: this key changes what the model computes, and is not known "
			    "here",
			    path, REFUSED[i].key);
	}
}

/* ---- Widths ---- */

static void read_widths(struct geometry *m, const struct dialect *d, const json_t *o,
			const char *path)
{
	const json_t *kv = json_object_get(o, "num_key_value_heads");
	m->D = (int)jsonx_int(o, path, "hidden_size", 1, MAX_WIDTH);
	m->F = (int)jsonx_int(o, path, "intermediate_size", 1, MAX_WIDTH);
	m->V = (int)jsonx_int(o, path, "vocab_size", 1, MAX_VOCABULARY);
	m->L[0] = (int)jsonx_int(o, path, "num_hidden_layers", 1, MAX_BLOCKS);
	m->NH = (int)jsonx_int(o, path, "num_attention_heads", 1, MAX_HEADS);
	m->HS = (int)jsonx_int_or(o, path, "head_dim", 1, MAX_WIDTH,
				  d->width ? d->width : m->D / m->NH);
	if (m->HS < 1 || m->HS > MAX_WIDTH / m->NH)
		die("'%s': num_attention_heads × head_dim: expected 1 to %d, found %d × %d", path,
		    MAX_WIDTH, m->NH, m->HS);
	m->DI = m->NH * m->HS;
	m->kv_heads = (int)jsonx_int_or(o, path, "num_key_value_heads", 1, MAX_HEADS,
					kv || !d->kv_heads ? m->NH : d->kv_heads);
	if (m->NH % m->kv_heads)
		die("'%s': num_attention_heads: expected a multiple of the %d "
		    "num_key_value_heads%s, found %d",
		    path, m->kv_heads, kv ? "" : " that transformers takes without the key", m->NH);
}

static void read_biases(struct geometry *m, const struct dialect *d, const json_t *o,
			const char *path)
{
	bool attention = d->bias == BIAS_BY_KEYS && jsonx_bool_or(o, path, "attention_bias", false),
	     mlp = d->mlp_bias && jsonx_bool_or(o, path, "mlp_bias", false);
	if (attention || d->bias == BIAS_QKV)
		m->biased = BIT(Q) | BIT(K) | BIT(V);
	if (attention)
		m->biased |= BIT(O);
	if (mlp)
		m->biased |= BIT(GATE) | BIT(UP) | BIT(DOWN);
}

static void read_activation(struct geometry *m, const json_t *o, const char *path)
{
	static const struct {
		const char *name;
		enum be_act act;
	} KNOWN[] = {{"silu", BE_SILU},
		     {"swish", BE_SILU},
		     {"relu", BE_RELU},
		     {"gelu_new", BE_GELU_NEW},
		     {"gelu_pytorch_tanh", BE_GELU_NEW}};
	const char *act = jsonx_string_or(o, path, "hidden_act", "silu");
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++)
		if (strcmp(act, KNOWN[i].name) == 0) {
			m->act = KNOWN[i].act;
			return;
		}
	die("'%s': hidden_act: expected silu, swish, relu, gelu_new or gelu_pytorch_tanh, found "
	    "'%s'",
	    path, act);
}

/* ---- Sliding windows ---- */

static void slide(struct geometry *m, int block)
{
	m->sliding[block / 8] |= (unsigned char)(1 << block % 8);
}

/* layer_types has one entry for each block. */
static void read_layer_types(struct geometry *m, const json_t *list, const char *path)
{
	const json_t *item;
	size_t i;
	if (!json_is_array(list) || json_array_size(list) != (size_t)m->L[0])
		die("'%s': layer_types: expected a list of num_hidden_layers (%d) names", path,
		    m->L[0]);
	json_array_foreach ((json_t *)list, i, item) {
		const char *type = json_string_value(item);
		if (type && strcmp(type, "sliding_attention") == 0)
			slide(m, (int)i);
		else if (!type || strcmp(type, "full_attention") != 0)
			die("'%s': layer_types: entry %zu: expected full_attention or "
			    "sliding_attention, found '%.40s'",
			    path, i + 1, type ? type : "no text");
	}
}

static int read_window(const json_t *o, const char *path)
{
	const json_t *v = json_object_get(o, "sliding_window");
	return v && json_is_null(v)
		       ? 0
		       : (int)jsonx_int_or(o, path, "sliding_window", 1, 1 << 30, 4096);
}

static void read_windows(struct geometry *m, const struct dialect *d, const json_t *o,
			 const char *path)
{
	const json_t *types = json_object_get(o, "layer_types");
	bool typed = types && !json_is_null(types);
	int first = 0;
	if (d->window != WINDOW_BY_KEYS && typed)
		die("'%s': layer_types: %s has no such key, so this is another model", path,
		    d->type);
	if (d->window == WINDOW_NONE ||
	    (d->window == WINDOW_BY_KEYS && !jsonx_bool_or(o, path, "use_sliding_window", false)))
		return;
	m->window = read_window(o, path);
	if (d->window == WINDOW_BY_KEYS)
		first = (int)jsonx_int_or(o, path, "max_window_layers", 0, 1 << 20, 28);
	if (typed)
		read_layer_types(m, types, path);
	for (int i = first; !typed && i < m->L[0]; i++)
		slide(m, i);
}

/* ---- */

static void read_llama(struct geometry *m, const json_t *o, const char *path)
{
	const struct dialect *d = dialect_of(o, path);
	int positions;
	refuse_keys(o, path);
	read_widths(m, d, o, path);
	read_biases(m, d, o, path);
	read_activation(m, o, path);
	read_windows(m, d, o, path);
	geometry_read_eps(m, o, path, "rms_norm_eps");
	positions = (int)jsonx_int_or(o, path, "max_position_embeddings", 1, 1 << 30, 1 << 30);
	m->rope = rope_read(o, path, positions, m->HS);
	m->gated = true;
	m->head_norms = d->head_norms;
	m->default_eos = d->eos;
	m->tied = jsonx_bool_or(o, path, "tie_word_embeddings", false);
	m->attention_scale = (float)(1 / sqrt(m->HS));
}

#define LAYER(name) "model.layers.%d." name

const struct family family_llama = {
	.nstacks = 1,
	.stack = {{
		.site = "layer",
		.block = LAYER(""),
		.norm = "model.norm.weight",
		.head_norm = {LAYER("self_attn.q_norm.weight"), LAYER("self_attn.k_norm.weight")},
		.causal = true,
		.step =
			{
				[STEP_SELF] = {SELF_ATTENTION, LAYER("input_layernorm.weight")},
				[STEP_OUT] = {ADD_PROJECTION, NULL},
				[STEP_FFN] = {FEED_FORWARD, LAYER("post_attention_layernorm."
								  "weight")},
				[STEP_DOWN] = {ADD_PROJECTION, NULL},
			},
	}},
	.linear =
		{
			[Q] = {.name = {LAYER("self_attn.q_proj")},
			       .step = STEP_SELF,
			       .in = WIDTH_MODEL,
			       .out = WIDTH_HEADS},
			[K] = {.name = {LAYER("self_attn.k_proj")},
			       .step = STEP_SELF,
			       .in = WIDTH_MODEL,
			       .out = WIDTH_KEYS},
			[V] = {.name = {LAYER("self_attn.v_proj")},
			       .step = STEP_SELF,
			       .in = WIDTH_MODEL,
			       .out = WIDTH_KEYS},
			[O] = {.name = {LAYER("self_attn.o_proj")},
			       .step = STEP_OUT,
			       .in = WIDTH_HEADS,
			       .out = WIDTH_MODEL},
			[GATE] = {.name = {LAYER("mlp.gate_proj")},
				  .step = STEP_FFN,
				  .in = WIDTH_MODEL,
				  .out = WIDTH_FEED},
			[UP] = {.name = {LAYER("mlp.up_proj")},
				.step = STEP_FFN,
				.in = WIDTH_MODEL,
				.out = WIDTH_FEED},
			[DOWN] = {.name = {LAYER("mlp.down_proj")},
				  .step = STEP_DOWN,
				  .in = WIDTH_FEED,
				  .out = WIDTH_MODEL},
		},
	.linears = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
	.input = {"model.embed_tokens.weight"},
	.task_type = "CAUSAL_LM",
	.targets = {"q_proj", "v_proj"},
	.read = read_llama,
};
