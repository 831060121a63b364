/* test_opts.c: the option table, the strict numbers, and the messages of die.c. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/shard.h"
#include "base/threads.h"
#include "child.h"

static struct {
	bool flag, boolean;
	const char *model, *output;
	int count;
	long seed;
	double alpha, sigma;
	size_t bytes;
	struct rank_limit rank;
} v;

static const struct opt_key merge_rank = {"merge_rank", OPT_RANK, 0, 64, "auto:0.5", "of the cut"};
static const struct opt_key sigma = {"dcs_sigma", OPT_FLOAT, 0, 2, "0.5", "how steeply"};

static const struct common_opts *common;

static const struct opt table[] = {
	{.type = OPT_KEY, .value = &(struct opt_keyed){&sigma, &v.sigma}},
	{.type = OPT_KEY, .value = &(struct opt_keyed){&merge_rank, &v.rank}},
	{.name = "model",
	 .type = OPT_STRING,
	 .value = &v.model,
	 .required = true,
	 .arg = "DIR",
	 .help = "the base model"},
	{.name = "output",
	 .letter = 'o',
	 .type = OPT_STRING,
	 .value = &v.output,
	 .arg = "FILE",
	 .help = "where to write"},
	{.name = "count",
	 .letter = 'n',
	 .type = OPT_INT,
	 .value = &v.count,
	 .min = 1,
	 .max = 60,
	 .help = "how many"},
	{.name = "seed", .type = OPT_LONG, .value = &v.seed, .help = "of the draw"},
	{.name = "alpha-1",
	 .type = OPT_FLOAT,
	 .value = &v.alpha,
	 .min = 0,
	 .max = 1,
	 .help = "ridge"},
	{.name = "buffer", .type = OPT_BYTES, .value = &v.bytes, .help = "buffer size"},
	{.name = "use-fp16", .type = OPT_BOOL, .value = &v.boolean, .help = "half"},
	{.name = "force", .letter = 'f', .type = OPT_FLAG, .value = &v.flag, .help = "do it"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "frob",
				 .summary = "Frobs.",
				 .details = "More about frobbing.",
				 .opts = table,
				 .operands = "-- WORD …",
				 .example = "frob --model m\nfrob --model m -- word"};

static void reset(void)
{
	memset(&v, 0, sizeof(v));
	v.count = 7;
	v.seed = 42;
	v.alpha = 8e-5;
	note_quiet = 0;
}

/* argv[0] is added; the list ends at NULL. */
static void parse(const char *const *args)
{
	const char *argv[32] = {"frob"};
	int argc = 1;
	for (; args[argc - 1]; argc++)
		argv[argc] = args[argc - 1];
	argv[argc] = NULL;
	common = opts_parse(&tool, argc, (char **)(uintptr_t)argv);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void parse_in_child(void *args)
{
	parse(args);
}

static void refused(const char *const *args, const char *message)
{
	reset();
	struct child c = child_run(parse_in_child, (void *)(uintptr_t)args);
	assert_true(child_said(&c, message));
	assert_int_equal(c.code, EXIT_USAGE);
	assert_int_equal(strncmp(c.err, "frob: ", 6), 0);
	assert_string_equal(c.out, "");
}

static void test_all_forms(void **state)
{
	(void)state;
	reset();
	parse(ARGS("--model", "m", "--output=o=1", "--count", "60", "--seed=-5", "--alpha-1",
		   "1e-4", "--buffer", "256M", "--use-fp16", "True", "--force", "-t", "2",
		   "--max-memory", "1.5G"));
	assert_string_equal(v.model, "m");
	assert_string_equal(v.output, "o=1");
	assert_int_equal(v.count, 60);
	assert_int_equal(v.seed, -5);
	assert_true(v.alpha == 1e-4);
	assert_int_equal(v.bytes, 256u << 20);
	assert_true(v.boolean && v.flag);
	assert_int_equal(common->threads, 2);
	assert_int_equal(threads_for(1e9), 2);
	assert_int_equal(common->max_memory, (size_t)3 << 29);
	assert_string_equal(prog_name, "frob");
	assert_true(v.sigma == 0.5); /* the key's default */
	assert_true(v.rank.rank == 0 && v.rank.share == 0.5);

	reset();
	parse(ARGS("-ofile", "-qvf", "-n3", "--model=--odd", "--dcs-sigma=1.5", "-b", "cuda",
		   "--merge-rank=16"));
	assert_true(v.rank.rank == 16 && v.rank.share == 0);
	assert_true(v.sigma == 1.5);
	assert_string_equal(v.output, "file");
	assert_string_equal(v.model, "--odd");
	assert_int_equal(v.count, 3);
	assert_true(common->quiet && common->verbose && v.flag && note_quiet);
	assert_string_equal(common->backend, "cuda");
	assert_int_equal(common->threads, threads_default());
	assert_true(v.alpha == 8e-5);
	reset();
}

static void test_refusals(void **state)
{
	(void)state;
	refused(ARGS("--aplha-1", "1", "--model", "m"),
		"unknown option '--aplha-1'; did you mean '--alpha-1'?");
	refused(ARGS("--mod", "m"), "unknown option '--mod'"); /* no abbreviations */
	refused(ARGS("--zzzzzzzzzzzz=1"), "unknown option '--zzzzzzzzzzzz'; see --help");
	refused(ARGS("-x"), "unknown option '-x'");
	refused(ARGS("--sums=1"), "option '--sums' is called '--checksums' now");
	refused(ARGS("--memory", "x"), "option '--memory' is called '--encoder-output' now");
	refused(ARGS("--lora", "x"), "option '--lora' is called '--own' now");
	refused(ARGS("--model", "m", "stray"), "unexpected argument 'stray'");
	refused(ARGS("--model", "m", "--"), "unexpected argument '--'");
	refused(ARGS("--model", "m", "-"), "unexpected argument '-'");
	refused(ARGS("-n", "3"), "option '--model' is required");
	refused(ARGS("--model", "m", "--model", "n"), "option '--model' is given twice");
	refused(ARGS("--model", "m", "-o", "a", "--output=b"), "option '--output' is given twice");
	refused(ARGS("--model"), "option '--model' needs a value");
	refused(ARGS("--model", "--count", "3"), "option '--model' needs a value");
	refused(ARGS("--model="), "option '--model' has an empty value");
	refused(ARGS("--force=1"), "option '--force' takes no value");
	refused(ARGS("--count", "0"),
		"option '--count': expected an integer from 1 to 60, found '0'");
	refused(ARGS("--count", "61"), "from 1 to 60, found '61'");
	refused(ARGS("--count", "3x"), "found '3x'");
	refused(ARGS("--count", " 3"), "found ' 3'");
	refused(ARGS("--count", "3.0"), "found '3.0'");
	refused(ARGS("--count", "4294967297"), "found '4294967297'");
	refused(ARGS("--seed", "9223372036854775808"),
		"option '--seed': expected an integer, found");
	refused(ARGS("--alpha-1", "nan"),
		"option '--alpha-1': expected a number from 0 to 1, found 'nan'");
	refused(ARGS("--alpha-1", "inf"), "found 'inf'");
	refused(ARGS("--alpha-1", "0x1p-3"), "found '0x1p-3'");
	refused(ARGS("--alpha-1", "-1e-9"), "found '-1e-9'");
	refused(ARGS("--alpha-1", "1e-4,"), "found '1e-4,'");
	refused(ARGS("--dcs-sigma", "2.5"),
		"option '--dcs-sigma': expected a number from 0 to 2, found '2.5'");
	refused(ARGS("--dcs_sigma", "1"),
		"unknown option '--dcs_sigma'; did you mean '--dcs-sigma'?");
	refused(ARGS("--buffer", "12X"), "found '12X'");
	refused(ARGS("--use-fp16", "maybe"),
		"expected True, False, yes, no, 1 or 0, found 'maybe'");
	refused(ARGS("-t", "0"),
		"option '--threads': expected an integer from 1 to 1024, found '0'");
	refused(ARGS("--model", "m", "-b", "tpu"),
		"option '--backend': expected cpu or cuda, found 'tpu'");
	refused(ARGS("two\nlines"), "unexpected argument 'two lines'");
}

static void test_help_and_version(void **state)
{
	(void)state;
	reset();
	/* The defaults are printed, not the values given before; and nothing about the missing
	 * --model. */
	struct child c = child_run(
		parse_in_child, (void *)(uintptr_t)ARGS("--count", "9", "--alpha-1=1", "--help"));
	assert_int_equal(c.code, 0);
	assert_string_equal(c.err, "");
	assert_non_null(strstr(c.out, "Usage: frob --model DIR [options] -- WORD …\nFrobs.\n"));
	assert_non_null(strstr(c.out, "the base model (required)\n"));
	assert_non_null(strstr(c.out, "-n, --count N"));
	assert_non_null(strstr(c.out, "how many (from 1 to 60) (default 7)\n"));
	assert_non_null(strstr(c.out, "ridge (from 0 to 1) (default 8e-05)\n"));
	assert_non_null(strstr(c.out, "half (default 0)\n"));
	assert_non_null(strstr(c.out, "--dcs-sigma X"));
	assert_non_null(strstr(c.out, "how steeply (from 0 to 2) (default 0.5)\n"));
	assert_non_null(strstr(c.out, "-b, --backend NAME"));
	const char *end = strstr(c.out, "More about frobbing.\n");
	assert_non_null(end);
	assert_string_equal(end, "More about frobbing.\n\nExamples:\n  $ frob --model m\n  $ frob "
				 "--model m -- word\n");
	c = child_run(parse_in_child, (void *)(uintptr_t)ARGS("-h"));
	assert_int_equal(c.code, 0);
	c = child_run(parse_in_child, (void *)(uintptr_t)ARGS("--version"));
	assert_int_equal(c.code, 0);
	assert_string_equal(c.out, "frob " MERGE_LORA_VERSION "\n");
}

static void twice_in_table(void *arg)
{
	const struct opt bad[] = {{.name = "threads", .type = OPT_INT, .value = &v.count},
				  {.type = OPT_END}};
	const struct tool t = {.name = "bad", .opts = bad};
	char name[] = "bad", *argv[] = {name, NULL};
	(void)arg;
	opts_parse(&t, 1, argv);
}

static void done_in_child(void *args)
{
	parse(args);
	tool_done("%d rows", 5);
}

/* Each number of a text as 9, with as many 9s as it has decimals. */
static char *shape_of(const char *text)
{
	static char shape[256];
	bool behind = false;
	size_t n = 0;
	for (; *text && n + 1 < sizeof(shape); text++) {
		bool digit = isdigit((unsigned char)*text), follows = n && shape[n - 1] == '9';
		behind = *text == '.' ? follows : behind && digit;
		if (!digit || !follows || behind)
			shape[n++] = digit ? '9' : *text;
	}
	shape[n] = 0;
	return shape;
}

static void test_done(void **state)
{
	(void)state;
	reset();
	struct child c = child_run(done_in_child, (void *)(uintptr_t)ARGS("--model", "m"));
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_int_equal(strncmp(c.err, "frob: 5 rows; ", 14), 0);
	assert_string_equal(shape_of(c.err),
			    "frob: 9 rows; 9.99 s real, 9.99 s cpu, 9.9 MB peak\n");
	c = child_run(done_in_child, (void *)(uintptr_t)ARGS("--model", "m", "-q"));
	assert_string_equal(c.err, "");
	c = child_run(twice_in_table, NULL);
	assert_int_equal(c.signal, SIGABRT);
}

static void test_text_to(void **state)
{
	bool b;
	long l;
	double d;
	size_t n;
	struct rank_limit r;
	(void)state;
	assert_true(text_to_bool("True", &b) && b);
	assert_true(text_to_bool("yes", &b) && b);
	assert_true(text_to_bool("0", &b) && !b);
	assert_true(text_to_bool("False", &b) && !b);
	assert_false(text_to_bool("", &b) || text_to_bool("2", &b) || text_to_bool("on", &b) ||
		     text_to_bool("true ", &b));
	assert_true(text_to_long("-9223372036854775808", &l) && l == INT64_MIN);
	assert_true(text_to_long("+7", &l) && l == 7);
	assert_false(text_to_long("", &l) || text_to_long("-", &l) || text_to_long("+-5", &l) ||
		     text_to_long("1e3", &l));
	assert_true(text_to_double("8e-5", &d) && d == 8e-5);
	assert_true(text_to_double(".5", &d) && d == 0.5);
	assert_true(text_to_double("-3", &d) && d == -3);
	assert_false(text_to_double("", &d) || text_to_double("e5", &d) ||
		     text_to_double("1e999", &d) || text_to_double("1 ", &d));
	assert_true(text_to_rank("64", &r) && r.rank == 64 && r.share == 0);
	assert_true(text_to_rank("auto:.99", &r) && r.rank == 0 && r.share == 0.99);
	assert_false(text_to_rank("auto", &r) || text_to_rank("auto:", &r) ||
		     text_to_rank("auto:0", &r) || text_to_rank("auto:1", &r) ||
		     text_to_rank("auto:-0.5", &r) || text_to_rank("auto:99%", &r) ||
		     text_to_rank("auto: 0.5", &r) || text_to_rank("Auto:0.5", &r));
	assert_false(text_to_rank("", &r) || text_to_rank("-1", &r) || text_to_rank("0.5", &r) ||
		     text_to_rank("99999999999", &r));
	assert_true(text_to_bytes("300000000", &n) && n == 300000000);
	assert_true(text_to_bytes("1.5G", &n) && n == (size_t)3 << 29);
	assert_true(text_to_bytes("2k", &n) && n == 2048);
	assert_true(text_to_bytes("18446744073709551615", &n) && n == SIZE_MAX);
	assert_false(text_to_bytes("", &n) || text_to_bytes("G", &n) || text_to_bytes("1.5", &n) ||
		     text_to_bytes("-1K", &n));
	assert_false(text_to_bytes("18446744073709551616", &n) ||
		     text_to_bytes("99999999999T", &n) || text_to_bytes("1e3K", &n));
	assert_false(text_to_bytes("1.2.3K", &n) || text_to_bytes("1KB", &n) ||
		     text_to_bytes(" 1", &n));
}

static void test_nearest_word(void **state)
{
	static const char *const words[] = {"alpha_1", "alpha_2", "rank", "use_mats"};
	(void)state;
	assert_string_equal(nearest_word("aplha_1", words, 4), "alpha_1");
	assert_string_equal(nearest_word("alpha_3", words, 4), "alpha_1"); /* a tie: the first */
	assert_string_equal(nearest_word("use_mat", words, 4), "use_mats");
	assert_string_equal(nearest_word("rnak", words, 4), "rank");
	assert_null(nearest_word("method", words, 4));
	assert_null(nearest_word("", words, 4));
	assert_null(nearest_word("rank", words, 0));
	char longest[300];
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_null(nearest_word(longest, words, 4));
}

static void split_in_child(void *csv)
{
	strlist_split(csv, "option '--task'");
}

static void expand_in_child(void *template)
{
	path_for_task(template, "tec", 2, "option '--output'");
}

static void test_lists_and_paths(void **state)
{
	(void)state;
	struct strlist l = strlist_split("emoint,emotion-cause,tec", "tasks");
	assert_int_equal(l.n, 3);
	assert_string_equal(l.item[1], "emotion-cause");
	assert_int_equal(strlist_find(&l, "tec"), 2);
	assert_int_equal(strlist_find(&l, "te"), -1);
	strlist_release(&l);
	strlist_release(&l);
	static const char *const bad[] = {"", "a,", ",a", "a,,b", "a,b,a"};
	for (int i = 0; i < 5; i++) {
		struct child c = child_run(split_in_child, (void *)(uintptr_t)bad[i]);
		assert_int_equal(c.code, EXIT_USAGE);
		assert_true(child_said(&c, "option '--task': "));
	}
	char *p = path_for_task("w/{task}/{task}.h5", "tec", 2, "x");
	assert_string_equal(p, "w/tec/tec.h5");
	free(p);
	p = path_for_task("w/one.h5", "tec", 1, "x");
	assert_string_equal(p, "w/one.h5");
	free(p);
	struct child c = child_run(expand_in_child, (void *)(uintptr_t) "w/one.h5");
	assert_int_equal(c.code, EXIT_USAGE);
	assert_true(child_said(
		&c, "option '--output': 'w/one.h5' stands for 2 tasks but has no {task} in it"));
	c = child_run(expand_in_child, (void *)(uintptr_t) "w/{task}/{shard}.h5");
	assert_int_equal(c.code, EXIT_USAGE);
	assert_true(child_said(&c, "option '--output': 'w/{task}/{shard}.h5' has {shard} in it, "
				   "but 'tec' is a task and no shard"));
}

static const struct {
	const char *name, *output;
	int shards;
	const char *message; /* NULL: it fits */
} shard_case[] = {
	{"tec", "{task}.h5", 1, NULL},
	{"tec/08", "{task}/{shard}.h5", 8, NULL},
	{"tec/99", "{task}/{shard}.h5", SHARDS_ANY, NULL},
	{"tec", "{task}.h5", SHARDS_ANY, NULL},
	{"tec/01", "{task}/{shard}.h5", 1, "--task 'tec/01' is a shard of task 'tec'"},
	{"tec", "{task}/{shard}.h5", 8, "--shards 8 expected 'tec/01' to 'tec/08'"},
	{"tec/09", "{task}/{shard}.h5", 8, "--shards 8 expected 'tec/01' to 'tec/08'"},
	{"tec/00", "{task}/{shard}.h5", 8, "expected 'tec/01' to 'tec/08'"},
	{"tec/3", "{task}/{shard}.h5", 8, "expected 'tec/01' to 'tec/08'"},
	{"tec/03x", "{task}/{shard}.h5", 8, "expected 'tec/01' to 'tec/08'"},
	{"tec/x", "{task}/{shard}.h5", SHARDS_ANY, "a task, or a shard such as 'tec/01'"},
	{"tec/03", "{task}.h5", 8, "--output '{task}.h5' stands for shards but has no {shard}"},
};

static void check_shard_in_child(void *i)
{
	int k = *(const int *)i;
	struct strlist names = strlist_split(shard_case[k].name, "--task");

	shard_check(&names, shard_case[k].shards, shard_case[k].output);
	strlist_release(&names);
	exit(0);
}

static void test_shards(void **state)
{
	(void)state;
	struct strlist tasks = strlist_split("emoint,tec", "x"), names = shard_names(&tasks, 2);

	assert_int_equal(names.n, 4);
	assert_string_equal(names.item[1], "emoint/02");
	assert_string_equal(names.item[2], "tec/01");
	strlist_release(&names);
	names = shard_names(&tasks, 1);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.item[1], "tec");
	strlist_release(&names);
	strlist_release(&tasks);
	char *task = shard_task("emotion-cause/12");
	assert_string_equal(task, "emotion-cause");
	free(task);
	assert_int_equal(shard_number("emotion-cause/12"), 12);
	assert_int_equal(shard_number("tec"), 0);
	char *path = path_for_task("{task}.h5:own/{task}/{shard}/{site}.h5", "tec/03", 2, "x");
	assert_string_equal(path, "tec.h5:own/tec/03/{site}.h5");
	free(path);
	for (int i = 0; i < (int)(sizeof(shard_case) / sizeof(*shard_case)); i++) {
		struct child c = child_run(check_shard_in_child, &i);

		assert_int_equal(c.code, shard_case[i].message ? EXIT_USAGE : 0);
		assert_true(!shard_case[i].message || child_said(&c, shard_case[i].message));
	}
}

