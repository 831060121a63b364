/* tokenizer.h: the tokenizer of a model folder, whatever its kind.
 *
 * - spiece.model, or tokenizer.json with the model Unigram: T5's, by sentencepiece (tokens.h).
 * - tokenizer.json with the model BPE: byte pair encoding (tokenizer_json.h).
 * - tokenizer.model without tokenizer.json: Llama 2's and Mistral's (tokenizer_model.h).
 *
 * What a folder holds instead, and what of it is not followed, is die(). */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "model/geometry.h"
#include "model/tokenizer/token_ids.h"

struct tokenizer;

enum { TOKENIZER_MOST_BYTES = 1 << 29 }; /* of one text */

/* Every file of a folder that a text's ids depend on, whatever its kind; NULL ends the list. */
extern const char *const tokenizer_names[];

struct tokenizer *tokenizer_open(const char *dir);
/* That of a model: a T5 has T5's, and its end and pad tokens are the model's. */
struct tokenizer *tokenizer_open_for(const char *dir, const struct geometry *m);
/* Whether the folder holds a tokenizer's main file. */
bool tokenizer_is_in(const char *dir);
void tokenizer_close(struct tokenizer *t); /* NULL is fine */

/* Appends the ids of a text. `frame`: with the tokens that the tokenizer's post-processor puts
 * before and behind it (a BOS; T5's </s>), or without. false, and *ids is as it was: the text is no
 * UTF-8, is over TOKENIZER_MOST_BYTES, or (T5) has a zero byte. */
bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t bytes, bool frame,
		      struct token_ids *ids);

/* The same with the frame, but `most` ids in all: a longer text loses its last ones, and the frame
 * stays. */
bool tokenizer_encode_within(const struct tokenizer *t, const char *text, size_t bytes, int most,
			     struct token_ids *ids);

/* The first id outside a vocabulary of V, in words (allocated); NULL: none. Such ids would read
 * past a model's embedding: the caller refuses the text. `dir`: the model's folder. */
char *tokenizer_outside(const struct tokenizer *t, const int *ids, int n, const char *dir, int V);

/* The text of the ids, allocated, its length in *bytes (NULL: not asked for). Ids of no token are
 * left out, and special tokens if so asked; T5's always are. Bytes that are no UTF-8 become U+FFFD.
 * What transformers' clean_up_tokenization_spaces does is not done. */
char *tokenizer_decode(const struct tokenizer *t, const int *ids, int n, bool skip_special,
		       size_t *bytes);

/* The token's text as the files have it, allocated ("Ġthe"); NULL: no token has this id. */
char *tokenizer_piece(const struct tokenizer *t, int id);
/* The id of this text, an added token's or the vocabulary's; -1: there is none. */
int tokenizer_find(const struct tokenizer *t, const char *text);
/* The highest id + 1; a model's vocabulary may be larger, and must not be smaller. */
int tokenizer_size(const struct tokenizer *t);

#endif
