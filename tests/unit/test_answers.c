/* test_answers.c: labels by first token, and whether an adapter's answers are better than chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "child.h"
#include "math/metrics.h"
#include "merge/answers.h"
#include "merge/labels.h"

/* Six rows of five labels. Tokens: "bad" 7, "good" 8, "very bad" and "very good" 9, "joy " also
 * 8. */
static struct row row[] = {{.answer = "very good"}, {.answer = "bad"}, {.answer = "very bad"},
			   {.answer = "good"},      {.answer = "bad"}, {.answer = "good "}};
static const int first[] = {9, 7, 9, 8, 7, 8};
static const struct rows rows = {.n = 6, .row = row};

static void test_labels(void **state)
{
	(void)state;
	struct labels l;
	labels_init(&l, &rows, first);
	const int truth[] = {2, 0, 2, 1, 0, 1};
	assert_int_equal(l.all, 5);
	assert_int_equal(l.K, 3);
	assert_string_equal(l.name[0], "bad");
	assert_string_equal(l.name[1], "good");
	assert_string_equal(l.name[2], "very bad");
	assert_memory_equal(l.truth, truth, sizeof truth);
	assert_int_equal(labels_find(&l, 9), 2);
	assert_int_equal(labels_find(&l, 5), METRICS_NONE);
	json_t *shared = labels_shared(&l);
	char *text = json_dumps(shared, JSON_COMPACT);
	assert_string_equal(text, "[[\"good\",\"good \"],[\"very bad\",\"very good\"]]");
	free(text);
	json_decref(shared);
	labels_release(&l);
}

static void check_labels(void *tokens)
{
	struct labels l;
	labels_init(&l, &rows, tokens);
	labels_check(&l, "test.json");
	labels_release(&l);
}

/* A line for each shared token; nothing where no token is shared; an error where all labels share
 * one, except in a file with a single label. */
static void test_check(void **state)
{
	(void)state;
	struct child c = child_run(check_labels, (void *)(uintptr_t)first);
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_string_equal(c.err, "iteris: 'test.json': the labels 'good', 'good ' begin with the "
				   "same token, and count as one\n"
				   "iteris: 'test.json': the labels 'very bad', 'very good' begin "
				   "with the same token, and count as one\n");
	int apart[] = {1, 2, 3, 4, 2, 5}, same[] = {3, 3, 3, 3, 3, 3};
	c = child_run(check_labels, apart);
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_string_equal(c.err, "");
	c = child_run(check_labels, same);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "'test.json': all labels ('bad', 'good', 'good ', 'very bad', "
				   "'very good') begin with the same token"));

	struct rows one = {.n = 2, .row = (struct row[]){{.answer = "bad"}, {.answer = "bad"}}};
	struct labels l;
	labels_init(&l, &one, same);
	labels_check(&l, "test.json");
	assert_int_equal(l.K, 1);
	labels_release(&l);
}

/* With equal rows per label, mean recall is the accuracy. */
static void test_answers(void **state)
{
	(void)state;
	const int truth[] = {5, 6, 7, 8, 5, 6, 7, 8};
	const int two[] = {5, 5, 5, 5, 5, 5, 5, 5}, four[] = {5, 6, 7, 8, -1, -1, 9, 9},
		  three[] = {5, 6, 7, 9, 9, 9, 9, 9};
	struct answers a = answers_of_tokens(truth, two, 8);
	assert_int_equal(a.rows, 8);
	assert_int_equal(a.right, 2);
	assert_int_equal(a.labels, 4);
	assert_true(a.recall == 0.25);
	assert_true(answers_chance(&a) == 0.25);
	assert_true(answers_by_chance(&a));
	a = answers_of_tokens(truth, three, 8);
	assert_true(a.recall == 0.375); /* exactly 1.5 × chance */
	assert_false(answers_by_chance(&a));
	a = answers_of_tokens(truth, four, 8);
	assert_int_equal(a.right, 4);
	assert_false(answers_by_chance(&a));
}

/* Nine of ten rows have one label. A model that always gives this label has an accuracy of .9, and
 * still answers by chance. A model that is right on all rows is not blamed. With a single label,
 * chance is half of the rows, and 1.5 × chance is three quarters. */
static void test_unequal(void **state)
{
	(void)state;
	const int truth[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 2},
		  always[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct answers a = answers_of_tokens(truth, always, 10);
	assert_int_equal(a.right, 9);
	assert_true(a.recall == 0.5);
	assert_true(answers_by_chance(&a));
	a = answers_of_tokens(truth, truth, 10);
	assert_true(a.recall == 1);
	assert_false(answers_by_chance(&a));
	a = answers_of_tokens(always, always, 10);
	assert_int_equal(a.labels, 1);
	assert_true(answers_chance(&a) == 0.5);
	assert_false(answers_by_chance(&a));
	const int none[] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3};
	a = answers_of_tokens(always, none, 10);
	assert_int_equal(a.right, 0);
	assert_true(answers_by_chance(&a));
	char *words = answers_words(&a, "tec", "test");
	assert_non_null(strstr(words, "task 'tec': its own adapter answers 0 of 10 test rows right "
				      "(mean over 1 label 0.0 %, by chance 50.0 %)"));
	free(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_unequal),
	};
	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
