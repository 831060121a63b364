/* test_rate.c: this machine's rates are measured once, and kept for this processor, backend and
 * number of threads. What was measured beside other programs is measured again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/opts.h"
#include "case.h"
#include "child.h"
#include "files/out.h"
#include "plan/rate.h"

static double load;

/* In place of the C library's. */
int getloadavg(double averages[], int n)
{
	averages[0] = load;
	return n;
}

static void assert_plausible(struct rate r)
{
	assert_true(r.products > 1e8 && r.products < 1e14);
	assert_true(r.products16 > 1e8 && r.products64 > 1e7 && r.bytes > 1e7);
	assert_true(r.products > r.products64 / 2);
}

/* The file holds a line with other figures: they are taken, and nothing is measured. */
static void test_kept(void **state)
{
	struct rate r = rate_here(".", 1);
	char *text = out_read_text("rate.tsv"), *tab = text;

	(void)state;
	assert_plausible(r);
	assert_non_null(text);
	for (int i = 0; i < 3; i++)
		tab = strchr(tab, '\t') + 1;
	char *other = xformat("%.*s1.5e9\t2e9\t3e8\t4e8\n", (int)(tab - text), text);
	out_write_text("rate.tsv", other);
	r = rate_here(".", 1);
	assert_true(r.products == 1.5e9 && r.products16 == 2e9);
	assert_true(r.products64 == 3e8 && r.bytes == 4e8);
	free(other);
	free(text);
}

/* Another processor's line, and a line that ends early, are measured again and replaced. */
static void test_replaced(void **state)
{
	static const char *const wrong[] = {"Some CPU\tcpu\t1\t1e3\t1e3\t1e3\t1e3\n", "AMD", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		out_write_text("rate.tsv", wrong[i]);
		assert_plausible(rate_here(".", 1));
		char *text = out_read_text("rate.tsv");
		assert_true(strcmp(text, wrong[i]) != 0 && strchr(text, '\n')[1] == 0);
		free(text);
	}
}

/* Keeps these figures, with their share, in the line of this machine; gives what is taken. */
static double taken(const char *share)
{
	char *text = out_read_text("rate.tsv"), *tab = text;

	for (int i = 0; i < 3; i++)
		tab = strchr(tab, '\t') + 1;
	char *line =
		xformat("%.*s1.5e3\t1.5e3\t1.5e3\t1.5e3\t%s\n", (int)(tab - text), text, share);
	out_write_text("rate.tsv", line);
	free(line);
	free(text);
	return rate_here(".", 1).products;
}

/* What was measured on a busy machine is measured again on a quiet one. */
static void test_busy(void **state)
{
	double share;

	(void)state;
	assert_plausible(rate_here(".", 1));
	load = 1e3;
	assert_true(taken("0.40") == 1.5e3);
	load = 0;
	assert_true(taken("0.95") == 1.5e3);
	assert_true(taken("0.40") > 1e8);
	char *text = out_read_text("rate.tsv");
	assert_int_equal(sscanf(strrchr(text, '\t'), "%lf", &share), 1);
	assert_true(share > 0 && share <= 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_busy),
	};
	char *scratch;
	int failed;

	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	scratch = scratch_enter();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
