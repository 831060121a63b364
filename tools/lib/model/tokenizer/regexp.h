/* regexp.h: what a tokenizer looks for in a text: a literal text, or a regular expression of
 * Oniguruma.
 *
 * The tokenizers library runs the expressions of a tokenizer.json by Oniguruma. The same engine
 * here gives them the same meaning: PCRE2's \s has U+180E, for one. */
#ifndef REGEXP_H
#define REGEXP_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes [from, to) of a text. */
struct span {
	size_t from, to;
};

struct regexp;

enum { REGEXP_MOST_BYTES = 4096 };

/* NULL: no expression of this syntax, or longer than REGEXP_MOST_BYTES; *why then holds an
 * allocated message. */
struct regexp *regexp_compile(const char *expression, char **why);
struct regexp *regexp_literal(const char *text); /* not empty */
void regexp_free(struct regexp *r);              /* NULL is fine */

enum regexp_result {
	REGEXP_NO,
	REGEXP_YES,
	REGEXP_EMPTY, /* a match of no characters */
	REGEXP_STEPS  /* more steps than a match may take (REGEXP_MOST_STEPS) */
};
enum { REGEXP_MOST_STEPS = 10000000 };

/* The first match in text[from, bytes), which is UTF-8. What stands before `from` can be looked
 * back at. One thread at a time. */
enum regexp_result regexp_find(const struct regexp *r, const char *text, size_t bytes, size_t from,
			       struct span *found);

#endif
