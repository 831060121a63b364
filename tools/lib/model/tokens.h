/* tokens.h: a text as the model's token ids: sentencepiece's pieces, then </s>. */
#ifndef TOKENS_H
#define TOKENS_H

#include "model/spm.h"

/* Ids of `text`: at most max_length - 1 pieces, then `eos`; so an over-long text loses
 * its end and keeps </s>, and an empty one is </s> alone. `ids` holds max_length ints. Returns the number of ids (1 …
 * max_length), or -1 when sentencepiece cannot encode the text. */
int tokens_encode(const struct spm *s, const char *text, int max_length, int eos, int *ids);

/* Index of the first id outside [0, V), or -1. Such ids would read past the model's embedding: the caller refuses the
 * text. */
int tokens_outside(const int *ids, int n, int V);

/* Opens DIR/spiece.model; die() when it cannot be read. */
struct spm *tokens_open(const char *model_dir);
/* die() unless DIR holds spiece.model, saying which tokenizer it holds instead. */
void tokens_need(const char *model_dir);
/* Id of the piece </s>, with which T5Tokenizer ends every text (config.json's eos_token_id ends answers); die() when there is none. */
int tokens_end(const struct spm *s, const char *model_dir);

#endif
