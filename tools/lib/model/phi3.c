/* phi3.c: the family of Phi 3 (arXiv 2404.14219) and Phi 4: Llama's blocks with fused linears. Each
 * is at the slot of the first linear whose rows it has. */
#include "base/die.h"
#include "files/jsonx.h"
#include "model/llama.h"

static const struct dialect DIALECTS[] = {
	{.type = "phi3",
	 .bias = BIAS_NONE,
	 .window = WINDOW_ALL,
	 .eos = 32000,
	 .eps = 1e-5,
	 .partial = true,
	 .activation = "hidden_act",
	 .act = "silu"},
};

static void read_phi3(struct geometry *m, const json_t *o, const char *path)
{
	llama_read(m, DIALECTS, sizeof(DIALECTS) / sizeof(*DIALECTS), o, path);
	if (m->rope.kind != ROPE_DEFAULT)
		die("'%s': rope_type: expected default, the only one that is known for phi3", path);
}

static const struct family_linear LINEARS[SLOTS] = {
	[Q] = {.name = {LAYER("self_attn.qkv_proj")},
	       .step = STEP_SELF,
	       .in = WIDTH_MODEL,
	       .out = WIDTH_HEADS,
	       .more = {WIDTH_KEYS, WIDTH_KEYS}},
	[O] = {.name = {LAYER("self_attn.o_proj")},
	       .step = STEP_OUT,
	       .in = WIDTH_HEADS,
	       .out = WIDTH_MODEL},
	[GATE] = {.name = {LAYER("mlp.gate_up_proj")},
		  .step = STEP_FFN,
		  .in = WIDTH_MODEL,
		  .out = WIDTH_FEED,
		  .more = {WIDTH_FEED}},
	[DOWN] = {.name = {LAYER("mlp.down_proj")},
		  .step = STEP_DOWN,
		  .in = WIDTH_FEED,
		  .out = WIDTH_MODEL},
};

const struct family family_phi3 = {
	.nstacks = 1,
	.stack = {{
		.site = "layer",
		.block = LAYER(""),
		.norm = "model.norm.weight",
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
	.linear = LINEARS,
	.linears = "qkv_proj, o_proj, gate_up_proj, down_proj",
	.input = {"model.embed_tokens.weight"},
	.task_type = "CAUSAL_LM",
	.read = read_phi3,
};
