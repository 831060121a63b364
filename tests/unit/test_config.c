/* test_config.c: the reader of settings: what it accepts, what each refusal says, and where it
 * points.
 *
 * Refusals leave by die(), so they run in a child whose standard error is read back. Run it from
 * the top of the repository: the shipped config/iteris-plus.yaml is one of the cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"
#include "config/config.h"

#define SHIPPED "config/iteris-plus.yaml"
#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define TWO                                                                                        \
	"T:\n  model_name: m\n  task_targets: [a, b]\n" /* the least that a section needs; lines 1 \
							   to 3 */

enum { MAX_OVERRIDES = 4, EXIT_FINE = 0 };

/* ---- helpers ---- */

static char scratch[] = "/tmp/test_config.XXXXXX"; /* the one file that all cases write */

static const char *file_of(const char *text, size_t bytes)
{
	FILE *f = fopen(scratch, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
	return scratch;
}

/* Other words of make's command line. */
static const struct config_word others[] = {
	{"MODEL", "MODEL"}, {"LORAS", "LORAS"}, {"ADAPTERS", "LORAS"}, {0}};

static void load(struct config *c, const char *yaml, const char *const *overrides)
{
	config_load(c, file_of(yaml, strlen(yaml)), "T");
	for (int i = 0; overrides && overrides[i]; i++)
		config_override(c, overrides[i], others);
	config_check(c);
}

struct outcome {
	int status;
	char message[2048]; /* what it wrote on standard error */
};

/* Loads in a child. */
static struct outcome attempt(const char *path, const char *task_type, const char *const *overrides)
{
	struct outcome o = {0};
	struct config c;
	int pipes[2], status;
	size_t n = 0;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(pipes[1], 2);
		config_load(&c, path, task_type);
		for (int i = 0; overrides && overrides[i]; i++)
			config_override(&c, overrides[i], others);
		config_check(&c);
		_exit(EXIT_FINE);
	}
	close(pipes[1]);
	for (ssize_t got; n + 1 < sizeof(o.message) &&
			  (got = read(pipes[0], o.message + n, sizeof(o.message) - 1 - n)) > 0;)
		n += (size_t)got;
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return o;
}

/* The load must end with this status, and one line with all of these words. */
static void expect(struct outcome o, int status, const char *const *words)
{
	size_t n = strlen(o.message);

	for (int i = 0; words[i]; i++)
		if (!strstr(o.message, words[i]))
			fail_msg("status %d, expected '%s' in: %s", o.status, words[i], o.message);
	if (o.status != status)
		fail_msg("status %d, expected %d: %s", o.status, status, o.message);
	assert_true(n > 0 && o.message[n - 1] == '\n' && !memchr(o.message, '\n', n - 1));
	for (size_t i = 0; i + 1 < n; i++)
		assert_false(iscntrl((unsigned char)o.message[i]));
}

static void expect_bytes(const char *text, size_t bytes, const char *word)
{
	const char *words[] = {word, NULL};

	expect(attempt(file_of(text, bytes), "T", NULL), EXIT_WORLD, words);
}

/* ---- what it accepts ---- */

static void test_shipped(void **state)
{
	struct config c, d;
	char *text, *defaults;

	(void)state;
	config_load(&c, SHIPPED, "EMOTION_t5_large");
	config_check(&c);
	assert_int_equal(c.seed, 42);
	assert_null(c.model_name); /* as the adapters say */
	assert_int_equal(c.task_targets.n, 4);
	assert_string_equal(c.task_targets.item[1], "emotion-cause");
	assert_null(c.lora_alpha);
	assert_int_equal(c.rank, 0);
	assert_true(c.manual_ceof[0] == 1 && c.manual_ceof[3] == 1);
	assert_true(c.alpha_1 == 8e-5 && c.alpha_2 == 8e-5 && c.reg_ceof == 0);
	assert_int_equal(c.samples_num, 60);
	assert_true(c.select_long && c.use_mats && !c.use_camr && !c.use_dcs && !c.use_fp16 &&
		    !c.with_pretrain_matrix);
	assert_int_equal(c.method, SWEEP);
	assert_int_equal(c.features, TOKENS);

	/* The shipped file says of itself: "A key that is left out has the value it has here". */
	load(&d, "T:\n  task_targets: [emoint, emotion-cause, tec, isear]\n", NULL);
	text = config_text(&c);
	defaults = config_text(&d);
	assert_string_equal(text, defaults);
	free(text);
	free(defaults);
	config_release(&c);
	config_release(&d);
}

/* The shipped file sets or mentions every key of the table. */
static void test_shipped_names_every_key(void **state)
{
	static char text[1 << 16];
	FILE *f = fopen(SHIPPED, "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const char *at = strstr(text, config_keys[i].name);

		if (!at)
			fail_msg("%s does not mention %s", SHIPPED, config_keys[i].name);
	}
}

