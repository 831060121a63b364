/* unigram_json.h: T5's tokenizer from a folder that has only tokenizer.json, as a sentencepiece
 * model.
 *
 * The file holds all that spiece.model would: the pieces, their scores, and the normaliser's table.
 * Put together, they are a model that the sentencepiece library can read. */
#ifndef UNIGRAM_JSON_H
#define UNIGRAM_JSON_H

#include <stdbool.h>

#include "base/text.h"

/* Whether DIR has no spiece.model, but a tokenizer.json with a Unigram model. */
bool unigram_json_is(const char *dir);

/* Appends the bytes of the model. die() where the normalizer, pre_tokenizer or post_processor is
 * not one that transformers writes for T5. */
void unigram_json_read(const char *path, struct text *model);

#endif
