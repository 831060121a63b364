/* test_adapter.c: the modules of a PEFT adapter, their scales, and every adapter that is refused.
 * PEFT 0.21 was used to check what PEFT makes of these configs. EMOTION_DIR: folder of the small
 * real case (optional). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "adapter/adapter.h"
#include "adapter/base_name.h"
#include "adapter/copies.h"
#include "adapter/targets.h"
#include "base/die.h"
#include "case.h"
#include "child.h"
#include "model/site.h"
#include "small_t5.h"

#define DIR_NAME "task"

/* 2 + 1 blocks, gated: 25 linears. */
static const struct geometry MODEL = {SMALL_T5, .L = {2, 1}, .gated = true, .act = BE_GELU_NEW};

/* ---- helpers ---- */

static void write_config(const char *text)
{
	mkdir(DIR_NAME, 0777);
	write_text(DIR_NAME "/adapter_config.json", text);
}

/* A LoRA config of rank 2 and alpha 6 with these keys. */
static void write_lora(const char *keys)
{
	char *text = xformat("{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":6,%s}", keys);
	write_config(text);
	free(text);
}

struct declared {
	char name[128];
	int rows, cols;
};

/* Writes a file with these tensors. Element i of tensor k is 100 k + i. */
static void write_tensors(const struct declared *d, int n)
{
	struct st_out *o = st_create(DIR_NAME "/adapter_model.safetensors");
	for (int k = 0; k < n; k++)
		st_declare(o, d[k].name, (size_t)d[k].rows, (size_t)d[k].cols);
	for (int k = 0; k < n; k++) {
		for (int i = 0; i < d[k].rows * (d[k].cols ? d[k].cols : 1); i++) {
			float x = (float)(100 * k + i);
			st_write(o, &x, 1);
		}
	}
	st_commit(o);
}

/* Writes the two factors of each module in the list, with rank r[k] (NULL: 2). */
static int declare(struct declared *d, const char *const *module, int n, const int *r)
{
	for (int k = 0; k < n; k++) {
		struct module q;
		assert_true(module_parse(&MODEL, module[k], &q));
		d[2 * k] = (struct declared){.rows = r ? r[k] : 2,
					     .cols = module_d_in(&MODEL, q.slot)};
		d[2 * k + 1] = (struct declared){.rows = module_d_out(&MODEL, q.slot),
						 .cols = r ? r[k] : 2};
		snprintf(d[2 * k].name, sizeof(d->name), "base_model.model.%s.lora_A.weight",
			 module[k]);
		snprintf(d[2 * k + 1].name, sizeof(d->name), "base_model.model.%s.lora_B.weight",
			 module[k]);
	}
	return 2 * n;
}

static void write_factors(const char *const *module, int n, const int *r)
{
	struct declared d[64];
	write_tensors(d, declare(d, module, n, r));
}

static void open_child(void *model)
{
	adapter_open(DIR_NAME, model);
}

static void refuses(const char *message)
{
	struct child c = child_run(open_child, (void *)(uintptr_t)&MODEL);
	assert_true(child_said(&c, message));
	assert_non_null(strstr(c.err, "'" DIR_NAME)); /* the message names the adapter */
	assert_int_equal(c.code, EXIT_WORLD);
}

#define E0 "encoder.block.0.layer."
#define E1 "encoder.block.1.layer."
#define D0 "decoder.block.0.layer."

/* q and v of the model in the order of adapter_open(): by site; encoder-output precedes the
 * decoder. */
static const char *const QV[] = {
	E0 "0.SelfAttention.q", E0 "0.SelfAttention.v",   E1 "0.SelfAttention.q",
	E1 "0.SelfAttention.v", D0 "1.EncDecAttention.v", D0 "0.SelfAttention.q",
	D0 "0.SelfAttention.v", D0 "1.EncDecAttention.q",
};

/* Opens the adapter and compares its modules, in their order. */
static struct adapter *opens(const char *const *module, int n)
{
	struct adapter *a = adapter_open(DIR_NAME, &MODEL);
	assert_int_equal(a->n, n);
	for (int k = 0; k < n; k++) {
		struct module q = a->lora[k].module;
		char *name = module_name(&MODEL, q);
		assert_string_equal(name, module[k]);
		free(name);
		assert_ptr_equal(adapter_find(a, q), &a->lora[k]);
		if (k > 0)
			assert_true(site_compare(site_of_module(a->family, a->lora[k - 1].module),
						 site_of_module(a->family, q)) <= 0);
	}
	return a;
}

static void accepts(const char *keys, const char *const *module, int n)
{
	write_lora(keys);
	write_factors(module, n, NULL);
	adapter_close(opens(module, n));
}

/* ---- which modules are targeted ---- */

static void test_list(void **state)
{
	struct module q = {0, 0, SELF_K};
	float A[2 * 8], B[6 * 2];
	(void)state;
	accepts("\"target_modules\":[\"v\",\"q\"]", QV, COUNT(QV));
	struct adapter *a = adapter_open(DIR_NAME, &MODEL);
	assert_string_equal(a->dir, DIR_NAME);
	assert_int_equal(a->r, 2);
	assert_true(a->alpha == 6);
	assert_null(adapter_find(a, q));
	for (int k = 0; k < a->n; k++) {
		assert_int_equal(a->lora[k].r, 2);
		assert_true(a->lora[k].scale == 3);
		lora_read_A(a, &a->lora[k], A);
		lora_read_B(a, &a->lora[k], B);
		for (int i = 0; i < 2 * 8; i++)
			assert_true(A[i] == (float)(100 * (2 * k) + i));
		for (int i = 0; i < 6 * 2; i++)
			assert_true(B[i] == (float)(100 * (2 * k + 1) + i));
	}
	adapter_close(a);
	adapter_close(NULL);
}

