/* bpe_tokenizer.h: a tokenizer with byte pair encoding, as the tokenizers library runs it.
 *
 * A text is cut at its added tokens. The text between them is normalised, cut into pieces, and
 * encoded piece by piece. Finally the post-processor adds tokens before and behind. */
#ifndef BPE_TOKENIZER_H
#define BPE_TOKENIZER_H

#include "model/tokenizer/bpe.h"
#include "model/tokenizer/detokenizer.h"
#include "model/tokenizer/normaliser.h"
#include "model/tokenizer/postprocessor.h"
#include "model/tokenizer/pretokenizer.h"
#include "model/tokenizer/token_set.h"

struct bpe_tokenizer {
	char *path; /* the file that describes it, for messages */
	struct bpe bpe;
	struct token_set added;
	struct normaliser normaliser;
	struct pretokenizer pretokenizer;
	struct postprocessor post;
	struct detokenizer detokenizer;
};

void bpe_tokenizer_init(struct bpe_tokenizer *t, const char *path);
void bpe_tokenizer_release(struct bpe_tokenizer *t);

/* Appends the ids of a text (UTF-8, under 2^29 bytes). `frame`: with the tokens that the
 * post-processor adds before and behind. A regular expression that takes too many steps is
 * die(). */
void bpe_tokenizer_encode(const struct bpe_tokenizer *t, const char *text, size_t bytes, bool frame,
			  struct token_ids *ids);
/* Appends the text of the ids. Ids that are no token are left out, and special tokens where this is
 * asked for. */
void bpe_tokenizer_decode(const struct bpe_tokenizer *t, const int *ids, int n, bool skip_special,
			  struct text *to);

/* The token's text as in the file, `*bytes` long. NULL: no token has this id. */
const char *bpe_tokenizer_piece(const struct bpe_tokenizer *t, int id, size_t *bytes);
/* The id of this text, of an added token or of the vocabulary; -1: there is none. */
int bpe_tokenizer_find(const struct bpe_tokenizer *t, const char *text);
/* The highest id + 1. */
int bpe_tokenizer_end(const struct bpe_tokenizer *t);

#endif
