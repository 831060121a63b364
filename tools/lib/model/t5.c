/* t5.c: the family T5: T5, T5 v1.1, Flan-T5. See t5.h. */
#include "model/t5.h"

#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "model/geometry.h"

enum { MAX_BUCKETS = 1 << 10 };

/* As transformers reads it: "relu", "gated-gelu", "gated-relu", …; "gated-gelu" means gelu_new,
 * because of old checkpoints. The derived keys dense_act_fn and is_gated_act replace it where a
 * config has them. */
static void read_activation(struct geometry *m, const json_t *o, const char *path)
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
	m->act = strcmp(act, "gelu_new") == 0 ? BE_GELU_NEW : BE_RELU;
	if (m->act == BE_RELU && strcmp(act, "relu") != 0)
		die("'%s': feed_forward_proj '%s' asks for the activation '%s'; only relu and "
		    "gelu_new (gated-gelu) are known",
		    path, proj, act);
}

static void read_widths(struct geometry *m, const json_t *o, const char *path)
{
	m->D = (int)jsonx_int(o, path, "d_model", 1, MAX_WIDTH);
	m->F = (int)jsonx_int(o, path, "d_ff", 1, MAX_WIDTH);
	geometry_read_heads(m, o, path, "num_heads", "d_kv");
	m->V = (int)jsonx_int(o, path, "vocab_size", 1, MAX_VOCABULARY);
	m->L[0] = (int)jsonx_int(o, path, "num_layers", 1, MAX_BLOCKS);
	m->L[1] = (int)jsonx_int_or(o, path, "num_decoder_layers", 1, MAX_BLOCKS, m->L[0]);
}

