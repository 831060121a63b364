/* regexp.h: what a tokenizer searches for: a literal text, or a regular expression of Oniguruma.
 *
 * The tokenizers library runs the expressions of a tokenizer.json with Oniguruma. The same engine
 * gives them the same meaning here. PCRE2 would not: its \s includes U+180E, for example. */
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

/* NULL: not an expression of this syntax, or longer than REGEXP_MOST_BYTES. *why is then an
 * allocated message. */
struct regexp *regexp_compile(const char *expression, char **why);
struct regexp *regexp_literal(const char *text); /* must not be empty */
void regexp_free(struct regexp *r);              /* NULL is fine */

enum regexp_result {
	REGEXP_NO,
	REGEXP_YES,
	REGEXP_EMPTY, /* a match without characters */
	REGEXP_STEPS  /* the match takes more than REGEXP_MOST_STEPS steps */
};
enum { REGEXP_MOST_STEPS = 10000000 };

/* The first match in text[from, bytes), which is UTF-8. An expression can look back at text before
 * `from`. Use it from one thread at a time. */
enum regexp_result regexp_find(const struct regexp *r, const char *text, size_t bytes, size_t from,
			       struct span *found);

#endif
