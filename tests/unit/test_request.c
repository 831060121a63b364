/* test_request.c: what was typed for the folders of a merge, and the message where it is something
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "files/out.h"
#include "plan/request.h"

static char *top, *scratch;
static struct strlist tasks;

static void make(const char *path)
{
	make_parent_folder(path);
	write_text(path, "{}");
}

/* A model, two tasks' adapters and data, and another folder in which the user is. */
static void make_folders(void)
{
	static const char *const FILES[] = {
		"model/config.json",
		"loras/a/adapter_config.json",
		"loras/b/adapter_config.json",
		"data/a/train.json",
		"data/a/test.json",
		"data/t/test.csv",
		"one/train.tsv",
		"data/b/train.json",
		"own/x",
		"there/only/config.json",
		"hub/models--o--m/snapshots/1/config.json",
	};

	for (size_t i = 0; i < COUNT(FILES); i++)
		make(FILES[i]);
	setenv("HF_HUB_CACHE", "hub", 1);
	tasks = strlist_split("a,b", "tasks");
}

/* ------------------------------------------------------------ folders */

enum folder { MODEL, LORAS, DATA, WORK };
struct asked {
	enum folder folder;
	const char *path;
	const char *said;  /* NULL: it is accepted */
	const char *other; /* LORAS: the data, where they are not in data/ */
	bool stands;       /* in the folder there/ */
};

static void ask(void *arg)
{
	const struct asked *a = arg;
	char *there = a->stands ? xformat("%s/there", scratch) : NULL;

	switch (a->folder) {
	case MODEL: request_check_model(a->path, there); break;
	case LORAS:
		request_check_loras(a->path, a->other ? a->other : "data", &tasks, there);
		break;
	case DATA: request_check_data(a->path, &tasks, there); break;
	case WORK: request_check_work(a->path, "model", "loras", "data"); break;
	}
	free(there);
}

