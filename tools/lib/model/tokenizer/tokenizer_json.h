/* tokenizer_json.h: the tokenizer that a tokenizer.json of the tokenizers library describes.
 *
 * The file alone counts, as in transformers 4. Version 5 takes only the vocabulary and merges of
 * some classes (GPT2Tokenizer, LlamaTokenizer) and cuts texts by a rule of its own.
 *
 * Its model must be BPE. A key, a type or a word that is not known is die(), naming the file, the
 * part, what was found and what is known. */
#ifndef TOKENIZER_JSON_H
#define TOKENIZER_JSON_H

#include "model/tokenizer/bpe_tokenizer.h"

json_t *tokenizer_json_load(const char *path); /* caller decrefs */
/* The type of the model ("BPE", "Unigram"); NULL: the file says none. */
const char *tokenizer_json_model(const json_t *file);
/* `file` is what was loaded from `path`. */
void tokenizer_json_read(struct bpe_tokenizer *t, const char *path, const json_t *file);

/* An added token as JSON has it: content and flags. `id` is left as it is. The text lies in v. */
struct set_token tokenizer_json_token(struct jsonpart p);

/* The id that the library gives to a token that is not there yet: behind the vocabulary and behind
 * the tokens that were added before. */
int tokenizer_json_next_id(const struct bpe_tokenizer *t);

#endif
