/* pieces.h: a text cut into pieces, and what cuts or rewrites them. */
#ifndef MODEL_PIECES_H
#define MODEL_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "model/tokenizer/regexp.h"

/* Zero-initialised is empty. */
struct pieces {
	struct text text;
	struct span *span; /* of the pieces, in order; none is empty */
	int n, room;
	bool at_start; /* the first piece begins where the whole text did */
};

void pieces_release(struct pieces *p);
/* One piece, or none where the text is empty. */
void pieces_set(struct pieces *p, const char *text, size_t bytes, bool at_start);
/* Appends a piece to the text; an empty one is left out. */
void pieces_add(struct pieces *p, const char *text, size_t bytes);

/* What becomes of a match, as the tokenizers library names it. */
enum split_behavior { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS };

/* Each function below leaves its result in *p. NULL is success; otherwise it is why an expression
 * cannot be followed on this text ("takes more than … steps"). */

/* Cuts every piece at the matches; `invert`: at what stands between them. */
const char *pieces_split(struct pieces *p, const struct regexp *r, enum split_behavior behavior,
			 bool invert);
/* Puts `by` in the place of every match, in each piece. */
const char *pieces_replace(struct pieces *p, const struct regexp *r, const char *by);

/* Puts `prefix` before every piece that does not begin with it; `first_only`: before the first
 * piece, where that begins the whole text. */
void pieces_prefix(struct pieces *p, const char *prefix, bool first_only);
/* rewrite(arg, piece, bytes, to) appends what a piece becomes. */
typedef void pieces_rewriter(const void *arg, const char *piece, size_t bytes, struct text *to);
void pieces_rewrite(struct pieces *p, pieces_rewriter *rewrite, const void *arg);

#endif
