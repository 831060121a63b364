/* tokenizer.h: the tokenizer of a model folder, whatever its kind.
 * - spiece.model, or tokenizer.json with the model Unigram: T5's, by sentencepiece (tokens.h).
 * - tokenizer.json with the model BPE: byte pair encoding (tokenizer_json.h).
 * - tokenizer.model without tokenizer.json: Llama 2's and Mistral's (tokenizer_model.h).
 *
 * Anything else in a folder, and any setting that is not supported, is die(). */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "model/geometry.h"
#include "model/tokenizer/token_ids.h"

struct tokenizer;

enum { TOKENIZER_MOST_BYTES = 1 << 29 }; /* of one text */

/* Every file of a folder that can change a text's ids, whatever the kind. NULL ends the list. */
extern const char *const tokenizer_names[];

struct tokenizer *tokenizer_open(const char *dir);
/* The tokenizer of a model. With a T5 it must be T5's, and the end and pad tokens must be the
 * model's. */
struct tokenizer *tokenizer_open_for(const char *dir, const struct geometry *m);
/* Whether the folder holds the main file of a tokenizer. */
bool tokenizer_is_in(const char *dir);
void tokenizer_close(struct tokenizer *t); /* NULL is fine */

/* Appends the ids of a text. `frame`: with the tokens that the post-processor adds before and
 * behind, such as a BOS or T5's </s>. Returns false, with *ids unchanged, where the text is no
 * UTF-8, is over TOKENIZER_MOST_BYTES, or (T5) has a zero byte. */
bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t bytes, bool frame,
		      struct token_ids *ids);

/* The same with the frame, but at most `most` ids. A longer text loses its last ids; the frame
 * stays. */
bool tokenizer_encode_within(const struct tokenizer *t, const char *text, size_t bytes, int most,
			     struct token_ids *ids);

/* Describes the first id outside a vocabulary of V (allocated); NULL: there is none. The caller
 * refuses such a text, because the id would read past the model's embedding. `dir`: the model's
 * folder. */
char *tokenizer_outside(const struct tokenizer *t, const int *ids, int n, const char *dir, int V);

/* The text of the ids, allocated; *bytes: its length (NULL: not wanted). Ids that are no token are
 * left out. So are special tokens where this is asked for; T5's always are. Bytes that are no UTF-8
 * become U+FFFD. transformers' clean_up_tokenization_spaces is not applied. */
char *tokenizer_decode(const struct tokenizer *t, const int *ids, int n, bool skip_special,
		       size_t *bytes);

/* The token's text as in the files, allocated ("Ġthe"). NULL: no token has this id. */
char *tokenizer_piece(const struct tokenizer *t, int id);
/* The id of this text, of an added token or of the vocabulary; -1: there is none. */
int tokenizer_find(const struct tokenizer *t, const char *text);
/* The highest id + 1. A model's vocabulary may be larger, but not smaller. */
int tokenizer_size(const struct tokenizer *t);

#endif
