/* tokenizer_files.h: the JSON files beside spiece.model, with the settings and added tokens of T5's
 * tokenizer.
 *
 * All of them are optional. die() where two files name different special tokens, or a setting is
 * not supported: another class of tokenizer, lower case, sampling, cutting a text at its front. */
#ifndef TOKENIZER_FILES_H
#define TOKENIZER_FILES_H

#include <jansson.h>
#include <stdbool.h>

/* The files of T5, with spiece.model first. NULL ends the list. */
extern const char *const tokenizer_file_names[];

struct tokenizer_files {
	char *config_path, *map_path, *added_path, *fast_path;
	json_t *config; /* tokenizer_config.json, with numbers as reals; if it is absent, an empty
			   object, like the next two */
	json_t *map;    /* special_tokens_map.json */
	json_t *added;  /* added_tokens.json */
	json_t *fast;   /* the list added_tokens of tokenizer.json; NULL: there is no such file */
	bool version5;  /* the tokens come from tokenizer.json: transformers 5 wrote it, or there is
			   no spiece.model */
	bool legacy; /* every part of a text between added tokens begins as if a blank preceded it
		      */
};

void tokenizer_files_read(struct tokenizer_files *f, const char *dir);
void tokenizer_files_release(struct tokenizer_files *f); /* zero is fine */

/* The special token `key` ("eos_token"): a string, an object, or NULL for none. */
const json_t *tokenizer_files_special(const struct tokenizer_files *f, const char *key);

#endif
