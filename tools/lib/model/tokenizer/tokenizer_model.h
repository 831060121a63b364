/* tokenizer_model.h: the tokenizer that a tokenizer.model of Llama 2 and Mistral describes:
 * sentencepiece's BPE with byte fallback.
 *
 * Ids are those of LlamaTokenizerFast of transformers 4.57, which turns the file into merges for
 * the tokenizers library. sentencepiece itself ranks two merges of one piece by their place in the
 * text; the library ranks the one with the longer left side first. They differ on some runs of one
 * letter.
 *
 * `legacy` (tokenizer_config.json; true where it is absent): a blank is put before every part of a
 * text between added tokens; without legacy, only before the text itself. */
#ifndef TOKENIZER_MODEL_H
#define TOKENIZER_MODEL_H

#include "model/tokenizer/bpe_tokenizer.h"
#include "model/tokenizer/tokenizer_settings.h"

/* A model of another kind, and one that normalises texts, which LlamaTokenizerFast passes over, are
 * die(). */
void tokenizer_model_read(struct bpe_tokenizer *t, const char *path,
			  const struct tokenizer_settings *s);

#endif
