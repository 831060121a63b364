/* test_scores.c: results of evaluations for the tables: what is read, what is refused, means,
 * remarks; and what a merge cost, from its log. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "merge/scores.h"

#define REST                                                                                 \
	"\"accuracy\":0.5,\"accuracy_stderr\":0.1,\"macro_f1\":0.4,\"macro_f1_stderr\":0.2," \
	"\"loss\":1.5,\"no_label\":1"
#define CONFUSION "\"confusion\":[[2,1,0],[2,2,1]]"

static struct score read_task(const char *text)
{
	write_text("tec.json", text);
	return score_read(".", "tec", true);
}

static void test_read(void **state)
{
	struct score s = read_task("{\"n\":8," REST "," CONFUSION "}");
	(void)state;
	assert_true(s.there);
	assert_int_equal(s.n, 8);
	assert_int_equal(s.no_label, 1);
	assert_true(s.accuracy == 0.5 && s.accuracy_stderr == 0.1);
	assert_true(s.macro_f1 == 0.4 && s.macro_f1_stderr == 0.2 && s.loss == 1.5);
	assert_int_equal(s.answers.rows, 8);
	assert_int_equal(s.answers.right, 4);
	assert_true(fabs(s.answers.recall - (2.0 / 3 + 2.0 / 5) / 2) < 1e-15);
	assert_int_equal(s.labels, 2);
	assert_string_equal(score_mark(&s), "");
	s = read_task("{\"n\":8," REST "," CONFUSION ",\"shared_labels\":[[\"a\",\"a b\"],[]]}");
	assert_int_equal(s.labels, 3);
	assert_string_equal(score_mark(&s), "*");
	s = score_read(".", "none", false);
	assert_false(s.there);
	assert_string_equal(score_mark(&s), "");
}

static void read_in_child(void *text)
{
	read_task(text);
}

static void must_be_there(void *task)
{
	score_read(".", task, true);
}

static void refused(void (*fn)(void *), const char *arg, const char *message)
{
	struct child c = child_run(fn, (void *)(uintptr_t)arg);

	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, message));
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} CASE[] = {
		{"{\"n\":8," REST "}", "'confusion': expected a list of 1 to 2000 rows"},
		{"{\"n\":8," REST ",\"confusion\":[]}", "expected a list of 1 to 2000 rows"},
		{"{\"n\":9," REST "," CONFUSION "}", "expected counts that sum to 'n', 9, found 8"},
		{"{\"n\":8," REST ",\"confusion\":[[2,1,0],[2,2]]}", "row 1: expected 3 counts"},
		{"{\"n\":8," REST ",\"confusion\":[[9,0,0],[0,0,0]]}", "row 0: expected 3 counts"},
		{"{\"n\":8," REST ",\"confusion\":[[-1,4,0],[2,2,1]]}", "row 0: expected 3 counts"},
		{"{\"n\":0," REST "," CONFUSION "}", "'n'"},
		{"{\"n\":8," CONFUSION "}", "accuracy"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		refused(read_in_child, CASE[i].text, CASE[i].message);
		refused(read_in_child, CASE[i].text, "tec.json'");
	}
	refused(must_be_there, "none", "none.json'");
}

static void test_means(void **state)
{
	struct score s[2] = {
		{.there = true, .accuracy = 0.5, .accuracy_stderr = 0.3, .macro_f1 = 0.2},
		{.there = true, .accuracy = 0.7, .accuracy_stderr = 0.4, .macro_f1 = 0.4}};
	double accuracy, error, f1;
	(void)state;
	assert_true(score_mean(s, 2, &accuracy, &error, &f1));
	assert_true(fabs(accuracy - 0.6) < 1e-15 && fabs(f1 - 0.3) < 1e-15);
	assert_true(fabs(error - 0.25) < 1e-15); /* sqrt(0.3² + 0.4²) / 2 */
	s[1].there = false;
	assert_false(score_mean(s, 2, &accuracy, &error, &f1));
	assert_string_equal(score_kept(0.45, 0.9, 100, 1, "%").text, "50.0%");
	assert_string_equal(score_kept(0.45, 0, 100, 1, "%").text, "-");
}

