/* test_rehearsal.c: a run before it runs: when processes start, how long all take, and what their
 * files take at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "plan/rehearsal.h"
#include "plan/sizes.h"

static struct rule *made(struct graph *g, const char *name, double seconds, double bytes)
{
	struct rule *r = graph_rule(g, NULL, "%s", name);

	rule_stage(r, (struct stage_of){"tool", "what", NULL, {.process = seconds}});
	rule_bytes(r, bytes);
	return r;
}

/* Two chains rows → sums, and a last rule that needs both. Each sum releases its rows. */
static struct graph *two_chains(double slow)
{
	struct graph *g = graph_open("work", "$W/eval");
	struct rule *r;

	made(g, "$W/rows/a", 1, 1e6);
	r = made(g, "$W/sum/a", 2, 1e5);
	rule_needs(r, "$W/rows/a");
	rule_releases(r, "$W/rows/a");
	made(g, "$W/rows/b", slow, 3e6);
	r = made(g, "$W/sum/b", 2, 1e5);
	rule_needs(r, "$W/rows/b");
	rule_releases(r, "$W/rows/b");
	r = made(g, "$W/last", 1, 1e4);
	rule_needs(r, "$W/sum/a");
	rule_after(r, "$W/sum/b");
	graph_look(g);
	graph_want(g, "$W/last");
	graph_want(g, "$W/sum/b");
	return g;
}

static void assert_near(double a, double b)
{
	if (fabs(a - b) > 1e-6 * fabs(b))
		fail_msg("%.10g, expected %.10g", a, b);
}

static void test_one_job(void **state)
{
	struct graph *g = two_chains(1);
	struct rehearsal r =
		rehearse(g, &(struct machine){.jobs = 1, .threads = 2, .cores = 2}, MERGE_PART);

	(void)state;
	assert_near(r.cpu, 7);
	assert_near(r.wall, 7 + 5 * COST_RECIPE);
	/* when sum/b ends: both sums, rows/b, and what is left of rows/a */
	assert_near(r.most, 3e6 + 2e5 + sizes_released());
	assert_near(r.left, 2e5 + 1e4 + 2 * sizes_released());
	graph_close(g);
}

/* rows/b has a quarter of its bytes when rows/a ends, three quarters when sum/a does. */
static void test_two_jobs(void **state)
{
	double launch = COST_RECIPE, slow = 4 * (1 + launch) - launch, a = 1 + launch;
	struct graph *g = two_chains(slow);
	struct rehearsal r =
		rehearse(g, &(struct machine){.jobs = 2, .threads = 1, .cores = 2}, MERGE_PART);

	(void)state;
	assert_near(r.wall, slow + launch + 2 + launch + 1 + launch);
	/* with sum/a, until it ends */
	double rows_b = 3e6 * (a + 2 + launch) / (4 * a);
	assert_true(rows_b + 1e6 + 1e5 > 3e6 + 2e5 + sizes_released());
	assert_near(r.most, rows_b + 1e6 + 1e5);
	graph_close(g);
}

/* Threads share what can be shared; four jobs of one thread slow each other on two cores. */
static void test_threads(void **state)
{
	struct graph *g = graph_open("work", "$W/eval");
	struct rule *r = graph_rule(g, NULL, "$W/one");

	(void)state;
	rule_stage(r, (struct stage_of){
			      "tool", "what", NULL, {.process = 4, .task = 4, .shared = 0.75}});
	graph_look(g);
	graph_want(g, "$W/one");
	assert_near(rehearse(g, &(struct machine){.jobs = 1, .threads = 2, .cores = 2}, MERGE_PART)
			    .wall,
		    5 + COST_RECIPE);
	assert_near(rehearse(g, &(struct machine){.jobs = 4, .threads = 1, .cores = 2}, MERGE_PART)
			    .wall,
		    16 + COST_RECIPE);
	assert_near(
		rehearse(g, &(struct machine){.jobs = 4, .threads = 1, .cores = 2}, EVALUATION_PART)
			.wall,
		0);
	graph_close(g);
}

