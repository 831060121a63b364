/* jsonwords.c: see jsonwords.h.
 *
 * jansson gives a code, a position and a phrase. The code chooses our message. For a syntax error,
 * the start of the phrase tells what was expected. What was found is read from the text, just
 * before the position. */
#include "files/jsonwords.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "base/utf8.h"

enum { SHOWN = 40 }; /* most bytes that are shown of what was found */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '+' || c == '-' ||
	       (unsigned char)c >= 0x80;
}

/* The start of the token that ends before byte `end`. */
static size_t token_start(const char *text, size_t end)
{
	size_t i = end - 1;
	if (text[i] == '"') {
		while (i > 0 && (text[i - 1] != '"' || (i > 1 && text[i - 2] == '\\')))
			i--;
		return i > 0 ? i - 1 : end - 1;
	}
	while (is_word(text[i]) && i > 0 && is_word(text[i - 1]))
		i--;
	return i;
}

static const struct {
	const char *token, *advice;
} habits[] = {
	{"'", ": JSON takes double quotes; Python's str() of a list is no JSON, json.dump() writes "
	      "JSON"},
	{"None", ": JSON says null; Python's str() of a list is no JSON, json.dump() writes JSON"},
	{"True", ": JSON says true; Python's str() of a list is no JSON, json.dump() writes JSON"},
	{"False",
	 ": JSON says false; Python's str() of a list is no JSON, json.dump() writes JSON"},
	{"NaN", ": JSON has no NaN; write null, or leave the row out"},
	{"Infinity", ": JSON has no infinity; write null, or leave the row out"},
	{"-Infinity", ": JSON has no infinity; write null, or leave the row out"},
	{"/", ": JSON has no comments"},
	{"#", ": JSON has no comments"},
};

/* The last byte before `at` that is no white space; 0: there is none. */
static char before(const char *text, size_t at)
{
	while (at > 0 && isspace((unsigned char)text[at - 1]))
		at--;
	return at > 0 ? text[at - 1] : 0;
}

static const char *advice_on(const char *text, size_t start, size_t length)
{
	for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
		if (strlen(habits[i].token) == length &&
		    strncmp(text + start, habits[i].token, length) == 0)
			return habits[i].advice;
	if (length == 1 && (text[start] == ']' || text[start] == '}') && before(text, start) == ',')
		return ": remove the comma before it";
	return "";
}

/* jansson stops behind a minus that no digit follows. The rest of the word also belongs to what was
 * found. */
static size_t word_end(const char *text, size_t n, size_t end)
{
	while (end < n && is_word(text[end]) && is_word(text[end - 1]))
		end++;
	return end;
}

static char *expected_found(const char *expected, const char *text, size_t n, size_t end)
{
	if (end == 0 || end > n)
		return xformat("expected %s", expected);
	end = word_end(text, n, end);
	size_t start = token_start(text, end), length = end - start;
	return xformat("expected %s, found %.*s%s", expected,
		       text_shown(text + start, length, SHOWN), text + start,
		       advice_on(text, start, length));
}

/* The start of a syntax error's phrase, and our message for it. `found`: the message also says what
 * was found. */
static const struct {
	const char *begins, *words;
	bool found;
} syntax[] = {
	{"string or '}' expected", "a key in double quotes, or '}'", true},
	{"':' expected", "':' after the key", true},
	{"'}' expected", "',' or '}'", true},
	{"']' expected", "',' or ']'", true},
	{"'[' or '{' expected", "a list or an object", true},
	{"unexpected token", "a value", true},
	{"invalid token", "a value", true},
	{"unexpected newline",
	 "the text is not closed before the end of the line: a line break inside a text is written "
	 "\\n",
	 false},
	{"control character",
	 "a control character stands in the text: a tab is written \\t, others \\u00XX", false},
	{"invalid escape",
	 "expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four digits after a backslash; a "
	 "backslash itself is "
	 "written \\\\",
	 false},
	{"invalid Unicode",
	 "half a surrogate pair (\\ud800 to \\udfff) is no character: write both halves, or remove "
	 "it",
	 false},
};

static char *syntax_words(const json_error_t *e, const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof syntax / sizeof *syntax; i++) {
		if (strncmp(e->text, syntax[i].begins, strlen(syntax[i].begins)) != 0)
			continue;
		return syntax[i].found
			       ? expected_found(syntax[i].words, text, n, (size_t)e->position)
			       : xstrdup(syntax[i].words);
	}
	return xstrdup("this is not JSON");
}

static char *duplicate_words(const char *text, size_t n, size_t end)
{
	if (end == 0 || end > n)
		return xstrdup("a duplicate key: its object has it twice, remove one");
	size_t start = token_start(text, end);
	return xformat("%.*s is a duplicate: its object has the key twice, remove one",
		       text_shown(text + start, end - start, SHOWN), text + start);
}

static bool is_blank(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	return true;
}

static char *end_words(const char *text, size_t n)
{
	if (n == 0)
		return xstrdup("the file is empty");
	return xstrdup(is_blank(text, n) ? "the file is blank"
					 : "the file ends within a value: is it cut off?");
}

static char *encoding_words(const json_error_t *e, const char *text, size_t n)
{
	size_t at = (size_t)e->position;
	if (at >= n)
		return xstrdup("expected UTF-8");
	return utf8_words(text[at]);
}

char *json_words(const json_error_t *e, const char *text, size_t n)
{
	switch (json_error_code(e)) {
	case json_error_premature_end_of_input: return end_words(text, n);
	case json_error_invalid_utf8: return encoding_words(e, text, n);
	case json_error_end_of_input_expected:
		return expected_found("one value, and nothing after it", text, n,
				      (size_t)e->position);
	case json_error_null_character:
		return xstrdup(
			"the text holds \\u0000, a character that no text may hold: remove it");
	case json_error_null_byte_in_key:
		return xstrdup(
			"the key holds \\u0000, a character that no key may hold: remove it");
	case json_error_duplicate_key: return duplicate_words(text, n, (size_t)e->position);
	case json_error_numeric_overflow:
		return xstrdup(
			"the number is too large: integers have 64 bits, others are below 1e308");
	case json_error_stack_overflow:
		return xstrdup("lists and objects are nested too deeply (more than 2048)");
	case json_error_out_of_memory: return xstrdup("out of memory");
	default: return syntax_words(e, text, n);
	}
}
