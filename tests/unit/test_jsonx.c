/* test_jsonx.c: JSON files: values, and messages that name file and key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/die.h"
#include "child.h"
#include "files/jsonx.h"

static void fill(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void test_values(void **state)
{
	(void)state;
	fill("v.json", "{\"i\": -3, \"x\": 2.5, \"n\": null, \"t\": true, \"s\": \"text\", "
		       "\"big\": 9223372036854775807}");
	json_t *o = jsonx_load("v.json", 1000);
	assert_int_equal(jsonx_int(o, "v.json", "i", -3, 5), -3);
	assert_true(jsonx_int(o, "v.json", "big", 0, INT64_MAX) == INT64_MAX);
	assert_int_equal(jsonx_int_or(o, "v.json", "i", -10, 5, 9), -3);
	assert_int_equal(jsonx_int_or(o, "v.json", "n", 0, 5, 9),
			 9); /* the default need not be in the range */
	assert_int_equal(jsonx_int_or(o, "v.json", "absent", 0, 5, -1), -1);
	assert_true(jsonx_number(o, "v.json", "x") == 2.5);
	assert_true(jsonx_number(o, "v.json", "i") == -3);
	assert_true(jsonx_number_or(o, "v.json", "absent", 0.5) == 0.5);
	assert_true(jsonx_bool_or(o, "v.json", "t", false));
	assert_true(jsonx_bool_or(o, "v.json", "n", true));
	assert_string_equal(jsonx_string(o, "v.json", "s"), "text");
	assert_string_equal(jsonx_string_or(o, "v.json", "absent", "d"), "d");
	assert_null(jsonx_string_or(o, "v.json", "n", NULL));
	json_decref(o);
	fill("list.json", "[1, 2]");
	o = jsonx_load("list.json", 6); /* exactly its size */
	assert_int_equal(json_array_size(o), 2);
	json_decref(o);
}

static void member_in_child(void *path)
{
	jsonx_load_member(path, 1000, "k");
}

/* Reads a member of the outermost object only. The rest of the file is not parsed. */
static void test_member(void **state)
{
	(void)state;
	fill("m.json", "{\"a\": {\"k\": 1}, \"k\\\"\": 2, \"x\": [\"k\", \"}\\\\\"], \"k\" : [3, "
		       "\"]\"], \"n\": 99999999999999999999}");
	json_t *v = jsonx_load_member("m.json", 1000, "k");
	assert_int_equal(json_array_size(v), 2);
	assert_int_equal(json_integer_value(json_array_get(v, 0)), 3);
	json_decref(v);
	assert_null(jsonx_load_member("m.json", 1000, "absent"));
	fill("m.json", "{\"a\": \"k");
	assert_null(jsonx_load_member("m.json", 1000, "k"));
	fill("m.json", "{\"k\": ");
	struct child c = child_run(member_in_child, "m.json");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "'m.json' key 'k': "));
	fill("m.json", "{\"k\": 1, \"k\": 2}");
	c = child_run(member_in_child, "m.json");
	assert_true(child_said(&c, "'m.json' has the key 'k' twice"));
}

static void test_reals(void **state)
{
	(void)state;
	fill("r.json", "{\"n\": 1000000000000000019884624838656, \"i\": 100}");
	json_t *o = jsonx_load_reals("r.json", 1000);
	assert_true(jsonx_number(o, "r.json", "n") == 1000000000000000019884624838656.0);
	assert_true(jsonx_number(o, "r.json", "i") == 100);
	json_decref(o);
}

struct load {
	const char *path;
	size_t max;
};

static void load_in_child(void *arg)
{
	const struct load *l = arg;
	jsonx_load(l->path, l->max);
}

static void load_fails(const char *path, size_t max, const char *message)
{
	struct load l = {path, max};
	struct child c = child_run(load_in_child, &l);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, message));
}

static void test_load_failures(void **state)
{
	(void)state;
	load_fails("none.json", 100, "cannot open 'none.json': No such file or directory");
	load_fails(".", 100, "cannot read '.': Is a directory");
	fill("bad.json", "{\"a\": 1,\n \"b\": }");
	load_fails("bad.json", 100, "'bad.json' line 2 column 7: ");
	load_fails("bad.json", 10, "'bad.json': expected at most 10 bytes, found 16");
	fill("empty.json", "");
	load_fails("empty.json", 100, "'empty.json' line 1 column 0: ");
	fill("twice.json", "{\"a\": 1, \"a\": 2}");
	load_fails("twice.json", 100,
		   "'twice.json' line 1 column 12: \"a\" is a duplicate: its object has the key "
		   "twice");
	fill("tail.json", "{} x");
	load_fails("tail.json", 100, "'tail.json' line 1");
	fill("utf.json", "[\"\xff\"]");
	load_fails("utf.json", 100, "'utf.json' line 1");
	load_fails("/dev/zero", 5000, "'/dev/zero': expected at most 5000 bytes, found more");
}