/* A name in a list is whole, or follows a dot: "o" is not wo, "wi" is not wi_0. */
static void test_suffixes(void **state)
{
	static const char *const o[] = {E0 "0.SelfAttention.o", E1 "0.SelfAttention.o",
					D0 "0.SelfAttention.o", D0 "1.EncDecAttention.o"};
	static const char *const wo[] = {E0 "1.DenseReluDense.wo", E1 "1.DenseReluDense.wo",
					 D0 "2.DenseReluDense.wo"};
	static const char *const one[] = {E1 "0.SelfAttention.k"};
	static const char *const two[] = {E0 "1.DenseReluDense.wi_0", D0 "1.EncDecAttention.q"};
	(void)state;
	accepts("\"target_modules\":[\"o\",\"wi\"]", o, 4);
	accepts("\"target_modules\":[\"wo\"]", wo, 3);
	accepts("\"target_modules\":[\"" E1 "0.SelfAttention.k\"]", one, 1);
	accepts("\"target_modules\":[\"EncDecAttention.q\",\"block.0.layer.1.DenseReluDense.wi_"
		"0\"]",
		two, 2);
}

static void test_all_linear(void **state)
{
	static const char *const slots[] = {
		"SelfAttention.q",     "SelfAttention.k",     "SelfAttention.v",  "SelfAttention.o",
		"DenseReluDense.wi_0", "DenseReluDense.wi_1", "DenseReluDense.wo"};
	static const char *const decoder[] = {
		D0 "1.EncDecAttention.k",   D0 "1.EncDecAttention.v", D0 "0.SelfAttention.q",
		D0 "0.SelfAttention.k",     D0 "0.SelfAttention.v",   D0 "0.SelfAttention.o",
		D0 "1.EncDecAttention.q",   D0 "1.EncDecAttention.o", D0 "2.DenseReluDense.wi_0",
		D0 "2.DenseReluDense.wi_1", D0 "2.DenseReluDense.wo",
	};
	char text[14][64];
	const char *all[25];
	(void)state;
	for (int i = 0; i < 14; i++) {
		snprintf(text[i], sizeof(text[i]), "encoder.block.%d.layer.%d.%s", i / 7,
			 i % 7 >= 4, slots[i % 7]);
		all[i] = text[i];
	}
	memcpy(all + 14, decoder, sizeof(decoder));
	accepts("\"target_modules\":\"all-linear\"", all, 25);
	accepts("\"target_modules\":\"All-Linear\"", all, 25);
	accepts("\"target_modules\":\"all-linear\",\"exclude_modules\":\"decoder.*\"", all, 14);
	/* in exclude_modules it is an ordinary pattern */
	accepts("\"target_modules\":\"all-linear\",\"exclude_modules\":\"all-linear\"", all, 25);
}

static void test_patterns(void **state)
{
	static const char *const qv0[] = {E0 "0.SelfAttention.q", E0 "0.SelfAttention.v"};
	static const char *const wi[] = {E0 "1.DenseReluDense.wi_0", E0 "1.DenseReluDense.wi_1",
					 E1 "1.DenseReluDense.wi_0", E1 "1.DenseReluDense.wi_1"};
	static const struct {
		const char *pattern;
		const char *const *module;
		int n;
	} CASE[] = {
		{".*\\\\.(q|v)", QV, 8},
		{".*\\\\.(?:q|v)", QV, 8},
		{".*?\\\\.[qv]", QV, 8},
		{"(en|de)coder\\\\.block\\\\.\\\\d+\\\\.layer\\\\.[01]\\\\.\\\\w+\\\\.[^ok]", QV,
		 8},
		{"^.*(Self|EncDec)Attention\\\\.(?P<which>q|v)$", QV, 8},
		{"[\\\\w.]*\\\\.([q]|[v])", QV, 8},
		{".*\\\\.(q|v)|nothing", QV, 8},
		{"encoder.block.0.layer.0.SelfAttention.(q|v)", qv0, 2},
		{"encoder\\\\.block\\\\.0{1}\\\\..{22,22}[qv]{,1}", qv0, 2},
		{"encoder.*\\\\.wi_\\\\d", wi, 4},
		{"e\\\\w+\\\\.block\\\\.[\\\\d]{1,}\\\\.layer\\\\.1\\\\.[^.]+\\\\.wi_[0-1]", wi, 4},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char keys[256];
		snprintf(keys, sizeof(keys), "\"target_modules\":\"%s\"", CASE[i].pattern);
		accepts(keys, CASE[i].module, CASE[i].n);
	}
}

