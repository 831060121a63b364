/* test_planmk.c: the variables of WORK/plan.mk: what was asked for, sites, options of tools,
 * threads; and the file of an iteration. (For the rules see test_graph.c and golden/plan.sh.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "backend/be.h"
#include "base/threads.h"
#include "case.h"
#include "child.h"
#include "plan/planmk.h"
#include "planned.h"

static char *top;
static const char *const as_shipped[] = {NULL};

/* The file's text, after `change` has changed the plan. */
static char *written(const char *const *overrides, void (*change)(struct plan *p))
{
	const struct changes none = {0};
	struct plan p = planned(top, overrides);
	char *path, *text;

	if (change)
		change(&p);
	path = planmk_write(&p, &none);
	assert_string_equal(path, "work/plan.mk");
	text = out_read_text(path);
	assert_non_null(text);
	free(path);
	planned_close(&p);
	return text;
}

static bool has_line(const char *text, const char *line)
{
	char *whole = xformat("\n%s\n", line);
	bool found = strstr(text, whole) != NULL;

	free(whole);
	return found;
}

static void expect_line(const char *text, const char *line)
{
	if (!has_line(text, line))
		fail_msg("no line '%s' in:\n%.600s", line, text);
}

/* The demo targets q and v. */
static void test_request(void **state)
{
	static const char *const lines[] = {
		"W := work",           "R := $W/eval",
		"loras := loras",      "data := data",
		"bin := tools",        "method := sweep",
		"features := tokens",  "max_iter := 24",
		"tasks := emoint tec", "result := $W/adapter/adapter_config.json",
		"pass := $W",          "memory_flags :=",
	};
	char *text = written(as_shipped, NULL);
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		expect_line(text, lines[i]);
	assert_false(has_line(text, "full_weight := 1"));
	free(text);
}

/* A tool has the options of its stage, with the values that were asked for. */
static void test_flags(void **state)
{
	static const struct {
		const char *const overrides[3];
		const char *line, *part;
	} CASE[] = {
		{{"ALPHA_1=3e-3"}, "solve_flags :=", " --alpha-1 0.003 "},
		{{"MANUAL_CEOF=[0.5, 2]"}, "solve_flags :=", " --manual-ceof 0.5,2 "},
		{{"USE_DCS=1", "DCS_SIGMA=0.25"}, "grams_flags :=", " --dcs-sigma 0.25"},
		{{"SAMPLES_NUM=30", "INNER_NUM=3"}, "draw_flags :=", " --samples-num 30 "},
		{{"MAX_MEMORY=1G"}, "memory_flags :=", " --max-memory 1073741824"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *text = written(CASE[i].overrides, NULL), *end;
		char *line = strstr(text, CASE[i].line);

		assert_non_null(line);
		end = strchr(line, '\n');
		end[0] = ' ';
		end[1] = '\0';
		if (!strstr(line, CASE[i].part))
			fail_msg("no '%s' in '%s'", CASE[i].part, line);
		free(text);
	}
}

/* The file that ends a merge, and the kind of features, follow from the settings. */
static void test_results(void **state)
{
	static const struct {
		const char *override, *line;
	} CASE[] = {
		{"SAVE=1", "save := 1"},
		{"WITH_PRETRAIN_MATRIX=1", "full_weight := 1"},
		{"WITH_PRETRAIN_MATRIX=1", "result := $W/model/config.json"},
		{"METHOD=jacobi", "method := jacobi"},
		{"METHOD=jacobi", "features := reference"},
		{"MODEL_NAME=org/name", "model_name := org/name"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *text = written((const char *const[]){CASE[i].override, NULL}, NULL);

		expect_line(text, CASE[i].line);
		free(text);
	}
}

static void four_processes(struct plan *p)
{
	p->processes = 4;
}

static void many_processes(struct plan *p)
{
	p->processes = 1000;
}

static void expect_threads(void (*change)(struct plan *p), int processes)
{
	int threads = threads_default() / processes;
	char *line = xformat("threads := %d", threads > 1 ? threads : 1),
	     *text = written(as_shipped, change);

	expect_line(text, line);
	free(line);
	free(text);
}

static void test_threads(void **state)
{
	(void)state;
	assert_int_equal(setenv("OMP_NUM_THREADS", "9", 1), 0);
	expect_threads(NULL, 1);
	expect_threads(four_processes, 4);
	expect_threads(many_processes, 1000);
	unsetenv("OMP_NUM_THREADS");
}

/* An equal plan does not touch the file, so nothing that depends on it is made again. */
static void test_kept(void **state)
{
	struct stat before, after;
	(void)state;
	free(written(as_shipped, NULL));
	assert_int_equal(stat("work/plan.mk", &before), 0);
	free(written(as_shipped, NULL));
	assert_int_equal(stat("work/plan.mk", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	free(written((const char *const[]){"ALPHA_1=1e-4", NULL}, NULL));
	assert_int_equal(stat("work/plan.mk", &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
}

static char *iteration(const struct plan *p, int number)
{
	char *path = planmk_write_iteration(p, number), *text = out_read_text(path);

	assert_non_null(text);
	free(path);
	return text;
}

/* The second iteration reads the first one, and makes its rows from the first one's solutions. */
static void test_iterations(void **state)
{
	struct plan p = planned(top, (const char *const[]){"METHOD=jacobi", NULL});
	char *first = iteration(&p, 1), *second = iteration(&p, 2);
	(void)state;
	expect_line(first, "iteration := 1");
	expect_line(first, "pass := $W/iter01");
	assert_null(strstr(first, "before :="));
	expect_line(second, "pass := $W/iter02");
	expect_line(second, "before := $W/iter01");
	assert_null(strstr(first, "$W/iter02"));
	assert_non_null(strstr(second, "$W/iter01/solution"));
	assert_true(file_exists("work/iter02/plan.mk"));
	free(first);
	free(second);
	planned_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request), cmocka_unit_test(test_flags),
		cmocka_unit_test(test_results), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_kept),    cmocka_unit_test(test_iterations),
	};
	char *scratch;
	int failed;

	prog_name = "test_planmk";
	note_quiet = 1;
	top = realpath(".", NULL);
	scratch = scratch_enter();
	planned_files(top);
	failed = cmocka_run_group_tests_name("planmk", tests, NULL, NULL);
	scratch_leave(scratch);
	free(top);
	return failed;
}
