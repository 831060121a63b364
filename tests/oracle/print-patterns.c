/* print-patterns: the answers of our patterns, for patterns.py. It reads lines
 * "KIND<tab>TEXT<tab>NAME" from standard input, and prints one answer for each.
 *
 *   gcc -std=c11 -D_GNU_SOURCE -Itools/lib -o print-patterns tests/oracle/print-patterns.c
 * build/libmerge.a -lpcre2-8 -ljansson -lm -fopenmp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pattern.h"

static void answer(enum pattern_kind kind, const char *text, const char *name)
{
	const char *why;
	int at;
	struct pattern *p = pattern_compile(text, kind, &why, &at);
	enum pattern_answer a;

	if (!p) {
		printf("- %s\n", why);
		return;
	}
	a = pattern_match(p, name);
	if (a == PATTERN_GAVE_UP)
		puts("- too many steps");
	else if (kind == PATTERN_WHOLE || kind == PATTERN_TAIL)
		puts(a == PATTERN_YES ? "1" : "0");
	else if (a == PATTERN_NO)
		puts("0n");
	else if (pattern_index(p, name) < 0)
		puts("n");
	else
		printf("%ld\n", pattern_index(p, name));
	pattern_free(p);
}

int main(void)
{
	static char line[8192];

	while (fgets(line, sizeof(line), stdin)) {
		char *text = strchr(line, '\t'), *name = text ? strchr(text + 1, '\t') : NULL;

		if (!name)
			return 1;
		*text++ = *name++ = '\0';
		name[strcspn(name, "\n")] = '\0';
		answer(*line == 'W'   ? PATTERN_WHOLE
		       : *line == 'T' ? PATTERN_TAIL
		       : *line == 'L' ? PATTERN_LAYER
				      : PATTERN_ANY_LAYER,
		       text, name);
	}
	return 0;
}
