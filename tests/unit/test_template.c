/* test_template.c: where a template puts each text, and what is no template. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/template.h"

static char *value[] = {"one", "zwölf", ""};

static void assert_filled(const char *text, size_t most, const char *want)
{
	struct template t;
	char *wrong = template_parse(&t, text);
	assert_null(wrong);
	char *filled = template_fill(&t, value, most);
	assert_string_equal(filled, want);
	free(filled);
	template_release(&t);
}

static void test_fill(void **state)
{
	(void)state;
	assert_filled("{instruction}", SIZE_MAX, "one");
	assert_filled("", SIZE_MAX, "");
	assert_filled("no place", SIZE_MAX, "no place");
	assert_filled("<{a}|{b}|{a}>", SIZE_MAX, "<one|zwölf|one>");
	assert_filled("{a}{b}{c}", SIZE_MAX, "onezwölf");
	assert_filled("{{{a}}} }}{{", SIZE_MAX, "{one} }{");
	assert_filled("a\\nb\\t\\\\n", SIZE_MAX, "a\nb\t\\n");
	assert_filled("\\ {a}\\ ", SIZE_MAX, " one ");
	assert_filled("line\nend", SIZE_MAX, "line\nend");
}

/* Characters are counted, not bytes. Only the texts of keys are cut. */
static void test_cut(void **state)
{
	(void)state;
	assert_filled("long {a} and {b}", 3, "long one and zwö");
	assert_filled("long {a} and {b}", 1, "long o and z");
	assert_filled("long {a} and {b}", 0, "long  and ");
	assert_filled("{a}{b}", 5, "onezwölf");
}

static void test_keys(void **state)
{
	(void)state;
	struct template t;
	assert_null(template_parse(&t, "{b} {a} {b}"));
	assert_int_equal(t.keys, 2);
	assert_string_equal(t.key[0], "b");
	assert_string_equal(t.key[1], "a");
	assert_int_equal(template_key(&t, "a"), 1);
	assert_int_equal(template_key(&t, "c"), -1);
	template_release(&t);
	template_release(&t);
}

static bool ends_in_only_key(const char *text)
{
	struct template t;
	assert_null(template_parse(&t, text));
	bool ends = template_ends_in_only_key(&t);
	template_release(&t);
	return ends;
}

static void test_ends(void **state)
{
	(void)state;
	assert_true(ends_in_only_key("{a}"));
	assert_true(ends_in_only_key("Tweet: {a}"));
	assert_false(ends_in_only_key("{a}\\n"));
	assert_false(ends_in_only_key("{a}{b}"));
	assert_false(ends_in_only_key("{a}{a}"));
	assert_false(ends_in_only_key(""));
}

static void test_faults(void **state)
{
	(void)state;
	static const struct {
		const char *text, *wrong;
	} bad[] = {
		{"{a", "position 1: '{' is not closed by '}': {{ writes a brace"},
		{"ö{a{b}", "position 2: '{' is not closed by '}': {{ writes a brace"},
		{"x {", "position 3: '{' is not closed by '}': {{ writes a brace"},
		{"{{a}", "position 4: '}' closes nothing: }} writes a brace"},
		{"{a}}", "position 4: '}' closes nothing: }} writes a brace"},
		{"a{}", "position 2: '{}' names no key"},
		{"a\\b", "position 2: '\\' begins nothing known: \\n is a line end, \\t a "
			 "tabulator, \\\\ a backslash"},
		{"\\", "position 1: '\\' begins nothing known: \\n is a line end, \\t a "
		       "tabulator, \\\\ a backslash"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct template t;
		char *wrong = template_parse(&t, bad[i].text);
		assert_non_null(wrong);
		assert_string_equal(wrong, bad[i].wrong);
		assert_int_equal(t.parts, 0);
		free(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),   cmocka_unit_test(test_cut),
		cmocka_unit_test(test_keys),   cmocka_unit_test(test_ends),
		cmocka_unit_test(test_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
