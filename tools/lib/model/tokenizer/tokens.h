/* tokens.h: a text as token ids, as the slow T5Tokenizer of transformers 4.57 gives them.
 *
 * The text is cut at its added tokens (split.h). sentencepiece encodes the text between them. </s>
 * ends the ids. For a folder that transformers 5 wrote, the ids are those of its tokenizer. */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>

#include "model/geometry.h"
#include "model/tokenizer/token_ids.h"

struct t5_tokenizer;

/* Opens spiece.model, or a tokenizer.json with the same content (unigram_json.h), and the JSON
 * files beside it. die() where a file cannot be read, or files contradict each other or the model's
 * config.json. */
struct t5_tokenizer *tokens_open(const char *model_dir, const struct geometry *m);
void tokens_close(struct t5_tokenizer *t); /* NULL is fine */
/* die() unless DIR holds one of these files. The message names the tokenizer that it holds
 * instead. */
void tokens_need(const char *model_dir);

/* The ids of `text`: at most max_length - 1, then </s>. So a longer text loses its end and keeps
 * </s>; an empty text is only </s>. A text that ends with </s> gets no second one, except with the
 * files of transformers 5. `ids` has max_length ints. Returns the number of ids (1 … max_length),
 * or -1 when sentencepiece cannot encode the text. */
int tokens_encode(const struct t5_tokenizer *t, const char *text, int max_length, int *ids);

/* Appends all ids of a text. `end`: with </s>, as above. false: sentencepiece cannot encode the
 * text, and *ids is unchanged. */
bool tokens_encode_whole(const struct t5_tokenizer *t, const char *text, bool end,
			 struct token_ids *ids);

/* A token's text, allocated; NULL: no token has this id. The id of a text, or -1. The highest id +
 * 1. */
char *tokens_piece(const struct t5_tokenizer *t, int id);
int tokens_find(const struct t5_tokenizer *t, const char *text);
int tokens_size(const struct t5_tokenizer *t);

/* Describes the first id outside the model's vocabulary (allocated); NULL: there is none. The
 * caller refuses such a text, because the id would read past the model's embedding. */
char *tokens_outside(const struct t5_tokenizer *t, const int *ids, int n);

/* The text of generated ids, allocated, without special tokens and ids that are no token. */
char *tokens_decode(const struct t5_tokenizer *t, const int *ids, int n);

#endif
