/* detokenizer.h: turns tokens into text again: the `decoder` of a tokenizer.json.
 *
 * Known kinds: ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, and Sequence of these. */
#ifndef DETOKENIZER_H
#define DETOKENIZER_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/pieces.h"
#include "model/tokenizer/pretokenizer.h"

struct detokenizer_step;

/* Zero-initialised joins tokens with blanks. */
struct detokenizer {
	int n;
	struct detokenizer_step *step;
	bool given; /* tokens are joined without blanks */
};

/* Reads the decoder that the part describes; null: none. Anything unknown is die(). */
void detokenizer_read(struct detokenizer *d, struct jsonpart p);
/* Adds Replace "▁" by " ", ByteFallback, Fuse and, with `strip`, Strip of one blank. */
void detokenizer_add_llama(struct detokenizer *d, bool strip);
void detokenizer_release(struct detokenizer *d);

/* Appends the text of the tokens. Bytes that are no UTF-8 become U+FFFD. *tokens is overwritten.
 * Returns NULL, or why an expression failed (pieces.h). */
const char *detokenizer_apply(const struct detokenizer *d, struct pieces *tokens, struct text *to);

#endif
