/* token_set.h: the added tokens of a tokenizer.json, and where they occur in a text.
 *
 * The rules are those of the tokenizers library. Of two tokens the one that starts earlier wins,
 * then the longer one. Tokens without `normalized` are searched in the original text. The text
 * between them is then normalised, and searched for the normalised forms of the other tokens. */
#ifndef TOKEN_SET_H
#define TOKEN_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "model/tokenizer/normaliser.h"
#include "model/tokenizer/regexp.h"

/* Published tokenizers have up to about 6400 added tokens. They are looked up one by one. */
enum { SET_TOKEN_MOST_BYTES = 1024, SET_MOST_TOKENS = 16384 };

struct set_token {
	char *text;
	int id;
	bool lstrip, rstrip; /* takes white space before and behind it */
	bool single_word;    /* does not count beside a letter, mark, digit or underscore */
	bool normalized;
	bool special; /* may be left out of decoded text */
};

/* The texts to search for, normalised or not. */
struct set_index {
	int n;
	char **text;      /* sorted; each occurs once */
	int *token;       /* the token of the set that each text belongs to */
	bool begins[256]; /* whether any text begins with this byte */
};

/* Zero-initialised is empty. */
struct token_set {
	int n;
	struct set_token *token;
	struct set_index raw, normalised;
	struct regexp *word; /* one word character; NULL: no token is single_word */
};

/* Adds a token. If its text is there already, it replaces that token. */
void token_set_add(struct token_set *s, const struct set_token *t);
/* Call it after the last token_set_add(). A token that cannot be normalised is die(), with the
 * reason and `path`. */
void token_set_index(struct token_set *s, const struct normaliser *n, const char *path);
void token_set_release(struct token_set *s);

const struct set_token *token_set_find(const struct token_set *s, const char *text);
const struct set_token *token_set_of_id(const struct token_set *s, int id);

/* A part of a text: a token, or (NULL) the text between two. */
struct set_part {
	struct span at;
	const struct set_token *token;
};
struct set_parts {
	int n, room;
	struct set_part *part;
};
void set_parts_release(struct set_parts *p);

/* The parts of a text in order; they replace those in *p. An empty text has none. */
void token_set_split(const struct token_set *s, const struct set_index *in, const char *text,
		     size_t bytes, struct set_parts *p);

#endif
