/* test_graph.c: which rules must run, by make's rule of times and for released files; and the
 * rules' text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/die.h"
#include "child.h"
#include "files/h5/h5.h"
#include "files/out.h"
#include "plan/graph.h"

/* A file of work/ with this time in seconds. released: with the contents of a released file. */
static void make_file(const char *name, long time, bool released)
{
	char *path = xformat("work/%s", name);
	FILE *f;

	make_parent_folder(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s",
		released ? H5_RELEASED
			 : "data of a file that is longer than the line which a released one has, "
			   "by "
			   "far");
	fclose(f);
	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){{time, 0}, {time, 0}}, 0),
			 0);
	free(path);
}

/* stamp -> own/T -> state/T -> sum, for tasks a and b. The time grows by one at each step. */
static void make_chain(bool released)
{
	static const char *const tasks[] = {"a", "b"};

	make_file("stamp", 1, false);
	for (int t = 0; t < 2; t++) {
		char *in = xformat("in/%s", tasks[t]), *own = xformat("own/%s.h5", tasks[t]),
		     *state = xformat("state/%s.h5", tasks[t]);

		make_file(in, 1, false);
		make_file(own, 2, released);
		make_file(state, 3, released);
		free(state);
		free(own);
		free(in);
	}
	make_file("sum", 4, false);
}

static struct graph *chain(void)
{
	static const char *const tasks[] = {"a", "b"};
	struct graph *g = graph_open("work", "work/eval");
	struct rule *r;

	graph_group(g);
	for (int t = 0; t < 2; t++) {
		r = graph_rule(g, tasks[t], "$W/own/%s.h5", tasks[t]);
		rule_needs(r, "$W/stamp");
		rule_needs(r, "$W/in/%s", tasks[t]);
		rule_recipe(r, "own {tasks} to {task}");
	}
	graph_group(g);
	for (int t = 0; t < 2; t++) {
		r = graph_rule(g, tasks[t], "$W/state/%s.h5", tasks[t]);
		rule_needs(r, "$W/own/%s.h5", tasks[t]);
		rule_recipe(r, "state {tasks}");
	}
	r = graph_rule(g, NULL, "$W/sum");
	rule_needs(r, "$W/state/a.h5");
	rule_needs(r, "$W/state/b.h5");
	rule_recipe(r, "sum");
	return g;
}

/* Which of the five files will be made, "own/a state/b …", as bits in this order. */
static int made(const struct graph *g)
{
	static const char *const names[] = {"own/a.h5", "own/b.h5", "state/a.h5", "state/b.h5",
					    "sum"};
	int bits = 0;

	for (int i = 0; i < 5; i++) {
		char *name = xformat("$W/%s", names[i]);

		bits |= graph_makes(g, name) << i;
		free(name);
	}
	return bits;
}

enum { OWN_A = 1, OWN_B = 2, STATE_A = 4, STATE_B = 8, SUM = 16, ALL = 31 };

static void expect(int bits, int processes)
{
	struct graph *g = chain();

	graph_look(g);
	assert_int_equal(made(g), bits);
	assert_int_equal(graph_processes(g), processes);
	graph_close(g);
}

static void test_times(void **state)
{
	(void)state;
	make_chain(false);
	expect(0, 0);
	make_file("in/a", 9, false); /* one task's input: this task, and the sum */
	expect(OWN_A | STATE_A | SUM, 3);
	make_chain(false);
	assert_int_equal(remove("work/state/b.h5"), 0);
	expect(STATE_B | SUM, 2);
	make_chain(false);
	make_file("stamp", 3, false); /* all: the two tasks share a process */
	expect(ALL, 3);
	make_chain(false);
	make_file("in/a", 2, false); /* an equal time is not newer */
	expect(0, 0);
}

static void test_released(void **state)
{
	(void)state;
	make_chain(true);
	expect(0, 0);
	assert_int_equal(remove("work/sum"),
			 0); /* it reads both states, which need their own inputs */
	expect(ALL, 3);
	make_chain(true);
	make_file("own/a.h5", 2, false); /* a file that is not released is not made again */
	assert_int_equal(remove("work/sum"), 0);
	expect(ALL & ~OWN_A, 3);
}

