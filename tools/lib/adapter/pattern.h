/* pattern.h: Python regular expressions over module names, as PEFT's target_modules and rank_pattern use them.
 *
 * Only "does it match" is asked, so groups capture nothing and lazy quantifiers equal greedy ones. Understood: letters, '.', classes,
 * \d \w \s \D \W \S, escaped punctuation, ( ) (?:) (?P<name>), |, * + ? {m,n} and their lazy forms, ^ $. Refused: look-around,
 * back-references, flags, possessive and atomic groups, other escapes of letters (\b …), characters outside ASCII, a text over 1000
 * characters, repeats that expand to more than 4000 steps. Matching takes time in proportion to name × pattern, whatever the pattern. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

enum pattern_kind {
	PATTERN_WHOLE, /* re.fullmatch(text, name) */
	PATTERN_TAIL,  /* re.match(r"(.*\.)?(text)$", name): the whole name, or what follows one of its dots */
};

struct pattern;

/* NULL when the text cannot be used: *why then says why (a constant), *at where (character, from 1). */
struct pattern *pattern_compile(const char *text, enum pattern_kind kind, const char **why, int *at);
void pattern_free(struct pattern *p); /* NULL is fine */
/* A character outside [A-Za-z0-9_.] in `name` matches nothing, not even '.': names of modules have none. */
bool pattern_matches(const struct pattern *p, const char *name);

#endif
