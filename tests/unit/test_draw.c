/* test_draw.c: the selection rules, step by step, and one draw that must give the same numbers on
 * every machine.
 *
 * The fixed numbers come from a program that shares no code with this one. EMOTION_DIR: folder of
 * the small real case (optional). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "math/draw.h"
#include "plain_rows.h"

enum { N = 6000, K = 5 };
static long chars[N];
static int label[N], picked[N];
static struct draw_shortage shortage;

/* Lengths with many ties, and labels of very different frequency: label k occurs once in 2^(k+1)
 * rows, the last one as often as the one before. */
static int setup(void **state)
{
	(void)state;
	struct rng r;
	rng_seed(&r, 99);
	for (int i = 0; i < N; i++) {
		chars[i] = (long)rng_below(&r, 300);
		for (label[i] = 0; label[i] < K - 1 && rng_below(&r, 2);)
			label[i]++;
	}
	return 0;
}

static void assert_distinct(const int *row, int count, int n)
{
	char *seen = calloc((size_t)n, 1);
	for (int i = 0; i < count; i++) {
		assert_in_range(row[i], 0, n - 1);
		assert_false(seen[row[i]]);
		seen[row[i]] = 1;
	}
	free(seen);
}

static void test_fixed_numbers(void **state)
{
	(void)state;
	static const struct {
		bool select_long, if_balance, shuffle;
		int row[8];
	} want[] = {
		{true, true, true, {14, 1, 4, 3, 17, 7, 10, 6}},
		{false, true, true, {19, 1, 3, 24, 23, 6, 21, 20}},
		{true, false, true, {15, 4, 9, 28, 23, 25, 29, 21}},
		{false, false, true, {16, 18, 25, 7, 6, 21, 11, 26}},
		{true, false, false, {25, 3, 14, 6, 28, 17, 20, 9}},
	};
	long c[30];
	int l[30];
	for (int i = 0; i < 30; i++) {
		c[i] = i * 7 % 11;
		l[i] = i % 3;
	}
	for (size_t t = 0; t < sizeof want / sizeof *want; t++) {
		struct draw_rules o = {8, want[t].select_long, want[t].if_balance, want[t].shuffle,
				       42};
		assert_int_equal(draw_rows(&o, 30, c, l, 3, picked, &shortage), DRAW_OK);
		assert_memory_equal(picked, want[t].row, sizeof want[t].row);
	}
}

static void test_first_rows(void **state)
{
	(void)state;
	struct draw_rules o = {50, false, false, false, 1};
	assert_int_equal(draw_rows(&o, N, chars, label, K, picked, &shortage), DRAW_OK);
	for (int i = 0; i < 50; i++)
		assert_int_equal(picked[i], i);
}

static void test_shuffle(void **state)
{
	(void)state;
	struct draw_rules o = {N, false, false, true, 1};
	int *again = calloc(N, sizeof *again);
	assert_int_equal(draw_rows(&o, N, chars, label, K, picked, &shortage), DRAW_OK);
	assert_distinct(picked, N, N);
	assert_int_equal(draw_rows(&o, N, chars, label, K, again, &shortage), DRAW_OK);
	assert_memory_equal(picked, again, N * sizeof *again);
	o.seed = 2;
	assert_int_equal(draw_rows(&o, N, chars, label, K, again, &shortage), DRAW_OK);
	assert_memory_not_equal(picked, again, N * sizeof *again);
	free(again);
}

/* The 2000 longest of the first 3000 rows after the shuffle; ties keep the shuffled order. Here
 * they are found by counting lengths down. */
static void test_select_long(void **state)
{
	(void)state;
	struct draw_rules o = {DRAW_LONGEST, true, false, false, 5};
	int *row = calloc(N, sizeof *row), n = 0;
	struct rng r;
	rng_seed(&r, 5);
	for (int i = 0; i < N; i++)
		row[i] = i;
	rng_shuffle(&r, row, N);
	assert_int_equal(draw_rows(&o, N, chars, label, K, picked, &shortage), DRAW_OK);
	assert_distinct(picked, DRAW_LONGEST, N);
	for (long length = 300; length >= 0; length--)
		for (int i = 0; i < DRAW_SHUFFLED && n < DRAW_LONGEST; i++)
			if (chars[row[i]] == length)
				assert_int_equal(picked[n++], row[i]);
	assert_int_equal(n, DRAW_LONGEST);
	free(row);
}

