/* pieces.h: a text cut into pieces, and the functions that cut or rewrite them. */
#ifndef MODEL_PIECES_H
#define MODEL_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "model/tokenizer/regexp.h"

/* Zero-initialised is empty. */
struct pieces {
	struct text text;
	struct span *span; /* of the pieces, in order; no piece is empty */
	int n, room;
	bool at_start; /* the first piece begins at the start of the whole text */
};

void pieces_release(struct pieces *p);
/* Makes one piece of the text; none where the text is empty. */
void pieces_set(struct pieces *p, const char *text, size_t bytes, bool at_start);
/* Appends a piece to the text. An empty piece is left out. */
void pieces_add(struct pieces *p, const char *text, size_t bytes);

/* What happens to a match, with the names of the tokenizers library. */
enum split_behavior { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS };

/* Each function below leaves its result in *p. It returns NULL, or the reason why an expression
 * failed on this text ("takes more than … steps"). */

/* Cuts every piece at the matches. `invert`: at the text between the matches. */
const char *pieces_split(struct pieces *p, const struct regexp *r, enum split_behavior behavior,
			 bool invert);
/* Replaces every match with `by`, in each piece. */
const char *pieces_replace(struct pieces *p, const struct regexp *r, const char *by);

/* Puts `prefix` before every piece that does not begin with it. `first_only`: only before a first
 * piece that begins the whole text. */
void pieces_prefix(struct pieces *p, const char *prefix, bool first_only);
/* rewrite(arg, piece, bytes, to) appends the new text of a piece to `to`. */
typedef void pieces_rewriter(const void *arg, const char *piece, size_t bytes, struct text *to);
void pieces_rewrite(struct pieces *p, pieces_rewriter *rewrite, const void *arg);

#endif