static void test_bad_patterns(void **state)
{
	static const struct {
		const char *pattern, *message;
	} CASE[] = {
		{"(?x).*q", "of the extensions (?…) only"},
		{"(?<n>q)", "of the extensions (?…) only"},
		{"(?(q)v)", "of the extensions (?…) only"},
		{"(q)\\\\1", "back-references and octal escapes are not supported"},
		{"q|(?P=a)", "of the extensions (?…) only"},
		{"\\\\Kq", "of the escapes of letters only"},
		{"\\\\", "it ends with a backslash"},
		{"*q", "nothing to repeat"},
		{"^*q", "nothing to repeat"},
		{"q**", "a repeat of a repeat"},
		{"(q", "a '(' without its ')'"},
		{"q)|(v", "a ')' without its '('"},
		{"[q", "a '[' without its ']'"},
		{"[z-a]", "a bad range in a class"},
		{"[a-\\\\d]", "a bad range in a class"},
		{"q{2,1}", "a repeat {m,n} with m > n"},
		{"(?<=a|bc)q", "a look-behind must have one fixed length"},
		{"(?P<a>q)(?P<a>v)", "two groups of one name"},
		{"(((a{99}){99}){99}){99}", "too large"},
		{"q{99999999999999999999}", "more than 65535 times"},
		{"\xc3\xa9", "characters outside ASCII are not supported"},
	};
	char keys[4096];
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		snprintf(keys, sizeof(keys), "\"target_modules\":\"%s\"", CASE[i].pattern);
		write_lora(keys);
		refuses(CASE[i].message);
		refuses("'task/adapter_config.json': target_modules: cannot use the regular "
			"expression");
		snprintf(keys, sizeof(keys),
			 "\"target_modules\":[\"q\"],\"rank_pattern\":{\"%s\":4}", CASE[i].pattern);
		write_lora(keys);
		refuses("'task/adapter_config.json': rank_pattern: cannot use the regular "
			"expression");
	}
	memset(keys, 0, sizeof(keys));
	strcpy(keys, "\"target_modules\":\"");
	memset(keys + strlen(keys), '(', 1001);
	strcat(keys, "\"");
	write_lora(keys);
	refuses("longer than 1000 characters");
	memmove(keys + 30, keys + 130, strlen(keys + 130) + 1);
	write_lora(keys);
	refuses("nested too deep");
}

/* Steps are counted, not seconds: a pattern that would take for ever is refused. */
static void test_bounds(void **state)
{
	static const char *const endless[] = {"(.*.*.*.*)*[xy]", "((\\\\w*)*\\\\.?)*[xy]",
					      "(.|\\\\w|[a-z.0-9])*[QR]", "(?=(.*)*[xy]).*"};
	char keys[256];
	(void)state;
	for (size_t i = 0; i < COUNT(endless); i++) {
		snprintf(keys, sizeof(keys), "\"target_modules\":\"%s\"", endless[i]);
		write_lora(keys);
		refuses("a regular expression takes more than 100000 steps on "
			"'encoder.block.0.layer.0.SelfAttention.q'");
	}
}

/* tests/golden/test_adapters.c compares what PEFT does with layers_to_transform. This test has what
 * PEFT refuses, and what has no effect. */
static void test_layers(void **state)
{
	static const struct {
		const char *keys, *message;
	} CASE[] = {
		{"\"target_modules\":\".*q\",\"layers_to_transform\":[0]",
		 "layers_to_transform is set, and target_modules is a text"},
		{"\"target_modules\":\"all-linear\",\"layers_to_transform\":0",
		 "layers_to_transform is set, and target_modules is a text"},
		{"\"target_modules\":\".*q\",\"layers_to_transform\":[]",
		 "layers_to_transform is set, and target_modules is a text"},
		{"\"target_modules\":[\"q\"],\"layers_pattern\":\"block\"",
		 "layers_pattern is set without layers_to_transform"},
		{"\"target_modules\":[\"q\"],\"layers_pattern\":[\"block\"],\"layers_to_"
		 "transform\":null",
		 "layers_pattern is set without"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":\"0\"",
		 "layers_to_transform: expected an integer or a list of integers"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":true",
		 "layers_to_transform: expected an integer or a list of integers"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":[0,1.0]",
		 "layers_to_transform: entry 2: expected an integer"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":0,\"layers_pattern\":7",
		 "layers_pattern: expected a text or a list of texts"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":0,\"layers_pattern\":["
		 "\"block\",7]",
		 "layers_pattern: expected a text or a list"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":0,\"layers_pattern\":\"(\"",
		 "layers_pattern: cannot use the regular expression '('"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":[2,-1]",
		 "target_modules names no linear of the base model (q, k, v, o, wi, wi_0, wi_1, wo "
		 "of its "
		 "blocks) in the blocks of layers_to_transform"},
		{"\"target_modules\":[\"q\"],\"layers_to_transform\":0,\"layers_pattern\":"
		 "\"layers\"",
		 "target_modules names no linear"},
		{"\"target_modules\":[]", "target_modules names no linear"},
		{"\"target_modules\":[\"q\",\"v\",\"lm_head\"]",
		 "target_modules targets the embedding 'lm_head', which cannot be merged"},
		{"\"target_modules\":\".*(q|v|embed_tokens)\"",
		 "target_modules targets the embedding 'encoder.embed_tokens'"},
		{"\"target_modules\":\"\"", "target_modules names no linear"},
	};
	(void)state;
	write_factors(QV, COUNT(QV), NULL);
	for (size_t i = 0; i < COUNT(CASE); i++) {
		write_lora(CASE[i].keys);
		refuses(CASE[i].message);
	}
	accepts("\"target_modules\":[\"q\",\"v\"],\"layers_to_transform\":[],\"layers_pattern\":"
		"\"layers\"",
		QV, COUNT(QV));
	accepts("\"target_modules\":[\"q\",\"v\"],\"layers_to_transform\":[0,1],\"layers_pattern\":"
		"\"\"",
		QV, COUNT(QV));
	accepts("\"target_modules\":null", QV, COUNT(QV));
	accepts("\"lora_dropout\":0", QV, COUNT(QV));
}

