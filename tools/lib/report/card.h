/* card.h: the model card of a merge: Markdown, with the YAML head that the Hugging Face hub reads.
 *
 * It holds what a reader of the folder needs, and nothing of the machine: no path, no date. Names
 * and texts of the user are escaped, in YAML and in Markdown. The same merge gives the same
 * bytes. */
#ifndef CARD_H
#define CARD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"
#include "merge/scores.h"

/* One of the merged adapters. */
struct card_adapter {
	const char *task;
	int r;
	double alpha;
	char *targets; /* "q, v", "all-linear", or a pattern */
};

struct card {
	bool full_model;       /* the folder is a whole model, no adapter */
	bool causal;           /* decoder-only */
	const char *base;      /* a name on the hub, or the last name of a folder's path */
	bool on_hub;           /* `base` is a name on the hub */
	int rank, least, most; /* of the merged adapter: most modules', the smallest, the largest */
	int n;                 /* tasks */
	const struct card_adapter *adapter; /* (n) */
	const json_t *settings;             /* by key, of small letters, digits and _; texts */
	const struct score *alone, *own, *merged; /* (n) base, own adapter, merge; NULL: unknown */
};

void card_write(struct text *out, const struct card *c);

#endif
