/* llama.c: the family of Llama (Llama 2 and 3, SmolLM2), Mistral, Qwen2 and Qwen3. It has one
 * stack, a decoder, whose blocks are all alike. See llama.h. */
#include "model/llama.h"

#include <math.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"

#define BIT(slot) (1u << (slot))

static const struct dialect DIALECTS[] = {
	{.type = "llama",
	 .bias = BIAS_BY_KEYS,
	 .mlp_bias = true,
	 .window = WINDOW_NONE,
	 .eos = 2,
	 .eps = 1e-6,
	 .activation = "hidden_act",
	 .act = "silu"},
	{.type = "mistral",
	 .kv_heads = 8,
	 .bias = BIAS_NONE,
	 .window = WINDOW_ALL,
	 .rows = 4096,
	 .eos = 2,
	 .eps = 1e-6,
	 .activation = "hidden_act",
	 .act = "silu"},
	{.type = "qwen2",
	 .kv_heads = 32,
	 .bias = BIAS_QKV,
	 .window = WINDOW_BY_KEYS,
	 .rows = 4096,
	 .eos = -1,
	 .eps = 1e-6,
	 .activation = "hidden_act",
	 .act = "silu"},
	{.type = "qwen3",
	 .kv_heads = 32,
	 .width = 128,
	 .bias = BIAS_BY_KEYS,
	 .head_norms = true,
	 .window = WINDOW_BY_KEYS,
	 .rows = 4096,
	 .eos = -1,
	 .eps = 1e-6,
	 .activation = "hidden_act",
	 .act = "silu"},
};

/* Keys of other models that would change the result here, each with the JSON values that change
 * nothing. A dialect says which of them it reads. */
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

static const struct dialect *dialect_of(const struct dialect *list, size_t n, const json_t *o,
					const char *path)
{
	const char *type = jsonx_string(o, path, "model_type");
	for (size_t i = 0; i < n; i++)
		if (strcmp(type, list[i].type) == 0)
			return &list[i];
	BUG("model_type %s", type);
}

static bool is_read(const struct dialect *d, const char *key)
{
	for (size_t i = 0; i < sizeof(d->reads) / sizeof(*d->reads) && d->reads[i]; i++)
		if (strcmp(key, d->reads[i]) == 0)
			return true;
	return false;
}

static void refuse_keys(const struct dialect *d, const json_t *o, const char *path)
{
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(*REFUSED); i++) {
		const json_t *v = json_object_get(o, REFUSED[i].key);
		json_t *neutral = json_loads(REFUSED[i].neutral, JSON_DECODE_ANY, NULL);
		bool same = !v || json_is_null(v) || json_equal(v, neutral) ||
			    (json_is_number(v) && json_is_number(neutral) &&
			     json_number_value(v) == json_number_value(neutral));
		json_decref(neutral);
		if (!same && !is_read(d, REFUSED[i].key))
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

static void read_activation(struct geometry *m, const struct dialect *d, const json_t *o,
			    const char *path)
{
	static const struct {
		const char *name;
		enum be_act act;
	} KNOWN[] = {{"silu", BE_SILU},
		     {"swish", BE_SILU},
		     {"relu", BE_RELU},
		     {"gelu_new", BE_GELU_NEW},
		     {"gelu_pytorch_tanh", BE_GELU_NEW}};
	const char *act = jsonx_string_or(o, path, d->activation, d->act);
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++)
		if (strcmp(act, KNOWN[i].name) == 0) {
			m->act = KNOWN[i].act;
			return;
		}
	die("'%s': %s: expected silu, swish, relu, gelu_new or gelu_pytorch_tanh, found '%s'", path,
	    d->activation, act);
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

static int read_window(const struct dialect *d, const json_t *o, const char *path)
{
	const json_t *v = json_object_get(o, "sliding_window");
	return v && json_is_null(v)
		       ? 0
		       : (int)jsonx_int_or(o, path, "sliding_window", 1, 1 << 30, d->rows);
}

static void read_windows(struct geometry *m, const struct dialect *d, const json_t *o,
			 const char *path)
{
	const json_t *types = json_object_get(o, "layer_types");
	bool typed = types && !json_is_null(types);
	int first = 0;
	if ((d->window == WINDOW_NONE || d->window == WINDOW_ALL) && typed)
		die("'%s': layer_types: %s has no such key, so this is another model", path,
		    d->type);
	if (d->window == WINDOW_NONE ||
	    (d->window == WINDOW_BY_KEYS && !jsonx_bool_or(o, path, "use_sliding_window", false)))
		return;
	m->window = read_window(d, o, path);
	if (d->window == WINDOW_BY_KEYS)
		first = (int)jsonx_int_or(o, path, "max_window_layers", 0, 1 << 20, 28);
	if (typed)
		read_layer_types(m, types, path);
	for (int i = first; !typed && i < m->L[0]; i++)
		if (!d->full_every || (i + 1) % d->full_every)
			slide(m, i);
}

/* ---- */

void llama_read(struct geometry *m, const struct dialect *list, size_t n, const json_t *o,
		const char *path)
{
	const struct dialect *d = dialect_of(list, n, o, path);
	int positions;
	refuse_keys(d, o, path);
	read_widths(m, d, o, path);
	read_biases(m, d, o, path);
	read_activation(m, d, o, path);
	read_windows(m, d, o, path);
	geometry_read_eps(m, o, path, "rms_norm_eps", d->eps);
	positions = (int)jsonx_int_or(o, path, "max_position_embeddings", 1, 1 << 30, 1 << 30);
	m->rope = rope_read(o, path, positions, m->HS, d->partial);
	m->gated = true;
	m->head_norms = d->head_norms;
	m->default_eos = d->eos;
	m->tied = jsonx_bool_or(o, path, "tie_word_embeddings", d->tied);
	m->attention_scale = (float)(1 / sqrt(m->HS));
}

static void read_llama(struct geometry *m, const json_t *o, const char *path)
{
	llama_read(m, DIALECTS, sizeof(DIALECTS) / sizeof(*DIALECTS), o, path);
}

const struct family_linear llama_linears[SLOTS] = {
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
};

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
	.linear = llama_linears,
	.linears = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
	.input = {"model.embed_tokens.weight"},
	.task_type = "CAUSAL_LM",
	.targets = {"q_proj", "v_proj"},
	.read = read_llama,
};
