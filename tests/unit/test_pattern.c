/* test_pattern.c: regular expressions with Python's meaning: against Python's own answers; and
 * where and why a text is refused. (test_adapter.c tests what an adapter makes of a refusal.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/pattern.h"
#include "base/die.h"
#include "case.h"
#include "patterns.h"

/* Python's own answer for each pattern and each name. A pattern with "-", or one that we refuse by
 * name, must be refused. */
static void test_python(void **state)
{
	int taken = 0, refused = 0;
	(void)state;
	for (size_t i = 0; i < COUNT(PATTERNS); i++) {
		char kind = PATTERNS[i].kind, *copy = xstrdup(PATTERNS[i].answers), *rest = copy;
		const char *why;
		int at;
		struct pattern *p = pattern_compile(PATTERNS[i].text,
						    kind == 'W'   ? PATTERN_WHOLE
						    : kind == 'T' ? PATTERN_TAIL
						    : kind == 'L' ? PATTERN_LAYER
								  : PATTERN_ANY_LAYER,
						    &why, &at);
		taken += p != NULL;
		if (!p && strcmp(copy, "-") != 0)
			refused++;
		if (p && strcmp(copy, "-") == 0)
			fail_msg("%c '%s': Python refuses it", kind, PATTERNS[i].text);
		for (size_t k = 0; p && k < COUNT(NAMES); k++) {
			char answer[24] = "0n";
			bool yes = pattern_match(p, NAMES[k]) == PATTERN_YES;
			long index = yes && (kind == 'L' || kind == 'A')
					     ? pattern_index(p, NAMES[k])
					     : -1;
			if (kind == 'W' || kind == 'T')
				snprintf(answer, sizeof(answer), "%d", yes);
			else if (yes)
				snprintf(answer, sizeof(answer), index < 0 ? "n" : "%ld", index);
			const char *want = strsep(&rest, " ");
			if (strcmp(want, answer) != 0)
				fail_msg("%c '%s' on %s: %s, Python has %s", kind, PATTERNS[i].text,
					 NAMES[k], answer, want);
		}
		pattern_free(p);
		free(copy);
	}
	print_message("%d patterns as Python, %d that Python takes are refused by name\n", taken,
		      refused);
	assert_int_equal(taken, 130);
	assert_int_equal(refused, 17);
}

/* The four kinds, on names that differ in one place. */
static void test_kinds(void **state)
{
	static const struct {
		enum pattern_kind kind;
		const char *text, *name;
		enum pattern_answer answer;
		long index; /* for kinds with a number */
	} CASE[] = {
		{PATTERN_WHOLE, "q|v", "q", PATTERN_YES, -1},
		{PATTERN_WHOLE, "q|v", "a.q", PATTERN_NO, -1},
		{PATTERN_WHOLE, "q|v", "qv", PATTERN_NO, -1},
		{PATTERN_TAIL, "q|v", "a.b.v", PATTERN_YES, -1},
		{PATTERN_TAIL, "q|v", "a.bv", PATTERN_NO, -1},
		{PATTERN_TAIL, "b.q", "a.b.q", PATTERN_YES, -1},
		{PATTERN_TAIL, "b.q", "ab.q", PATTERN_NO, -1},
		{PATTERN_LAYER, "block", "encoder.block.12.q", PATTERN_YES, 12},
		{PATTERN_LAYER, "block", "block.3.q", PATTERN_YES, 3},
		{PATTERN_LAYER, "block", "encoder.myblock.3.q", PATTERN_NO, -1},
		{PATTERN_LAYER, "block", "encoder.block.q", PATTERN_NO, -1},
		{PATTERN_LAYER, "block", "encoder.block.3", PATTERN_NO, -1},
		{PATTERN_ANY_LAYER, "", "a.b.7.c.8.d", PATTERN_YES, 7},
		{PATTERN_ANY_LAYER, "", "a.7.c", PATTERN_NO, -1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		const char *why;
		int at;
		struct pattern *p = pattern_compile(CASE[i].text, CASE[i].kind, &why, &at);

		assert_non_null(p);
		if (pattern_match(p, CASE[i].name) != CASE[i].answer)
			fail_msg("'%s' on '%s'", CASE[i].text, CASE[i].name);
		if (CASE[i].index >= 0)
			assert_int_equal(pattern_index(p, CASE[i].name), CASE[i].index);
		pattern_free(p);
	}
}

/* The position where the reader stopped; 0 where only PCRE2 knows it. */
static void test_where(void **state)
{
	static const struct {
		const char *text, *why;
		int at;
	} CASE[] = {
		{"q\\", "it ends with a backslash", 3},
		{"ab*+*", "a repeat of a repeat", 5},
		{"a(*b)", "nothing to repeat", 3},
		{"ab**", "a repeat of a repeat", 4},
		{"(ab", "a '(' without its ')'", 4},
		{"ab)c", "a ')' without its '('", 3},
		{"a[bc", "a '[' without its ']'", 5},
		{"ab(?x)", "of the extensions", 5},
		{"ab(?i)", "a flag for the whole pattern must stand at its start", 5},
		{"(a)\\1", "back-references", 5},
		{"a{3,2}", "a repeat {m,n} with m > n", 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		const char *why = NULL;
		int at = -1;

		assert_null(pattern_compile(CASE[i].text, PATTERN_WHOLE, &why, &at));
		if (!strstr(why, CASE[i].why) || at != CASE[i].at)
			fail_msg("'%s': %s, at %d, not %d", CASE[i].text, why, at, CASE[i].at);
	}
	pattern_free(NULL);
}

/* A flag counts only inside its group. A flag of the whole pattern cannot be in a key. */
static void test_flags(void **state)
{
	const char *why;
	int at;
	struct pattern *p = pattern_compile("(?i:Q)|v", PATTERN_TAIL, &why, &at);
	(void)state;
	assert_int_equal(pattern_match(p, "a.q"), PATTERN_YES);
	assert_int_equal(pattern_match(p, "a.V"), PATTERN_NO);
	pattern_free(p);
	assert_null(pattern_compile("(?i)q", PATTERN_TAIL, &why, &at));
	assert_string_equal(why, "a flag for the whole pattern cannot stand here; write (?i:…)");
}

/* Steps are counted, so the answer is the same on every machine. */
static void test_gives_up(void **state)
{
	const char *why;
	int at;
	struct pattern *p = pattern_compile("(.*.*.*.*)*[xy]", PATTERN_WHOLE, &why, &at);
	(void)state;
	assert_int_equal(pattern_match(p, "ax"), PATTERN_YES);
	assert_int_equal(pattern_match(p, "encoder.block.0.layer.0.SelfAttention.q"),
			 PATTERN_GAVE_UP);
	pattern_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_python),   cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_where),    cmocka_unit_test(test_flags),
		cmocka_unit_test(test_gives_up),
	};

	prog_name = "test_pattern";
	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