static void test_spellings(void **state)
{
	static const char yaml[] = "# a comment\n"
				   "OTHER: {anything: [1, {deep: [2]}], goes: here}\n"
				   "seed: 7\n"
				   "T:\n"
				   "  model_name: 'org/model \"x\"'\n"
				   "  task_targets:\n    - a\n    - 'b.c_d-1'\n"
				   "  lora_alpha: [32, 16.5]\n"
				   "  manual_ceof: 2\n"
				   "  alpha_1: 1e-4\n"
				   "  alpha_2: \"0.5\"\n"
				   "  select_long: 40\n"
				   "  if_balance: no\n"
				   "  if_divide: false\n"
				   "  use_dcs: yes\n"
				   "  save: 1\n"
				   "  rank: null\n"
				   "  data_dir: ~\n"
				   "  lora_dir:\n"
				   "  method: task-arithmetic\n"
				   "  max_memory: 1.5G\n";
	struct config c;

	(void)state;
	load(&c, yaml, NULL);
	assert_int_equal(c.seed, 7);
	assert_string_equal(c.model_name, "org/model \"x\"");
	assert_int_equal(c.task_targets.n, 2);
	assert_string_equal(c.task_targets.item[1], "b.c_d-1");
	assert_true(c.lora_alpha[0] == 32 && c.lora_alpha[1] == 16.5);
	assert_true(c.manual_ceof[0] == 2 && c.manual_ceof[1] == 2);
	assert_true(c.alpha_1 == 1e-4 && c.alpha_2 == 0.5);
	assert_true(c.select_long && !c.if_balance && !c.if_divide && c.use_dcs && c.save);
	assert_int_equal(c.rank, 0);
	assert_null(c.data_dir);
	assert_null(c.lora_dir);
	assert_int_equal(c.method, TASK_ARITHMETIC);
	assert_true(c.max_memory == (size_t)3 << 29);
	config_release(&c);
}

static void test_select_long(void **state)
{
	static const struct {
		const char *text;
		bool v;
	} cases[] = {
		{"0", false}, {"1", true},      {"40", true},  {"0.0", false},
		{"-1", true}, {"False", false}, {"yes", true},
	};
	char yaml[128];
	struct config c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(yaml, sizeof(yaml), TWO "  select_long: %s\n", cases[i].text);
		load(&c, yaml, NULL);
		assert_int_equal(c.select_long, cases[i].v);
		config_release(&c);
	}
}

static void test_overrides(void **state)
{
	static const char *const overrides[] = {"USE_MATS=0",
						"ALPHA_1=1e-4",
						"TASK_TARGETS=x, y,z",
						"LORA_ALPHA=[32, 32,16]",
						"MAX_MEMORY=256M",
						"SEED=1",
						"MANUAL_CEOF=3",
						"MODEL_NAME=a,b=c",
						"RANK=8",
						"METHOD=jacobi",
						"RANK=",
						"DATA_DIR=/d/\xe2\x82\xac",
						"SAMPLES_NUM=40",
						"INNER_NUM=1",
						"OUTER_NUM=40",
						"MODEL_DIR=/m",
						"MODEL_DIR=",
						NULL};
	struct config c;

	(void)state;
	load(&c, TWO "  alpha_1: 3\n", overrides);
	assert_false(c.use_mats);
	assert_true(c.alpha_1 == 1e-4);
	assert_int_equal(c.task_targets.n, 3);
	assert_string_equal(c.task_targets.item[1], "y");
	assert_true(c.lora_alpha[0] == 32 && c.lora_alpha[2] == 16);
	assert_true(c.max_memory == 256 << 20);
	assert_int_equal(c.seed, 1);
	assert_true(c.manual_ceof[2] == 3);
	assert_string_equal(c.model_name, "a,b=c");
	assert_int_equal(c.rank, 0);
	assert_null(c.model_dir);
	assert_int_equal(c.method, JACOBI);
	assert_int_equal(c.features, REFERENCE);
	config_release(&c);
}

static void test_features_default(void **state)
{
	static const struct {
		const char *o[3];
		enum features want;
	} cases[] = {
		{{"METHOD=sweep"}, TOKENS},
		{{"METHOD=regmean"}, TOKENS},
		{{"METHOD=jacobi"}, REFERENCE},
		{{"METHOD=jacobi", "FEATURES=tokens"}, TOKENS},
		{{"FEATURES=reference", "METHOD=sweep"}, REFERENCE},
		{{"FEATURES=tokens", "FEATURES="}, TOKENS},
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		load(&c, TWO, cases[i].o);
		assert_int_equal(c.features, cases[i].want);
		config_release(&c);
	}
	load(&c, TWO "  method: jacobi\n  features: tokens\n", NULL);
	assert_int_equal(c.features, TOKENS);
	config_release(&c);
}

/* Of samples_num, inner_num and outer_num, those that were asked for most strongly stay, and the
 * others follow. */
