/* tokenizer_settings.h: the JSON files beside a tokenizer.json or tokenizer.model: what
 * transformers reads there, too.
 *
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json may all be absent. A setting
 * that this program does not follow, and files that contradict each other, are die(): versions of
 * transformers go by one or the other. */
#ifndef TOKENIZER_SETTINGS_H
#define TOKENIZER_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "model/tokenizer/bpe_tokenizer.h"

struct tokenizer_settings {
	char *config_path, *map_path, *added_path;
	json_t *config, *map, *added; /* an empty object where the file is absent */
	const char *class_name;       /* tokenizer_class, or NULL */
};

void tokenizer_settings_open(struct tokenizer_settings *s, const char *dir);
void tokenizer_settings_close(struct tokenizer_settings *s);

/* The class of Llama 2's tokenizer, which has defaults of its own. */
bool tokenizer_settings_llama(const struct tokenizer_settings *s);

/* The named token's text ("bos_token"), or NULL. */
const char *tokenizer_settings_named(const struct tokenizer_settings *s, const char *key);

/* Whether the files agree with the tokenizer: its added tokens, named tokens, the tokens before and
 * behind a text, the blank before it. */
void tokenizer_settings_check(const struct tokenizer_settings *s, const struct bpe_tokenizer *t);

#endif
