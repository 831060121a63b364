/* split.h: cuts a text at the added tokens in it, as transformers 4.57 does for its slow
 * tokenizers.
 *
 * The cuts are those of its `Trie`: in one pass, the longest token at the earliest start. Then
 * lstrip and rstrip remove blanks beside a token. A single_word token beside any character but a
 * blank becomes text again. */
#ifndef SPLIT_H
#define SPLIT_H

#include "model/tokenizer/added.h"

/* A part of a text: an added token, or text between two tokens. */
struct part {
	char *text;
	size_t bytes;
	const struct added_token *token; /* NULL: text */
};
struct parts {
	int n;
	struct part *part;
};

/* Whether an added token occurs in the text. Most texts have none and are not split. */
bool split_needed(const struct added *a, const char *text, size_t bytes);
/* The parts in order, without empty ones. */
struct parts split_text(const struct added *a, const char *text, size_t bytes);
void parts_release(struct parts *p); /* zero is fine */

#endif
