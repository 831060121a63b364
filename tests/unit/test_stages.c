/* test_stages.c: the stages of a log: sums, and the clock with its pauses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/out.h"
#include "report/stages.h"

#define NEAR(a, b) assert_true(fabs((a) - (b)) <= 1e-6)

static void read_text(struct stages *s, const char *text)
{
	char path[] = "/tmp/test_stages-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	stages_read(s, path);
	unlink(path);
}

/* Two stages side by side, a pause of 1000 seconds, an evaluation and a stage after it. Lines are
 * in the order in which the processes ended. */
static void test_clock(void **state)
{
	struct stages s;

	(void)state;
	read_text(&s, "grams\tx\t2.0\t1.5\t30.0\t1000.0\n"
		      "extract\tx\t4.0\t3.0\t20.0\t1000.0\n"
		      "make\tmerge\t4.0\t0\t0\n"
		      "extract\tx\t1.0\t1.0\t50.0\t2004.0\n"
		      "eval-emotion\tx\t5.0\t5.0\t90.0\t2005.0\n"
		      "card\tx\t5.0\t5.0\t10.0\t2005.0\n");
	assert_int_equal(s.n, 4);
	assert_int_equal(s.clocked, 3);
	assert_string_equal(s.stage[0].tool, "grams");
	assert_int_equal(s.stage[1].processes, 2);
	NEAR(s.stage[1].real, 5);
	NEAR(s.stage[1].cpu, 4);
	NEAR(s.stage[1].peak, 50);
	NEAR(s.span, 10); /* 4, then 1 and 5 after the pause */
	NEAR(s.busy, 10);
	NEAR(s.peak, 50);
	NEAR(s.stage[0].memory[0], 30);
	NEAR(s.stage[0].memory[STAGES_BINS / 4], 0); /* at 2.5 s */
	NEAR(s.stage[1].memory[STAGES_BINS / 4], 20);
	NEAR(s.stage[1].memory[STAGES_BINS * 9 / 20], 50); /* at 4.5 s */
	assert_string_equal(s.stage[2].tool, "card");
	NEAR(s.stage[2].memory[STAGES_BINS - 1], 10);
	assert_string_equal(s.stage[3].tool, "eval-emotion");
	assert_false(s.stage[3].clocked);
	NEAR(s.stage[3].real, 5);
	stages_release(&s);
}

static void test_old_log(void **state)
{
	struct stages s;

	(void)state;
	read_text(&s, "extract\tx\t4.0\t3.0\t20.0\n");
	assert_int_equal(s.clocked, 0);
	assert_int_equal(s.n, 1);
	NEAR(s.stage[0].real, 4);
	stages_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_clock),
					   cmocka_unit_test(test_old_log)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
