/* config_set.c: text to settings. A value's text is split where a list is expected, checked against
 * its key, and stored. */
#include "config/config_private.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/template.h"
#include "base/text.h"
#include "base/utf8.h"

enum { MAX_STRING = 4096 }; /* bytes of a string: PATH_MAX */

/* ---- values as text ---- */

void config_value_add(struct value *v, const char *text, size_t bytes)
{
	v->item = xrealloc(v->item, (size_t)(v->n + 1) * sizeof(*v->item));
	v->item[v->n] = xcalloc(bytes + 1, 1);
	memcpy(v->item[v->n++], text, bytes);
}

void config_value_release(struct value *v)
{
	for (int i = 0; i < v->n; i++)
		free(v->item[i]);
	free(v->item);
	*v = (struct value){0};
}

const char *config_trimmed(const char *s, size_t *n)
{
	while (*n && isspace((unsigned char)s[0]))
		s++, (*n)--;
	while (*n && isspace((unsigned char)s[*n - 1]))
		(*n)--;
	return s;
}

/* Splits a scalar where a list is expected: "a,b", "[a, b]", "['a', 'b']". One word without comma
 * or brackets stays a scalar. */
static void value_split(struct value *v, const struct config_key *k, struct where w)
{
	struct value list = {.list = true};
	size_t n = strlen(v->item[0]), part;
	const char *s = config_trimmed(v->item[0], &n), *t;
	bool brackets = n >= 2 && s[0] == '[' && s[n - 1] == ']';

	if (!brackets && !memchr(s, ',', n))
		return;
	if (brackets)
		s++, n -= 2;
	for (const char *end = s + n; s <= end; s += part + 1) {
		size_t m = part =
			strcspn(s, ",") < (size_t)(end - s) ? strcspn(s, ",") : (size_t)(end - s);

		t = config_trimmed(s, &m);
		if (m >= 2 && (t[0] == '\'' || t[0] == '"') && t[m - 1] == t[0])
			t++, m -= 2;
		if (list.n == CONFIG_MAX_ITEMS)
			config_fail(w, "%s: more than %d items", k->name, CONFIG_MAX_ITEMS);
		config_value_add(&list, t, m);
	}
	config_value_release(v);
	*v = list;
}

/* ---- text to settings ---- */

_Noreturn static void fail_text(struct where w, const struct config_key *k, const char *text)
{
	char found[80];

	snprintf(found, sizeof(found), "'%s'", config_shown(text).text);
	config_fail_value(w, k, text[0] ? found : "nothing");
}

static double to_number(const struct config_key *k, const char *text, struct where w)
{
	double d;

	if (!text_to_double(text, &d) || !isfinite(d) || d < k->min || d > k->max)
		fail_text(w, k, text);
	d += 0.0; /* -0 becomes 0, which is the same setting and must print the same */
	return d;
}

static long to_long(const struct config_key *k, const char *text, struct where w)
{
	long n;

	if (!text_to_long(text, &n) || (double)n < k->min || (double)n > k->max)
		fail_text(w, k, text);
	return n;
}

static struct rank_limit to_rank(const struct config_key *k, const char *text, struct where w)
{
	struct rank_limit r;

	if (!text_to_rank(text, &r) || r.rank < k->min || r.rank > k->max)
		fail_text(w, k, text);
	return r;
}

static bool to_bool(const struct config_key *k, const char *text, struct where w)
{
	bool b;
	double d;

	if (text_to_bool(text, &b))
		return b;
	/* The seed writes select_long as an integer and only asks whether it is zero: any other
	 * number is True. */
	if (k->type == CONFIG_SWITCH && text_to_double(text, &d) && isfinite(d))
		return d != 0;
	fail_text(w, k, text);
}

static int to_word(const struct config_key *k, const char *text, const char *const *names, int n,
		   struct where w)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	fail_text(w, k, text);
}

/* A text that can stand in a line of a file and in a JSON string: UTF-8, no control characters. */
static char *to_string(const struct config_key *k, const char *text, struct where w)
{
	size_t n = strlen(text);

	if (n == 0)
		fail_text(w, k, text);
	if (n > MAX_STRING)
		config_fail(w, "%s: longer than %d bytes", k->name, MAX_STRING);
	if (utf8_valid(text, n) < n)
		config_fail(w, "%s: not UTF-8: '%s'", k->name, config_shown(text).text);
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)text[i]))
			config_fail(w, "%s: holds a control character: '%s'", k->name,
				    config_shown(text).text);
	return xstrdup(text);
}

/* A template as a line of text: its line ends and tabulators written as a template writes them. */
static char *to_template(const struct config_key *k, const char *text, struct where w)
{
	struct template t;
	char *wrong = template_parse(&t, text), *s;
	struct text line = {0};

	if (wrong)
		config_fail(w, "%s: %s: '%s'", k->name, wrong, config_shown(text).text);
	template_release(&t);
	for (; *text; text++)
		if (*text == '\n' || *text == '\t')
			text_add(&line, "%s", *text == '\n' ? "\\n" : "\\t");
		else
			text_add(&line, "%c", *text);
	s = to_string(k, text_get(&line), w);
	text_release(&line);
	return s;
}

static unsigned to_score(const struct config_key *k, const char *text, struct where w)
{
	unsigned bit = config_score_bit(text);

	if (!bit)
		fail_text(w, k, text);
	return bit;
}

static void set_scores(unsigned *set, const struct config_key *k, const struct value *v,
		       struct where w)
{
	*set = 0;
	for (int i = 0; i < v->n; i++) {
		unsigned bit = to_score(k, v->item[i], w);

		if (*set & bit)
			config_fail(w, "%s: '%s' is there twice", k->name, v->item[i]);
		*set |= bit;
	}
}