/* Names what r is, and whether LAUNCH starts it. */
static void stage(struct rule *r, const char *what, double seconds, bool launched)
{
	rule_stage(r, (struct stage_of){
			      "tool", what, NULL, {.process = seconds, .launched = launched}});
}

/* Rows of two tasks, 1 s and 3 s, their sum, 2 s, and a table, 4 s, that waits for the second
 * rows. */
static struct graph *fork_and_join(void)
{
	struct graph *g = graph_open("work", "$W/eval");
	struct rule *r;

	stage(graph_rule(g, NULL, "$W/rows/a"), "rows", 1, true);
	stage(graph_rule(g, NULL, "$W/rows/b"), "rows", 3, true);
	r = graph_rule(g, NULL, "$W/sum");
	stage(r, "sum", 2, true);
	rule_needs(r, "$W/rows/a");
	rule_needs(r, "$W/rows/b");
	r = graph_rule(g, NULL, "$W/table");
	stage(r, "table", 4, false);
	rule_needs(r, "$W/rows/b");
	graph_look(g);
	graph_want(g, "$W/sum");
	graph_want(g, "$W/table");
	return g;
}

static struct rehearsal of_jobs(int jobs, double launch)
{
	struct graph *g = fork_and_join();
	struct rehearsal r = rehearse(
		g, &(struct machine){.jobs = jobs, .threads = 1, .cores = jobs, .launch = launch},
		MERGE_PART);

	graph_close(g);
	return r;
}

/* The chain is rows/b and the table, however many jobs there are. */
static void test_chain(void **state)
{
	const double recipe = COST_RECIPE;

	(void)state;
	for (int jobs = 1; jobs <= 4; jobs++) {
		struct rehearsal r = of_jobs(jobs, 0);

		assert_near(r.chain, 7 + 2 * recipe);
		assert_near(r.busy, 10 + 4 * recipe);
		assert_int_equal(r.parts, 2);
		assert_string_equal(r.part[0].what, "table");
		assert_near(r.part[0].wall, 4 + recipe);
		assert_string_equal(r.part[1].what, "rows");
		assert_near(r.part[1].wall, 3 + recipe);
	}
	assert_near(of_jobs(1, 0).wall, 10 + 4 * recipe);
	assert_near(of_jobs(1, 0).together, 0);
	assert_near(of_jobs(2, 0).wall, 7 + 2 * recipe);
	assert_near(of_jobs(2, 0).together, 3 + 2 * recipe); /* rows/a, and the sum */
}

/* LAUNCH starts three of four. */
static void test_launch(void **state)
{
	struct rehearsal r = of_jobs(1, 0.5);

	(void)state;
	assert_int_equal(r.processes, 4);
	assert_int_equal(r.launched, 3);
	assert_near(r.wall, 10 + 4 * COST_RECIPE + 3 * 0.5);
	assert_near(r.cpu, 10);
	assert_near(r.chain, 7 + 2 * COST_RECIPE + 0.5);
}

/* One run, and three of another after it. */
static void test_runs(void **state)
{
	struct rehearsal one = of_jobs(2, 0), all = one, other = of_jobs(2, 0.5);

	(void)state;
	other.part[0].what = "another";
	rehearsal_add(&all, &other, 3);
	assert_near(all.wall, one.wall + 3 * other.wall);
	assert_near(all.chain, one.chain + 3 * other.chain);
	assert_int_equal(all.launched, 12);
	assert_int_equal(all.parts, 3);
	assert_near(all.part[1].wall, one.part[1].wall + 3 * other.part[1].wall);
	assert_near(all.part[2].wall, 3 * other.part[0].wall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_job), cmocka_unit_test(test_two_jobs),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_chain),
		cmocka_unit_test(test_launch),  cmocka_unit_test(test_runs),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	scratch_leave(scratch);
	return failed;
}
