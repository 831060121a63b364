/* pretokenizer.h: how a text is cut into pieces that are encoded one by one: the `pre_tokenizer` of
 * a tokenizer.json.
 *
 * Known are Split, Digits, ByteLevel, Metaspace, and Sequence of these. */
#ifndef PRETOKENIZER_H
#define PRETOKENIZER_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/pieces.h"

struct pretokenizer_step;

/* Zero-initialised leaves a text whole. */
struct pretokenizer {
	int n;
	struct pretokenizer_step *step;
};

/* The pre-tokenizer that the part describes; null is none. What is not known is die(). */
void pretokenizer_read(struct pretokenizer *t, struct jsonpart p);
void pretokenizer_release(struct pretokenizer *t);

enum prepend_scheme { PREPEND_ALWAYS, PREPEND_NEVER, PREPEND_FIRST };
/* The words of a Metaspace, in the order of the enum. */
extern const char *const prepend_schemes[3];

/* Adds the steps of a Metaspace. */
void pretokenizer_add_metaspace(struct pretokenizer *t, const char *replacement,
				enum prepend_scheme scheme, bool split);

/* Whether it puts a blank before a text. */
bool pretokenizer_prepends(const struct pretokenizer *t);
/* Whether a prefix for the first piece alone follows another prefix (`before`: one of the
 * normaliser). The library's rule for that goes by how it counts the characters of prefixes. */
bool pretokenizer_prefixes_twice(const struct pretokenizer *t, bool before);
/* Not NULL: why not (pieces.h). */
const char *pretokenizer_apply(const struct pretokenizer *t, struct pieces *p);

#endif