static void read_positions(struct geometry *m, const json_t *o, const char *path)
{
	/* The encoder halves the buckets by sign. Half of the rest counts single steps, so there
	 * must be four. */
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
static bool read_tie(const struct geometry *m, const json_t *o, const char *path)
{
	if (!m->scale_given && json_is_null(json_object_get(o, "tie_word_embeddings")))
		die("'%s' key 'tie_word_embeddings': expected true or false, found null, which "
		    "versions of transformers read differently",
		    path);
	return jsonx_bool_or(o, path, "tie_word_embeddings", true);
}

/* transformers 4 has one key for both the tie and the scaling. transformers 5 writes `true` for the
 * tie of every model, and has a separate key for the scaling. */
static void read_output(struct geometry *m, const json_t *o, const char *path)
{
	const json_t *scale = json_object_get(o, "scale_decoder_outputs");
	m->scale_given = scale && !json_is_null(scale);
	m->tied = read_tie(m, o, path);
	m->scaled = jsonx_bool_or(o, path, "scale_decoder_outputs", m->tied);
	/* transformers 4 gives encoder and decoder the same weights. transformers 5 ignores the
	 * key. */
	if (jsonx_bool_or(o, path, "tie_encoder_decoder", false))
		die("'%s': tie_encoder_decoder is true: encoder and decoder that share their "
		    "weights are not supported",
		    path);
}

static void read_t5(struct geometry *m, const json_t *o, const char *path)
{
	read_widths(m, o, path);
	read_positions(m, o, path);
	read_activation(m, o, path);
	read_output(m, o, path);
	geometry_read_eps(m, o, path, "layer_norm_epsilon", 1e-6);
	m->pad = (int)jsonx_int_or(o, path, "pad_token_id", 0, m->V - 1, 0);
	m->kv_heads = m->NH;
	m->default_eos = 1;
	m->attention_scale = 1; /* T5's attention does not divide by sqrt(d_kv) */
}

#define ENCODER(name) "encoder.block.%d.layer." name
#define DECODER(name) "decoder.block.%d.layer." name

const struct family family_t5 = {
	.nstacks = 2,
	.stack =
		{
			{
				.site = "enc",
				.block = "encoder.block.%d.",
				.norm = "encoder.final_layer_norm.weight",
				.bias = "encoder.block.0.layer.0.SelfAttention.relative_attention_"
					"bias.weight",
				.step =
					{
						[STEP_SELF] = {SELF_ATTENTION,
							       ENCODER("0.layer_norm.weight")},
						[STEP_OUT] = {ADD_PROJECTION, NULL},
						[STEP_FFN] = {FEED_FORWARD, ENCODER("1.layer_norm."
										    "weight")},
						[STEP_DOWN] = {ADD_PROJECTION, NULL},
					},
			},
			{
				.site = "dec",
				.block = "decoder.block.%d.",
				.norm = "decoder.final_layer_norm.weight",
				.bias = "decoder.block.0.layer.0.SelfAttention.relative_attention_"
					"bias.weight",
				.causal = true,
				.reads_encoder = true,
				.step =
					{
						[STEP_SELF] = {SELF_ATTENTION,
							       DECODER("0.layer_norm.weight")},
						[STEP_OUT] = {ADD_PROJECTION, NULL},
						[STEP_CROSS] = {CROSS_ATTENTION,
								DECODER("1.layer_norm.weight")},
						[STEP_CROSSOUT] = {ADD_PROJECTION, NULL},
						[STEP_FFN] = {FEED_FORWARD, DECODER("2.layer_norm."
										    "weight")},
						[STEP_DOWN] = {ADD_PROJECTION, NULL},
					},
			},
		},
	.linear =
		(const struct family_linear[SLOTS]){
			[SELF_Q] = {.name = {ENCODER("0.SelfAttention.q"),
					     DECODER("0.SelfAttention.q")},
				    .step = STEP_SELF,
				    .in = WIDTH_MODEL,
				    .out = WIDTH_HEADS},
			[SELF_K] = {.name = {ENCODER("0.SelfAttention.k"),
					     DECODER("0.SelfAttention.k")},
				    .step = STEP_SELF,
				    .in = WIDTH_MODEL,
				    .out = WIDTH_HEADS},
			[SELF_V] = {.name = {ENCODER("0.SelfAttention.v"),
					     DECODER("0.SelfAttention.v")},
				    .step = STEP_SELF,
				    .in = WIDTH_MODEL,
				    .out = WIDTH_HEADS},
			[SELF_O] = {.name = {ENCODER("0.SelfAttention.o"),
					     DECODER("0.SelfAttention.o")},
				    .step = STEP_OUT,
				    .in = WIDTH_HEADS,
				    .out = WIDTH_MODEL},
			[CROSS_Q] = {.name = {NULL, DECODER("1.EncDecAttention.q")},
				     .step = STEP_CROSS,
				     .in = WIDTH_MODEL,
				     .out = WIDTH_HEADS},
			[CROSS_K] = {.name = {NULL, DECODER("1.EncDecAttention.k")},
				     .step = STEP_CROSS,
				     .in = WIDTH_MODEL,
				     .out = WIDTH_HEADS,
				     .of = OF_ENCODER_KEYS},
			[CROSS_V] = {.name = {NULL, DECODER("1.EncDecAttention.v")},
				     .step = STEP_CROSS,
				     .in = WIDTH_MODEL,
				     .out = WIDTH_HEADS,
				     .of = OF_ENCODER_VALUES},
			[CROSS_O] = {.name = {NULL, DECODER("1.EncDecAttention.o")},
				     .step = STEP_CROSSOUT,
				     .in = WIDTH_HEADS,
				     .out = WIDTH_MODEL},
			[WI] =
				{.name = {ENCODER("1.DenseReluDense.wi"),
					  DECODER("2.DenseReluDense.wi")},
				 .step = STEP_FFN,
				 .in = WIDTH_MODEL,
				 .out =
					 WIDTH_FEED,
				 .form = PLAIN_FORM},
			[WI_0] = {.name = {ENCODER("1.DenseReluDense.wi_0"),
					   DECODER("2.DenseReluDense.wi_0")},
				  .step = STEP_FFN,
				  .in =
					  WIDTH_MODEL,
				  .out = WIDTH_FEED,
				  .form = GATED_FORM},
			[WI_1] = {.name = {ENCODER("1.DenseReluDense.wi_1"),
					   DECODER("2.DenseReluDense.wi_1")},
				  .step = STEP_FFN,
				  .in =
					  WIDTH_MODEL,
				  .out = WIDTH_FEED,
				  .form = GATED_FORM},
			[WO] =
				{.name = {ENCODER("1.DenseReluDense.wo"),
					  DECODER("2.DenseReluDense.wo")},
				 .step = STEP_DOWN,
				 .in = WIDTH_FEED,
				 .out =
					 WIDTH_MODEL},
		},
	.linears = "q, k, v, o, wi, wi_0, wi_1, wo",
	.input = {"shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"},
	.task_type = "SEQ_2_SEQ_LM",
	.targets = {"q", "v"},
	.read = read_t5,
};
