/* test_t5.c: config.json as transformers reads it, and the names of a T5's linears. EMOTION_DIR:
 * folder of the small real case (optional). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "files/safetensors/st.h"
#include "model/geometry.h"
#include "small_t5.h"

/* ---- helpers ---- */

#define NEEDED \
	"\"d_model\":16,\"d_ff\":24,\"d_kv\":5,\"num_heads\":3,\"num_layers\":4,\"vocab_size\":99"

static struct geometry load(const char *keys)
{
	char text[1024];
	snprintf(text, sizeof(text), "{\"model_type\":\"t5\"," NEEDED "%s%s}", *keys ? "," : "",
		 keys);
	write_text("config.json", text);
	return geometry_load(".");
}

/* The same beside a generation_config.json. */
static struct geometry load_both(const char *keys, const char *generation)
{
	write_text("generation_config.json", generation);
	struct geometry m = load(keys);
	remove("generation_config.json");
	return m;
}

static void load_child(void *arg)
{
	(void)arg;
	geometry_load(".");
}

static void check_decoding(const struct decoding *d, int start, int pad, const int *eos, int neos)
{
	assert_int_equal(d->start, start);
	assert_int_equal(d->pad, pad);
	assert_int_equal(d->neos, neos);
	for (int i = 0; i < neos; i++)
		assert_int_equal(d->eos[i], eos[i]);
}

static void refuses(const char *config, const char *message)
{
	write_text("config.json", config);
	struct child c = child_run(load_child, NULL);
	assert_true(child_said(&c, message));
	assert_int_equal(c.code, EXIT_WORLD);
}

static struct geometry small_model(bool gated)
{
	return (struct geometry){SMALL_T5, .L = {12, 3}, .gated = gated};
}

/* ---- config.json ---- */

static void test_defaults(void **state)
{
	(void)state;
	struct geometry m = load("");
	assert_int_equal(m.D, 16);
	assert_int_equal(m.F, 24);
	assert_int_equal(m.NH, 3);
	assert_int_equal(m.HS, 5);
	assert_int_equal(m.DI, 15);
	assert_int_equal(m.V, 99);
	assert_int_equal(m.L[0], 4);
	assert_int_equal(m.L[1], 4);
	assert_int_equal(m.buckets, 32);
	assert_int_equal(m.max_distance, 128);
	assert_true(m.eps == 1e-6f);
	assert_true(!m.gated && !(m.act == BE_GELU_NEW) && m.tied && m.scaled && !m.scale_given);
	assert_int_equal(m.pad, 0);
	assert_int_equal(m.label_start, 0);
	check_decoding(&m.decoding, 0, 0, (const int[]){1}, 1);
}

static void test_given(void **state)
{
	(void)state;
	struct geometry m =
		load("\"num_decoder_layers\":2,\"relative_attention_num_buckets\":16,"
		     "\"relative_attention_max_distance\":64,"
		     "\"layer_norm_epsilon\":1e-5,\"feed_forward_proj\":\"gated-gelu\",\"tie_"
		     "word_embeddings\":false,"
		     "\"pad_token_id\":3,\"eos_token_id\":4,\"decoder_start_token_id\":5,"
		     "\"use_cache\":true,\"n_positions\":512");
	assert_int_equal(m.L[1], 2);
	assert_int_equal(m.buckets, 16);
	assert_int_equal(m.max_distance, 64);
	assert_true(m.eps == 1e-5f);
	assert_true(m.gated && (m.act == BE_GELU_NEW) && !m.tied && !m.scaled);
	assert_int_equal(m.pad, 3);
	assert_int_equal(m.label_start, 5);
	check_decoding(&m.decoding, 5, 3, (const int[]){4}, 1);
	m = load("\"pad_token_id\":7,\"num_decoder_layers\":null,\"eos_token_id\":[1,9]");
	check_decoding(&m.decoding, 7, 7, (const int[]){1, 9}, 2);
	m = load("\"eos_token_id\":null");
	check_decoding(&m.decoding, 0, 0, NULL, 0);
}

/* In transformers 5 the scaling has a key of its own. Without the key, the tie decides. */
static void test_output(void **state)
{
	(void)state;
	struct geometry m = load("\"tie_word_embeddings\":true,\"scale_decoder_outputs\":false");
	assert_true(m.tied && !m.scaled && m.scale_given);
	m = load("\"tie_word_embeddings\":false,\"scale_decoder_outputs\":true");
	assert_true(!m.tied && m.scaled && m.scale_given);
	m = load("\"tie_word_embeddings\":false,\"scale_decoder_outputs\":null");
	assert_true(!m.tied && !m.scaled && !m.scale_given);
}

