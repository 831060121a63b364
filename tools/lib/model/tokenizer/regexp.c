/* regexp.c: see regexp.h. */
#include "model/tokenizer/regexp.h"

#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

struct regexp {
	char *literal; /* NULL: it is an expression */
	regex_t *code;
	OnigRegion *found;
};

static void start_library(void)
{
	OnigEncoding encoding = ONIG_ENCODING_UTF8;
	static bool started;
	if (started)
		return;
	onig_initialize(&encoding, 1);
	onig_set_retry_limit_in_match(REGEXP_MOST_STEPS);
	onig_set_retry_limit_in_search(REGEXP_MOST_STEPS);
	started = true;
}

struct regexp *regexp_compile(const char *expression, char **why)
{
	const OnigUChar *from = (const OnigUChar *)expression;
	size_t bytes = strlen(expression);
	OnigErrorInfo info;
	regex_t *code;
	if (bytes > REGEXP_MOST_BYTES) {
		*why = xformat("of %zu bytes, and at most %d are read", bytes, REGEXP_MOST_BYTES);
		return NULL;
	}
	start_library();
	int status = onig_new(&code, from, from + bytes, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
			      ONIG_SYNTAX_RUBY, &info);
	if (status != ONIG_NORMAL) {
		char words[ONIG_MAX_ERROR_MESSAGE_LEN];
		onig_error_code_to_str((OnigUChar *)words, status, &info);
		*why = xstrdup(words);
		return NULL;
	}
	struct regexp *r = xcalloc(1, sizeof *r);
	r->code = code;
	r->found = onig_region_new();
	if (!r->found)
		die("out of memory: cannot get a match of a regular expression");
	return r;
}

struct regexp *regexp_literal(const char *text)
{
	BUG_IF(!*text);
	struct regexp *r = xcalloc(1, sizeof *r);
	r->literal = xstrdup(text);
	return r;
}

void regexp_free(struct regexp *r)
{
	if (!r)
		return;
	free(r->literal);
	if (r->code)
		onig_free(r->code);
	if (r->found)
		onig_region_free(r->found, 1);
	free(r);
}

static enum regexp_result find_literal(const struct regexp *r, const char *text, size_t bytes,
				       size_t from, struct span *found)
{
	size_t n = strlen(r->literal);
	const char *at = memmem(text + from, bytes - from, r->literal, n);
	if (!at)
		return REGEXP_NO;
	*found = (struct span){(size_t)(at - text), (size_t)(at - text) + n};
	return REGEXP_YES;
}

enum regexp_result regexp_find(const struct regexp *r, const char *text, size_t bytes, size_t from,
			       struct span *found)
{
	const OnigUChar *at = (const OnigUChar *)text;
	if (from >= bytes)
		return REGEXP_NO;
	if (r->literal)
		return find_literal(r, text, bytes, from, found);
	int status = onig_search(r->code, at, at + bytes, at + from, at + bytes, r->found,
				 ONIG_OPTION_NONE);
	if (status < 0)
		return status == ONIG_MISMATCH ? REGEXP_NO : REGEXP_STEPS;
	*found = (struct span){(size_t)r->found->beg[0], (size_t)r->found->end[0]};
	return found->from == found->to ? REGEXP_EMPTY : REGEXP_YES;
}