static void die_long(void *arg)
{
	char text[5001];
	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	die("%s|end", text + 2000);
}

static void die_lines(void *arg)
{
	(void)arg;
	die("a\nb\tc %d", 3);
}

static void die_with_data(void *arg)
{
	(void)arg;
	die_data("site %s", "enc00-self");
}

static void do_bug(void *arg)
{
	(void)arg;
	BUG_IF(arg == NULL);
}

static void ask_too_much(void *arg)
{
	xarray(SIZE_MAX / 2, 3);
	(void)arg;
}

static void test_die(void **state)
{
	(void)state;
	prog_name = "frob";
	struct child c = child_run(die_lines, NULL);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_string_equal(c.err, "frob: a b c 3\n");
	c = child_run(die_with_data, NULL);
	assert_int_equal(c.code, EXIT_DATA);
	assert_string_equal(c.err, "frob: site enc00-self\n");
	c = child_run(die_long, NULL);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "x|end\n"));
	assert_int_equal(strlen(c.err), 6 + 3000 + 5);
	c = child_run(do_bug, NULL);
	assert_int_equal(c.signal, SIGABRT);
	assert_true(child_said(&c, "arg == NULL"));
	assert_non_null(strstr(c.err, "test_opts.c:"));
	c = child_run(ask_too_much, NULL);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "out of memory"));
	char *s = xformat("%s-%d", "a", 5);
	assert_string_equal(s, "a-5");
	free(s);
}

static const char *checksums_path;

static void take_sums(const char *path)
{
	checksums_path = path;
}

/* --checksums is only for programs that say what to do with it. */
static void test_checksums(void **state)
{
	(void)state;
	refused(ARGS("--model", "m", "-o", "o", "--checksums", "work/checksums.tsv"),
		"option '--checksums': this program keeps no checksums");
	reset();
	opts_checksums = take_sums;
	parse(ARGS("--model", "m", "-o", "o", "--checksums", "work/checksums.tsv"));
	assert_string_equal(checksums_path, "work/checksums.tsv");
	reset();
	parse(ARGS("--model", "m", "-o", "o"));
	assert_null(checksums_path);
	opts_checksums = NULL;
	reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_forms),        cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_help_and_version), cmocka_unit_test(test_done),
		cmocka_unit_test(test_text_to),          cmocka_unit_test(test_nearest_word),
		cmocka_unit_test(test_lists_and_paths),  cmocka_unit_test(test_die),
		cmocka_unit_test(test_checksums),        cmocka_unit_test(test_shards),
	};
	return cmocka_run_group_tests_name("opts", tests, NULL, NULL);
}
