/* jsonx.c: jansson, with messages that name file and key for every failure. */
#include "files/jsonx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/exists.h"
#include "files/jsonwords.h"
#include "files/looks.h"

/* The size is checked before reading and again during it, because a pipe has no size. */
char *jsonx_read(const char *path, size_t max_bytes, size_t *n)
{
	checksums_check(path);
	FILE *f = fopen(path, "rbe");
	struct stat st;
	if (!f || fstat(fileno(f), &st))
		die("cannot open '%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		die("cannot read '%s': %s", path, strerror(EISDIR));
	if (S_ISREG(st.st_mode) && (unsigned long long)st.st_size > max_bytes)
		die("'%s': expected at most %zu bytes, found %lld", path, max_bytes,
		    (long long)st.st_size);
	size_t room = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 4096, have = 0;
	char *text = xmalloc(room);
	for (size_t k; (k = fread(text + have, 1, room - have, f)) > 0;) {
		have += k;
		if (have > max_bytes)
			die("'%s': expected at most %zu bytes, found more", path, max_bytes);
		if (have == room)
			text = xrealloc(text, room *= 2);
	}
	if (ferror(f))
		die("cannot read '%s': %s", path, strerror(errno));
	fclose(f);
	*n = have;
	return text;
}

/* Line and column of byte `at`, as jansson counts them: columns are code points, from 1. */
_Noreturn static void refuse_zero_byte(const char *path, const char *text, size_t at)
{
	int line = 1, column = 1;
	for (size_t i = 0; i < at; i++) {
		line += text[i] == '\n';
		column = text[i] == '\n' ? 1 : column + (((unsigned char)text[i] & 0xc0) != 0x80);
	}
	die("'%s' line %d column %d: a zero byte is no part of a text: is this a binary file?",
	    path, line, column);
}

/* jansson skips a zero byte between two values; here it is refused. */
static void refuse_unlike(const char *path, const char *text, size_t n)
{
	enum look l = looks_like(text, n);
	if (l != LOOKS_UNKNOWN && l < LOOKS_JSON_LINES)
		die("'%s' looks like %s, but JSON is expected: %s", path, looks_name(l),
		    looks_advice(l));
	const char *zero = n ? memchr(text, 0, n) : NULL;
	if (zero)
		refuse_zero_byte(path, text, (size_t)(zero - text));
}

static json_t *parse(const char *path, const char *text, size_t n, size_t flags)
{
	json_error_t e;
	refuse_unlike(path, text, n);
	size_t mark = looks_mark(text, n);
	json_t *v = json_loadb(text + mark, n - mark, JSON_REJECT_DUPLICATES | flags, &e);
	if (!v)
		die("'%s' line %d column %d: %s", path, e.line, e.column,
		    json_words(&e, text + mark, n - mark));
	return v;
}

static json_t *load(const char *path, size_t max_bytes, size_t flags)
{
	size_t n;
	char *text = jsonx_read(path, max_bytes, &n);
	json_t *v = parse(path, text, n, flags);
	free(text);
	return v;
}

json_t *jsonx_parse(const char *path, const char *text, size_t n)
{
	return parse(path, text, n, 0);
}

json_t *jsonx_parse_line(const char *path, int line, const char *text, size_t n)
{
	json_error_t e;
	json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (v)
		return v;
	if (json_error_code(&e) == json_error_premature_end_of_input)
		die("'%s' line %d: the line ends within a value: JSON Lines have an object on each "
		    "line; a file that is one list is named .json",
		    path, line);
	die("'%s' line %d column %d: %s", path, line, e.column, json_words(&e, text, n));
}

void jsonx_each_line(const char *path,
		     void (*take)(void *arg, const json_t *o, const char *path, int line),
		     void *arg)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (!f)
		die("cannot open '%s': %s", path, strerror(errno));
	for (int line = 1; getline(&text, &room, f) > 0; line++) {
		json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

		take(arg, o, path, line);
		json_decref(o);
	}
	if (ferror(f))
		die("cannot read '%s'", path);
	fclose(f);
	free(text);
}

json_t *jsonx_load(const char *path, size_t max_bytes)
{
	return load(path, max_bytes, 0);
}

json_t *jsonx_load_reals(const char *path, size_t max_bytes)
{
	return load(path, max_bytes, JSON_DECODE_INT_AS_REAL);
}

/* The closing quote of the string that begins at p; `end` if there is none. */
static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p : end;
}

/* Behind `"key":`, when that stands at `p` (a quote) and its string ends at `close`; NULL
 * otherwise. */
