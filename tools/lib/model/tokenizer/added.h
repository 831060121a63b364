/* added.h: the tokens that are always one id in a text: special tokens, sentinels (`<extra_id_0>`)
 * and tokens that a user has added.
 *
 * The table is the one that T5Tokenizer.from_pretrained() of transformers 4.57 (the slow tokenizer)
 * builds from the folder, with the same order of precedence. die(), naming both files, where the
 * files contradict each other, so that versions of transformers would differ. */
#ifndef ADDED_H
#define ADDED_H

#include <stdbool.h>
#include <stddef.h>

#include "model/tokenizer/spm.h"
#include "model/tokenizer/tokenizer_files.h"

struct added_token {
	char *text;          /* 1 to ADDED_MOST_BYTES bytes */
	int id;              /* may be outside the model's vocabulary */
	bool lstrip, rstrip; /* blanks before and behind it are removed */
	bool single_word;    /* is plain text beside any character but a blank */
	bool special;        /* is left out when ids are decoded */
	bool named;          /* is one of the tokenizer's all_special_tokens */
};

enum { ADDED_MOST_BYTES = 1024 };

struct added {
	int n;
	struct added_token *token; /* sorted by text; every text and every id occurs once */
	bool begins[256];          /* whether any token begins with this byte */
	char *unknown;             /* text of the unknown token */
	int eos, pad;
};

void added_init(struct added *a, const struct tokenizer_files *f, const struct spm *spm);
void added_release(struct added *a); /* zero is fine */

/* The token with exactly these bytes, or NULL. */
const struct added_token *added_find(const struct added *a, const char *text, size_t bytes);
const struct added_token *added_of_id(const struct added *a, int id); /* NULL: no token has it */

#endif
