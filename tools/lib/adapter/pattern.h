/* pattern.h: Python regular expressions over module names, as PEFT's target_modules,
 * exclude_modules, layers_pattern, rank_pattern and alpha_pattern use them. PCRE2 matches.
 *
 * Meant as Python 3.11's `re` means them. Refused, naming the reason: what Python refuses;
 * back-references and conditional groups (which capture survives a repeat differs between the
 * engines); of the flags all but i, m, s; of the escapes of letters all but \A \b \B \d \D \s \S \w
 * \W \Z; comments; characters outside ASCII; a flag for the whole pattern inside a longer one (a
 * key of rank_pattern, layers_pattern); a text over 1000 characters; groups nested over 100 deep.
 * Names of modules are ASCII and hold no line break. A match ends after a fixed number of steps,
 * whatever the pattern. */
#ifndef PATTERN_H
#define PATTERN_H

enum pattern_kind {
	PATTERN_WHOLE, /* re.fullmatch(text, name) */
	PATTERN_TAIL,  /* re.match(r"(.*\.)?(text)$", name): the whole name, or what follows one of
			  its dots */
	PATTERN_LAYER, /* re.match(r"(?:^|.*?\.)text\.(?P<idx>\d+)\.", name): the number behind the
			  name of a list of layers */
	PATTERN_ANY_LAYER, /* re.match(r".*?\.[^.]*\.(?P<idx>\d+)\.", name): the first number; the
			      text is "" */
};

enum pattern_answer { PATTERN_NO, PATTERN_YES, PATTERN_GAVE_UP /* after PATTERN_STEPS */ };
enum { PATTERN_STEPS = 100000 };

struct pattern;

/* NULL when the text cannot be used: *why then says why (a constant), *at where (character, from 1;
 * 0: not known). */
struct pattern *pattern_compile(const char *text, enum pattern_kind kind, const char **why,
				int *at);
void pattern_free(struct pattern *p); /* NULL is fine */
enum pattern_answer pattern_match(const struct pattern *p, const char *name);
/* After PATTERN_YES of a kind with a number: that number; -1 where the match has none. */
long pattern_index(const struct pattern *p, const char *name);

#endif
