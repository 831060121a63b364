/* tokens.h: a text as the model's token ids, as T5Tokenizer of transformers 4.57 (the slow one)
 * gives them.
 *
 * The text is cut at the added tokens in it (split.h), sentencepiece encodes what lies between, and
 * </s> ends it. Of a folder that transformers 5 wrote, ids are those of its tokenizer. */
#ifndef TOKENS_H
#define TOKENS_H

#include "model/t5.h"

struct t5_tokenizer;

/* Opens spiece.model and the JSON files beside it. A file that cannot be read, or files that
 * contradict each other or the model's config.json: die(). */
struct t5_tokenizer *tokens_open(const char *model_dir, const struct t5 *m);
void tokens_close(struct t5_tokenizer *t); /* NULL is fine */
/* die() unless DIR holds spiece.model, saying which tokenizer it holds instead. */
void tokens_need(const char *model_dir);

/* Ids of `text`: at most max_length - 1, then </s>; so an over-long text loses its end and keeps
 * </s>, and an empty one is
 * </s> alone. A text that ends with </s> gets no second one (but does by the files of transformers
 * 5). `ids` holds max_length ints. Returns the number of ids (1 … max_length), or -1 when
 * sentencepiece cannot encode the text. */
int tokens_encode(const struct t5_tokenizer *t, const char *text, int max_length, int *ids);

/* The first id outside the model's vocabulary, in words (allocated); NULL: none. Such ids would
 * read past the model's embedding: the caller refuses the text. */
char *tokens_outside(const struct t5_tokenizer *t, const int *ids, int n);

/* Text of generated ids, allocated: special tokens and ids of no token are left out. */
char *tokens_decode(const struct t5_tokenizer *t, const int *ids, int n);

#endif
