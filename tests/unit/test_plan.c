/* test_plan.c: the input of a plan: the model and adapters against the settings, and the
 * consequences for the stages. Also the settings that are said to have no effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/be.h"
#include "base/threads.h"
#include "case.h"
#include "child.h"
#include "plan/effects.h"
#include "planned.h"

static char *top;

struct opened {
	const char *const overrides[3];
	const char *said; /* NULL: nothing */
};

static void open_plan(void *arg)
{
	const struct opened *a = arg;
	struct plan p = planned(top, a->overrides);

	planned_close(&p);
}

/* The demo's adapters have rank 8 and lora_alpha 32. */
static void test_open(void **state)
{
	static struct opened CASE[] = {
		{{NULL}, NULL},
		{{"RANK=8", "LORA_ALPHA=32"}, NULL},
		{{"RANK=16"},
		 "rank: the config says 16, loras/emoint/adapter_config.json says r = 8"},
		{{"LORA_ALPHA=[32, 8]"},
		 "lora_alpha: the config says 8 for task 'tec', loras/tec/adapter_config.json says "
		 "32"},
		{{"TASK_TARGETS=emoint,none"},
		 "task 'none' has no adapter: 'loras/none' is not there"},
		{{"MODEL_NAME=other"}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(open_plan, &CASE[i]);

		if (c.code != (CASE[i].said ? 1 : CHILD_RETURNED))
			fail_msg("case %zu: status %d: %s", i, c.code, c.err);
		if (CASE[i].said)
			assert_true(child_said(&c, CASE[i].said));
	}
}

/* q and v are targeted: the self-attentions of 3 + 2 blocks, the encoder's output, and the queries
 * of two cross-attentions. */
static void test_sites(void **state)
{
	static const char *const names[] = {"enc00-self",     "enc01-self", "enc02-self",
					    "encoder-output", "dec00-self", "dec00-cross",
					    "dec01-self",     "dec01-cross"};
	struct plan p = planned(top, (const char *const[]){NULL});
	char name[24];

	(void)state;
	assert_int_equal(p.nsites, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(site_name(p.model->m.family, p.site[i], name), names[i]);
	planned_close(&p);
}

/* ------------------------------------------------------------ a single stack */

static struct plan decoder_only(const char *override)
{
	static const struct config_word no_words[] = {{0}};
	char *file = xformat("%s/config/iteris-plus.yaml", top);
	struct plan p = {.base = xformat("%s/tests/golden/families/llama", top),
			 .loras = xformat("%s/tests/golden/merges/llama/loras", top),
			 .data = xformat("%s/tests/golden/merges/llama/data", top),
			 .work = "work",
			 .processes = 1};

	config_load(&p.c, file, "EMOTION_t5_large");
	config_override(&p.c, "TASK_TARGETS=all,few", no_words);
	config_override(&p.c, "METHOD=jacobi", no_words);
	if (override)
		config_override(&p.c, override, no_words);
	config_check(&p.c);
	plan_open(&p);
	free(file);
	return p;
}

static void ask_published(void *arg)
{
	decoder_only(arg);
}

/* Its rows bring token ids, so it needs no tokenizer. Published features need an encoder. */
static void test_decoder_only(void **state)
{
	struct plan p = decoder_only(NULL);
	struct child c = child_run(ask_published, "FEATURES=reference");

	(void)state;
	assert_int_equal(p.c.features, TOKENS);
	assert_int_equal(plan_rows_given(&p), 2);
	assert_int_equal(c.code, 1);
	assert_true(child_said(&c, "features: reference is of T5's encoder and decoder"));
	plan_close(&p);
	config_release(&p.c);
	free(p.base), free(p.loras), free(p.data);
}

/* ------------------------------------------------------------ consequences */

static void test_methods(void **state)
{
	static const struct {
		const char *const overrides[4];
		bool full_weight, samples;
		int past;
	} CASE[] = {
		{{NULL}, false, true, 4},
		{{"WITH_PRETRAIN_MATRIX=1"}, true, true, 4},
		{{"METHOD=jacobi", "WITH_PRETRAIN_MATRIX=1", "MATS_HISTORY_SIZE=6"}, true, true, 7},
		{{"METHOD=jacobi", "USE_MATS=0"}, false, true, 1},
		{{"METHOD=average", "WITH_PRETRAIN_MATRIX=1"}, false, false, 4},
		{{"METHOD=ties"}, false, true, 4}, /* to search the scale */
		{{"METHOD=ties", "SCALE=0.5"}, false, false, 4},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct plan p = planned(top, CASE[i].overrides);

		assert_int_equal(plan_full_weight(&p), CASE[i].full_weight);
		assert_int_equal(plan_samples(&p), CASE[i].samples);
		assert_int_equal(plan_past(&p), CASE[i].past);
		assert_int_equal(plan_rows_given(&p), 0);
		planned_close(&p);
	}
}

/* Published features have answers of 19 tokens; without batches all samples are one. */
static void test_stage_config(void **state)
{
	static const struct {
		const char *const overrides[3];
		enum stage stage;
		int max_new, batch;
	} CASE[] = {
		{{NULL}, STAGE_TOKENS, 3, 3},
		{{"IF_DIVIDE=0"}, STAGE_EXTRACT, 3, 60},
		{{"FEATURES=reference"}, STAGE_TOKENS, 19, 3},
		{{"FEATURES=reference"}, STAGE_EVAL, 3, 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct plan p = planned(top, CASE[i].overrides);
		struct config c = plan_stage_config(&p, CASE[i].stage);

		assert_int_equal(c.max_new_tokens, CASE[i].max_new);
		assert_int_equal(c.inner_num, CASE[i].batch);
		planned_close(&p);
	}
}

static void test_stage_depends(void **state)
{
	static const struct {
		const char *const overrides[3];
		enum stage stage;
		enum config_key_number key;
		bool depends;
	} CASE[] = {
		{{NULL}, STAGE_DRAW, KEY_samples_num, true},
		{{NULL}, STAGE_DRAW, KEY_alpha_1, false},
		{{NULL}, STAGE_TOKENS, KEY_max_new_tokens, true},
		{{NULL}, STAGE_TOKENS, KEY_inner_num, false},
		{{NULL}, STAGE_TOKENS, KEY_if_divide, false},
		{{"FEATURES=reference"}, STAGE_TOKENS, KEY_inner_num, true},
		{{"FEATURES=reference"}, STAGE_TOKENS, KEY_if_divide, false},
		{{"METHOD=ties"}, STAGE_COMBINE, KEY_seed, false},
		{{"METHOD=dare"}, STAGE_COMBINE, KEY_seed, true},
		{{"METHOD=dare"}, STAGE_COMBINE, KEY_density, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct plan p = planned(top, CASE[i].overrides);

		if (plan_stage_depends(&p, CASE[i].stage, &config_keys[CASE[i].key]) !=
		    CASE[i].depends)
			fail_msg("case %zu: %d", i, !CASE[i].depends);
		planned_close(&p);
	}
}

static void test_threads(void **state)
{
	int cores = threads_default();

	(void)state;
	assert_int_equal(plan_threads(&(struct plan){.processes = 1}), cores);
	assert_int_equal(plan_threads(&(struct plan){.processes = cores}), 1);
	assert_int_equal(plan_threads(&(struct plan){.processes = 10 * cores}), 1);
}

/* ------------------------------------------------------------ without effect */

static void say_effects(void *arg)
{
	struct plan p = planned(top, arg);

	effects_say(&p);
}

static void test_effects(void **state)
{
	static const struct {
		const char *overrides[4];
		const char *said; /* NULL: nothing */
	} CASE[] = {
		{{NULL}, NULL},
		{{"METHOD=sweep", "ALPHA_1=1e-3"}, NULL},
		{{"METHOD=average", "ALPHA_1=1e-3"},
		 "alpha_1 has no effect in method average: it counts in sweep, jacobi and regmean"},
		{{"METHOD=regmean", "REG_CEOF=0.5"},
		 "reg_ceof has no effect in method regmean: it counts in sweep and jacobi"},
		{{"METHOD=sweep", "CAMR_BETA=1e-5"}, "camr_beta has no effect without use_camr"},
		{{"METHOD=sweep", "USE_CAMR=1", "ALPHA_2=1e-3"},
		 "alpha_2 has no effect with use_camr"},
		{{"METHOD=dare", "SCALE=0.5", "SAMPLES_NUM=20"},
		 "samples_num has no effect with scale"},
		{{"METHOD=sweep", "WITH_PRETRAIN_MATRIX=1", "SAVE=1"},
		 "save has no effect with with_pretrain_matrix"},
		{{"METHOD=sweep", "SHUFFLE=0"}, "shuffle has no effect with if_balance"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(say_effects, (void *)(uintptr_t)CASE[i].overrides);

		assert_int_equal(c.code, CHILD_RETURNED);
		if (CASE[i].said)
			assert_true(child_said(&c, CASE[i].said));
		else
			assert_string_equal(c.err, "");
	}
}

static void say_effects_of_rows(void *arg)
{
	(void)arg;
	write_text("data/emoint/samples.json", "[1, 2]");
	write_text("data/tec/samples.json", "[1, 2]");
	say_effects((void *)(uintptr_t)(const char *const[]){"SELECT_LONG=0", NULL});
	remove("data/emoint/samples.json");
	say_effects((void *)(uintptr_t)(const char *const[]){"IF_BALANCE=0", NULL});
	remove("data/tec/samples.json");
}

/* Keys of the draw, where every task brings its rows. */
static void test_effects_of_rows(void **state)
{
	struct child c = child_run(say_effects_of_rows, NULL);

	(void)state;
	assert_true(
		child_said(&c, "select_long has no effect: every task brings its samples.json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_decoder_only),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_stage_config),
		cmocka_unit_test(test_stage_depends),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_effects_of_rows),
	};
	char *scratch;
	int failed;

	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	top = getcwd(NULL, 0);
	scratch = scratch_enter();
	planned_files(top);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_leave(scratch);
	free(top);
	return failed;
}
