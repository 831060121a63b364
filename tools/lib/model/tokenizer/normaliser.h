/* normaliser.h: what becomes of a text before it is cut: the `normalizer` of a tokenizer.json.
 *
 * Known are NFC, Prepend, Replace, and Sequence of these. */
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

/* The normaliser that the part describes; null is none. What is not known is die(). */
void normaliser_read(struct normaliser *n, struct jsonpart p);
/* Adds a step: `text` before a text; `to` in the place of `from`. */
void normaliser_add_prepend(struct normaliser *n, const char *text);
void normaliser_add_replace(struct normaliser *n, const char *from, const char *to);
void normaliser_release(struct normaliser *n);

/* Whether it puts something before every text. */
bool normaliser_prepends(const struct normaliser *n);
/* On the pieces, each as a text of its own. Not NULL: why not (pieces.h). */
const char *normaliser_apply(const struct normaliser *n, struct pieces *p);

#endif