static void test_folders(void **state)
{
	static struct asked CASE[] = {
		{.folder = MODEL, "model", NULL},
		{.folder = MODEL, "nowhere", NULL}, /* model_open() says so */
		{.folder = MODEL,
		 "model/config.json",
		 "MODEL='model/config.json' is a file: expected the folder that holds it: "
		 "MODEL='model'"},
		{.folder = MODEL,
		 "loras/a",
		 "MODEL='loras/a' is an adapter (adapter_config.json): expected the folder of the "
		 "base model"},
		{.folder = MODEL,
		 "o/m",
		 "the hub's cache has the model of that name: "
		 "MODEL='hub/models--o--m/snapshots/1'"},
		{.folder = MODEL,
		 "o/absent",
		 "hf download o/absent --local-dir absent, then MODEL=absent"},
		{.folder = MODEL, "only", "you stand in", .stands = true},
		{.folder = MODEL, "model", NULL, .stands = true},
		{.folder = LORAS, "loras", NULL},
		{.folder = LORAS, "nowhere", NULL}, /* plan_open() says so */
		{.folder = LORAS,
		 "loras/a",
		 "LORAS='loras/a' is one adapter: expected the folder of the adapters' folders, "
		 "one "
		 "per task: probably LORAS='loras'"},
		{.folder = LORAS,
		 "loras/a/adapter_config.json",
		 "is a file: expected the folder of the adapters' folders, one per task: probably "
		 "LORAS='loras'"},
		{.folder = LORAS,
		 "data",
		 "LORAS='data' holds data and DATA='loras' holds adapters: exchange them",
		 .other = "loras"},
		{.folder = LORAS, "data", NULL}, /* a task's adapter is not there */
		{.folder = DATA, "data", NULL},
		{.folder = DATA,
		 "data/a",
		 "DATA='data/a' is one task's data: expected the folder above, with a folder per "
		 "task: probably DATA='data'"},
		{.folder = DATA,
		 "one",
		 "DATA='one' is one task's data: expected the folder above, with a folder per "
		 "task: "
		 "probably DATA='.'"},
		{.folder = DATA,
		 "data/a/train.json",
		 "is a file: expected a folder that holds a folder per task with train.json and "
		 "test.json: probably DATA='data'"},
		{.folder = DATA, "own/x", "with train.json and test.json\n"},
		{.folder = DATA, "nowhere", "DATA='nowhere': there is no such folder"},
		{.folder = DATA, "only", "DATA='only': make -C takes paths from", .stands = true},
		{.folder = WORK, "nowhere", NULL},
		{.folder = WORK, "own", NULL},
		{.folder = WORK,
		 "own/x",
		 "WORK='own/x' is a file: expected a folder for the results"},
		{.folder = WORK,
		 "model",
		 "WORK='model' is MODEL's folder: give the results one of their own"},
		{.folder = WORK, "./data", "WORK='./data' is DATA's folder"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(ask, &CASE[i]);

		if (!CASE[i].said && c.code != CHILD_RETURNED)
			fail_msg("'%s': status %d: %s", CASE[i].path, c.code, c.err);
		if (CASE[i].said && (c.code != 1 || !child_said(&c, CASE[i].said)))
			fail_msg("'%s': status %d", CASE[i].path, c.code);
	}
}

/* ------------------------------------------------------------ files */

static void need_files(void *arg)
{
	struct strlist some = strlist_split(arg, "tasks");

	request_check_files("data", &some, "test", "the evaluation");
}

static void test_files(void **state)
{
	struct child all = child_run(need_files, "a"), no_file = child_run(need_files, "a,b"),
		     no_folder = child_run(need_files, "a,c"), table = child_run(need_files, "t");

	(void)state;
	assert_int_equal(all.code, CHILD_RETURNED);
	assert_int_equal(table.code, CHILD_RETURNED);
	assert_int_equal(no_file.code, 1);
	assert_true(child_said(&no_file,
			       "task 'b' has no test.json: 'data/b/test.json' is not "
			       "there, and the evaluation needs it, or a test.jsonl, test.csv "
			       "or test.tsv"));
	assert_int_equal(no_folder.code, 1);
	assert_true(child_said(&no_folder, "task 'c' has no data: 'data/c' is not there"));
}

/* ------------------------------------------------------------ paths */

static void plain(void *arg)
{
	printf("%s", request_plain(arg, "WORD"));
	fflush(stdout);
}

static void test_plain(void **state)
{
	static const struct {
		const char *path, *plain, *said;
	} CASE[] = {
		{"a/b-c.d_e+1", "a/b-c.d_e+1", NULL},
		{"~", "/home/u", NULL},
		{"~/x", "/home/u/x", NULL},
		{"~u/x", NULL, "WORD='~u/x': the shell left '~' as it is: write the path out"},
		{"a b", NULL, "WORD='a b': a path may not hold blanks"},
		{"", NULL, "WORD='': a path may not be empty or hold any of"},
		{"a:b", NULL, "WORD='a:b': a path may not be empty or hold any of"},
		{"a'b", NULL, "a path may not be empty or hold any of"},
		{"x/~", NULL, "a path may not be empty or hold any of"},
	};

	(void)state;
	setenv("HOME", "/home/u", 1);
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *path = xstrdup(CASE[i].path);
		struct child c = child_run(plain, path);

		free(path);
		assert_string_equal(c.out, CASE[i].plain ? CASE[i].plain : "");
		assert_int_equal(c.code, CASE[i].said ? 2 : CHILD_RETURNED);
		if (CASE[i].said)
			assert_true(child_said(&c, CASE[i].said));
	}
	unsetenv("HOME");
	assert_int_equal(child_run(plain, "~/x").code, 2);
}

/* The shipped settings, and one override ("": none). */
static void settings(struct config *c, const char *override)
{
	static const struct config_word no_words[] = {{0}};
	char *file = xformat("%s/config/iteris-plus.yaml", top);

	config_load(c, file, "EMOTION_t5_large");
	config_override(c, "TASK_TARGETS=a,b", no_words);
	if (*override)
		config_override(c, override, no_words);
	free(file);
}

struct path_asked {
	const char *typed, *override, *path, *said;
};

static void path_of(void *arg)
{
	const struct path_asked *a = arg;
	struct config c = {0};

	settings(&c, a->override);
	printf("%s", request_path(&c, (struct request){a->typed, KEY_model_dir, "MODEL"}));
	fflush(stdout);
}

