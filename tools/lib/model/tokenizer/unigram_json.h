/* unigram_json.h: T5's tokenizer of a folder that has only tokenizer.json, as a sentencepiece
 * model.
 *
 * The file holds all that spiece.model did: pieces and their scores, and the table of the
 * normaliser. Put together again, they are a model that the sentencepiece library reads. */
#ifndef UNIGRAM_JSON_H
#define UNIGRAM_JSON_H

#include <stdbool.h>

#include "base/text.h"

/* Whether DIR has no spiece.model, but a tokenizer.json whose model is Unigram. */
bool unigram_json_is(const char *dir);

/* Appends the bytes of the model. A normalizer, a pre_tokenizer or a post_processor other than
 * those that transformers writes for T5 is die(). */
void unigram_json_read(const char *path, struct text *model);

#endif
