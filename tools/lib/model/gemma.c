/* gemma.c: the family of Gemma 2 (arXiv 2408.00118): Llama's linears, with norms of what the
 * projections add, norms by 1 + w, soft caps, and a scaled input embedding. */
#include <math.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "model/llama.h"

static const struct dialect DIALECTS[] = {
	{.type = "gemma2",
	 .kv_heads = 4,
	 .width = 256,
	 .bias = BIAS_BY_KEYS,
	 .tied = true,
	 .window = WINDOW_BY_TYPES,
	 .rows = 4096,
	 .full_every = 2,
	 .eos = 1,
	 .eps = 1e-6,
	 .activation = "hidden_activation",
	 .act = "gelu_pytorch_tanh",
	 .reads = {"attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"}},
};

static double positive(const json_t *o, const char *path, const char *key, double absent)
{
	double x = jsonx_number_or(o, path, key, absent);
	if (!(x > 0 && isfinite((float)x)))
		die("'%s': %s: expected a number above 0, found %g", path, key, x);
	return x;
}

/* A soft cap; null: none. */
static float read_cap(const json_t *o, const char *path, const char *key, double absent)
{
	const json_t *v = json_object_get(o, key);
	return v && json_is_null(v) ? 0 : (float)positive(o, path, key, absent);
}

/* The embedding's factor is transformers' for a model that computes in float32; in bfloat16 it
 * rounds the factor too. */
static void read_gemma(struct geometry *m, const json_t *o, const char *path)
{
	llama_read(m, DIALECTS, sizeof(DIALECTS) / sizeof(*DIALECTS), o, path);
	m->embedding_scale = sqrtf((float)m->D);
	m->attention_scale = (float)(1 / sqrt(positive(o, path, "query_pre_attn_scalar", 256)));
	m->attention_cap = read_cap(o, path, "attn_logit_softcapping", 50);
	m->logit_cap = read_cap(o, path, "final_logit_softcapping", 30);
}

const struct family family_gemma = {
	.nstacks = 1,
	.stack = {{
		.site = "layer",
		.block = LAYER(""),
		.norm = "model.norm.weight",
		.added_norm = {[STEP_OUT] = LAYER("post_attention_layernorm.weight"),
			       [STEP_DOWN] = LAYER("post_feedforward_layernorm.weight")},
		.causal = true,
		.step =
			{
				[STEP_SELF] = {SELF_ATTENTION, LAYER("input_layernorm.weight")},
				[STEP_OUT] = {ADD_PROJECTION, NULL},
				[STEP_FFN] = {FEED_FORWARD, LAYER("pre_feedforward_layernorm."
								  "weight")},
				[STEP_DOWN] = {ADD_PROJECTION, NULL},
			},
	}},
	.linear = llama_linears,
	.norm_offset = 1,
	.linears = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
	.input = {"model.embed_tokens.weight"},
	.task_type = "CAUSAL_LM",
	.targets = {"q_proj", "v_proj"},
	.read = read_gemma,
};
