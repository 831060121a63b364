/* tokenizer_settings.h: the JSON files that transformers reads beside a tokenizer.json or
 * tokenizer.model.
 *
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json are all optional. die() at a
 * setting that is not supported, and at files that contradict each other, because versions of
 * transformers use different ones. */
#ifndef TOKENIZER_SETTINGS_H
#define TOKENIZER_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "model/tokenizer/bpe_tokenizer.h"

struct tokenizer_settings {
	char *config_path, *map_path, *added_path;
	json_t *config, *map, *added; /* an empty object where the file is absent */
	const char *class_name;       /* tokenizer_class; NULL: none */
};

void tokenizer_settings_open(struct tokenizer_settings *s, const char *dir);
void tokenizer_settings_close(struct tokenizer_settings *s);

/* The class of Llama 2's tokenizer. It has its own defaults. */
bool tokenizer_settings_llama(const struct tokenizer_settings *s);

/* The text of the named token ("bos_token"), or NULL. */
const char *tokenizer_settings_named(const struct tokenizer_settings *s, const char *key);

/* Checks that the files agree with the tokenizer: the added tokens, the named tokens, the tokens
 * before and behind a text, and the blank before it. */
void tokenizer_settings_check(const struct tokenizer_settings *s, const struct bpe_tokenizer *t);

#endif