static void fill_bytes(const char *path, const char *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Every kind of error that jansson has, in our words: what is expected, what was found, what to
 * do. */
static void test_words(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "line 1 column 0: the file is empty"},
		{" \n ", "line 2 column 1: the file is blank"},
		{"[1, 2", "line 1 column 5: the file ends within a value: is it cut off?"},
		{"[\"abc", "the file ends within a value"},
		{"[1 2]", "line 1 column 4: expected ',' or ']', found 2"},
		{"{\"a\": 1 \"b\": 2}", "column 11: expected ',' or '}', found \"b\""},
		{"[1,]", "column 4: expected a value, found ]: remove the comma before it"},
		{"{\"a\": 1,\n}", "line 2 column 1: expected a key in double quotes, or '}', found "
				  "}: remove the comma before it"},
		{"{\"a\": }", "expected a value, found }"},
		{"{\"a\" 1}", "expected ':' after the key, found 1"},
		{"{'a': 1}",
		 "expected a key in double quotes, or '}', found ': JSON takes double quotes"},
		{"[None]", "expected a value, found None: JSON says null"},
		{"[True]", "found True: JSON says true"},
		{"[False]", "found False: JSON says false"},
		{"[NaN]", "found NaN: JSON has no NaN"},
		{"[Infinity]", "found Infinity: JSON has no infinity"},
		{"[-Infinity]", "found -Infinity: JSON has no infinity"},
		{"// rows\n[]", "expected a list or an object, found /: JSON has no comments"},
		{"[] # rows", "column 4: expected one value, and nothing after it, found #: JSON "
			      "has no comments"},
		{"{} {}", "expected one value, and nothing after it, found {"},
		{"hello", "expected a list or an object, found hello"},
		{"\"text\"", "expected a list or an object, found \"text\""},
		{"3 4", "expected a list or an object, found 3"},
		{"[01]", "expected a value, found 0"},
		{"[\"a\\u0000\"]", "line 1 column 10: the text holds \\u0000"},
		{"{\"a\\u0000\": 1}", "the key holds \\u0000"},
		{"[\"a\nb\"]", "a line break inside a text is written \\n"},
		{"[\"a\tb\"]", "a tab is written \\t"},
		{"[\"C:\\x\"]", "a backslash itself is written \\\\"},
		{"[\"\\uZZ\"]", "\\u and four digits"},
		{"[\"\\ud83d\"]", "half a surrogate pair"},
		{"[\"\\ud83d\\u0041\"]", "half a surrogate pair"},
		{"[99999999999999999999]", "the number is too large"},
		{"[-99999999999999999999]", "the number is too large"},
		{"[1e999]", "the number is too large"},
		{"[\"caf\xe9\"]",
		 "line 1 column 5: expected UTF-8, found the byte 0xe9: is it Latin-1?"},
		{"[\"0123456789012345678901234567890123456789é\" "
		 "\"0123456789012345678901234567890123456789\"]",
		 "expected ',' or ']', found \"012345678901234567890123456789012345678"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fill("words.json", bad[i].text);
		load_fails("words.json", 1000, bad[i].message);
		load_fails("words.json", 1000, "'words.json' line ");
	}
	char deep[4000];
	memset(deep, '[', sizeof deep);
	fill_bytes("words.json", deep, sizeof deep);
	load_fails("words.json", sizeof deep, "lists and objects are nested too deeply");
	fill_bytes("words.json", "[1,\n 2\0]", 9);
	load_fails("words.json", 1000,
		   "'words.json' line 2 column 3: a zero byte is no part of a text");
}

/* A file that is no JSON at all is recognised. A byte order mark of UTF-8 is skipped; columns are
 * counted from behind it. */
