/* pretokenizer.h: cuts a text into pieces, which are encoded one by one: the `pre_tokenizer` of a
 * tokenizer.json.
 *
 * Known kinds: Split, Digits, ByteLevel, Metaspace, and Sequence of these. */
#ifndef PRETOKENIZER_H
#define PRETOKENIZER_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/pieces.h"

struct pretokenizer_step;

/* Zero-initialised leaves a text uncut. */
struct pretokenizer {
	int n;
	struct pretokenizer_step *step;
};

/* Reads the pre-tokenizer that the part describes; null: none. Anything unknown is die(). */
void pretokenizer_read(struct pretokenizer *t, struct jsonpart p);
void pretokenizer_release(struct pretokenizer *t);

enum prepend_scheme { PREPEND_ALWAYS, PREPEND_NEVER, PREPEND_FIRST };
/* The words of a Metaspace, in the order of the enum. */
extern const char *const prepend_schemes[3];

/* Adds the steps of a Metaspace. */
void pretokenizer_add_metaspace(struct pretokenizer *t, const char *replacement,
				enum prepend_scheme scheme, bool split);

/* Whether it adds a blank before a text. */
bool pretokenizer_prepends(const struct pretokenizer *t);
/* Whether a prefix for the first piece follows another prefix (`before`: the normaliser adds one).
 * The library's rule for this case depends on how it counts the characters of prefixes. */
bool pretokenizer_prefixes_twice(const struct pretokenizer *t, bool before);
/* Returns NULL, or why an expression failed (pieces.h). */
const char *pretokenizer_apply(const struct pretokenizer *t, struct pieces *p);

#endif
