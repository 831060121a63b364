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
#include "merge/rowfile.h"
#include "merge/rowform.h"

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

void row_templates_init(struct row_templates *t, const struct row_options *o)
{
	*t = (struct row_templates){.label_key = o->label_key};
	char *wrong = template_parse(&t->prompt, o->prompt);
	if (wrong)
		die_usage("--prompt: %s", wrong);
	wrong = template_parse(&t->answer, o->answer);
	if (wrong)
		die_usage("--answer: %s", wrong);
	t->names = o->label_names ? label_names_parse(o->label_names) : NULL;
	if (o->label_names && !t->names)
		die_usage("--label-names '%s': expected a JSON list of words, or an object of "
			  "words by number: {\"0\": \"anger\"}",
			  o->label_names);
}

void row_templates_release(struct row_templates *t)
{
	template_release(&t->prompt);
	template_release(&t->answer);
	label_names_free(t->names);
}

/* A row while it is read. */
struct reading {
	json_t *o;
	struct row_place at;
	const struct row_templates *t;
};

/* A label that is a number becomes its word. */
static void name_label(const struct reading *r)
{
	const json_t *v = json_object_get(r->o, r->t->label_key);
	char *why;
	if (!r->t->names || !(json_is_number(v) || json_is_string(v)))
		return;
	const char *word = label_names_find(r->t->names, v, &why);
	if (!word)
		die("%s: '%s' %s", row_place_text(r->at), r->t->label_key, why);
	json_object_set_new(r->o, r->t->label_key, json_string(word));
}

static char *row_string(const struct reading *r, const char *key)
{
	const json_t *v = json_object_get(r->o, key);
	if (!v)
		rowform_no_key(r->at, r->o, key);
	if (json_is_number(v) && strcmp(key, r->t->label_key) == 0)
		rowform_number(r->at, key);
	if (!json_is_string(v))
		die("%s: '%s' is %s, not a string", row_place_text(r->at), key, type_name(v));
	return xstrdup(json_string_value(v));
}

/* No text, or a text without a letter. */
static bool is_nothing(const json_t *v)
{
	return !v || json_is_null(v) || (json_is_string(v) && is_blank(json_string_value(v)));
}

/* Reads the texts of a template's keys. */
static char **row_texts(const struct reading *r, const struct template *t)
{
	char **text = xcalloc((size_t)t->keys + 1, sizeof *text);
	for (int k = 0; k < t->keys; k++)
		text[k] = row_string(r, t->key[k]);
	return text;
}

static void texts_free(char **text, int n)
{
	for (int k = 0; text && k < n; k++)
		free(text[k]);
	free(text);
}

static int token_id(const struct reading *r, const char *key, const json_t *list, size_t j)
{
	const json_t *v = json_array_get(list, j);
	if (!json_is_integer(v))
		die("%s: '%s': entry %zu is %s, not a token id", row_place_text(r->at), key, j,
		    type_name(v));
	if (json_integer_value(v) < 0 || json_integer_value(v) > INT_MAX)
		die("%s: '%s': entry %zu is %lld, not a token id", row_place_text(r->at), key, j,
		    (long long)json_integer_value(v));
	return (int)json_integer_value(v);
}

/* Reads the list of token ids under `key`, if it is there. */
static struct row_ids row_ids(const struct reading *r, const char *key)
{
	const json_t *list = json_object_get(r->o, key);
	size_t n = json_array_size(list);
	if (!list || json_is_null(list))
		return (struct row_ids){0};
	if (!json_is_array(list))
		die("%s: '%s' is %s, not a list of token ids", row_place_text(r->at), key,
		    type_name(list));
	if (n == 0 || n > INT_MAX / 2)
		die("%s: '%s' has %zu token ids", row_place_text(r->at), key, n);
	struct row_ids ids = {.n = (int)n, .id = xarray(n, sizeof *ids.id)};
	for (size_t j = 0; j < n; j++)
		ids.id[j] = token_id(r, key, list, j);
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
static void read_answer(struct row *row, const struct reading *r)
{
	const struct template *t = &r->t->answer;
	row->named = !row->answer_ids.n || has_texts(r->o, t);
	if (!row->named) {
		row->answer = json_dumps(json_object_get(r->o, "answer_ids"), 0);
		if (!row->answer)
			die("out of memory");
		return;
	}
	char **text = row_texts(r, t);
	row->answer = template_fill(t, text, SIZE_MAX);
	if (is_blank(row->answer))
		die("%s: the label in '%s' is empty", row_place_text(r->at),
		    t->keys ? t->key[0] : "answer");
	texts_free(text, t->keys);
}

static bool names_input(const struct row_templates *t)
{
	return template_key(&t->prompt, "input") >= 0 || template_key(&t->answer, "input") >= 0;
}

static void row_read(struct row *row, const struct reading *r)
{
	if (!json_is_object(r->o))
		die("%s is %s, not an object {instruction, output, …}", row_place_text(r->at),
		    type_name(r->o));
	name_label(r);
	row->line = r->at.line;
	row->prompt_ids = row_ids(r, "prompt_ids");
	row->answer_ids = row_ids(r, "answer_ids");
	if (!row->prompt_ids.n)
		row->text = row_texts(r, &r->t->prompt);
	read_answer(row, r);
	row->chars = row_chars(r->o);
	if (row->text && !names_input(r->t) && !is_nothing(json_object_get(r->o, "input")))
		rowform_input(r->at);
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
	     "answer numbers; if not, label_names gives their words",
	     path, r->row[0].answer);
}

/* Makes room for one more row, which is zero. */
static struct row *add_row(struct rows *r, int *room)
{
	if (r->n == *room) {
		if (*room > INT_MAX / 2)
			die("more than %d rows", INT_MAX / 2);
		*room = *room ? 2 * *room : 64;
		r->row = xrealloc(r->row, (size_t)*room * sizeof *r->row);
	}
	r->row[r->n] = (struct row){0};
	return &r->row[r->n++];
}

void rows_read(struct rows *r, const char *path, const struct row_templates *t)
{
	struct rowfile *f = rowfile_open(path);
	int room = 0;
	*r = (struct rows){.texts = t->prompt.keys};
	for (json_t *o; (o = rowfile_next(f));) {
		struct row_place at = {path, r->n, rowfile_line(f)};
		row_read(add_row(r, &room), &(struct reading){o, at, t});
	}
	if (r->n == 0)
		die("'%s' has no rows", path);
	rowfile_close(f);
	note_numbers(r, path);
}

bool rows_bring_ids(const char *path)
{
	struct rowfile *f = rowfile_open(path);
	json_t *row = rowfile_next(f);
	bool all = row != NULL;
	for (; row && all; row = rowfile_next(f))
		all = json_is_array(json_object_get(row, "prompt_ids")) &&
		      json_is_array(json_object_get(row, "answer_ids"));
	rowfile_close(f);
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

/* The length of the file's list; die() where the value is no list. */
static int list_length(const json_t *list, const char *path)
{
	if (!json_is_array(list))
		die("'%s' holds %s, not a list of row numbers", path, type_name(list));
	size_t n = json_array_size(list);
	if (n > INT_MAX)
		die("'%s': more than %d entries", path, INT_MAX);
	if (n == 0)
		die("'%s' is an empty list: row numbers expected", path);
	return (int)n;
}

void rows_read_numbers(const char *path, int n, int count, int *row)
{
	json_t *list = jsonx_load(path, ROWFILE_MOST_BYTES);
	int found = list_length(list, path);
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
	json_t *list = jsonx_load(path, ROWFILE_MOST_BYTES);
	int found = list_length(list, path);

	json_decref(list);
	return found;
}