static void test_exclude(void **state)
{
	static const char *const left[] = {E1 "0.SelfAttention.q", D0 "0.SelfAttention.q"};
	(void)state;
	accepts("\"target_modules\":[\"q\"],\"exclude_modules\":[\"EncDecAttention.q\",\"" E0
		"0.SelfAttention.q\"]",
		left, 2);
	accepts("\"target_modules\":[\"q\"],\"exclude_modules\":\".*EncDec.*|encoder\\\\.block\\\\."
		"0\\\\..*\"",
		left, 2);
	accepts("\"target_modules\":[\"q\",\"v\"],\"exclude_modules\":[]", QV, 8);
	accepts("\"target_modules\":[\"q\",\"v\"],\"exclude_modules\":null", QV, 8);
}

/* ---- ranks and scales ---- */

static void test_rank_and_alpha(void **state)
{
	/* By rank_pattern: block 1 has 4 by the first key that matches, EncDecAttention.v has 1,
	 * the others r = 2. */
	static const int r[] = {2, 2, 4, 4, 1, 2, 2, 2};
	static const double alpha[] = {6, 10, 6, 10, 10, 0.5, 10, 0.5};
	(void)state;
	for (int rslora = 0; rslora < 2; rslora++) {
		char keys[512];
		snprintf(keys, sizeof(keys),
			 "\"target_modules\":[\"q\",\"v\"],\"rank_pattern\":{\"encoder.block.1."
			 "layer.0.SelfAttention.(q|v)\":4,"
			 "\"SelfAttention\":7,\"EncDecAttention.v\":1,\"encoder.*\":2},"
			 "\"alpha_pattern\":{\"v\":10,\"^decoder.*\":0.5},\"use_rslora\":%s",
			 rslora ? "true" : "false");
		write_lora(keys);
		write_factors(QV, COUNT(QV), r);
		struct adapter *a = opens(QV, COUNT(QV));
		for (int k = 0; k < a->n; k++) {
			assert_int_equal(a->lora[k].r, r[k]);
			assert_true(fabs(a->lora[k].scale -
					 alpha[k] / (rslora ? sqrt(r[k]) : r[k])) < 1e-15);
		}
		adapter_close(a);
	}
}

/* ---- configs ---- */

static void test_bad_configs(void **state)
{
	static const struct {
		const char *config, *message;
	} CASE[] = {
		{"[]", "expected a JSON object"},
		{"{\"r\":2}", "peft_type"},
		{"{\"peft_type\":\"IA3\",\"r\":2}", "peft_type: expected 'LORA', found 'IA3'"},
		{"{\"peft_type\":\"LORA\",\"lora_alpha\":6,\"target_modules\":[\"q\"]}", "'r'"},
		{"{\"peft_type\":\"LORA\",\"r\":0,\"lora_alpha\":6,\"target_modules\":[\"q\"]}",
		 "'r'"},
		{"{\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"q\"]}", "'lora_alpha'"},
		{"{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":\"6\",\"target_modules\":[\"q\"]}",
		 "'lora_alpha'"},
		{"{\"peft_type\":\"LORA\",\"r\":2,\"r\":3}", "duplicate"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		write_config(CASE[i].config);
		refuses(CASE[i].message);
	}
	remove(DIR_NAME "/adapter_config.json");
	refuses("cannot open 'task/adapter_config.json': No such file");
}

static void test_refused_keys(void **state)
{
	static const struct {
		const char *key, *message;
	} CASE[] = {
		{"\"use_dora\":true", "use_dora is set: DoRA's change of the weight is no product "
				      "B A; train with use_dora=False"},
		{"\"bias\":\"lora_only\"", "bias: expected 'none', found 'lora_only'"},
		{"\"lora_bias\":true", "lora_bias is set"},
		{"\"modules_to_save\":[\"lm_head\"]", "modules_to_save is set"},
		{"\"fan_in_fan_out\":true", "fan_in_fan_out is set"},
		{"\"layer_replication\":[[0,2]]", "layer_replication is set"},
		{"\"target_parameters\":[\"x\"]", "target_parameters is set"},
		{"\"trainable_token_indices\":[1]", "trainable_token_indices is set"},
		{"\"alora_invocation_tokens\":[1]", "alora_invocation_tokens is set"},
		{"\"arrow_config\":{\"a\":1}", "arrow_config is set"},
		{"\"kasa_config\":{\"a\":1}", "kasa_config is set"},
		{"\"monteclora_config\":{\"a\":1}", "monteclora_config is set"},
		{"\"megatron_config\":{\"a\":1}", "megatron_config is set"},
		{"\"use_bdlora\":{\"a\":1}", "use_bdlora is set"},
		{"\"use_qalora\":true", "use_qalora is set"},
		{"\"enable_lora\":[true]", "enable_lora is set"},
		{"\"use_newlora\":true", "the key 'use_newlora' is not known and is set"},
		{"\"init_lora_weights\":\"pissa\"",
		 "init_lora_weights 'pissa' changed the base model's weights"},
		{"\"init_lora_weights\":\"pissa_niter_16\"",
		 "init_lora_weights 'pissa_niter_16' changed"},
		{"\"init_lora_weights\":\"olora\"", "init_lora_weights 'olora' changed"},
		{"\"init_lora_weights\":\"corda\"", "init_lora_weights 'corda' changed"},
		{"\"init_lora_weights\":\"loftq\"", "init_lora_weights 'loftq' changed"},
		{"\"init_lora_weights\":\"lora_ga\"", "init_lora_weights 'lora_ga' changed"},
		{"\"init_lora_weights\":\"else\"", "init_lora_weights: 'else' is not known"},
		{"\"init_lora_weights\":7", "init_lora_weights"},
		{"\"use_rslora\":1", "'use_rslora'"},
		{"\"rank_pattern\":[1]", "rank_pattern: expected an object"},
		{"\"rank_pattern\":{\"q\":\"4\"}", "rank_pattern: 'q': expected a number"},
		{"\"rank_pattern\":{\"q\":1.5}", "rank_pattern: expected whole numbers"},
		{"\"rank_pattern\":{\"q\":0}", "rank_pattern: expected whole numbers"},
		{"\"alpha_pattern\":{\"q\":null}", "alpha_pattern: 'q': expected a number"},
		{"\"exclude_modules\":[1]", "exclude_modules: entry 1: expected a string"},
		{"\"exclude_modules\":7", "exclude_modules: expected a list of names or a string"},
		{"\"exclude_modules\":\".*\"", "target_modules names no linear"},
	};
	(void)state;
	write_factors(QV, COUNT(QV), NULL);
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char keys[512];
		snprintf(keys, sizeof(keys), "\"target_modules\":[\"q\",\"v\"],%s", CASE[i].key);
		write_lora(keys);
		refuses(CASE[i].message);
	}
}

