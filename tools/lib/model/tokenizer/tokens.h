/* tokens.h: a text as the model's token ids, as T5Tokenizer of transformers 4.57 (the slow one)
 * gives them.
 *
 * The text is cut at the added tokens in it (split.h), sentencepiece encodes what lies between, and
 * </s> ends it. Of a folder that transformers 5 wrote, ids are those of its tokenizer. */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>

#include "model/geometry.h"
#include "model/tokenizer/token_ids.h"

struct t5_tokenizer;

/* Opens spiece.model, or a tokenizer.json that holds the same (unigram_json.h), and the JSON files
 * beside it. A file that cannot be read, or files that contradict each other or the model's
 * config.json: die(). */
struct t5_tokenizer *tokens_open(const char *model_dir, const struct geometry *m);
void tokens_close(struct t5_tokenizer *t); /* NULL is fine */
/* die() unless DIR holds one of these, saying which tokenizer it holds instead. */
void tokens_need(const char *model_dir);

/* Ids of `text`: at most max_length - 1, then </s>; so an over-long text loses its end and keeps
 * </s>, and an empty one is
 * </s> alone. A text that ends with </s> gets no second one (but does by the files of transformers
 * 5). `ids` holds max_length ints. Returns the number of ids (1 … max_length), or -1 when
 * sentencepiece cannot encode the text. */
int tokens_encode(const struct t5_tokenizer *t, const char *text, int max_length, int *ids);

/* Appends the ids of a whole text, however long; `end`: with </s>, as above. false: sentencepiece
 * cannot encode it, and *ids is as it was. */
bool tokens_encode_whole(const struct t5_tokenizer *t, const char *text, bool end,
			 struct token_ids *ids);

/* A token's text, allocated; NULL: no token has this id. The id of a text, or -1. The highest id
 * + 1. */
char *tokens_piece(const struct t5_tokenizer *t, int id);
int tokens_find(const struct t5_tokenizer *t, const char *text);
int tokens_size(const struct t5_tokenizer *t);

/* The first id outside the model's vocabulary, in words (allocated); NULL: none. Such ids would
 * read past the model's embedding: the caller refuses the text. */
char *tokens_outside(const struct t5_tokenizer *t, const int *ids, int n);

/* Text of generated ids, allocated: special tokens and ids of no token are left out. */
char *tokens_decode(const struct t5_tokenizer *t, const int *ids, int n);

#endif