/* Names of tasks or of linears. */
static void set_words(struct strlist *words, const struct config_key *k, const struct value *v,
		      struct where w)
{
	strlist_release(words);
	*words = (struct strlist){.n = 0, .item = xarray((size_t)v->n, sizeof(*words->item))};
	for (int i = 0; i < v->n; i++) {
		const char *name = v->item[i];

		if (!config_plain_name(name))
			config_fail(w,
				    "%s: '%s' cannot name a %s: letters, digits, '.', '_' and "
				    "'-', no dot in front, at most %d",
				    k->name, config_shown(name).text,
				    k->type == CONFIG_TASKS ? "folder" : "linear", CONFIG_MAX_NAME);
		if (strlist_find(words, name) >= 0)
			config_fail(w, "%s: '%s' is there twice", k->name, name);
		words->item[words->n++] = xstrdup(name);
	}
}

static void set_numbers(struct config *c, const struct config_key *k, const struct value *v,
			struct where w)
{
	double **numbers = config_field(c, k->offset);

	free(*numbers);
	*numbers = xarray((size_t)v->n, sizeof(**numbers));
	for (int i = 0; i < v->n; i++)
		(*numbers)[i] = to_number(k, v->item[i], w);
	*(int *)config_field(c, k->count) = v->list ? v->n : 0;
}

static void set_names(char **names, const struct config_key *k, const struct value *v,
		      struct where w)
{
	char *text = config_names_text(k, v, w);

	free(*names);
	*names = text;
}

static void set_scalar(struct config *c, const struct config_key *k, const char *text,
		       struct where w)
{
	void *p = config_field(c, k->offset);

	switch (k->type) {
	case CONFIG_BOOL:
	case CONFIG_SWITCH: *(bool *)p = to_bool(k, text, w); break;
	case CONFIG_INT: *(int *)p = (int)to_long(k, text, w); break;
	case CONFIG_LONG: *(long *)p = to_long(k, text, w); break;
	case CONFIG_FLOAT: *(double *)p = to_number(k, text, w); break;
	case CONFIG_BYTES:
		if (!text_to_bytes(text, p))
			fail_text(w, k, text);
		break;
	case CONFIG_RANK: *(struct rank_limit *)p = to_rank(k, text, w); break;
	case CONFIG_STRING: {
		char *s = to_string(k, text, w);

		free(*(char **)p);
		*(char **)p = s;
		break;
	}
	case CONFIG_METHOD:
		*(enum method *)p =
			(enum method)to_word(k, text, config_methods, config_nmethods, w);
		break;
	case CONFIG_FEATURES:
		*(enum features *)p =
			(enum features)to_word(k, text, config_features, config_nfeatures, w);
		break;
	case CONFIG_ANSWERS:
		*(enum answers_from *)p =
			(enum answers_from)to_word(k, text, config_answers, config_nanswers, w);
		break;
	case CONFIG_TEMPLATE: {
		char *s = to_template(k, text, w);

		free(*(char **)p);
		*(char **)p = s;
		break;
	}
	case CONFIG_SCORES: *(unsigned *)p = to_score(k, text, w); break;
	case CONFIG_NAMES:
	case CONFIG_NUMBERS:
	case CONFIG_TASKS:
	case CONFIG_LINEARS: BUG("%s is a list", k->name);
	}
}

/* Nothing given: the default, or what stands for "none". */
static void set_none(struct config *c, const struct config_key *k)
{
	if (k->type == CONFIG_STRING || k->type == CONFIG_NAMES) {
		free(*(char **)config_field(c, k->offset));
		*(char **)config_field(c, k->offset) = NULL;
	} else if (k->type == CONFIG_NUMBERS) {
		free(*(double **)config_field(c, k->offset));
		*(double **)config_field(c, k->offset) = NULL;
		*(int *)config_field(c, k->count) = 0;
	} else if (k->type == CONFIG_LINEARS) {
		strlist_release(config_field(c, k->offset));
	} else if (k->dflt) {
		set_scalar(c, k, k->dflt, (struct where){"the default", 0});
	}
	*config_key_line(c, k) = 0;
}

void config_set_key(struct config *c, const struct config_key *k, struct value *v, struct where w)
{
	bool wants_list = k->type == CONFIG_NUMBERS || k->type == CONFIG_TASKS ||
			  k->type == CONFIG_SCORES || k->type == CONFIG_NAMES ||
			  k->type == CONFIG_LINEARS;
	bool none = v->null || (k->type == CONFIG_LINEARS && v->list && v->n == 0);

	if (none && k->none) {
		set_none(c, k);
		return;
	}
	if (v->null || (v->list && v->n == 0))
		config_fail_value(w, k,
				  v->null  ? "nothing"
				  : v->map ? "an empty map"
					   : "an empty list");
	if (v->list && !wants_list)
		config_fail_value(w, k, "a list");
	if (wants_list && !v->list)
		value_split(v, k, w);
	if (k->type == CONFIG_TASKS || k->type == CONFIG_LINEARS)
		set_words(config_field(c, k->offset), k, v, w);
	else if (k->type == CONFIG_NUMBERS)
		set_numbers(c, k, v, w);
	else if (k->type == CONFIG_NAMES)
		set_names(config_field(c, k->offset), k, v, w);
	else if (v->list)
		set_scores(config_field(c, k->offset), k, v, w);
	else
		set_scalar(c, k, v->item[0], w);
	*config_key_line(c, k) = w.path ? w.line : -1;
}

void config_set_defaults(struct config *c)
{
	*c = (struct config){0};
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		struct value v = {0};

		if (!k->dflt)
			continue;
		config_value_add(&v, k->dflt, strlen(k->dflt));
		config_set_key(c, k, &v, (struct where){"the default", 0});
		config_value_release(&v);
	}
}
