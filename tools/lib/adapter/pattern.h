/* pattern.h: Python regular expressions over module names, for PEFT's target_modules,
 * exclude_modules, layers_pattern, rank_pattern and alpha_pattern. PCRE2 matches them.
 *
 * They mean what they mean to Python 3.11's `re`. Refused, with the reason:
 * - what Python refuses;
 * - back-references and conditional groups, because the engines differ in the capture that
 *   survives a repeat;
 * - all flags but i, m, s, and all escaped letters but \A \b \B \d \D \s \S \w \W \Z;
 * - comments, and characters outside ASCII;
 * - a flag for the whole pattern inside a longer one (a key of rank_pattern, layers_pattern);
 * - a text over 1000 characters, and groups nested over 100 deep.
 *
 * Names of modules are ASCII without line breaks. A match ends after a fixed number of steps,
 * whatever the pattern. */
#ifndef PATTERN_H
#define PATTERN_H

enum pattern_kind {
	PATTERN_WHOLE, /* re.fullmatch(text, name) */
	PATTERN_TAIL,  /* re.match(r"(.*\.)?(text)$", name): matches the whole name, or the rest
			  behind one of its dots */
	PATTERN_LAYER, /* re.match(r"(?:^|.*?\.)text\.(?P<idx>\d+)\.", name): the number behind the
			  name of the list of layers */
	PATTERN_ANY_LAYER, /* re.match(r".*?\.[^.]*\.(?P<idx>\d+)\.", name): the first number; the
			      text is "" */
};

enum pattern_answer { PATTERN_NO, PATTERN_YES, PATTERN_GAVE_UP /* after PATTERN_STEPS */ };
enum { PATTERN_STEPS = 100000 };

struct pattern;

/* NULL when the text cannot be used. *why is then the reason (a constant), *at the character (from
 * 1; 0: unknown). */
struct pattern *pattern_compile(const char *text, enum pattern_kind kind, const char **why,
				int *at);
void pattern_free(struct pattern *p); /* NULL is fine */
enum pattern_answer pattern_match(const struct pattern *p, const char *name);
/* After PATTERN_YES of a kind with a number: the number; -1 where the match has none. */
long pattern_index(const struct pattern *p, const char *name);

#endif