/* Either the path is typed, or the key's; not both. */
static void test_path(void **state)
{
	static struct path_asked CASE[] = {
		{"x", "", "x", NULL},
		{NULL, "MODEL_DIR=y", "y", NULL},
		{"x", "MODEL_DIR=y", "",
		 "MODEL='x' and the key model_dir='y' are both given: give one"},
		{NULL, "", "",
		 "MODEL is not given: MODEL=DIR on the command line, or model_dir in the config "
		 "file"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(path_of, &CASE[i]);

		assert_string_equal(c.out, CASE[i].path);
		assert_int_equal(c.code, CASE[i].said ? 2 : CHILD_RETURNED);
		if (CASE[i].said)
			assert_true(child_said(&c, CASE[i].said));
	}
}

static void say_stands(void *arg)
{
	static const char *const words[] = {"MODEL", "LORAS", "DATA"};
	const char *const *typed = arg;

	request_say_stands("/", words, typed, 3);
}

/* The first path that is used from here, although the user is elsewhere. */
static void test_say_stands(void **state)
{
	static const char *from_here[] = {"/m", NULL, "d"}, *from_root[] = {"/m", "~/l", NULL};
	struct child said = child_run(say_stands, from_here),
		     nothing = child_run(say_stands, from_root);

	(void)state;
	assert_true(child_said(&said, "make -C: paths are taken from '"));
	assert_true(child_said(&said, "': DATA is '"));
	assert_string_equal(nothing.err, "");
}

/* ------------------------------------------------------------ samples.json */

struct rows_asked {
	const char *a, *b; /* the tasks' lists; NULL: none */
	const char *override;
	const char *said; /* NULL: nothing */
	int code, samples;
};

static void put_rows(const char *path, const char *rows)
{
	remove(path);
	if (rows)
		write_text(path, rows);
}

static void ask_rows(void *arg)
{
	const struct rows_asked *a = arg;
	struct config c = {0};
	char *said;

	put_rows("data/a/samples.json", a->a);
	put_rows("data/b/samples.json", a->b);
	settings(&c, a->override);
	said = request_rows(&c, "data");
	if (said)
		note("%s", said);
	printf("%d", c.samples_num);
	fflush(stdout);
	free(said);
	config_release(&c);
}

/* Lists with equally many rows set samples_num, if it was not asked for. */
static void test_rows(void **state)
{
	static struct rows_asked CASE[] = {
		{NULL, NULL, "SAMPLES_NUM=7", NULL, CHILD_RETURNED, 7},
		{"[1, 2, 3]", NULL, "",
		 "samples_num is 3: 'data/a/samples.json' lists so many rows", CHILD_RETURNED, 3},
		{NULL, "[1, 2]", "", "samples_num is 2: 'data/b/samples.json' lists so many rows",
		 CHILD_RETURNED, 2},
		{"[4, 5]", "[1, 2]", "SAMPLES_NUM=2", NULL, CHILD_RETURNED, 2},
		{"[4, 5]", "[1, 2]", "SAMPLES_NUM=3",
		 "samples_num is 3, but 'data/a/samples.json' lists 2 rows: leave samples_num out",
		 1, 0},
		{"[4, 5]", "[1]", "",
		 "'data/a/samples.json' lists 2 rows and 'data/b/samples.json' 1: every task takes "
		 "equally many samples",
		 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(ask_rows, &CASE[i]);

		assert_int_equal(c.code, CASE[i].code);
		if (CASE[i].said)
			assert_true(child_said(&c, CASE[i].said));
		else
			assert_string_equal(c.err, "");
		if (c.code == CHILD_RETURNED)
			assert_int_equal(atoi(c.out), CASE[i].samples);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folders),    cmocka_unit_test(test_files),
		cmocka_unit_test(test_plain),      cmocka_unit_test(test_path),
		cmocka_unit_test(test_say_stands), cmocka_unit_test(test_rows),
	};
	int failed;

	top = getcwd(NULL, 0);
	scratch = scratch_enter();
	make_folders();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	strlist_release(&tasks);
	scratch_leave(scratch);
	free(top);
	return failed;
}
