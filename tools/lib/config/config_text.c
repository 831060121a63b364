/* config_text.c: settings to text, for people, digests and the tools' options. */
#include "config/config_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const void *field_const(const struct config *c, size_t offset)
{
	return (const char *)c + offset;
}

/* The fewest digits that read back as the same number: at least 15, at most 17. */
static void put_number(FILE *out, double d)
{
	char text[32];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	fputs(text, out);
}

/* No YAML reader would take it for a number, a boolean or null. */
static bool string_is_plain(const char *s)
{
	bool b;

	return (isalpha((unsigned char)s[0]) || s[0] == '/') &&
	       s[strspn(s, CONFIG_NAME_LETTERS "/")] == 0 && strcasecmp(s, "null") != 0 &&
	       !text_to_bool(s, &b);
}

static void put_string(FILE *out, const char *s, bool yaml)
{
	if (!yaml || string_is_plain(s)) {
		fputs(s, out);
		return;
	}
	putc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void put_list(FILE *out, const struct config *c, const struct config_key *k, bool yaml)
{
	const double *const *numbers = field_const(c, k->offset);
	bool one = *(const int *)field_const(c, k->count) == 0;
	int n = one ? 1 : *(const int *)field_const(c, k->count);

	if (yaml && !one)
		putc('[', out);
	for (int i = 0; i < n; i++) {
		if (i)
			fputs(yaml ? ", " : ",", out);
		put_number(out, (*numbers)[i]);
	}
	if (yaml && !one)
		putc(']', out);
}

static void put_words(FILE *out, const struct strlist *words, bool yaml)
{
	if (yaml)
		putc('[', out);
	for (int i = 0; i < words->n; i++) {
		if (i)
			fputs(yaml ? ", " : ",", out);
		put_string(out, words->item[i], yaml);
	}
	if (yaml)
		putc(']', out);
}

static void put_scores(FILE *out, unsigned set, bool yaml)
{
	const char *before = yaml ? "[" : "";

	for (int i = 0; i < SCORE_KINDS; i++)
		if (set >> i & 1) {
			fprintf(out, "%s%s", before, config_scores[i]);
			before = yaml ? ", " : ",";
		}
	if (yaml)
		putc(']', out);
}

static void put_rank(FILE *out, const struct rank_limit *r)
{
	if (r->share > 0) {
		fputs("auto:", out);
		put_number(out, r->share);
	} else {
		fprintf(out, "%d", r->rank);
	}
}

static void put_value(FILE *out, const struct config *c, const struct config_key *k, bool yaml)
{
	const void *p = field_const(c, k->offset);

	switch (k->type) {
	case CONFIG_BOOL:
	case CONFIG_SWITCH:
		fputs(yaml ? (*(const bool *)p ? "True" : "False") : (*(const bool *)p ? "1" : "0"),
		      out);
		break;
	case CONFIG_INT: fprintf(out, "%d", *(const int *)p); break;
	case CONFIG_LONG: fprintf(out, "%ld", *(const long *)p); break;
	case CONFIG_FLOAT: put_number(out, *(const double *)p); break;
	case CONFIG_BYTES: fprintf(out, "%zu", *(const size_t *)p); break;
	case CONFIG_RANK: put_rank(out, p); break;
	case CONFIG_STRING: put_string(out, *(const char *const *)p, yaml); break;
	case CONFIG_METHOD: fputs(method_name(*(const enum method *)p), out); break;
	case CONFIG_FEATURES: fputs(features_name(*(const enum features *)p), out); break;
	case CONFIG_ANSWERS: fputs(config_answers[*(const enum answers_from *)p], out); break;
	case CONFIG_SCORES: put_scores(out, *(const unsigned *)p, yaml); break;
	case CONFIG_TEMPLATE: put_string(out, *(const char *const *)p, yaml); break;
	case CONFIG_NAMES: fputs(*(const char *const *)p, out); break; /* JSON is also YAML */
	case CONFIG_NUMBERS: put_list(out, c, k, yaml); break;
	case CONFIG_TASKS:
	case CONFIG_LINEARS: put_words(out, p, yaml); break;
	}
}

static bool key_given(const struct config *c, const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_STRING:
	case CONFIG_NAMES: return *(const char *const *)field_const(c, k->offset) != NULL;
	case CONFIG_NUMBERS: return *(const double *const *)field_const(c, k->offset) != NULL;
	case CONFIG_TASKS:
	case CONFIG_LINEARS: return ((const struct strlist *)field_const(c, k->offset))->n > 0;
	default: return true;
	}
}

static FILE *text_open(char **text, size_t *bytes)
{
	FILE *f = open_memstream(text, bytes);

	if (!f)
		die("out of memory");
	return f;
}

static void text_close(FILE *f)
{
	bool bad = ferror(f);

	if (fclose(f) || bad)
		die("out of memory");
}

char *config_text(const struct config *c)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = text_open(&text, &bytes);

	for (int i = 0; i < CONFIG_KEYS; i++) {
		fprintf(out, "%s: ", config_keys[i].name);
		if (key_given(c, &config_keys[i]))
			put_value(out, c, &config_keys[i], true);
		else
			fputs("null", out);
		putc('\n', out);
	}
	text_close(out);
	return text;
}

char *config_value(const struct config *c, const struct config_key *k)
{
	char *text = NULL;
	size_t bytes;
	FILE *out;

	if (!key_given(c, k))
		return NULL;
	out = text_open(&text, &bytes);
	put_value(out, c, k, false);
	text_close(out);
	return text;
}
