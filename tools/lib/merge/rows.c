/* rows.c: see rows.h. */
#include "merge/rows.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/text.h"
#include "files/jsonx.h"
#include "merge/rowform.h"

#define MAX_FILE ((size_t)512 << 20)

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "a string";
	case JSON_INTEGER:
	case JSON_REAL: return "a number";
	case JSON_TRUE:
	case JSON_FALSE: return "a boolean";
	default: return "null";
	}
}

static long value_chars(const json_t *v)
{
	if (json_is_string(v))
		return text_characters(json_string_value(v));
	char *text = json_dumps(v, JSON_ENCODE_ANY);
	if (!text)
		die("out of memory");
	long n = text_characters(text);
	free(text);
	return n;
}

static long row_chars(json_t *o)
{
	const char *key;
	json_t *v;
	long n = 0;
	json_object_foreach (o, key, v)
		n += value_chars(v);
	return n;
}

static bool is_blank(const char *s)
{
	return text_trimmed(s).n == 0;
}

void row_templates_init(struct row_templates *t, const char *prompt, const char *answer)
{
	char *wrong = template_parse(&t->prompt, prompt);
	if (wrong)
		die_usage("--prompt: %s", wrong);
	wrong = template_parse(&t->answer, answer);
	if (wrong)
		die_usage("--answer: %s", wrong);
}

void row_templates_release(struct row_templates *t)
{
	template_release(&t->prompt);
	template_release(&t->answer);
}

static char *row_string(json_t *o, const char *path, int i, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (!v)
		rowform_no_key(path, i, o, key);
	if (json_is_number(v) && strcmp(key, "output") == 0)
		rowform_number(path, i, o);
	if (!json_is_string(v))
		die("'%s': row %d: '%s' is %s, not a string", path, i, key, type_name(v));
	return xstrdup(json_string_value(v));
}

/* No text, or a text without a letter. */
static bool is_nothing(const json_t *v)
{
	return !v || json_is_null(v) || (json_is_string(v) && is_blank(json_string_value(v)));
}

/* Reads the texts of a template's keys. */
static char **row_texts(json_t *o, const char *path, int i, const struct template *t)
{
	char **text = xcalloc((size_t)t->keys + 1, sizeof *text);
	for (int k = 0; k < t->keys; k++)
		text[k] = row_string(o, path, i, t->key[k]);
	return text;
}

static void texts_free(char **text, int n)
{
	for (int k = 0; text && k < n; k++)
		free(text[k]);
	free(text);
}

/* Reads the list of token ids under `key`, if it is there. */
static struct row_ids row_ids(json_t *o, const char *path, int i, const char *key)
{
	const json_t *list = json_object_get(o, key);
	size_t n = json_array_size(list);
	if (!list || json_is_null(list))
		return (struct row_ids){0};
	if (!json_is_array(list))
		die("'%s': row %d: '%s' is %s, not a list of token ids", path, i, key,
		    type_name(list));
	if (n == 0 || n > INT_MAX / 2)
		die("'%s': row %d: '%s' has %zu token ids", path, i, key, n);
	struct row_ids ids = {.n = (int)n, .id = xarray(n, sizeof *ids.id)};
	for (size_t j = 0; j < n; j++) {
		const json_t *v = json_array_get(list, j);
		if (!json_is_integer(v))
			die("'%s': row %d: '%s': entry %zu is %s, not a token id", path, i, key, j,
			    type_name(v));
		if (json_integer_value(v) < 0 || json_integer_value(v) > INT_MAX)
			die("'%s': row %d: '%s': entry %zu is %lld, not a token id", path, i, key,
			    j, (long long)json_integer_value(v));
		ids.id[j] = (int)json_integer_value(v);
	}
	return ids;
}

static bool has_texts(json_t *o, const struct template *t)
{
	for (int k = 0; k < t->keys; k++)
		if (!json_is_string(json_object_get(o, t->key[k])))
			return false;
	return true;
}

/* A row that brings the ids of its answer needs no answer text. */
static void read_answer(struct row *row, json_t *o, const char *path, int i,
			const struct template *t)
{
	row->named = !row->answer_ids.n || has_texts(o, t);
	if (!row->named) {
		row->answer = json_dumps(json_object_get(o, "answer_ids"), 0);
		if (!row->answer)
			die("out of memory");
		return;
	}
	char **text = row_texts(o, path, i, t);
	row->answer = template_fill(t, text, SIZE_MAX);
	if (is_blank(row->answer))
		die("'%s': row %d: the label in '%s' is empty", path, i,
		    t->keys ? t->key[0] : "answer");
	texts_free(text, t->keys);
}

static bool names_input(const struct row_templates *t)
{
	return template_key(&t->prompt, "input") >= 0 || template_key(&t->answer, "input") >= 0;
}

