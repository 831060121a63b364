/* tokenizer_json.h: the tokenizer that a tokenizer.json of the tokenizers library describes.
 *
 * Only this file is used, as in transformers 4. For some classes (GPT2Tokenizer, LlamaTokenizer)
 * version 5 takes only the vocabulary and the merges, and cuts texts by a rule of its own.
 *
 * The model must be BPE. An unknown key, type or word is die(), naming the file, the part, what was
 * found and what is known. */
#ifndef TOKENIZER_JSON_H
#define TOKENIZER_JSON_H

#include "model/tokenizer/bpe_tokenizer.h"

json_t *tokenizer_json_load(const char *path); /* caller decrefs */
/* The type of the model ("BPE", "Unigram"). NULL: the file names none. */
const char *tokenizer_json_model(const json_t *file);
/* `file` was loaded from `path`. */
void tokenizer_json_read(struct bpe_tokenizer *t, const char *path, const json_t *file);

/* An added token from JSON: content and flags. `id` is not changed. The text is owned by v. */
struct set_token tokenizer_json_token(struct jsonpart p);

/* The id that the library gives to a new token: the next one behind the vocabulary and the tokens
 * that were added before. */
int tokenizer_json_next_id(const struct bpe_tokenizer *t);

#endif