/* All keys that PEFT 0.21 writes, and older and unknown keys that are off. */
static void test_harmless_keys(void **state)
{
	static const char *const init[] = {"true",    "false",          "null",    "\"gaussian\"",
					   "\"eva\"", "\"orthogonal\"", "\"mica\""};
	char keys[2048];
	(void)state;
	for (size_t i = 0; i < COUNT(init); i++) {
		snprintf(keys, sizeof(keys),
			 "\"alora_invocation_tokens\":null,\"alpha_pattern\":{},\"arrow_config\":"
			 "null,\"auto_mapping\":{\"x\":1},"
			 "\"base_model_name_or_path\":\"x\",\"bias\":\"none\",\"corda_config\":{"
			 "\"x\":1},\"ensure_weight_tying\":true,"
			 "\"eva_config\":{\"x\":1},\"exclude_modules\":null,\"fan_in_fan_out\":"
			 "false,\"inference_mode\":true,"
			 "\"init_lora_weights\":%s,\"kasa_config\":null,\"layer_replication\":null,"
			 "\"layers_pattern\":null,"
			 "\"layers_to_transform\":null,\"loftq_config\":{\"x\":1},\"lora_bias\":"
			 "false,\"lora_dropout\":0.1,"
			 "\"lora_ga_config\":null,\"megatron_config\":null,\"megatron_core\":"
			 "\"megatron.core\",\"modules_to_save\":[],"
			 "\"monteclora_config\":null,\"peft_version\":\"0.21.2\",\"qalora_group_"
			 "size\":16,\"rank_pattern\":null,"
			 "\"revision\":\"main\",\"target_modules\":[\"q\",\"v\"],\"target_"
			 "parameters\":null,\"task_type\":\"SEQ_2_SEQ_LM\","
			 "\"trainable_token_indices\":null,\"use_bdlora\":null,\"use_dora\":false,"
			 "\"use_qalora\":false,\"use_rslora\":false,"
			 "\"velora_config\":{\"x\":1},\"runtime_config\":{\"x\":1},\"merge_"
			 "weights\":true,\"enable_lora\":null,"
			 "\"unknown_a\":null,\"unknown_b\":false,\"unknown_c\":\"\",\"unknown_d\":["
			 "],\"unknown_e\":{}",
			 init[i]);
		accepts(keys, QV, COUNT(QV));
	}
}

/* ---- tensors ---- */

