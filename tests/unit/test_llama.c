/* test_llama.c: config.json of Llama, Mistral, Qwen2, Qwen3, Gemma2 and Phi3 as transformers reads
 * it, and the names of their linears. tests/golden/test_families.c compares the numbers that
 * follow. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "model/model.h"
#include "model/site.h"

#define NEEDED                                                                   \
	"\"hidden_size\":24,\"intermediate_size\":40,\"num_attention_heads\":6," \
	"\"num_hidden_layers\":3,\"vocab_size\":99"
#define KV "\"num_key_value_heads\":2"

static struct geometry load(const char *type, const char *keys)
{
	char *text =
		xformat("{\"model_type\":\"%s\"," NEEDED "%s%s}", type, *keys ? "," : "", keys);
	write_text("config.json", text);
	free(text);
	return geometry_load(".");
}

struct refusal {
	const char *type, *keys, *message;
};

static void load_child(void *arg)
{
	const struct refusal *r = arg;
	load(r->type, r->keys);
}

/* ---- what is read ---- */

static void test_defaults(void **state)
{
	struct geometry m = load("llama", "");
	(void)state;
	assert_int_equal(m.family->nstacks, 1);
	assert_int_equal(m.D, 24);
	assert_int_equal(m.F, 40);
	assert_int_equal(m.NH, 6);
	assert_int_equal(m.kv_heads, 6);
	assert_int_equal(m.HS, 4);
	assert_int_equal(m.DI, 24);
	assert_int_equal(m.L[0], 3);
	assert_int_equal(m.L[1], 0);
	assert_true(m.eps == 1e-6f && m.attention_scale == 0.5f && m.act == BE_SILU && m.gated);
	assert_true(!m.tied && !m.biased && !m.head_norms && !m.window);
	assert_true(m.rope.kind == ROPE_DEFAULT && m.rope.theta == 10000 && !m.rope.longest);
	assert_int_equal(m.decoding.start, -1);
	assert_int_equal(m.decoding.neos, 1);
	assert_int_equal(m.decoding.eos[0], 2);
}

/* Where a key is absent, transformers' defaults depend on the architecture. */
static void test_dialects(void **state)
{
	(void)state;
	struct geometry m = load("mistral", KV);
	assert_int_equal(m.window, 4096);
	assert_true(block_slides(&m, 0) && block_slides(&m, 2));
	m = load("mistral", "\"sliding_window\":null,\"num_key_value_heads\":null");
	assert_int_equal(m.window, 0);
	assert_int_equal(m.kv_heads, 6);
	m = load("qwen2", KV);
	assert_int_equal(m.biased, 7);
	assert_true(!m.window && !m.head_norms && m.HS == 4);
	assert_int_equal(m.decoding.neos, 0);
	m = load("qwen3", KV);
	assert_true(m.head_norms && !m.biased && m.HS == 128 && m.DI == 768);
	m = load("qwen3", "\"attention_bias\":true,\"head_dim\":6," KV);
	assert_int_equal(m.biased, 15);
	assert_int_equal(m.HS, 6);
	m = load("llama", "\"attention_bias\":true,\"mlp_bias\":true");
	assert_int_equal(m.biased, 127);
}

static void test_windows(void **state)
{
	const char *use = "\"use_sliding_window\":true,\"sliding_window\":7," KV;
	char *text = xformat("%s,\"max_window_layers\":2", use);
	(void)state;
	struct geometry m = load("qwen2", text);
	assert_int_equal(m.window, 7);
	assert_true(!block_slides(&m, 0) && !block_slides(&m, 1) && block_slides(&m, 2));
	free(text);
	text = xformat("%s,\"max_window_layers\":3,\"layer_types\":[\"sliding_attention\","
		       "\"full_attention\",\"full_attention\"]",
		       use);
	m = load("qwen3", text);
	assert_true(block_slides(&m, 0) && !block_slides(&m, 1) && !block_slides(&m, 2));
	free(text);
}

static void test_gemma(void **state)
{
	(void)state;
	struct geometry m = load("gemma2", KV);
	assert_true(m.HS == 256 && m.window == 4096 && m.act == BE_GELU_NEW && m.tied);
	assert_true(block_slides(&m, 0) && !block_slides(&m, 1) && block_slides(&m, 2));
	assert_true(m.attention_scale == 0.0625f && m.attention_cap == 50 && m.logit_cap == 30);
	assert_true(m.embedding_scale == sqrtf(24) && m.family->norm_offset == 1 && !m.biased);
	assert_int_equal(m.decoding.eos[0], 1);
	m = load("gemma2", "\"attn_logit_softcapping\":null,\"final_logit_softcapping\":2,"
			   "\"query_pre_attn_scalar\":4,\"attention_bias\":true,\"head_dim\":8,"
			   "\"layer_types\":[\"full_attention\",\"sliding_attention\","
			   "\"full_attention\"],\"hidden_activation\":\"silu\"," KV);
	assert_true(m.attention_cap == 0 && m.logit_cap == 2 && m.attention_scale == 0.5f);
	assert_true(!block_slides(&m, 0) && block_slides(&m, 1) && m.biased == 15);
	assert_true(m.act == BE_SILU);
}