/* generation_config.json is used alone: what it does not name is not taken from config.json. The
 * tokens for the loss come from config.json. */
static void test_generation(void **state)
{
	const char *config = "\"pad_token_id\":3,\"eos_token_id\":4,\"decoder_start_token_id\":5";
	(void)state;
	struct geometry m =
		load_both(config, "{\"pad_token_id\":6,\"eos_token_id\":[7,8,1],\"decoder_"
				  "start_token_id\":9}");
	check_decoding(&m.decoding, 9, 6, (const int[]){7, 8, 1}, 3);
	assert_int_equal(m.pad, 3);
	assert_int_equal(m.label_start, 5);
	m = load_both(config, "{\"eos_token_id\":7,\"bos_token_id\":2}");
	check_decoding(&m.decoding, 2, 7, (const int[]){7}, 1);
	m = load_both(config, "{\"decoder_start_token_id\":0}");
	check_decoding(&m.decoding, 0, 3, NULL, 0);
	m = load_both("", "{\"decoder_start_token_id\":9,\"eos_token_id\":1}");
	assert_int_equal(m.label_start, 9);
	assert_true(decoding_ends(&m.decoding, 1) && !decoding_ends(&m.decoding, 9));
}

static void test_activations(void **state)
{
	static const struct {
		const char *keys;
		bool gated, gelu;
	} CASE[] = {
		{"\"feed_forward_proj\":\"relu\"", false, false},
		{"\"feed_forward_proj\":\"gated-relu\"", true, false},
		{"\"feed_forward_proj\":\"gated-gelu\"", true, true},
		{"\"feed_forward_proj\":\"gelu_new\"", false, true},
		{"\"feed_forward_proj\":\"gated-gelu_new\"", true, true},
		/* The derived keys override, as in transformers. */
		{"\"feed_forward_proj\":\"relu\",\"dense_act_fn\":\"gelu_new\",\"is_gated_act\":"
		 "true",
		 true, true},
		{"\"feed_forward_proj\":\"gated-gelu\",\"dense_act_fn\":\"relu\"", true, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct geometry m = load(CASE[i].keys);
		assert_int_equal(m.gated, CASE[i].gated);
		assert_int_equal(m.act == BE_GELU_NEW, CASE[i].gelu);
	}
}

static void test_refusals(void **state)
{
#define T5(keys) "{\"model_type\":\"t5\"," NEEDED "," keys "}"
	static const struct {
		const char *config, *message;
	} CASE[] = {
		{"[]", "expected a JSON object"},
		{"{\"model_type\":\"mt5\"," NEEDED "}",
		 "'./config.json': model_type: expected t5 (T5, T5 v1.1, Flan-T5), llama, mistral, "
		 "qwen2, qwen3, gemma2 or phi3, found 'mt5'"},
		{"{" NEEDED "}", "model_type"},
		{"{\"model_type\":\"t5\"}", "d_model"},
		{T5("\"d_model\":8"), "duplicate"},
		{"{\"model_type\":\"t5\",\"d_model\":0,\"d_ff\":24,\"d_kv\":5,\"num_heads\":3,"
		 "\"num_layers\":4,\"vocab_size\":99}",
		 "'d_model'"},
		{"{\"model_type\":\"t5\",\"d_model\":16.5,\"d_ff\":24,\"d_kv\":5,\"num_heads\":3,"
		 "\"num_layers\":4,\"vocab_size\":99}",
		 "'d_model'"},
		{"{\"model_type\":\"t5\",\"d_model\":16,\"d_ff\":24,\"d_kv\":131072,\"num_heads\":"
		 "4096,\"num_layers\":4,\"vocab_size\":99}",
		 "num_heads × d_kv"},
		{"{\"model_type\":\"t5\",\"d_model\":16,\"d_ff\":24,\"d_kv\":5,\"num_heads\":3,"
		 "\"num_layers\":1000,\"vocab_size\":99}",
		 "'num_layers'"},
		{T5("\"feed_forward_proj\":\"gelu\""), "asks for the activation 'gelu'"},
		{T5("\"feed_forward_proj\":\"gated-silu\""), "asks for the activation 'silu'"},
		{T5("\"feed_forward_proj\":\"double-gelu\""),
		 "expected ACTIVATION or gated-ACTIVATION, found 'double-gelu'"},
		{T5("\"feed_forward_proj\":\"gated-gelu-new\""),
		 "expected ACTIVATION or gated-ACTIVATION"},
		{T5("\"relative_attention_max_distance\":16"),
		 "relative_attention_max_distance: expected more than half of 32 buckets, found "
		 "16"},
		{T5("\"relative_attention_num_buckets\":2"), "'relative_attention_num_buckets'"},
		{T5("\"layer_norm_epsilon\":0"),
		 "layer_norm_epsilon: expected a small positive number"},
		{T5("\"layer_norm_epsilon\":1e-60"),
		 "layer_norm_epsilon: expected a small positive number"},
		{T5("\"eos_token_id\":99"), "'eos_token_id'"},
		{T5("\"eos_token_id\":[1,99]"), "'eos_token_id'"},
		{T5("\"eos_token_id\":[1,\"2\"]"), "'eos_token_id'"},
		{T5("\"eos_token_id\":{}"), "'eos_token_id'"},
		{T5("\"tie_word_embeddings\":null"), "expected true or false, found null"},
		{T5("\"tie_encoder_decoder\":true"), "tie_encoder_decoder is true"},
		{T5("\"architectures\":\"T5Model\""), "architectures: expected a list of names"},
		{T5("\"architectures\":[7]"), "architectures: expected a list of names"},
		{T5("\"architectures\":[\"T5Model\",\"T5EncoderModel\"]"),
		 "found 'T5EncoderModel', which has no decoder"},
		{T5("\"quantization_config\":{}"),
		 "quantization_config: quantised weights are not read"},
		{T5("\"is_encoder_decoder\":false"), "the model has no decoder"},
		{T5("\"decoder_start_token_id\":-1"), "'decoder_start_token_id'"},
		{T5("\"tie_word_embeddings\":1"), "'tie_word_embeddings'"},
		{T5("\"scale_decoder_outputs\":1"), "'scale_decoder_outputs'"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++)
		refuses(CASE[i].config, CASE[i].message);
	write_text("generation_config.json", "[]");
	refuses("{\"model_type\":\"t5\"," NEEDED "}",
		"'./generation_config.json': expected a JSON object");
	remove("generation_config.json");
	remove("config.json");
	struct child c = child_run(load_child, NULL);
	assert_true(child_said(&c, "cannot open './config.json': No such file"));
}

/* ---- names ---- */

static void test_names(void **state)
{
	static const struct {
		const char *name;
		struct module q;
	} CASE[] = {
		{"encoder.block.0.layer.0.SelfAttention.q", {0, 0, SELF_Q}},
		{"encoder.block.11.layer.0.SelfAttention.o", {0, 11, SELF_O}},
		{"encoder.block.7.layer.1.DenseReluDense.wi_0", {0, 7, WI_0}},
		{"encoder.block.10.layer.1.DenseReluDense.wo", {0, 10, WO}},
		{"decoder.block.2.layer.0.SelfAttention.v", {1, 2, SELF_V}},
		{"decoder.block.1.layer.1.EncDecAttention.k", {1, 1, CROSS_K}},
		{"decoder.block.0.layer.1.EncDecAttention.o", {1, 0, CROSS_O}},
		{"decoder.block.0.layer.2.DenseReluDense.wi_1", {1, 0, WI_1}},
	};
	struct geometry m = small_model(true);
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct module q;
		char *name = module_name(&m, CASE[i].q);
		assert_string_equal(name, CASE[i].name);
		assert_true(module_parse(&m, name, &q));
		assert_int_equal(q.stack, CASE[i].q.stack);
		assert_int_equal(q.block, CASE[i].q.block);
		assert_int_equal(q.slot, CASE[i].q.slot);
		free(name);
	}
}

/* Every module has its own name, and a name gives its module back. */
static void test_all_names(void **state)
{
	(void)state;
	for (int gated = 0; gated < 2; gated++) {
		struct geometry m = small_model(gated);
		int n = 0;
		for (int stack = 0; stack < 2; stack++) {
			for (int i = 0; i < m.L[stack] * SLOTS; i++) {
				struct module q = {stack, i / SLOTS, (i % SLOTS)}, back;
				if (!slot_exists(&m, stack, q.slot))
					continue;
				char *name = module_name(&m, q);
				assert_true(module_parse(&m, name, &back));
				assert_true(back.stack == q.stack && back.block == q.block &&
					    back.slot == q.slot);
				free(name);
				n++;
			}
		}
		assert_int_equal(n, gated ? 12 * 7 + 3 * 11 : 12 * 6 + 3 * 10);
	}
}

static void test_no_names(void **state)
{
	static const char *const name[] = {
		"",
		"encoder",
		"lm_head",
		"shared",
		"encoder.block.",
		"encoder.block.12.layer.0.SelfAttention.q",
		"decoder.block.3.layer.0.SelfAttention.q",
		"encoder.block.00.layer.0.SelfAttention.q",
		"encoder.block.01.layer.0.SelfAttention.q",
		"encoder.block.+1.layer.0.SelfAttention.q",
		"encoder.block.-1.layer.0.SelfAttention.q",
		"encoder.block.1.layer.1.SelfAttention.q",
		"encoder.block.99999999999999999999.layer.0.SelfAttention.q",
		"encoder.block.1.layer.0.SelfAttention.q.weight",
		"encoder.block.1.layer.0.SelfAttention.",
		"encoder.block.1.layer.0.SelfAttention",
		"encoder.block.1.layer.0.SelfAttention.qq",
		"encoder.block.1.layer.1.EncDecAttention.q",
		"encoder.block.1.layer.1.DenseReluDense.wi",
		"encoder.block.1.layer.1",
		"encoder.block.1.layer.2.DenseReluDense.wo",
		"decoder.block.1.layer.1.DenseReluDense.wo",
		"encoder.final_layer_norm",
		" encoder.block.0.layer.0.SelfAttention.q",
		"xencoder.block.0.layer.0.SelfAttention.q",
		"encoder.block.0.layer.",
	};
	struct geometry m = small_model(true);
	struct module q;
	(void)state;
	for (size_t i = 0; i < COUNT(name); i++)
		assert_false(module_parse(&m, name[i], &q));
	m.gated = false;
	assert_true(module_parse(&m, "encoder.block.1.layer.1.DenseReluDense.wi", &q));
	assert_false(module_parse(&m, "encoder.block.1.layer.1.DenseReluDense.wi_0", &q));
}

static void test_widths(void **state)
{
	static const int in[SLOTS] = {8, 8, 8, 6, 8, 8, 8, 6, 8, 8, 8, 12},
			 out[SLOTS] = {6, 6, 6, 8, 6, 6, 6, 8, 12, 12, 12, 8};
	struct geometry m = small_model(true);
	(void)state;
	for (int s = 0; s < SLOTS; s++) {
		assert_int_equal(module_d_in(&m, s), in[s]);
		assert_int_equal(module_d_out(&m, s), out[s]);
	}
	assert_false(slot_exists(&m, 0, CROSS_Q));
	assert_true(slot_exists(&m, 1, CROSS_Q));
	assert_false(slot_exists(&m, 2, SELF_Q));
	assert_false(slot_exists(&m, 0, SLOTS));
}

/* ---- the real case ---- */

static void test_real(void **state)
{
	int n = 0;
	(void)state;
	char *dir = xformat("%s/model", case_need());
	struct geometry m = geometry_load(dir);
	struct st *s = st_open(dir);
	assert_int_equal(m.L[0], 8);
	assert_int_equal(m.L[1], 4);
	assert_true(m.gated && (m.act == BE_GELU_NEW) && !m.tied && m.D == 256 && m.F == 512 &&
		    m.DI == 256 && m.V == 6016);
	/* The names and widths from the config are those of the weights, and no linear remains. */
	for (int stack = 0; stack < 2; stack++) {
		for (int i = 0; i < m.L[stack] * SLOTS; i++) {
			struct module q = {stack, i / SLOTS, (i % SLOTS)};
			if (!slot_exists(&m, stack, q.slot))
				continue;
			char *name = module_name(&m, q), *tensor = xformat("%s.weight", name);
			st_need(s, tensor, (size_t)module_d_out(&m, q.slot),
				(size_t)module_d_in(&m, q.slot));
			free(tensor);
			free(name);
			n++;
		}
	}
	for (int i = 0; i < st_count(s); i++)
		n -= st_at(s, i)->ndim == 2 && strstr(st_at(s, i)->name, ".block.") &&
		     !strstr(st_at(s, i)->name, "relative_attention_bias");
	assert_int_equal(n, 0);
	st_close(s);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_given),
		cmocka_unit_test(test_activations), cmocka_unit_test(test_output),
		cmocka_unit_test(test_generation),  cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_names),       cmocka_unit_test(test_all_names),
		cmocka_unit_test(test_no_names),    cmocka_unit_test(test_widths),
		cmocka_unit_test(test_real),
	};
	case_find();
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("t5", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