static void test_tensors(void **state)
{
	static const struct {
		struct declared extra;
		const char *message;
	} CASE[] = {
		{{"base_model.model." E1 "0.SelfAttention.k.lora_A.weight", 2, 8},
		 "is taken by no module: target_modules and exclude_modules of"},
		{{"base_model.model.encoder.block.2.layer.0.SelfAttention.q.lora_A.weight", 2, 8},
		 "the base model has no linear 'encoder.block.2.layer.0.SelfAttention.q' (it has 2 "
		 "encoder and 1 decoder blocks, feed-forward with wi_0 "
		 "and wi_1): an adapter of another model?"},
		{{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", 2, 8},
		 "an adapter of another model?"},
		{{"base_model.model." E1 "1.DenseReluDense.wi.lora_B.weight", 12, 2},
		 "the base model has no linear"},
		{{"base_model.model.lm_head.lora_A.weight", 2, 8},
		 "adapts the output embedding, which cannot be merged"},
		{{"base_model.model." E1 "0.SelfAttention.q.lora_magnitude_vector", 6, 0},
		 "belongs to DoRA"},
		{{"base_model.model.shared.lora_embedding_A", 2, 50}, "adapts an embedding"},
		{{"base_model.model." E1 "0.SelfAttention.q.lora_B.bias", 6, 0}, "is a bias"},
		{{"base_model.model.classifier.modules_to_save.weight", 6, 2},
		 "is a whole trained module"},
		{{"base_model.model." E1 "0.SelfAttention.q.lora_A.default.weight", 2, 8},
		 "is taken by no module: expected names base_model.model.MODULE"},
		{{"encoder.block.1.layer.0.SelfAttention.q.lora_A.weight", 2, 8},
		 "is taken by no module: expected names"},
		{{"base_model.model..lora_A.weight", 2, 8}, "is taken by no module"},
		{{".lora_A.weight", 2, 8}, "is taken by no module"},
	};
	struct declared d[64];
	int n = declare(d, QV, COUNT(QV), NULL);
	(void)state;
	write_lora("\"target_modules\":[\"q\",\"v\"]");
	for (size_t i = 0; i < COUNT(CASE); i++) {
		d[n] = CASE[i].extra;
		write_tensors(d, n + 1);
		refuses(CASE[i].message);
		refuses(CASE[i].extra.name);
	}
}

static void test_missing_and_misshapen(void **state)
{
	struct declared d[64], save;
	int n = declare(d, QV, COUNT(QV), NULL);
	(void)state;
	write_lora("\"target_modules\":[\"q\",\"v\"]");
	for (int k = 0; k < n; k++) {
		save = d[k];
		d[k] = d[n - 1]; /* the last one takes its place, so that this one is missing */
		write_tensors(d, n - 1);
		d[k] = save;
		refuses(d[k].name);
		refuses("missing tensor");

		bool is_A = strstr(d[k].name, "lora_A") != NULL;
		*(is_A ? &d[k].cols : &d[k].rows) += 1;
		write_tensors(d, n);
		refuses("for this base model, found");
		refuses("an adapter of another model?");
		d[k] = save;

		*(is_A ? &d[k].rows : &d[k].cols) += 1;
		write_tensors(d, n);
		refuses("has rank 3, but r and rank_pattern of 'task/adapter_config.json' say 2");
		d[k] = save;

		d[k].cols = 0;
		write_tensors(d, n);
		refuses("expected 2 dimensions, found 1");
		d[k] = save;
	}
}

static void test_no_file(void **state)
{
	(void)state;
	write_lora("\"target_modules\":[\"q\",\"v\"]");
	remove(DIR_NAME "/adapter_model.safetensors");
	refuses("'task' has no adapter_model.safetensors");
	write_text(DIR_NAME "/adapter_model.bin", "");
	refuses("pickle files such as its 'adapter_model.bin' are not read");
	remove(DIR_NAME "/adapter_model.bin");
	write_text(DIR_NAME "/adapter_model.safetensors", "");
	refuses("'task/adapter_model.safetensors': expected a safetensors file, found 0 bytes: "
		"truncated?");
}

/* ---- embeddings in the adapter's file ---- */

enum { V = 50, D = 8 };

/* x after rounding to bfloat16. */
static void write_st(const char *path, const char *const *name, int n, int rows, float shift)
{
	struct st_out *o = st_create(path);
	for (int k = 0; k < n; k++)
		st_declare(o, name[k], (size_t)rows, D);
	for (int k = 0; k < n; k++)
		for (int i = 0; i < rows * D; i++) {
			float x = (float)(100 * k + i) + (i == 3 * D + 2 ? shift : 0);
			st_write(o, &x, 1);
		}
	st_commit(o);
}

/* A safetensors file of one tensor of two-byte elements. */
static void write_halves(const char *path, const char *name, const char *type, const uint16_t *x)
{
	char *header =
		xformat("{\"%s\":{\"dtype\":\"%s\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]}}",
			name, type, V, D, 2 * V * D);
	uint64_t n = strlen(header);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	fwrite(&n, 8, 1, f); /* little-endian, as the machines that run this */
	fwrite(header, 1, n, f);
	fwrite(x, 2, V * D, f);
	assert_int_equal(fclose(f), 0);
	free(header);
}

static struct model BASE = {.m = {.family = &family_t5, .D = D, .V = V}};

/* The base model's embeddings. `head` NULL: the model is tied. */
static void base_open(const char *head)
{
	BASE.st = st_open("base.safetensors");
	BASE.embedding.input = st_find(BASE.st, "shared.weight");
	BASE.embedding.head = head ? st_find(BASE.st, head) : BASE.embedding.input;
}

static void check_embeddings_child(void *adapter)
{
	copies_check(((const struct adapter *)adapter)->file, &BASE);
}

static void embedding_refused(const char *message)
{
	struct adapter a = {.dir = DIR_NAME, .file = st_open("extra.safetensors")};
	struct child c = child_run(check_embeddings_child, &a);
	assert_true(child_said(&c, message));
	assert_int_equal(c.code, EXIT_WORLD);
	st_close(a.file);
}

static void embedding_passes(void)
{
	struct adapter a = {.dir = DIR_NAME, .file = st_open("extra.safetensors")};
	copies_check(a.file, &BASE);
	st_close(a.file);
}

static void test_embeddings(void **state)
{
	/* In the order in which write_st() counts the elements. */
	static const char *const base[] = {"shared.weight", "lm_head.weight"};
	static const char *const both[] = {"base_model.model.shared.weight",
					   "base_model.model.lm_head.weight"};
	static const char *const inputs[] = {"base_model.model.shared.weight"},
				 *const encoder[] = {
					 "base_model.model.encoder.embed_tokens.weight"};
	static const char *const decoder[] = {"base_model.model.decoder.embed_tokens.weight"},
				 *const head[] = {"base_model.model.lm_head.weight"};
	(void)state;
	write_st("base.safetensors", base, 2, V, 0);
	base_open("lm_head.weight");
	write_st("extra.safetensors", both, 2, V, 0);
	embedding_passes();
	write_st("extra.safetensors", encoder, 1, V, 0);
	embedding_passes();
	write_st("extra.safetensors", decoder, 1, V, 0.5f);
	embedding_refused("tensor 'base_model.model.decoder.embed_tokens.weight' is an input "
			  "embedding that differs from the base's 'shared.weight' (row 3): it was "
			  "trained, or belongs to another model");
	write_st("extra.safetensors", inputs, 1, V + 1, 0);
	embedding_refused("is an input embedding of another shape than the base's 'shared.weight', "
			  "(50, 8): the vocabulary was resized");
	/* The head is compared with the head; in a tied model this is the input embedding. */
	write_st("extra.safetensors", head, 1, V, 0);
	embedding_refused(
		"is an output embedding that differs from the base's 'lm_head.weight' (row 0)");
	BASE.embedding.head = BASE.embedding.input;
	embedding_passes();
	write_st("extra.safetensors", both, 2, V, 0);
	embedding_refused(
		"is an output embedding that differs from the base's 'shared.weight' (row 0)");
	st_close(BASE.st);
}

/* A model that was trained in 16 bits saves the base rounded to 16 bits. */
static void test_embeddings_rounded(void **state)
{
	static const char *const base[] = {"shared.weight"}, *const types[] = {"BF16", "F16"};
	uint16_t x[V * D];
	(void)state;
	write_st("base.safetensors", base, 1, V, 0.0625f + 0.00001f);
	base_open(NULL);
	for (int t = 0; t < 2; t++) {
		for (int i = 0; i < V * D; i++) {
			float v = (float)i + (i == 3 * D + 2 ? 0.0625f + 0.00001f : 0);
			uint32_t u;
			memcpy(&u, &v, 4);
			x[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
		}
		if (t == 1)
			for (int i = 0; i < V * D; i++) { /* whole numbers up to 399, and 26.0625 */
				int e = i == 0 ? 0 : (int)log2(i);
				x[i] = i == 0 ? 0
					      : (uint16_t)((e + 15) << 10 |
							   (((i == 3 * D + 2 ? 16 * i + 1 : 16 * i)
								     << 6 >>
							     e) -
							    1024));
			}
		write_halves("extra.safetensors", "base_model.model.shared.weight", types[t], x);
		embedding_passes();
		x[7 * D]++;
		write_halves("extra.safetensors", "base_model.model.shared.weight", types[t], x);
		embedding_refused("differs from the base's 'shared.weight' (row 7)");
	}
	st_close(BASE.st);
}

/* Beside factors, embeddings are not refused as stray tensors. */
static void test_embeddings_open(void **state)
{
	struct declared d[64];
	int n = declare(d, QV, COUNT(QV), NULL);
	(void)state;
	write_lora("\"target_modules\":[\"q\",\"v\"]");
	d[n] = (struct declared){"base_model.model.shared.weight", 50, 8};
	d[n + 1] = (struct declared){"base_model.model.lm_head.weight", 50, 8};
	write_tensors(d, n + 2);
	adapter_close(opens(QV, COUNT(QV)));
	d[n] = (struct declared){"base_model.model.lm_head.base_layer.weight", 50, 8};
	write_tensors(d, n + 1);
	refuses("is a weight of the base model");
}

/* ---- the base model's name ---- */

struct named {
	const char *name, *revision;
};

static void name_all(void *arg)
{
	const struct named *a = arg;
	struct base_name b = {.given = a[0].name};
	for (int i = 1; i < 3; i++)
		base_name_add(&b, i == 1 ? "loras/x" : "loras/y", a[i].name, a[i].revision);
	base_name_say(&b);
	printf("%s %s\n", base_name_get(&b) ? base_name_get(&b) : "none",
	       base_name_revision(&b) ? base_name_revision(&b) : "none");
	base_name_release(&b);
}

static void test_base_name(void **state)
{
	static const struct {
		struct named a[3]; /* the user's, and two adapters' */
		const char *says;  /* message on stderr; NULL: none */
		const char *names;
	} CASE[] = {
		{{{0}, {"flan", NULL}, {"flan", NULL}}, NULL, "flan none\n"},
		{{{0}, {NULL, NULL}, {"flan", "v1"}}, NULL, "flan v1\n"},
		{{{0}, {"flan", "v1"}, {NULL, NULL}}, NULL, "flan v1\n"},
		{{{0}, {NULL, NULL}, {NULL, "v1"}},
		 "no adapter names its base model",
		 "none none\n"},
		{{{0}, {"flan", NULL}, {"t5", NULL}},
		 "adapter 'loras/x' is of the base model 'flan', adapter 'loras/y' of 't5' "
		 "(base_model_name_or_path)",
		 NULL},
		{{{0}, {"flan", "v1"}, {"flan", NULL}},
		 "of the base model 'flan' revision 'v1', adapter 'loras/y' of 'flan'",
		 NULL},
		{{{"own", NULL}, {"flan", "v1"}, {"flan", "v1"}},
		 "the result names the base model 'own' (model_name); adapter 'loras/x' names "
		 "'flan'",
		 "own none\n"},
		{{{"flan", NULL}, {"flan", "v1"}, {"flan", "v1"}}, NULL, "flan v1\n"},
		{{{"own", NULL}, {"flan", NULL}, {"t5", NULL}},
		 "adapter 'loras/y' of 't5'; the result names 'own' (model_name)",
		 "own none\n"},
		{{{"flan", NULL}, {"flan", "v1"}, {"flan", "v2"}},
		 "of 'flan' revision 'v2'; the result names 'flan' (model_name)",
		 "flan none\n"},
		{{{"own", NULL}, {NULL, NULL}, {NULL, NULL}}, NULL, "own none\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(name_all, (void *)(uintptr_t)CASE[i].a);
		if (CASE[i].says)
			assert_true(child_said(&c, CASE[i].says));
		else
			assert_string_equal(c.err, "");
		assert_int_equal(c.code, CASE[i].names ? CHILD_RETURNED : EXIT_WORLD);
		assert_string_equal(c.out, CASE[i].names ? CASE[i].names : "");
	}
}

static void test_base_name_in_config(void **state)
{
	static const struct {
		const char *keys, *name, *revision;
	} CASE[] = {
		{"\"base_model_name_or_path\":\"google/flan-t5-base\"", "google/flan-t5-base",
		 NULL},
		{"\"base_model_name_or_path\":\"/models/flan//\",\"revision\":\"main\"",
		 "/models/flan", NULL},
		{"\"base_model_name_or_path\":\"/\",\"revision\":\"v1\"", "/", "v1"},
		{"\"base_model_name_or_path\":null,\"revision\":null", NULL, NULL},
		{"\"base_model_name_or_path\":\"\",\"revision\":\"\"", NULL, NULL},
		{"\"bias\":\"none\"", NULL, NULL},
	};
	(void)state;
	write_factors(QV, COUNT(QV), NULL);
	for (size_t i = 0; i < COUNT(CASE); i++) {
		write_lora(CASE[i].keys);
		struct adapter *a = adapter_open(DIR_NAME, &MODEL);
		assert_true(CASE[i].name ? a->base && strcmp(a->base, CASE[i].name) == 0
					 : !a->base);
		assert_true(CASE[i].revision
				    ? a->revision && strcmp(a->revision, CASE[i].revision) == 0
				    : !a->revision);
		adapter_close(a);
	}
	write_lora("\"base_model_name_or_path\":[\"a\"]");
	refuses("'base_model_name_or_path': expected a string");
}

/* ---- an adapter in a sub-folder ---- */

static void put_adapter(const char *folder)
{
	char *path = xformat("%s/adapter_config.json", folder);
	mkdir(folder, 0777);
	write_text(path, "{}");
	free(path);
}

static void test_elsewhere(void **state)
{
	(void)state;
	remove_tree(DIR_NAME);
	mkdir(DIR_NAME, 0777);
	mkdir(DIR_NAME "/runs", 0777);
	write_text(DIR_NAME "/README.md", "");
	refuses("cannot open 'task/adapter_config.json': No such file");
	put_adapter(DIR_NAME "/default");
	refuses("'task' has no adapter_config.json; an adapter lies in 'task/default': give that "
		"folder, or copy its files to 'task'");
	put_adapter(DIR_NAME "/emotion");
	refuses("an adapter lies in 'task/default' and 'task/emotion': give");
	put_adapter(DIR_NAME "/checkpoint-90");
	refuses("an adapter lies in 'task/default', 'task/emotion', and 'task/checkpoint-90': "
		"give");
	put_adapter(DIR_NAME "/checkpoint-1000");
	put_adapter(DIR_NAME "/checkpoint-200");
	put_adapter(DIR_NAME "/checkpoint-x");
	refuses("an adapter lies in 'task/checkpoint-x', 'task/default', 'task/emotion', and "
		"'task/checkpoint-1000' (the newest of 3 checkpoints): give");
	remove_tree(DIR_NAME);
	mkdir(DIR_NAME, 0777);
	mkdir(DIR_NAME "/checkpoint-7", 0777);
	put_adapter(DIR_NAME "/checkpoint-7/default");
	mkdir(DIR_NAME "/checkpoint-12", 0777);
	put_adapter(DIR_NAME "/checkpoint-12/default");
	refuses("an adapter lies in 'task/checkpoint-12/default' (the newest of 2 checkpoints): "
		"give");
	remove_tree(DIR_NAME);
}

/* ---- the real case ---- */

/* The end of a name counts behind a dot. */
static void test_named(void **state)
{
	static const struct {
		const char *module;
		bool named;
	} CASE[] = {
		{"encoder.block.0.layer.0.SelfAttention.q", true},
		{"encoder.block.0.layer.0.SelfAttention.o", true},
		{"decoder.block.0.layer.1.EncDecAttention.o", false},
		{"q", true},
		{"model.xq", false},
		{"o", false},
	};
	struct strlist names = strlist_split("q,SelfAttention.o", "names");
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++)
		assert_int_equal(linear_named(&names, CASE[i].module), CASE[i].named);
	strlist_release(&names);
}

static void test_real(void **state)
{
	static const char *const task[] = {"emoint", "emotion-cause", "tec", "isear"};
	(void)state;
	char *dir = xformat("%s/model", case_need());
	struct geometry m = geometry_load(dir);
	free(dir);
	for (size_t i = 0; i < COUNT(task); i++) {
		dir = xformat("%s/loras/%s", case_folder, task[i]);
		struct adapter *a = adapter_open(dir, &m);
		assert_int_equal(a->n, 32);
		assert_int_equal(a->r, 8);
		for (int k = 0; k < a->n; k++)
			assert_true(a->lora[k].r == 8 && a->lora[k].scale == 4);
		if (strcmp(task[i], "tec") == 0) {
			float B[256 * 8];
			double sum = 0;
			lora_read_B(a, adapter_find(a, (struct module){1, 2, CROSS_V}), B);
			for (int k = 0; k < 256 * 8; k++)
				sum += B[k];
			/* As given by NumPy. */
			assert_true(B[5] == 0.001662041642703116f &&
				    B[256 * 8 - 1] == 0.008701941929757595f);
			assert_true(fabs(sum - 1.6093901483673108) < 1e-12);
		}
		adapter_close(a);
		free(dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_suffixes),
		cmocka_unit_test(test_all_linear),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_bad_patterns),
		cmocka_unit_test(test_exclude),
		cmocka_unit_test(test_rank_and_alpha),
		cmocka_unit_test(test_bad_configs),
		cmocka_unit_test(test_refused_keys),
		cmocka_unit_test(test_harmless_keys),
		cmocka_unit_test(test_tensors),
		cmocka_unit_test(test_missing_and_misshapen),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_embeddings),
		cmocka_unit_test(test_embeddings_rounded),
		cmocka_unit_test(test_embeddings_open),
		cmocka_unit_test(test_base_name),
		cmocka_unit_test(test_base_name_in_config),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_named),
	};
	case_find();
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("adapter", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
