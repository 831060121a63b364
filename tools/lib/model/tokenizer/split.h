/* split.h: cuts a text at the added tokens in it, as transformers 4.57 does for its slow
 * tokenizers.
 *
 * The cuts are those of its `Trie`: in one pass, the longest token of the earliest start. Then each
 * token takes the blanks that lstrip and rstrip name, and a single_word token beside another
 * character than a blank becomes text again. */
#ifndef SPLIT_H
#define SPLIT_H

#include "model/tokenizer/added.h"

/* A part of a text: an added token, or text between two. */
struct part {
	char *text;
	size_t bytes;
	const struct added_token *token; /* NULL: text */
};
struct parts {
	int n;
	struct part *part;
};

/* Whether any added token stands in the text; most have none, and are not split. */
bool split_needed(const struct added *a, const char *text, size_t bytes);
/* The parts in order; empty ones are left out. */
struct parts split_text(const struct added *a, const char *text, size_t bytes);
void parts_release(struct parts *p); /* zero is fine */

#endif
