/* tokenizer_files.h: the JSON files beside spiece.model, in which T5's tokenizer keeps its settings
 * and its added tokens.
 *
 * None of them need be there. What this program cannot follow (another tokenizer's class, lower
 * case, sampling, a cut at the front of a text), and two files that name different special tokens,
 * is die(). */
#ifndef TOKENIZER_FILES_H
#define TOKENIZER_FILES_H

#include <jansson.h>
#include <stdbool.h>

/* The files of T5, spiece.model first; NULL ends the list. */
extern const char *const tokenizer_file_names[];

struct tokenizer_files {
	char *config_path, *map_path, *added_path, *fast_path;
	json_t *config; /* tokenizer_config.json, numbers as reals; an empty object where it is not
			   there, as for the next two */
	json_t *map;    /* special_tokens_map.json */
	json_t *added;  /* added_tokens.json */
	json_t *fast;   /* the list added_tokens of tokenizer.json; NULL without the file */
	bool version5;  /* the tokens are those of tokenizer.json: transformers 5 wrote it, or there
			   is no spiece.model */
	bool legacy;    /* every part of a text between added tokens begins as if after a blank */
};

void tokenizer_files_read(struct tokenizer_files *f, const char *dir);
void tokenizer_files_release(struct tokenizer_files *f); /* zero is fine */

/* The special token `key` ("eos_token"): a string, an object, or NULL for none. */
const json_t *tokenizer_files_special(const struct tokenizer_files *f, const char *key);

#endif
