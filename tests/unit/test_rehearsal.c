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

	rule_stage(r, (struct stage_of){"tool", "what", NULL, {seconds, 0, 0}});
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
	struct rehearsal r = rehearse(g, &(struct machine){1, 2, 2}, MERGE_PART);

	(void)state;
	assert_near(r.cpu, 7);
	assert_near(r.wall, 7 + 5 * COST_LAUNCH);
	/* when sum/b ends: both sums, rows/b, and what is left of rows/a */
	assert_near(r.most, 3e6 + 2e5 + sizes_released());
	assert_near(r.left, 2e5 + 1e4 + 2 * sizes_released());
	graph_close(g);
}

/* rows/b has a quarter of its bytes when rows/a ends, three quarters when sum/a does. */
static void test_two_jobs(void **state)
{
	double launch = COST_LAUNCH, slow = 4 * (1 + launch) - launch, a = 1 + launch;
	struct graph *g = two_chains(slow);
	struct rehearsal r = rehearse(g, &(struct machine){2, 1, 2}, MERGE_PART);

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
	rule_stage(r, (struct stage_of){"tool", "what", NULL, {4, 4, 0.75}});
	graph_look(g);
	graph_want(g, "$W/one");
	assert_near(rehearse(g, &(struct machine){1, 2, 2}, MERGE_PART).wall, 5 + COST_LAUNCH);
	assert_near(rehearse(g, &(struct machine){4, 1, 2}, MERGE_PART).wall, 16 + COST_LAUNCH);
	assert_near(rehearse(g, &(struct machine){4, 1, 2}, EVALUATION_PART).wall, 0);
	graph_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_job),
		cmocka_unit_test(test_two_jobs),
		cmocka_unit_test(test_threads),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	scratch_leave(scratch);
	return failed;
}
