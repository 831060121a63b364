/* test_html.c: texts from outside in a page: nothing that they hold has an effect there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "report/html.h"

static void is(const char *s, size_t n, const char *want)
{
	struct text page = {0};

	html_put(&page, s, n);
	assert_string_equal(text_get(&page), want);
	text_release(&page);
}

static void words(const char *s, const char *want)
{
	is(s, strlen(s), want);
}

static void test_markup(void **state)
{
	(void)state;
	words("", "");
	words("café 日本 🎉", "café 日本 🎉");
	words("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
	words("\" onload=\"x", "&quot; onload=&quot;x");
	words("&lt;", "&amp;lt;");
	words("--> ]]>", "--&gt; ]]&gt;");
}

static void test_unseen(void **state)
{
	(void)state;
	is("a\0b", 3, "a␀b");
	words("a\tb\nc\x1b[31m\x7f", "a␉b␊c␛[31m␡");
	words("\xc2\x85\xc2\xa0", "⟨U+0085⟩\xc2\xa0");
	words("a\xe2\x80\xae"
	      "b\xe2\x81\xa9",
	      "a⟨U+202E⟩b⟨U+2069⟩");
	words("\xe2\x80\xa8\xef\xbb\xbf", "⟨U+2028⟩⟨U+FEFF⟩");
	words("\xf3\xa0\x81\x81", "⟨U+E0041⟩");
	words("👩\xe2\x80\x8d🔬", "👩\xe2\x80\x8d🔬"); /* what joins an emoji stays */
}

static void test_no_utf8(void **state)
{
	(void)state;
	words("caf\xe9!", "caf⟨E9⟩!");
	words("\xc0\xbc", "⟨C0⟩⟨BC⟩");         /* < in two bytes */
	words("\xed\xa0\x80", "⟨ED⟩⟨A0⟩⟨80⟩"); /* half of a surrogate pair */
	words("\xe2\x82", "⟨E2⟩⟨82⟩");
	words("a\xff", "a⟨FF⟩");
}

static void test_isolated(void **state)
{
	struct text page = {0};

	(void)state;
	html_isolated(&page, "<b>", 10);
	html_isolated(&page, "", 10);
	html_isolated(&page, "äöü", 4);
	html_isolated(&page, "äöü", 3); /* not between the bytes of a character */
	assert_string_equal(text_get(&page),
			    "<bdi>&lt;b&gt;</bdi><i>empty</i><bdi>äö…</bdi><bdi>ä…</bdi>");
	text_release(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markup),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_isolated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