static void test_phi(void **state)
{
	(void)state;
	struct geometry m = load("phi3", KV);
	assert_true(m.HS == 4 && !m.window && m.act == BE_SILU && !m.tied && m.eps == 1e-5f);
	assert_true(m.rope.width == 4 && !m.biased && m.gated);
	assert_int_equal(m.decoding.eos[0], 32000);
	m = load("phi3", "\"sliding_window\":3,\"partial_rotary_factor\":0.5");
	assert_true(m.kv_heads == 6 && m.window == 3 && block_slides(&m, 2) && m.rope.width == 2);
	m = load("phi3", "\"rope_parameters\":{\"rope_theta\":9,\"partial_rotary_factor\":0.5}");
	assert_true(m.rope.width == 2 && m.rope.theta == 9);
}

/* Both forms of the rotation's keys. rope_scaling has precedence over rope_parameters. */
static void test_rotation(void **state)
{
	(void)state;
	struct geometry m =
		load("llama", "\"rope_theta\":500,\"rope_parameters\":{\"rope_theta\":700}");
	assert_true(m.rope.theta == 700);
	m = load("llama", "\"rope_theta\":500,\"rope_scaling\":{\"type\":\"linear\",\"factor\":4},"
			  "\"rope_parameters\":{\"rope_theta\":700}");
	assert_true(m.rope.kind == ROPE_LINEAR && m.rope.theta == 500 && m.rope.factor == 4);
	m = load("llama", "\"max_position_embeddings\":64,"
			  "\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2}");
	assert_true(m.rope.kind == ROPE_DYNAMIC && m.rope.longest == 64);
	m = load("llama",
		 "\"max_position_embeddings\":64,\"rope_parameters\":{\"rope_type\":\"llama3\","
		 "\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4}");
	assert_true(m.rope.kind == ROPE_LLAMA3 && m.rope.original == 64 && m.rope.high == 4);
	m = load("llama", "\"max_position_embeddings\":64,\"rope_scaling\":{\"rope_type\":\"yarn\","
			  "\"original_max_position_embeddings\":16}");
	assert_true(m.rope.kind == ROPE_YARN && m.rope.factor == 4 && m.rope.truncate);
	assert_true(m.rope.fast == 32 && m.rope.slow == 1);
}

/* ---- what is refused ---- */

