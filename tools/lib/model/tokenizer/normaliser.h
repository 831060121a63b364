/* normaliser.h: changes a text before it is cut: the `normalizer` of a tokenizer.json.
 *
 * Known kinds: NFC, Prepend, Replace, and Sequence of these. */
#ifndef NORMALISER_H
#define NORMALISER_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/pieces.h"

struct normaliser_step;

/* Zero-initialised changes nothing. */
struct normaliser {
	int n;
	struct normaliser_step *step;
};

/* Reads the normaliser that the part describes; null: none. Anything unknown is die(). */
void normaliser_read(struct normaliser *n, struct jsonpart p);
/* Adds a step: put `text` before a text; replace `from` with `to`. */
void normaliser_add_prepend(struct normaliser *n, const char *text);
void normaliser_add_replace(struct normaliser *n, const char *from, const char *to);
void normaliser_release(struct normaliser *n);

/* Whether it adds something before every text. */
bool normaliser_prepends(const struct normaliser *n);
/* Applies it to each piece separately. Returns NULL, or why an expression failed (pieces.h). */
const char *normaliser_apply(const struct normaliser *n, struct pieces *p);

#endif
