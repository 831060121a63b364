/* token_set.h: the added tokens of a tokenizer.json, and where they stand in a text.
 *
 * The rules are those of the tokenizers library. Of two tokens the earlier start wins, then the
 * longer one. Tokens that are not `normalized` are looked for in the text as it comes. The others
 * are looked for, in their normalised form, in the normalised text between those. */
#ifndef TOKEN_SET_H
#define TOKEN_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "model/tokenizer/normaliser.h"
#include "model/tokenizer/regexp.h"

/* The published ones have at most some 6400 tokens. They are looked up one by one. */
enum { SET_TOKEN_MOST_BYTES = 1024, SET_MOST_TOKENS = 16384 };

struct set_token {
	char *text;
	int id;
	bool lstrip, rstrip; /* takes the white space before and behind it */
	bool single_word;    /* is none beside a letter, mark, digit or underscore */
	bool normalized;
	bool special; /* may be left out of a decoded text */
};

/* What is looked for: normalised or not. */
struct set_index {
	int n;
	char **text;      /* sorted, none twice */
	int *token;       /* of each: which of the set's */
	bool begins[256]; /* whether some text begins with this byte */
};

/* Zero-initialised is empty. */
struct token_set {
	int n;
	struct set_token *token;
	struct set_index raw, normalised;
	struct regexp *word; /* a character of a word; NULL: no token is single_word */
};

/* Adds a token, whose text may be there already: it then takes its place. */
void token_set_add(struct token_set *s, const struct set_token *t);
/* After the last token_set_add(). Why a token cannot be normalised is die(), naming `path`. */
void token_set_index(struct token_set *s, const struct normaliser *n, const char *path);
void token_set_release(struct token_set *s);

const struct set_token *token_set_find(const struct token_set *s, const char *text);
const struct set_token *token_set_of_id(const struct token_set *s, int id);

/* A part of a text: a token, or (NULL) text between two. */
struct set_part {
	struct span at;
	const struct set_token *token;
};
struct set_parts {
	int n, room;
	struct set_part *part;
};
void set_parts_release(struct set_parts *p);

/* The parts of a text in order, in place of what *p had. An empty text has none. */
void token_set_split(const struct token_set *s, const struct set_index *in, const char *text,
		     size_t bytes, struct set_parts *p);

#endif