static void test_looks(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		const char *message;
	} bad[] = {
#define BYTES(s) s, sizeof(s) - 1
		{BYTES("PAR1\x15\x04"),
		 "looks like a Parquet file, but JSON is expected: convert it"},
		{BYTES("ARROW1\0\0"), "looks like an Arrow file, but JSON"},
		{BYTES("\xff\xff\xff\xff\x10\0"), "looks like an Arrow file (a stream), but JSON"},
		{BYTES("\x1f\x8b\x08\0"),
		 "packed by gzip, but JSON is expected: unpack it (gunzip)"},
		{BYTES("BZh9"), "bunzip2"},
		{BYTES("\xfd"
		       "7zXZ\0"),
		 "unxz"},
		{BYTES("\x28\xb5\x2f\xfd"), "unzstd"},
		{BYTES("PK\x03\x04"), "a ZIP archive, or a table of Excel"},
		{BYTES("\x89HDF\r\n\x1a\n"), "an HDF5 file"},
		{BYTES("SQLite format 3\0"), "an SQLite database"},
		{BYTES("\x80\x04\x95"), "a Python pickle"},
		{BYTES("\xff\xfe[\0]\0"), "looks like text in UTF-16, but JSON is expected: "
					  "convert it to UTF-8: iconv -f UTF-16 -t UTF-8"},
		{BYTES("\xfe\xff\0[\0]"), "iconv -f UTF-16 -t UTF-8"},
		{BYTES("[\0{\0"), "without a byte order mark, but JSON is expected: convert it to "
				  "UTF-8: iconv -f UTF-16LE"},
		{BYTES("\0[\0{"), "iconv -f UTF-16BE"},
		{BYTES("\xff\xfe\0\0[\0\0\0"), "iconv -f UTF-32"},
		{BYTES("\n<!DOCTYPE html>"), "looks like a web page (HTML or XML)"},
		{BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
		 "looks like a Git LFS pointer, not the file itself, but "
		 "JSON is expected: run `git lfs pull`"},
		{BYTES("Entry not found"), "looks like a server's error message"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fill_bytes("looks.json", bad[i].bytes, bad[i].n);
		load_fails("looks.json", 1000, bad[i].message);
		load_fails("looks.json", 1000, "'looks.json' looks like ");
	}
	fill("mark.json", "\xef\xbb\xbf{\"a\": 1}");
	json_t *o = jsonx_load("mark.json", 100);
	assert_int_equal(jsonx_int(o, "mark.json", "a", 0, 5), 1);
	json_decref(o);
	fill("mark.json", "\xef\xbb\xbf{\"a\": x}");
	load_fails("mark.json", 100, "'mark.json' line 1 column 7: expected a value, found x");
	fill("mark.json", "\xef\xbb\xbf");
	load_fails("mark.json", 100, "the file is empty");
}

static json_t *object;

static void int_in_child(void *key)
{
	jsonx_int(object, "o.json", key, 1, 60);
}

static void number_in_child(void *key)
{
	jsonx_number(object, "o.json", key);
}

static void bool_in_child(void *key)
{
	jsonx_bool_or(object, "o.json", key, false);
}

static void string_in_child(void *key)
{
	jsonx_string(object, "o.json", key);
}

static void list_in_child(void *key)
{
	jsonx_int_or(json_object_get(object, "list"), "o.json", key, 0, 1, 0);
}

static void member_fails(void (*fn)(void *), const char *key, const char *message)
{
	struct child c = child_run(fn, (void *)(uintptr_t)key);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, message));
}

static void test_member_failures(void **state)
{
	(void)state;
	fill("o.json",
	     "{\"r\": 61, \"x\": 8.0, \"s\": \"8\", \"n\": null, \"list\": [1], \"t\": true}");
	object = jsonx_load("o.json", 1000);
	member_fails(int_in_child, "absent", "'o.json' has no key 'absent'");
	member_fails(int_in_child, "n", "'o.json' has no key 'n'");
	member_fails(int_in_child, "r",
		     "'o.json' key 'r': expected an integer from 1 to 60, found 61");
	member_fails(int_in_child, "x", "key 'x': expected an integer from 1 to 60, found 8.0");
	member_fails(int_in_child, "t", "found true");
	member_fails(number_in_child, "s", "'o.json' key 's': expected a number, found \"8\"");
	member_fails(bool_in_child, "r", "'o.json' key 'r': expected true or false, found 61");
	member_fails(string_in_child, "list", "'o.json' key 'list': expected a string, found [1]");
	member_fails(list_in_child, "k", "'o.json': expected an object with key 'k'");
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),          cmocka_unit_test(test_member),
		cmocka_unit_test(test_reals),           cmocka_unit_test(test_load_failures),
		cmocka_unit_test(test_words),           cmocka_unit_test(test_looks),
		cmocka_unit_test(test_member_failures),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("jsonx", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