/* Two thirds of all rows, rounded down, and never more than 2000. */
static void test_two_thirds(void **state)
{
	(void)state;
	static const struct {
		int n, most;
	} size[] = {{3, 2},       {4, 2},       {5, 3},       {100, 66},
		    {2999, 1999}, {3000, 2000}, {3001, 2000}, {N, 2000}};
	for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
		struct draw_rules o = {size[t].most, true, false, true, 6};
		assert_int_equal(draw_rows(&o, size[t].n, chars, label, K, picked, &shortage),
				 DRAW_OK);
		assert_distinct(picked, size[t].most, size[t].n);
		o.samples_num++;
		assert_int_equal(draw_rows(&o, size[t].n, chars, label, K, picked, &shortage),
				 DRAW_FEW_ROWS);
		assert_int_equal(shortage.label, -1);
		assert_int_equal(shortage.found, size[t].most);
		assert_int_equal(shortage.needed, size[t].most + 1);
	}
}

/* The last label after the shuffle gets the remainder. */
static void test_balance(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct draw_rules o = {63, false, true, true, seed};
		int order[K] = {0, 1, 2, 3, 4}, count[K] = {0};
		struct rng r;
		rng_seed(&r, seed);
		rng_shuffle(&r, order, K);
		assert_int_equal(draw_rows(&o, N, chars, label, K, picked, &shortage), DRAW_OK);
		assert_distinct(picked, 63, N);
		for (int i = 0; i < 63; i++)
			count[label[picked[i]]]++;
		for (int k = 0; k < K; k++)
			assert_int_equal(count[order[k]], k < K - 1 ? 12 : 15);
	}
}

/* The picked rows are not grouped by label. */
static void test_balance_is_mixed(void **state)
{
	(void)state;
	struct draw_rules o = {100, true, true, true, 3};
	int changes = 0;
	assert_int_equal(draw_rows(&o, N, chars, label, K, picked, &shortage), DRAW_OK);
	for (int i = 1; i < 100; i++)
		changes += label[picked[i]] != label[picked[i - 1]];
	assert_true(changes > 50); /* 79 are expected; in label order it would be 4 */
}

static void test_shortages(void **state)
{
	(void)state;
	int l[12] = {0, 0, 0, 0, 0, 1, 1, 3, 3, 3, 3, 3}; /* label 2 has no rows, label 1 too few */
	struct draw_rules o = {9, false, true, true, 42};
	assert_int_equal(draw_rows(&o, 12, chars, l, 4, picked, &shortage), DRAW_FEW_ROWS);
	assert_int_equal(shortage.label, 1);
	assert_int_equal(shortage.found, 2);
	assert_int_equal(shortage.needed, 3);
	o.samples_num = 6;
	assert_int_equal(draw_rows(&o, 12, chars, l, 4, picked, &shortage), DRAW_OK);
	o.samples_num = 13;
	assert_int_equal(draw_rows(&o, 12, chars, l, 4, picked, &shortage), DRAW_FEW_ROWS);
	assert_int_equal(shortage.label, -1);
	o.samples_num = 2;
	assert_int_equal(draw_rows(&o, 12, chars, l, 4, picked, &shortage), DRAW_FEW_SAMPLES);
	assert_int_equal(shortage.found, 2);
	assert_int_equal(shortage.needed, 3);
}

/* On the real rows, as the published draw. isear has 7 labels, so 60 = 6 · 8 + 12. */
static void test_real_case(void **state)
{
	(void)state;
	const char *dir = getenv("EMOTION_DIR");
	if (!dir) {
		print_message("skipped: EMOTION_DIR is not set\n");
		skip();
	}
	char path[4096];
	struct rows rows;
	snprintf(path, sizeof path, "%s/data/isear/train.json", dir);
	plain_rows_read(&rows, path);
	long *c = calloc((size_t)rows.n, sizeof *c);
	int *l = calloc((size_t)rows.n, sizeof *l), labels, count[7] = {0}, twelve = 0;
	const char **name = rows_labels(&rows, &labels, l);
	assert_int_equal(labels, 7);
	for (int i = 0; i < rows.n; i++)
		c[i] = rows.row[i].chars;
	struct draw_rules o = {60, true, true, true, 42};
	assert_int_equal(draw_rows(&o, rows.n, c, l, labels, picked, &shortage), DRAW_OK);
	assert_distinct(picked, 60, rows.n);
	for (int i = 0; i < 60; i++)
		count[l[picked[i]]]++;
	for (int k = 0; k < 7; k++) {
		assert_true(count[k] == 8 || count[k] == 12);
		twelve += count[k] == 12;
	}
	assert_int_equal(twelve, 1);
	free(name);
	free(l);
	free(c);
	rows_release(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_numbers),    cmocka_unit_test(test_first_rows),
		cmocka_unit_test(test_shuffle),          cmocka_unit_test(test_select_long),
		cmocka_unit_test(test_two_thirds),       cmocka_unit_test(test_balance),
		cmocka_unit_test(test_balance_is_mixed), cmocka_unit_test(test_shortages),
		cmocka_unit_test(test_real_case),
	};
	return cmocka_run_group_tests_name("draw", tests, setup, NULL);
}