static void row_read(struct rows *r, json_t *o, const char *path, int i,
		     const struct row_templates *t)
{
	if (!json_is_object(o))
		die("'%s': row %d is %s, not an object {instruction, output, …}", path, i,
		    type_name(o));
	struct row *row = &r->row[i];
	row->prompt_ids = row_ids(o, path, i, "prompt_ids");
	row->answer_ids = row_ids(o, path, i, "answer_ids");
	if (!row->prompt_ids.n)
		row->text = row_texts(o, path, i, &t->prompt);
	read_answer(row, o, path, i, &t->answer);
	row->chars = row_chars(o);
	if (row->text && !names_input(t) && !is_nothing(json_object_get(o, "input")))
		rowform_input(path, i);
}

/* The length of the file's list; die() where the value is no list. */
static int list_length(const json_t *list, const char *path, const char *of)
{
	if (!json_is_array(list))
		die("'%s' holds %s, not a list of %s", path, type_name(list), of);
	size_t n = json_array_size(list);
	if (n > INT_MAX)
		die("'%s': more than %d entries", path, INT_MAX);
	if (n == 0)
		die("'%s' is an empty list: %s expected", path, of);
	return (int)n;
}

static json_t *load_rows(const char *path)
{
	size_t n;
	char *text = jsonx_read(path, MAX_FILE, &n);
	rowform_refuse_table(path, text, n);
	json_t *list = jsonx_parse(path, text, n);
	free(text);
	rowform_refuse_object(path, list);
	return list;
}

/* A label that is a number written as text is right only for an adapter that was trained to answer
 * numbers. */
static void note_numbers(const struct rows *r, const char *path)
{
	double x;
	for (int i = 0; i < r->n; i++)
		if (!text_to_double(r->row[i].answer, &x))
			return;
	note("'%s': every label is a number, as '%s': right only if the adapter was trained to "
	     "answer numbers; if not, write its words",
	     path, r->row[0].answer);
}

void rows_read(struct rows *r, const char *path, const struct row_templates *t)
{
	*r = (struct rows){.texts = t->prompt.keys};
	json_t *list = load_rows(path);
	r->n = list_length(list, path, "rows");
	r->row = xcalloc((size_t)r->n, sizeof *r->row);
	for (int i = 0; i < r->n; i++)
		row_read(r, json_array_get(list, (size_t)i), path, i, t);
	json_decref(list);
	note_numbers(r, path);
}

bool rows_bring_ids(const char *path)
{
	json_t *list = load_rows(path);
	bool all = json_array_size(list) > 0;
	for (size_t i = 0; i < json_array_size(list) && all; i++) {
		const json_t *row = json_array_get(list, i);
		all = json_is_array(json_object_get(row, "prompt_ids")) &&
		      json_is_array(json_object_get(row, "answer_ids"));
	}
	json_decref(list);
	return all;
}

void rows_release(struct rows *r)
{
	for (int i = 0; i < r->n; i++) {
		texts_free(r->row[i].text, r->texts);
		free(r->row[i].answer);
		free(r->row[i].prompt_ids.id);
		free(r->row[i].answer_ids.id);
	}
	free(r->row);
	*r = (struct rows){0};
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **rows_labels(const struct rows *r, int *K, int *label_of)
{
	const char **label = xarray((size_t)r->n, sizeof *label);
	for (int i = 0; i < r->n; i++)
		label[i] = r->row[i].answer;
	qsort(label, (size_t)r->n, sizeof *label, by_text);
	int k = 0;
	for (int i = 0; i < r->n; i++)
		if (k == 0 || strcmp(label[k - 1], label[i]))
			label[k++] = label[i];
	for (int i = 0; i < r->n; i++) {
		const char *text = r->row[i].answer;
		const char **at = bsearch(&text, label, (size_t)k, sizeof *label, by_text);
		label_of[i] = (int)(at - label);
	}
	*K = k;
	return label;
}

void rows_read_numbers(const char *path, int n, int count, int *row)
{
	json_t *list = jsonx_load(path, MAX_FILE);
	int found = list_length(list, path, "row numbers");
	int *seen = xcalloc((size_t)n, sizeof *seen); /* 1 + the entry that has claimed this row */

	if (found != count)
		die("'%s' lists %d rows, but %d samples are asked for", path, found, count);
	for (int i = 0; i < found; i++) {
		const json_t *v = json_array_get(list, (size_t)i);
		if (!json_is_integer(v))
			die("'%s': entry %d is %s, not the whole number of a row", path, i,
			    type_name(v));
		json_int_t k = json_integer_value(v);
		if (k < 0 || k >= n)
			die("'%s': entry %d is row %lld, but the rows are 0 to %d", path, i,
			    (long long)k, n - 1);
		if (seen[k])
			die("'%s': row %lld is listed twice (entries %d and %d)", path,
			    (long long)k, seen[k] - 1, i);
		seen[k] = i + 1;
		row[i] = (int)k;
	}
	free(seen);
	json_decref(list);
}

int rows_count_numbers(const char *path)
{
	json_t *list = jsonx_load(path, MAX_FILE);
	int found = list_length(list, path, "row numbers");

	json_decref(list);
	return found;
}