static void test_batches(void **state)
{
	static const struct {
		const char *file, *o[MAX_OVERRIDES];
		int samples, inner, outer, batch;
	} cases[] = {
		{TWO, {NULL}, 60, 3, 20, 3},
		{TWO, {"SAMPLES_NUM=40"}, 40, 3, 14, 3}, /* the last batch has one */
		{TWO, {"SAMPLES_NUM=2"}, 2, 3, 1, 3},
		{TWO, {"INNER_NUM=8"}, 60, 8, 8, 8},
		{TWO, {"OUTER_NUM=7"}, 60, 9, 7, 9},
		{TWO, {"INNER_NUM=4", "OUTER_NUM=5"}, 20, 4, 5, 4},
		{TWO, {"SAMPLES_NUM=12", "OUTER_NUM=4"}, 12, 3, 4, 3},
		{TWO, {"SAMPLES_NUM=12", "INNER_NUM=5"}, 12, 5, 3, 5},
		{TWO, {"SAMPLES_NUM=11", "INNER_NUM=4", "OUTER_NUM=3"}, 11, 4, 3, 4},
		{TWO "  samples_num: 60\n  inner_num: 3\n  outer_num: 20\n",
		 {"SAMPLES_NUM=40"},
		 40,
		 3,
		 14,
		 3},
		{TWO "  samples_num: 60\n  inner_num: 3\n  outer_num: 20\n",
		 {"INNER_NUM=6", "OUTER_NUM=4"},
		 24,
		 6,
		 4,
		 6},
		{TWO "  samples_num: 24\n  inner_num: 6\n", {NULL}, 24, 6, 4, 6},
		{TWO "  samples_num: 24\n  inner_num: 6\n", {"OUTER_NUM=2"}, 24, 12, 2, 12},
		{TWO "  samples_num: 24\n", {"IF_DIVIDE=0", "INNER_NUM=5"}, 24, 5, 20, 24},
	};
	static const char bad[] = TWO "  samples_num: 60\n  inner_num: 3\n  outer_num: 21\n";
	struct config c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		load(&c, cases[i].file, cases[i].o);
		assert_int_equal(c.samples_num, cases[i].samples);
		assert_int_equal(c.inner_num, cases[i].inner);
		assert_int_equal(c.outer_num, cases[i].outer);
		assert_int_equal(config_batch(&c), cases[i].batch);
		config_release(&c);
	}
	expect(attempt(file_of(bad, strlen(bad)), "T", NULL), EXIT_WORLD,
	       (const char *const[]){":6: ", "3 x 21 is not 60", NULL});
}

/* A list in the file belongs to the file's tasks. Tasks that are typed take their numbers along. */
static void test_lists_by_name(void **state)
{
	static const char three[] = "T:\n  model_name: m\n  task_targets: [a, b, c]\n  "
				    "manual_ceof: [1, 2, 3]\n  lora_alpha: [8, 8, 8]\n";
	static const struct {
		const char *o[MAX_OVERRIDES];
		int n;
		double first, last, alpha;
	} cases[] = {
		{{NULL}, 3, 1, 3, 8},
		{{"TASK_TARGETS=c,a"}, 2, 3, 1, 8},
		{{"TASK_TARGETS=b"}, 1, 2, 2, 8},
		{{"TASK_TARGETS=x,y,z", "MANUAL_CEOF=5"}, 3, 5, 5, 8},
		{{"TASK_TARGETS=x,y", "MANUAL_CEOF=5,6", "LORA_ALPHA=16"}, 2, 5, 6, 16},
	};
	struct config c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		load(&c, three, cases[i].o);
		assert_int_equal(c.task_targets.n, cases[i].n);
		assert_int_equal(c.manual_ceof_n, cases[i].n);
		assert_int_equal(c.lora_alpha_n, cases[i].n);
		assert_true(c.manual_ceof[0] == cases[i].first &&
			    c.manual_ceof[cases[i].n - 1] == cases[i].last);
		assert_true(c.lora_alpha[cases[i].n - 1] == cases[i].alpha);
		config_check(&c); /* a second check changes nothing */
		assert_true(c.manual_ceof[0] == cases[i].first);
		config_release(&c);
	}
	expect(attempt(file_of(three, strlen(three)), "T",
		       (const char *const[]){"TASK_TARGETS=a,x,c", NULL}),
	       EXIT_USAGE,
	       (const char *const[]){"manual_ceof: ", "each of its own tasks (line 4)",
				     "none for 'x'", NULL});
	/* The shipped list, before and after. */
	load(&c, "T:\n  model_name: m\n  task_targets: [e, f, g, h]\n  manual_ceof: [1, 1, 1, 1]\n",
	     (const char *const[]){"TASK_TARGETS=a,b,c", NULL});
	assert_int_equal(c.manual_ceof_n, 3);
	assert_true(c.manual_ceof[2] == 1);
	config_release(&c);
}

/* A second check changes nothing. */
static void test_check_twice(void **state)
{
	static const char *const overrides[] = {"LORA_ALPHA=32", NULL};
	struct config c;
	char *once, *twice;

	(void)state;
	load(&c, TWO, overrides);
	once = config_text(&c);
	config_check(&c);
	twice = config_text(&c);
	assert_string_equal(once, twice);
	free(once);
	free(twice);
	config_release(&c);
}

/* ---- text ---- */

static void test_text(void **state)
{
	static const char *const ways[][MAX_OVERRIDES] = {
		{"ALPHA_1=0.0001", "USE_FP16=True", "MANUAL_CEOF=1"},
		{"ALPHA_1=1e-4", "USE_FP16=1", "MANUAL_CEOF=1.0,1"},
		{"ALPHA_1=0.1e-3", "USE_FP16=yes", "MANUAL_CEOF=[1, 1e0]"},
	};
	struct config c;
	char *text, *first = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(ways); i++) {
		load(&c, TWO, ways[i]);
		text = config_text(&c);
		if (first) {
			assert_string_equal(text, first);
			free(text);
		} else {
			first = text;
		}
		config_release(&c);
	}
	assert_non_null(strstr(first, "seed: 42\nmodel_name: m\ntask_targets: [a, b]\nlora_alpha: "
				      "null\nrank: 0\nmanual_ceof: [1, 1]\n"));
	assert_non_null(strstr(first, "\nalpha_1: 0.0001\nalpha_2: 8e-05\nreg_ceof: 0\n"));
	assert_non_null(strstr(first, "\nuse_fp16: True\n"));
	assert_non_null(strstr(first, "\nfeatures: tokens\n"));
	free(first);
}