/* The remarks after a table of two models; the second model is the tasks' own adapters. */
static void expect_remarks(const struct score *merged, const struct score *own, const char *want)
{
	struct strlist tasks = strlist_split("emoint,tec", "tasks");
	const struct score *score[] = {merged, own};
	struct text t = {0};

	scores_remarks(&t, &tasks, score, 2, 1);
	if (!*want)
		assert_string_equal(text_get(&t), "");
	else if (strncmp(text_get(&t), want, strlen(want)) != 0)
		fail_msg("'%s', expected '%s…'", text_get(&t), want);
	text_release(&t);
	strlist_release(&tasks);
}

static void test_remarks(void **state)
{
	const struct score good = {.there = true,
				   .accuracy = 0.9,
				   .answers = {.rows = 10, .right = 9, .labels = 2, .recall = 0.9},
				   .labels = 2},
			   chance =
				   {.there = true,
				    .accuracy = 0.5,
				    .answers = {.rows = 10, .right = 5, .labels = 2, .recall = 0.5},
				    .labels = 2},
			   zero = {.there = true, .answers = good.answers, .labels = 2};
	struct score marked = good;
	(void)state;
	expect_remarks((struct score[]){zero, zero}, (struct score[]){good, good}, "");
	expect_remarks((struct score[]){good, good}, (struct score[]){good, chance},
		       "task 'tec': its own adapter answers 5 of 10 test rows right");
	expect_remarks((struct score[]){zero, zero}, (struct score[]){zero, zero},
		       "Every accuracy is 0.");
	marked.labels = 4;
	expect_remarks((struct score[]){good, good}, (struct score[]){marked, good},
		       "* emoint: its 4 labels count as 2,");
}

static void right_in_child(void *text)
{
	int n;

	write_text("p.jsonl", text);
	free(predictions_right("p.jsonl", &n));
}

static void test_predictions(void **state)
{
	int n;
	bool *right;
	(void)state;
	write_text("p.jsonl", "{\"correct\":true}\n{\"correct\":false,\"row\":1}\n");
	right = predictions_right("p.jsonl", &n);
	assert_int_equal(n, 2);
	assert_true(right[0] && !right[1]);
	free(right);
	refused(right_in_child, "{\"correct\":true}\n{\"correct\":1}\n",
		"'p.jsonl': line 2: expected an object with \"correct\"");
	refused(right_in_child, "nonsense\n", "'p.jsonl': line 1: expected an object");
}

static void cost_in_child(void *text)
{
	write_text("log.tsv", text);
	cost_read("log.tsv");
}

/* The evaluation is left out. A line of make has the time of everything. */
static void test_cost(void **state)
{
	struct cost c;
	(void)state;
	write_text("log.tsv",
		   "extract-acts\trows\t1.5\t2.0\t30.5\n"
		   "solve-layer\tenc07-self: 2 modules, worst residual 1e-7\t0.5\t0.25\t20\n"
		   "solve-layer\tenc08-self: 3 modules, taken as they are\t0.5\t0.25\t20\n"
		   "eval-emotion\tmerge\t100\t100\t100\n"
		   "make\tmerge\t2.25\t0\t0\n");
	c = cost_read("log.tsv");
	assert_true(c.real == 2.5 && c.cpu == 2.5 && c.wall == 2.25 && c.peak == 30.5);
	assert_int_equal(c.processes, 3);
	assert_int_equal(c.solves, 2);
	refused(cost_in_child, "a\tb\t1\t2\t3\na\tb\t1\n",
		"'log.tsv': line 2: expected five fields between tabs");
	refused(cost_in_child, "a\tb\t1\tx\t3\n",
		"'log.tsv': line 1: expected numbers after the message");
	assert_int_equal(remove("log.tsv"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),        cmocka_unit_test(test_refused),
		cmocka_unit_test(test_means),       cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_predictions), cmocka_unit_test(test_cost),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("scores", tests, NULL, NULL);

	scratch_leave(scratch);
	return failed;
}