static const char *behind_key(const char *p, const char *close, const char *end, const char *key)
{
	size_t n = strlen(key);
	if ((size_t)(close - p - 1) != n || memcmp(p + 1, key, n) != 0)
		return NULL;
	for (p = close + 1; p < end && strchr(" \t\r\n", *p); p++)
		;
	return p < end && *p == ':' ? p + 1 : NULL;
}

/* Behind the next `"key":` of the outermost object. *depth: of nesting at p. */
static const char *next_member(const char *p, const char *end, int *depth, const char *key)
{
	for (; p < end; p++) {
		if (*p == '{' || *p == '[')
			++*depth;
		else if (*p == '}' || *p == ']')
			--*depth;
		if (*p != '"')
			continue;
		const char *close = string_end(p, end),
			   *value = *depth == 1 ? behind_key(p, close, end, key) : NULL;
		if (value)
			return value;
		p = close;
	}
	return NULL;
}

json_t *jsonx_optional_object(const char *path, size_t max_bytes,
			      json_t *loader(const char *path, size_t max_bytes))
{
	if (!file_exists(path))
		return json_object();
	json_t *v = loader(path, max_bytes);
	if (!json_is_object(v))
		die("'%s': expected an object, found another type", path);
	return v;
}

json_t *jsonx_load_member(const char *path, size_t max_bytes, const char *key)
{
	json_error_t e;
	json_t *v = NULL;
	size_t n;
	int depth = 0;
	char *text = jsonx_read(path, max_bytes, &n);
	const char *end = text + n, *value = next_member(text, end, &depth, key);
	if (value) {
		v = json_loadb(value, (size_t)(end - value),
			       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK,
			       &e);
		if (!v)
			die("'%s' key '%s': %s", path, key,
			    json_words(&e, value, (size_t)(end - value)));
		if (next_member(value, end, &depth, key))
			die("'%s' has the key '%s' twice", path, key);
	}
	free(text);
	return v;
}

/* The member; NULL: it is absent or null. */
static const json_t *member(const json_t *o, const char *path, const char *key)
{
	if (!json_is_object(o))
		die("'%s': expected an object with key '%s', found another type", path, key);
	const json_t *v = json_object_get(o, key);
	return json_is_null(v) ? NULL : v;
}

static const json_t *need_member(const json_t *o, const char *path, const char *key)
{
	const json_t *v = member(o, path, key);
	if (!v)
		die("'%s' has no key '%s'", path, key);
	return v;
}

_Noreturn static void wrong(const json_t *v, const char *path, const char *key,
			    const char *expected)
{
	char *found = json_dumps(v, JSON_ENCODE_ANY);
	die("'%s' key '%s': expected %s, found %.60s", path, key, expected,
	    found ? found : "another type");
}

static long to_int(const json_t *v, const char *path, const char *key, long min, long max)
{
	if (json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max)
		return (long)json_integer_value(v);
	wrong(v, path, key, xformat("an integer from %ld to %ld", min, max));
}

long jsonx_int(const json_t *o, const char *path, const char *key, long min, long max)
{
	return to_int(need_member(o, path, key), path, key, min, max);
}

long jsonx_int_or(const json_t *o, const char *path, const char *key, long min, long max, long dflt)
{
	const json_t *v = member(o, path, key);
	return v ? to_int(v, path, key, min, max) : dflt;
}

long jsonx_item_int(const json_t *list, const char *path, const char *key, size_t i, long min,
		    long max)
{
	return to_int(json_array_get(list, i), path, key, min, max);
}

static double to_number(const json_t *v, const char *path, const char *key)
{
	if (!json_is_number(v))
		wrong(v, path, key, "a number");
	return json_number_value(v);
}

double jsonx_number(const json_t *o, const char *path, const char *key)
{
	return to_number(need_member(o, path, key), path, key);
}

double jsonx_number_or(const json_t *o, const char *path, const char *key, double dflt)
{
	const json_t *v = member(o, path, key);
	return v ? to_number(v, path, key) : dflt;
}

bool jsonx_bool_or(const json_t *o, const char *path, const char *key, bool dflt)
{
	const json_t *v = member(o, path, key);
	if (v && !json_is_boolean(v))
		wrong(v, path, key, "true or false");
	return v ? json_is_true(v) : dflt;
}

static const char *to_string(const json_t *v, const char *path, const char *key)
{
	if (!json_is_string(v))
		wrong(v, path, key, "a string");
	return json_string_value(v);
}

const char *jsonx_string(const json_t *o, const char *path, const char *key)
{
	return to_string(need_member(o, path, key), path, key);
}

const char *jsonx_string_or(const json_t *o, const char *path, const char *key, const char *dflt)
{
	const json_t *v = member(o, path, key);
	return v ? to_string(v, path, key) : dflt;
}