/* Published features need generated answers. Other features take both kinds. */
static void test_features_of_given_answers(void **state)
{
	static const char *const jacobi[] = {"METHOD=jacobi", "ANSWERS=given", NULL};
	static const char *const generated[] = {"METHOD=jacobi", "ANSWERS=generated", NULL};
	struct config c;

	(void)state;
	load(&c, TWO, jacobi);
	assert_int_equal(c.features, TOKENS);
	config_release(&c);
	load(&c, TWO, generated);
	assert_int_equal(c.features, REFERENCE);
	config_release(&c);
}

static void test_scores(void **state)
{
	static const char *const all[] = {"SCORE=likelihood,exact,first-token", NULL};
	struct config c;

	(void)state;
	load(&c, TWO, NULL);
	assert_int_equal(c.score, 1 << FIRST_TOKEN);
	config_release(&c);
	load(&c, TWO, all);
	assert_int_equal(c.score, 1 << FIRST_TOKEN | 1 << LIKELIHOOD | 1 << EXACT);
	config_release(&c);
	assert_int_equal(config_score_set("exact,likelihood"), 1 << EXACT | 1 << LIKELIHOOD);
	assert_int_equal(config_score_set("exact,"), 0);
	assert_int_equal(config_score_set("exact,blue"), 0);
	assert_int_equal(config_score_set(""), 0);
}

/* Names of linears: a list, words with commas, or none. */
static void test_linears(void **state)
{
	static const struct {
		const char *line, *value;
	} cases[] = {
		{"", NULL},
		{"  correct: []\n", NULL},
		{"  correct: null\n", NULL},
		{"  correct: o\n", "o"},
		{"  correct: [wo, o]\n", "wo,o"},
		{"  correct: o_proj, down_proj\n", "o_proj,down_proj"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *yaml = xformat("%s%s", TWO, cases[i].line), *value;
		struct config c;

		load(&c, yaml, NULL);
		value = config_value(&c, &config_keys[KEY_correct]);
		assert_int_equal(config_asked(&c, &config_keys[KEY_correct]),
				 cases[i].value != NULL);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
		else
			assert_null(value);
		free(value);
		free(yaml);
		config_release(&c);
	}
}

/* What config_text() prints, indented as a section, reads back as the same text. */
static void test_text_reads_back(void **state)
{
	static const char *const overrides[] = {"MODEL_DIR=/a b/\"c\"\\d: #e",
						"LORA_DIR=$(shell x)",
						"DATA_DIR=yes",
						"PROMPT={a} \\n\n \"#$'\\\\\t",
						"SCORE=exact,likelihood",
						"ALPHA_1=0.1",
						"ALPHA_2=0.30000000000000004",
						"CAMR_ALPHA=3.3333333333333335e-7",
						"CAMR_BETA=-0",
						"TASK_TARGETS=null,1e5,x",
						"CORRECT=null,o",
						"LORA_ALPHA=1,2.5,3e-3",
						"MAX_MEMORY=123456789",
						"METHOD=dare",
						NULL};
	static char yaml[8192];
	struct config c;
	char *text, *again, *line, *rest;
	size_t n;

	(void)state;
	load(&c, "T:\n  model_name: 'null'\n", overrides);
	text = config_text(&c);
	config_release(&c);
	rest = xstrdup(text);
	n = (size_t)snprintf(yaml, sizeof(yaml), "%s\nT:\n",
			     strtok_r(rest, "\n", &again)); /* seed is the first line */
	while ((line = strtok_r(NULL, "\n", &again)))
		n += (size_t)snprintf(yaml + n, sizeof(yaml) - n, "  %s\n", line);
	free(rest);

	load(&c, yaml, NULL);
	assert_true(c.alpha_2 == 0.30000000000000004);
	assert_true(c.camr_alpha == 3.3333333333333335e-7);
	assert_string_equal(c.model_name, "null");
	again = config_text(&c);
	assert_string_equal(text, again);
	assert_non_null(strstr(text, "\nalpha_2: 0.30000000000000004\n"));
	assert_non_null(strstr(text, "\nalpha_1: 0.1\n"));
	assert_non_null(strstr(text, "\ncamr_beta: 0\n"));
	free(text);
	free(again);
	config_release(&c);
}

static void test_value(void **state)
{
	static const char *const overrides[] = {"MANUAL_CEOF=1,0.5",
						"USE_MATS=False",
						"MODEL_NAME=a b",
						"PROMPT= it's {instruction}\n\\n\t{{}}: ",
						"SCORE=[exact, first-token]",
						"ANSWERS=given",
						"LABEL_NAMES=anger, 'so, so' ,jo\"y",
						"LABEL_KEY=output",
						NULL};
	static const struct {
		const char *key, *text;
	} cases[] = {
		{"prompt", " it's {instruction}\\n\\n\\t{{}}: "},
		{"answer", "{output}"},
		{"score", "first-token,exact"},
		{"answers", "given"},
		{"text_key", "instruction"},
		{"label_key", "output"},
		{"label_names", "{\"0\":\"anger\",\"1\":\"'so\",\"2\":\"so'\",\"3\":\"jo\\\"y\"}"},
		{"manual_ceof", "1,0.5"},
		{"use_mats", "0"},
		{"select_long", "1"},
		{"model_name", "a b"},
		{"task_targets", "a,b"},
		{"alpha_1", "8e-05"},
		{"seed", "42"},
		{"method", "sweep"},
		{"features", "tokens"},
		{"max_memory", "0"},
		{"lora_alpha", NULL},
		{"model_dir", NULL},
	};
	struct config c;
	char *text;

	(void)state;
	load(&c, TWO, overrides);
	for (size_t i = 0; i < COUNT(cases); i++) {
		text = config_value(&c, config_key_find(cases[i].key));
		if (cases[i].text)
			assert_string_equal(text, cases[i].text);
		else
			assert_null(text);
		free(text);
	}
	config_release(&c);
}

/* The parts of prompt and answer where these are not asked for. Equal maps and lists give the same
 * text. */
static void test_keys_of_rows(void **state)
{
	(void)state;
	static const char *const typed[] = {"TEXT_KEY=tweet text", NULL},
				 *const none[] = {"LABEL_NAMES=", NULL}, *const shipped[] = {NULL};
	struct config c;
	load(&c, TWO "  text_key: text\n  label_key: my label\n", shipped);
	assert_string_equal(c.prompt, "{text}");
	assert_string_equal(c.answer, "{my label}");
	config_release(&c);
	load(&c, TWO "  prompt: \"{instruction}\"\n", typed);
	assert_string_equal(c.prompt, "{tweet text}");
	assert_string_equal(c.answer, "{output}");
	config_release(&c);
	load(&c, TWO "  prompt: \"{a}: {tweet text}\"\n", typed);
	assert_string_equal(c.prompt, "{a}: {tweet text}");
	config_release(&c);
	load(&c, TWO "  label_names: {2: zwölf, 0: \"no\", -1: 5}\n", shipped);
	assert_string_equal(c.label_names, "{\"-1\":\"5\",\"0\":\"no\",\"2\":\"zwölf\"}");
	config_release(&c);
	load(&c, TWO "  label_names: [a]\n", none);
	assert_null(c.label_names);
	config_release(&c);
}

/* The data of `make help`: every key has its words, and every default is a value that its key
 * accepts. */
static void test_table(void **state)
{
	(void)state;
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		char *values = config_key_values(k);

		assert_true(strlen(values) > 0 && strlen(k->help) > 0);
		assert_null(strchr(values, '\n'));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(k->name, config_keys[j].name);
		free(values);
	}
}