static void test_changed(void **state)
{
	struct graph *g;
	(void)state;
	make_chain(false);
	g = chain();
	graph_changed(g, "$W/in/b");
	graph_look(g);
	assert_int_equal(made(g), OWN_B | STATE_B | SUM);
	graph_close(g);
	g = chain();
	rule_always(graph_rule(g, NULL, "$W/in/none"));
	graph_look(g);
	assert_true(graph_makes(g, "$W/in/none"));
	graph_close(g);
}

static void expect_text(const char *want)
{
	struct graph *g = chain();
	struct text mk = {0};

	graph_look(g);
	graph_text(g, &mk);
	assert_string_equal(text_get(&mk), want);
	text_release(&mk);
	graph_close(g);
}

static void test_text(void **state)
{
	(void)state;
	make_chain(false);
	make_file("stamp", 9, false);
	expect_text("\n$W/own/a.h5 $W/own/b.h5 &: $W/stamp $W/in/a $W/in/b\n\town a,b to {task}\n"
		    "\n$W/state/a.h5 $W/state/b.h5 &: $W/own/a.h5 $W/own/b.h5\n\tstate a,b\n"
		    "\n$W/sum: $W/state/a.h5 $W/state/b.h5\n\tsum\n");
	make_chain(true);
	make_file("own/b.h5", 2, false);
	make_file("state/b.h5", 3, false);
	assert_int_equal(remove("work/sum"),
			 0); /* a's files are called for and b's stay: each has its own rule */
	expect_text("\n$W/own/a.h5: $W/stamp $W/in/a FORCE\n\town a to {task}\n\n$W/own/b.h5: "
		    "$W/stamp $W/in/b\n\town b to {task}\n"
		    "\n$W/state/a.h5: $W/own/a.h5 FORCE\n\tstate a\n\n$W/state/b.h5: "
		    "$W/own/b.h5\n\tstate b\n"
		    "\n$W/sum: $W/state/a.h5 $W/state/b.h5\n\tsum\n");
}

static void two_rules(void *arg)
{
	struct graph *g = graph_open("work", "work/eval");
	(void)arg;

	graph_rule(g, NULL, "$W/x");
	graph_rule(g, NULL, "$W/x");
}

static void test_twice(void **state)
{
	struct child c = child_run(two_rules, NULL);
	(void)state;
	assert_true(child_said(&c, "two rules for '$W/x'"));
}

/* work/x/rows.h5 is released. x/answers read it, and x/sum needs it. */
static void expect_reader(bool rows, bool answers)
{
	struct graph *g = graph_open("work", "work/eval");
	struct rule *r = graph_rule(g, NULL, "$W/x/rows.h5");

	rule_needs(r, "$W/x/stamp");
	r = graph_rule(g, NULL, "$W/x/answers");
	rule_needs(r, "$W/x/stamp");
	rule_reads(r, "$W/x/rows.h5");
	r = graph_rule(g, NULL, "$W/x/sum");
	rule_needs(r, "$W/x/rows.h5");
	graph_look(g);
	assert_int_equal(graph_makes(g, "$W/x/rows.h5"), rows);
	assert_int_equal(graph_makes(g, "$W/x/answers"), answers);
	graph_close(g);
}

/* A file that a rule only reads is made again for it, but does not make it run. */
static void test_reads(void **state)
{
	(void)state;
	make_file("x/stamp", 1, false);
	make_file("x/rows.h5", 2, true);
	make_file("x/answers", 3, false);
	make_file("x/sum", 4, false);
	expect_reader(false, false);
	assert_int_equal(remove("work/x/sum"), 0);
	expect_reader(true, false);
	make_file("x/sum", 4, false);
	assert_int_equal(remove("work/x/answers"), 0);
	expect_reader(true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),   cmocka_unit_test(test_released),
		cmocka_unit_test(test_changed), cmocka_unit_test(test_text),
		cmocka_unit_test(test_twice),   cmocka_unit_test(test_reads),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("graph", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
