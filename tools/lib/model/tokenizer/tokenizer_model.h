/* tokenizer_model.h: the tokenizer of a tokenizer.model of Llama 2 and Mistral: sentencepiece's BPE
 * with byte fallback.
 *
 * Ids are those of LlamaTokenizerFast of transformers 4.57, which turns the file into merges for
 * the tokenizers library. sentencepiece itself orders two merges of one piece by their places in
 * the text. The library takes the one with the longer left side first. The results differ for some
 * runs of one letter.
 *
 * `legacy` (tokenizer_config.json; true where it is absent): a blank is added before every part of
 * a text between added tokens. Without legacy, only before the text itself. */
#ifndef TOKENIZER_MODEL_H
#define TOKENIZER_MODEL_H

#include "model/tokenizer/bpe_tokenizer.h"
#include "model/tokenizer/tokenizer_settings.h"

/* die() for a model of another kind, and for one that normalises texts, because LlamaTokenizerFast
 * ignores the normaliser. */
void tokenizer_model_read(struct bpe_tokenizer *t, const char *path,
			  const struct tokenizer_settings *s);

#endif