/* ---- what it refuses in a file ---- */

static void test_bad_files(void **state)
{
	static const struct {
		const char *yaml, *word[3];
	} cases[] = {
		/* keys */
		{TWO "  aplha_1: 1\n", {":4: ", "'aplha_1'", "'alpha_1'"}},
		{TWO "  USE_MATS: 1\n", {":4: ", "'USE_MATS'", "'use_mats'"}},
		{TWO "  flux_capacitor: 1\n", {":4: unknown key 'flux_capacitor'\n"}},
		{TWO "  rank: 8\n\n  rank: 8\n", {":6: ", "rank is given twice", "line 4"}},
		{TWO "  seed: 8\n", {":4: ", "top of the file"}},
		{TWO "  [a]: 8\n", {":4: ", "a key must be a word"}},
		{TWO "  <<: {rank: 2}\n", {":4: ", "unknown key '<<'"}},
		/* types and ranges */
		{TWO "  alpha_1: abc\n",
		 {":4: ", "alpha_1: expected a number from 0 to 1e+06", "'abc'"}},
		{TWO "  alpha_1: nan\n", {":4: ", "'nan'"}},
		{TWO "  alpha_1: .inf\n", {":4: ", "'.inf'"}},
		{TWO "  alpha_1: 1e999\n", {":4: ", "'1e999'"}},
		{TWO "  alpha_1: -1\n", {":4: ", "'-1'"}},
		{TWO "  alpha_1: 1 2\n", {":4: ", "'1 2'"}},
		{TWO "  alpha_1: ''\n", {":4: ", "found nothing"}},
		{TWO "  alpha_1:\n", {":4: ", "found nothing"}},
		{TWO "  alpha_1: [1]\n", {":4: ", "found a list"}},
		{TWO "  alpha_1: {a: 1}\n", {":4: ", "found a map"}},
		{TWO "  reg_ceof: 1.1\n", {":4: ", "from 0 to 1,", "'1.1'"}},
		{TWO "  max_new_tokens: 0\n", {":4: ", "an integer from 1 to 512", "'0'"}},
		{TWO "  max_new_tokens: 513\n", {":4: ", "'513'"}},
		{TWO "  max_iter: 2.5\n", {":4: ", "'2.5'"}},
		{TWO "  max_iter: 99999999999999999999\n", {":4: ", "'99999999999999999999'"}},
		{TWO "  rank: -1\n", {":4: ", "'-1'"}},
		{TWO "  use_mats: maybe\n", {":4: ", "expected True or False", "'maybe'"}},
		{TWO "  use_mats: 40\n", {":4: ", "expected True or False", "'40'"}},
		{TWO "  select_long: long\n", {":4: ", "'long'"}},
		{TWO "  method: sweeep\n",
		 {":4: ", "sweep, jacobi, regmean, average, task-arithmetic, ties or dare",
		  "'sweeep'"}},
		{TWO "  features: none\n", {":4: ", "tokens or reference", "'none'"}},
		{TWO "  answers: none\n", {":4: ", "generated or given", "'none'"}},
		{TWO "  score: [exact, blue]\n",
		 {":4: ", "first-token, likelihood and exact", "'blue'"}},
		{TWO "  score: [exact, exact]\n", {":4: ", "'exact' is there twice"}},
		{TWO "  score: []\n", {":4: ", "an empty list"}},
		{TWO "  correct: [o, o]\n", {":4: ", "'o' is there twice"}},
		{TWO "  correct: [a/b]\n", {":4: ", "'a/b' cannot name a linear"}},
		{TWO "  manual_ceof: [1, -1]\n  drift: True\n",
		 {":5: ", "drift fits whole weights, which cannot be negated"}},
		{TWO "  prompt: \"ö {instruction\"\n",
		 {":4: ", "prompt: position 3: '{' is not closed"}},
		{TWO "  answer: \"}\"\n", {":4: ", "answer: position 1: '}' closes nothing"}},
		{TWO "  answer: 'a\\b'\n", {":4: ", "answer: position 2: '\\' begins nothing"}},
		{TWO "  prompt: {instruction}\n",
		 {":4: ", "found a map: put the text between quotes"}},
		{TWO "  prompt: \"\"\n", {":4: ", "prompt: expected a text with {key}", "nothing"}},
		{TWO "  prompt: \"a\\rb\"\n", {":4: ", "control character"}},
		{TWO "  label_names: joy\n", {":4: ", "a list of words for 0, 1, …", "'joy'"}},
		{TWO "  label_names: {}\n", {":4: ", "an empty map"}},
		{TWO "  label_names: []\n", {":4: ", "an empty list"}},
		{TWO "  label_names: {a: joy}\n", {":4: ", "a whole number before ':'", "'a'"}},
		{TWO "  label_names: {1: joy, 01: fear}\n", {":4: ", "1 is there twice"}},
		{TWO "  label_names: {1: [joy]}\n", {":4: ", "a list or a map inside a map"}},
		{TWO "  label_names: [joy, ' ']\n", {":4: ", "the word of 1 is empty"}},
		{TWO "  label_key: label\n  answer: \"{other}\"\n",
		 {":5: ", "label_key is 'label', and answer has no {label}"}},
		{TWO "  text_key: text\n  prompt: \"a\"\n",
		 {":5: ", "text_key is 'text', and prompt has no {text}"}},
		{TWO "  label_names: [joy]\n  answer: \"{label}\"\n",
		 {":5: ", "label_key is 'output', and answer has no {output}"}},
		{TWO "  text_key: 'a}b'\n", {":4: ", "a key with a brace in it"}},
		{TWO "  features: reference\n  answers: given\n",
		 {":5: ", "features: reference is of generated answers"}},
		{TWO "  max_memory: lots\n", {":4: ", "256M", "'lots'"}},
		{TWO "  lora_alpha: [1, x]\n", {":4: ", "lora_alpha: ", "'x'"}},
		{TWO "  lora_alpha: [1, [2]]\n", {":4: ", "a list inside a list"}},
		{TWO "  lora_alpha: []\n", {":4: ", "an empty list"}},
		{TWO "  lora_alpha: [1, ~]\n", {":4: ", "'~'"}},
		{TWO "  model_dir: \"a\\nb\"\n", {":4: ", "control character", "a?b"}},
		{TWO "  model_dir: \"a\\0b\"\n", {":4: ", "zero byte"}},
		{"seed: 4294967296\n" TWO, {":1: ", "seed: expected", "'4294967296'"}},
		{"seed: [1]\n" TWO, {":1: ", "found a list"}},
		/* tasks become folders */
		{"T:\n  model_name: m\n  task_targets: [a, ../b]\n", {":3: ", "'../b'", "folder"}},
		{"T:\n  model_name: m\n  task_targets: [a, .b]\n", {":3: ", "'.b'"}},
		{"T:\n  model_name: m\n  task_targets: [a, /etc]\n", {":3: ", "'/etc'"}},
		{"T:\n  model_name: m\n  task_targets: [a, 'b c']\n", {":3: ", "'b c'"}},
		{"T:\n  model_name: m\n  task_targets: [a, '$(b)']\n", {":3: ", "'$(b)'"}},
		{"T:\n  model_name: m\n  task_targets: [a, \"b\\e[1m\"]\n", {":3: ", "'b?[1m'"}},
		{"T:\n  model_name: m\n  task_targets: [a, b, a]\n",
		 {":3: ", "'a' is there twice"}},
		{"T:\n  model_name: m\n  task_targets: []\n", {":3: ", "an empty list"}},
		{"T:\n  model_name: m\n  task_targets:\n", {":3: ", "found nothing"}},
		/* relations */
		{"T:\n  model_name: a\n", {"no task_targets"}},
		{TWO "  manual_ceof: [1, 2, 3]\n",
		 {":4: ", "manual_ceof has 3 values", " 2 tasks"}},
		{TWO "  lora_alpha: [32]\n", {":4: ", "lora_alpha has 1 value ", "2 tasks"}},
		{TWO "  manual_ceof: 0\n", {":4: ", "0 for every task"}},
		{TWO "  manual_ceof: [1, -0.5]\n  with_pretrain_matrix: 1\n",
		 {":5: ", "manual_ceof is -0.5 for task 'b', and with_pretrain_matrix"}},
		{TWO "  manual_ceof: -2e9\n", {":4: ", "manual_ceof", "-1e+09"}},
		{TWO "  inner_num: 7\n  outer_num: 20\n  samples_num: 60\n",
		 {":6: ", "7 x 20 is not 60"}},
		{TWO "  samples_num: 40\n  inner_num: 3\n  outer_num: 20\n",
		 {":6: ", "3 x 20 is not 40"}},
		{TWO "  merge_rank: auto:99\n", {":4: ", "merge_rank", "found 'auto:99'"}},
		{TWO "  merge_rank: -4\n", {":4: ", "merge_rank", "an integer from 0"}},
		{TWO "  inner_num: 1000000\n  outer_num: 1000000\n", {":5: ", "1000000 x 1000000"}},
		/* the map of the file itself */
		{"", {"no section 'T'", "has none"}},
		{"# nothing\n", {"no section 'T'", "has none"}},
		{"- T\n", {":1: ", "expected a map"}},
		{"T\n", {":1: ", "expected a map"}},
		{"T: 1\n", {":1: ", "'T' is no section"}},
		{"T:\n", {":1: ", "'T' is no section"}},
		{"sead: 1\n" TWO, {":1: ", "'sead' is no section"}},
		{"A: {}\nB: {}\n", {"no section 'T'; there are A, B"}},
		{"A: {}\nseed: 1\n", {"no section 'T'; there is only A"}},
		{TWO "A: {}\nT: {}\n", {":5: ", "'T' is given twice"}},
		{TWO "A: {}\nA: {}\n", {":5: ", "'A' is given twice"}},
		{TWO "---\n" TWO, {":4: ", "second document"}},
		/* YAML that no setting needs, and text that is no YAML */
		{"A: &x {}\n" TWO, {":1: ", "anchors"}},
		{"A: {}\nT: *x\n", {":2: ", "anchors"}},
		{TWO "  alpha_1: &x 1\n  alpha_2: *x\n", {":4: ", "anchors"}},
		{TWO "  alpha_1: !!float 1\n", {":4: ", "tags"}},
		{"T: !!python/object:os.system {}\n", {":1: ", "tags"}},
		{TWO "  manual_ceof: [1, 1\n", {"not YAML"}},
		{TWO "  model_dir: \"x\n", {"not YAML"}},
		{TWO "\tx: 1\n", {":4: ", "not YAML"}},
		{TWO " x: 1\n", {":4: ", "not YAML"}},
		{TWO "  model_dir: \001\n", {":4: ", "not YAML", "control characters"}},
		{TWO "  model_dir: \377\n", {":4: ", "not YAML"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *words[] = {cases[i].word[0], cases[i].word[1], cases[i].word[2], NULL};

		expect(attempt(file_of(cases[i].yaml, strlen(cases[i].yaml)), "T", NULL),
		       EXIT_WORLD, words);
	}
}

/* Sizes that only a program would write. */
static void test_hostile_sizes(void **state)
{
	enum { BIG = (1 << 20) + 1 };
	char *text = xmalloc(BIG), *p;

	(void)state;
	memset(text, '#', BIG);
	expect_bytes(text, BIG, "is over 1048576 bytes");
	expect_bytes(text, BIG - 1, "no section");
	memset(text, '[', BIG);
	memcpy(text, "A: ", 3);
	expect_bytes(text, BIG - 1, "'A' is no section");
	memcpy(text, "A: {b: ", 7);
	expect_bytes(text, BIG - 1, "nested deeper");
	p = text;
	for (int i = 0; i < 50000; i++)
		p += sprintf(p, "s%d: {}\n", i);
	expect_bytes(text, (size_t)(p - text), "more than 1000 sections");
	p = text + sprintf(text, "T:\n  lora_alpha: [");
	for (int i = 0; i < 2000; i++)
		p += sprintf(p, "1,");
	p += sprintf(p, "1]\n");
	expect_bytes(text, (size_t)(p - text), "more than 1024 items");
	p = text + sprintf(text, "T:\n  model_dir: ");
	memset(p, 'x', 5000);
	expect_bytes(text, (size_t)(p - text) + 5000, "longer than 4096 bytes");
	p = text + sprintf(text, "T:\n  task_targets: ");
	memset(p, 'x', 101);
	expect_bytes(text, (size_t)(p - text) + 101, "cannot name a folder");
	p = text + sprintf(text, "T:\n  ");
	memset(p, 'x', 5000);
	memcpy(p + 500, ": 1\n", 4);
	expect_bytes(text, (size_t)(p - text) + 504, "unknown key 'xxxxxxxx");
	expect_bytes("T:\n  a\0b: 1\n", 13, ":2: ");
	free(text);
}

static void test_bad_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../T", "a/b", "a b", "T\n", "$T"};
	static const char *const folder[] = {"cannot name a folder", NULL},
				 *const none[] = {"no section 'seed'", NULL};
	static const char *const missing[] = {"/nowhere/x.yaml", "No such file", NULL},
				 *const unread[] = {"cannot read", NULL};
	const char *path = file_of(TWO "seed: 1\n", strlen(TWO "seed: 1\n"));

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		expect(attempt(path, bad[i], NULL), EXIT_WORLD, folder);
	expect(attempt(path, "seed", NULL), EXIT_WORLD, none);
	expect(attempt("/nowhere/x.yaml", "T", NULL), EXIT_WORLD, missing);
	expect(attempt("/", "T", NULL), EXIT_WORLD, unread);
}

/* ---- what it refuses on the command line ---- */

static void test_bad_overrides(void **state)
{
	static const struct {
		const char *o[MAX_OVERRIDES], *word[2];
	} cases[] = {
		{{"ALPHA_1"}, {"expected KEY=value", "'ALPHA_1'"}},
		{{"APLHA_1=1"}, {"unknown key 'APLHA_1'", "did you mean 'ALPHA_1'?"}},
		{{"alpha_2=1"}, {"unknown key 'alpha_2'", "did you mean 'ALPHA_2'?"}},
		{{"Alpha_2=1"}, {"unknown key 'Alpha_2'", "did you mean 'ALPHA_2'?"}},
		{{"alpha-2=1"}, {"unknown key 'alpha-2'", "did you mean 'ALPHA_2'?"}},
		{{"USE-MATS=1"}, {"unknown key 'USE-MATS'", "did you mean 'USE_MATS'?"}},
		{{"MODELS=x"}, {"unknown key 'MODELS'", "did you mean 'MODEL'?"}},
		{{"model=x"}, {"unknown key 'model'", "did you mean 'MODEL'?"}},
		{{"adapters=x"}, {"unknown key 'adapters'", "did you mean 'LORAS'?"}},
		{{"COLOUR=red"},
		 {"unknown key 'COLOUR'; make help or merge-lora help lists the keys\n"}},
		{{"=1"}, {"expected KEY=value", "'=1'"}},
		{{"ALPHA_1=x"}, {"alpha_1: expected a number", "'x'"}},
		{{"ALPHA_1="}, {"alpha_1: expected a number", "found nothing"}},
		{{"ALPHA_1=1,2"}, {"alpha_1: expected a number", "'1,2'"}},
		{{"LORA_ALPHA=1,,2"}, {"lora_alpha: ", "found nothing"}},
		{{"LORA_ALPHA=[1,2"}, {"lora_alpha: ", "'[1'"}},
		{{"LORA_ALPHA=[]"}, {"lora_alpha: ", "found nothing"}},
		{{"TASK_TARGETS=a,../b"}, {"'../b'"}},
		{{"TASK_TARGETS=a,a"}, {"'a' is there twice"}},
		{{"MANUAL_CEOF=1,2,3"}, {"manual_ceof has 3 values", "2 tasks"}},
		{{"MANUAL_CEOF=1,1", "TASK_TARGETS=a,b,c"},
		 {"manual_ceof has 2 values", "3 tasks"}},
		{{"TASK_TARGETS=a,b,c", "LORA_ALPHA=[32]"}, {"lora_alpha has 1 value ", "3 tasks"}},
		{{"OUTER_NUM=7", "INNER_NUM=3", "SAMPLES_NUM=60"}, {"3 x 7 is not 60"}},
		{{"OUTER_NUM=6", "SAMPLES_NUM=10"}, {"2 x 6 is not 10"}}, /* five of two */
		{{"OUTER_NUM=61"}, {"1 x 61 is not 60"}},
		{{"OUTER_NUM=1000000", "INNER_NUM=1000000"}, {"1000000 x 1000000 is not 60"}},
		{{"PROMPT={a"}, {"prompt: position 1: '{' is not closed"}},
		{{"PROMPT="}, {"prompt: expected a text with {key}", "found nothing"}},
		{{"TEXT_KEY=text", "PROMPT=a"}, {"text_key is 'text', and prompt has no {text}"}},
		{{"LABEL_NAMES={0: a}"}, {"label_names: expected a list", "'{0: a}'"}},
		{{"SCORE=exact,blue"}, {"score: expected first-token", "'blue'"}},
		{{"ANSWERS=given", "FEATURES=reference"}, {"features: reference is of generated"}},
		{{"MERGE_RANK=auto"}, {"merge_rank: expected an integer from 0"}},
		{{"MERGE_RANK=auto:1"},
		 {"merge_rank: expected an integer from 0 to 65536, or auto:SHARE, 0 < SHARE < 1, "
		  "found 'auto:1'"}},
		{{"MERGE_RANK=auto:0"}, {"found 'auto:0'"}},
		{{"MERGE_RANK=65537"}, {"merge_rank: expected an integer from 0", "'65537'"}},
		{{"MERGE_RANK=[4]"}, {"merge_rank: expected an integer from 0", "found"}},
		{{"MODEL_DIR=a\tb"}, {"control character"}},
		{{"MODEL_DIR=a\xff"}, {"not UTF-8"}},
		{{"MODEL_DIR=a\xe2\x82"}, {"not UTF-8"}},
		{{"MODEL_DIR=\x80"}, {"not UTF-8"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *words[] = {"command line: ", cases[i].word[0], cases[i].word[1], NULL};

		expect(attempt(file_of(TWO, strlen(TWO)), "T", cases[i].o), EXIT_USAGE, words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_shipped_names_every_key),
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_select_long),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_features_default),
		cmocka_unit_test(test_features_of_given_answers),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_linears),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_lists_by_name),
		cmocka_unit_test(test_check_twice),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_reads_back),
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_keys_of_rows),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_hostile_sizes),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_bad_overrides),
	};
	int fd = mkstemp(scratch), failed;

	if (fd < 0)
		die("cannot make '%s'", scratch);
	close(fd);
	prog_name = "test_config";
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(scratch);
	return failed;
}
