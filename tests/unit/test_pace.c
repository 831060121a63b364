/* test_pace.c: how much of a run is done, and how long the rest will take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "plan/pace.h"

static const char *const list[] = {
	"begin",
	"title sweep",
	"log 12 work/a b/log.tsv",
	"iteration 2 24",
	"sites 3 7",
	"work 1 extract-acts",
	"work 2 solve-layer",
	"work 1 extract-acts",
	"work 2 solve-layer",
	"work 4 assemble-lora",
	"end",
};
enum { LINES = sizeof(list) / sizeof(*list) };

static struct worklist read_list(void)
{
	struct worklist w = {0};

	for (int i = 0; i < LINES; i++)
		assert_int_equal(worklist_read(&w, list[i]), i == LINES - 1);
	return w;
}

static void a_list_is_read(void **state)
{
	struct worklist w = read_list();

	(void)state;
	assert_string_equal(w.title, "sweep");
	assert_string_equal(w.log, "work/a b/log.tsv");
	assert_int_equal(w.log_from, 12);
	assert_int_equal(w.iteration, 2);
	assert_int_equal(w.iterations, 24);
	assert_int_equal(w.sites_done, 3);
	assert_int_equal(w.sites, 7);
	assert_int_equal(w.n, 5);
	assert_string_equal(w.item[4].tool, "assemble-lora");
	assert_true(w.item[4].seconds == 4);
	worklist_release(&w);
}

static void what_is_written_is_read(void **state)
{
	struct worklist w = {.title = "ties", .log = "x", .log_from = 5, .sites = 2}, again = {0};
	struct text t = {0};
	char *copy, *save = NULL;
	bool complete = false;

	(void)state;
	worklist_begin(&t, &w);
	worklist_add(&t, "combine-layer", 0.25);
	worklist_end(&t);
	copy = xstrdup(text_get(&t));
	for (char *s = strtok_r(copy, "\n", &save); s; s = strtok_r(NULL, "\n", &save))
		complete = worklist_read(&again, s);
	assert_true(complete);
	assert_string_equal(again.title, "ties");
	assert_int_equal(again.log_from, 5);
	assert_int_equal(again.n, 1);
	assert_true(again.item[0].seconds == 0.25);
	worklist_release(&again);
	text_release(&t);
	free(copy);
}

/* Broken lines, and the end of a list that has no beginning. */
static void what_is_no_list_is_none(void **state)
{
	struct worklist w = {0};

	(void)state;
	assert_false(worklist_read(&w, "end"));
	assert_false(worklist_read(&w, ""));
	assert_false(worklist_read(&w, "work x solve-layer"));
	assert_false(worklist_read(&w, "title only"));
	assert_false(worklist_read(&w, "end"));
	assert_int_equal(w.n, 0);
	worklist_release(&w);
}

static struct pace begin(void)
{
	struct worklist w = read_list();
	struct pace p = {0};

	pace_begin(&p, &w);
	return p;
}

/* extract-acts takes 3 times as long as planned, solve-layer half as long. Nothing is known about
 * assemble-lora, so it takes the mean: (3 + 1) / (1 + 2). Still to run: 3 + 1 + 16/3. */
static void tools_correct_their_own(void **state)
{
	struct pace p = begin();
	const struct processes none = {0};

	(void)state;
	assert_true(pace_left(&p, &none, 1) == -1);
	p.work.wall = 20; /* it counts down from the plan */
	assert_float_equal(pace_left(&p, &none, 1), 19, 1e-9);
	assert_true(pace_left(&p, &none, 21) == 0);
	p.work.wall = 0;
	pace_line(&p, "extract-acts\town enc00-self\t3.000\t5.0\t20.0");
	pace_line(&p,
		  "release-files\t3 MB freed\t7.000\t5.0\t20.0"); /* of no process of the list */
	pace_line(&p, "solve-layer\tenc00-self\t1.000\t5.0\t20.0");
	assert_int_equal(p.sites, 1);
	/* one process at a time: the clock is at 4; two at a time: at 2 */
	assert_float_equal(pace_left(&p, &none, 4), 3 + 1 + 16.0 / 3, 1e-9);
	assert_float_equal(pace_left(&p, &none, 2), (3 + 1 + 16.0 / 3) / 2, 1e-9);
	pace_release(&p);
}

/* A second extract-acts has run for 2 of the 3 seconds that it will take. */
static void running_processes_count(void **state)
{
	struct pace p = begin();
	struct process one = {.name = "extract-acts", .age = 2};
	const struct processes running = {.n = 1, .process = &one};

	(void)state;
	pace_line(&p, "extract-acts\town enc00-self\t3.000\t5.0\t20.0");
	pace_line(&p, "solve-layer\tenc00-self\t1.000\t5.0\t20.0");
	assert_float_equal(pace_left(&p, &running, 6), 1 + 1 + 16.0 / 3, 1e-9);
	/* It runs longer than planned, so it counts as ending now. Tools without a figure take 64 /
	 * 4 of their plan. */
	one.age = 60;
	assert_float_equal(pace_left(&p, &running, 64), 1 + 4 * 16, 1e-9);
	pace_release(&p);
}

static void at_the_end_nothing_is_left(void **state)
{
	struct pace p = begin();
	const struct processes none = {0};

	(void)state;
	for (int i = 0; i < 3; i++) /* one more than there are */
		pace_line(&p, "extract-acts\t\t1.0\t1.0\t1.0");
	pace_line(&p, "solve-layer\t\t1.0\t1.0\t1.0");
	pace_line(&p, "solve-layer\t\t1.0\t1.0\t1.0");
	pace_line(&p, "assemble-lora\t\t1.0\t1.0\t1.0");
	pace_line(&p, "assemble-lora");
	assert_true(pace_left(&p, &none, 6) == 0);
	pace_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_no_list_is_none),
		cmocka_unit_test(tools_correct_their_own),
		cmocka_unit_test(running_processes_count),
		cmocka_unit_test(at_the_end_nothing_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