static void test_refusals(void **state)
{
#define ROPE(keys) "\"rope_scaling\":{" keys "}"
	static const struct refusal CASE[] = {
		{"mistral", "",
		 "expected a multiple of the 8 num_key_value_heads that transformers "
		 "takes without the key, found 6"},
		{"llama", "\"num_key_value_heads\":4",
		 "expected a multiple of the 4 num_key_value_heads, found 6"},
		{"llama", "\"head_dim\":5", "head_dim: expected an even number"},
		{"llama", "\"hidden_act\":\"gelu\"", "hidden_act: expected silu"},
		{"llama", "\"rms_norm_eps\":0", "rms_norm_eps: expected a small positive number"},
		{"llama", ROPE("\"rope_type\":\"longrope\""),
		 "rope_type: expected default, linear, dynamic, llama3 or yarn, found 'longrope'"},
		{"llama", ROPE("\"rope_type\":\"linear\""), "factor: expected a number above 0"},
		{"llama", ROPE("\"rope_type\":\"linear\",\"factor\":2,\"beta_fast\":3"),
		 "rope_scaling: key 'beta_fast' is not known for rope_type linear"},
		{"llama", "\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}",
		 "key 'full_attention' is not known for rope_type default: a rotation of its own"},
		{"llama", "\"partial_rotary_factor\":0.5", "partial_rotary_factor is 0.5"},
		{"llama", "\"rope_theta\":-1", "rope_theta: expected a number above 0, found -1"},
		{"llama",
		 "\"original_max_position_embeddings\":8," ROPE(
			 "\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_"
			 "factor\":4,\"original_max_position_embeddings\":16"),
		 "original_max_position_embeddings is 8, and 16 in rope_scaling"},
		{"llama",
		 ROPE("\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_"
		      "factor\":4"),
		 "expected low_freq_factor below high_freq_factor"},
		{"llama", "\"layer_types\":[\"full_attention\"]",
		 "layer_types: llama has no such key"},
		{"qwen2", KV ",\"use_sliding_window\":true,\"layer_types\":[\"full_attention\"]",
		 "layer_types: expected a list of num_hidden_layers (3) names"},
		{"qwen2",
		 KV ",\"use_sliding_window\":true,\"layer_types\":[\"full_attention\",\"linear_"
		    "attention\",\"full_attention\"]",
		 "entry 2: expected full_attention or sliding_attention, found "
		 "'linear_attention'"},
		{"qwen3", KV ",\"num_experts\":8", "num_experts: this key changes what"},
		{"llama", "\"final_logit_softcapping\":30.0", "final_logit_softcapping: this key"},
		{"llama", "\"auto_map\":{\"AutoModel\":\"x\"}", "auto_map: this key"},
		{"llama", "\"architectures\":[\"LlamaForSequenceClassification\"]",
		 "expected LlamaForCausalLM, found 'LlamaForSequenceClassification', which has a "
		 "classifier's head"},
		{"llama", "\"architectures\":[\"MistralForCausalLM\"]",
		 "expected LlamaForCausalLM, found 'MistralForCausalLM', which is not known here"},
		{"gemma2", KV ",\"final_logit_softcapping\":0",
		 "final_logit_softcapping: expected a number above 0, found 0"},
		{"gemma2", KV ",\"query_pre_attn_scalar\":-1",
		 "query_pre_attn_scalar: expected a number above 0, found -1"},
		{"gemma2", KV ",\"hidden_activation\":\"gelu\"",
		 "hidden_activation: expected silu"},
		{"gemma2", KV ",\"use_bidirectional_attention\":true",
		 "use_bidirectional_attention"},
		{"gemma", "", "gemma2 or phi3, found 'gemma'"},
		{"phi3", ROPE("\"type\":\"linear\",\"factor\":2"),
		 "rope_type: expected default, the only one that is known for phi3"},
		{"phi3", ROPE("\"type\":\"su\""), "found 'su'"},
		{"phi3", "\"partial_rotary_factor\":1.5",
		 "partial_rotary_factor: expected a number above 0, at most 1, found 1.5"},
		{"phi3", "\"partial_rotary_factor\":0.75",
		 "head_dim · partial_rotary_factor: expected an even number for rotary positions, "
		 "found 3"},
		{"phi3", "\"layer_types\":[\"full_attention\"]", "phi3 has no such key"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct refusal r = CASE[i];
		struct child c = child_run(load_child, &r);
		if (!child_said(&c, r.message) || c.code != EXIT_WORLD)
			fail_msg("%s %s: not refused by '%s'", r.type, r.keys, r.message);
	}
}

/* ---- names ---- */

struct named {
	const char *name, *site;
	int d_in, d_out;
};

static void check_name(const struct geometry *m, const struct named *c)
{
	struct module q;
	struct site s;
	char buf[24];
	assert_true(module_parse(m, c->name, &q));
	char *name = module_name(m, q);
	assert_string_equal(name, c->name);
	free(name);
	assert_int_equal(module_d_in(m, q.slot), c->d_in);
	assert_int_equal(module_d_out(m, q.slot), c->d_out);
	s = site_of_module(m->family, q);
	assert_string_equal(site_name(m->family, s, buf), c->site);
	assert_true(site_parse(m, buf, &s));
	assert_int_equal(site_width(m, s), c->d_in);
}

static void test_fused_names(void **state)
{
	static const struct named CASE[] = {
		{"model.layers.2.self_attn.qkv_proj", "layer02-self", 24, 60},
		{"model.layers.2.self_attn.o_proj", "layer02-out", 36, 24},
		{"model.layers.1.mlp.gate_up_proj", "layer01-ffn", 24, 80},
		{"model.layers.1.mlp.down_proj", "layer01-down", 40, 24},
	};
	struct geometry m = load("phi3", "\"head_dim\":6," KV);
	struct module q;
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++)
		check_name(&m, &CASE[i]);
	assert_false(module_parse(&m, "model.layers.0.self_attn.q_proj", &q));
	assert_true(model_weight_floats(&m, false) == 24 * 80 && block_elements(&m, 0) == 24 * 216);
}

static void test_names(void **state)
{
	static const struct named CASE[] = {
		{"model.layers.2.self_attn.q_proj", "layer02-self", 24, 36},
		{"model.layers.2.self_attn.k_proj", "layer02-self", 24, 12},
		{"model.layers.0.self_attn.v_proj", "layer00-self", 24, 12},
		{"model.layers.0.self_attn.o_proj", "layer00-out", 36, 24},
		{"model.layers.1.mlp.gate_proj", "layer01-ffn", 24, 40},
		{"model.layers.1.mlp.up_proj", "layer01-ffn", 24, 40},
		{"model.layers.1.mlp.down_proj", "layer01-down", 40, 24},
	};
	static const char *const NONE[] = {"lm_head",
					   "model.embed_tokens",
					   "model.layers.3.mlp.up_proj",
					   "model.layers.00.mlp.up_proj",
					   "layers.0.mlp.up_proj",
					   "model.layers.0.mlp.q_proj",
					   "model.layers.0.mlp.up_proj.weight"};
	struct geometry m = load("llama", "\"head_dim\":6," KV);
	struct module q;
	struct site s;
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++)
		check_name(&m, &CASE[i]);
	for (size_t i = 0; i < COUNT(NONE); i++)
		assert_false(module_parse(&m, NONE[i], &q));
	assert_false(site_parse(&m, "encoder-output", &s));
	assert_false(site_parse(&m, "layer00-cross", &s));
	assert_false(site_parse(&m, "enc00-self", &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_dialects),
		cmocka_unit_test(test_windows),     cmocka_unit_test(test_gemma),
		cmocka_unit_test(test_phi),         cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_refusals),    cmocka_unit_test(test_names),
		cmocka_unit_test(test_fused_names),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("llama", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
