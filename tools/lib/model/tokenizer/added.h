/* added.h: the tokens that stand in a text as one id each: special tokens, sentinels
 * (`<extra_id_0>`) and tokens that a user has added.
 *
 * The table is what T5Tokenizer.from_pretrained() of transformers 4.57 (the slow tokenizer) makes
 * of the folder, its order of precedence included. Where the files contradict each other, so that
 * versions of transformers would differ, it is die(), naming both files. */
#ifndef ADDED_H
#define ADDED_H

#include <stdbool.h>
#include <stddef.h>

#include "model/tokenizer/spm.h"
#include "model/tokenizer/tokenizer_files.h"

struct added_token {
	char *text;          /* never empty, and at most ADDED_MOST_BYTES */
	int id;              /* may lie outside the model's vocabulary */
	bool lstrip, rstrip; /* blanks before and behind it vanish */
	bool single_word;    /* is text like any other beside another character than a blank */
	bool special;        /* is left out of a decoded text */
	bool named;          /* is one of the tokenizer's all_special_tokens */
};

enum { ADDED_MOST_BYTES = 1024 };

struct added {
	int n;
	struct added_token *token; /* sorted by text; no text and no id twice */
	bool begins[256];          /* whether some token begins with this byte */
	char *unknown;             /* text of the unknown token */
	int eos, pad;
};

void added_init(struct added *a, const struct tokenizer_files *f, const struct spm *spm);
void added_release(struct added *a); /* zero is fine */

/* The token that reads exactly these bytes, or NULL. */
const struct added_token *added_find(const struct added *a, const char *text, size_t bytes);
const struct added_token *added_of_id(const struct added *a, int id); /* NULL: none has it */

#endif
