/* test_manifest.c: the files of a plan and the stamps of each, as read from plan.mk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "base/text.h"
#include "case.h"
#include "child.h"
#include "files/out.h"
#include "plan/manifest.h"

static void put(const char *path, const char *text)
{
	make_parent_folder(path);
	write_text(path, text);
}

static void add(void *arg, const char *name, const char *stamps)
{
	text_add(arg, "%s: %s\n", name, stamps);
}

/* One line for each file. */
static void expect(const char *lines)
{
	struct text found = {0};

	manifest_each("work", add, &found);
	assert_string_equal(text_get(&found), lines);
	text_release(&found);
}

static void test_no_plan(void **state)
{
	(void)state;
	remove_tree("work");
	expect("");
}

/* Targets are read up to the colon, stamps among the needs up to the bar. Recipes and variables are
 * neither. A folder's configuration stands for the folder. A stamp is not listed. */
static void test_rules(void **state)
{
	(void)state;
	put("work/plan.mk", "W := work\n"
			    "R := $W/eval\n"
			    "tasks := a b\n"
			    "$W/samples/a.h5: $W/stamps/draw-a data/a/train.json\n"
			    "\t$(draw) --task a -o $W/samples/a.h5\n"
			    "$W/own/a/s.h5 $W/own/b/s.h5 &: $W/stamps/extract \\\n"
			    "  $W/samples/a.h5 $W/stamps/adapter-a | $W/stamps/order\n"
			    "\t$(extract)\n"
			    "$W/adapter/adapter_config.json "
			    "$W/adapter/adapter_model.safetensors: $W/stamps/assemble\n"
			    "$W/model/config.json: $W/stamps/model\n"
			    "$R/stamps/eval: $W/stamps/eval\n"
			    "$R/base/a.json: $R/stamps/eval $R/stamps/test-a\n"
			    "$(result): $W/elsewhere\n"
			    "all: $W/samples/a.h5\n");
	expect("samples/a.h5: stamps/draw-a \n"
	       "own/a/s.h5: stamps/extract stamps/adapter-a \n"
	       "own/b/s.h5: stamps/extract stamps/adapter-a \n"
	       "adapter/: stamps/assemble \n"
	       "adapter/adapter_model.safetensors: stamps/assemble \n"
	       "model/: stamps/model \n"
	       "eval/base/a.json: eval/stamps/eval eval/stamps/test-a \n");
}

/* The reference's files count if they are in WORK, however the path is written. */
static void test_reference(void **state)
{
	static const struct {
		const char *reference, *found;
	} CASE[] = {
		{"$W/ref", "ref/base/a.json: ref/stamps/eval \n"},
		{"work/ref", "ref/base/a.json: ref/stamps/eval \n"},
		{"workshop/ref", ""},
		{"/ref", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *text = xformat("R := $W/before\nR := %s\n$R/base/a.json: $R/stamps/eval\n",
				     CASE[i].reference);

		put("work/plan.mk", text);
		expect(CASE[i].found);
		free(text);
	}
	put("work/plan.mk", "$R/base/a.json: $R/stamps/eval\n"); /* no reference at all */
	expect("");
}

static void plan_iterations(const char *method, int most)
{
	char *text = xformat("method := %s\nmax_iter := %d\n$W/a: $W/stamps/x\n", method, most);

	put("work/plan.mk", text);
	for (int k = 1; k <= 4; k++) {
		char *path = xformat("work/iter%02d/plan.mk", k),
		     *rule = xformat("$W/iter%02d/a: $W/stamps/y\n", k);

		put(path, rule);
		free(rule);
		free(path);
	}
	free(text);
}

/* With jacobi, the iterations up to the last one. WORK/convergence names it; else it is
 * max_iter. */
static void test_iterations(void **state)
{
	static const struct {
		const char *method, *convergence;
		int max_iter, last;
	} CASE[] = {
		{"jacobi", NULL, 3, 3},
		{"jacobi", "iteration 2\n", 3, 2},
		{"jacobi", "iteration 9\n", 3, 3},
		{"jacobi", "iteration 0\n", 3, 3},
		{"jacobi", "none\n", 2, 2},
		{"sweep", "iteration 2\n", 3, 0},
		{"jacobi", "iteration 6\n", 6, 4}, /* two have no file */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct text want = {0};

		plan_iterations(CASE[i].method, CASE[i].max_iter);
		remove("work/convergence");
		if (CASE[i].convergence)
			put("work/convergence", CASE[i].convergence);
		text_add(&want, "a: stamps/x \n");
		for (int k = 1; k <= CASE[i].last; k++)
			text_add(&want, "iter%02d/a: stamps/y \n", k);
		expect(text_get(&want));
		text_release(&want);
	}
}

static void read_unreadable(void *arg)
{
	(void)arg;
	remove_tree("work");
	assert_int_equal(symlink("work", "work"), 0);
	manifest_each("work", add, NULL);
}

static void test_unreadable(void **state)
{
	struct child c = child_run(read_unreadable, NULL);

	(void)state;
	assert_int_equal(c.code, 1);
	assert_true(child_said(&c, "cannot open 'work/plan.mk': "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_plan),    cmocka_unit_test(test_rules),
		cmocka_unit_test(test_reference),  cmocka_unit_test(test_iterations),
		cmocka_unit_test(test_unreadable),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	scratch_leave(scratch);
	return failed;
}
