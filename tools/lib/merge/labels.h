/* labels.h: a test file's labels as the published metric sees them, by their first token. Labels
 * with the same first token cannot be told apart, and count as one class. */
#ifndef LABELS_H
#define LABELS_H

#include <jansson.h>

#include "merge/rows.h"

struct labels {
	int K;              /* classes */
	const char **name;  /* (K) the first label of each class; pointers into the rows */
	int *token;         /* (K) first token of each class */
	int *truth;         /* (rows) class of each row */
	int all;            /* number of distinct labels, ≥ K */
	const char **label; /* (all) sorted; pointers into the rows */
	int *class_of;      /* (all) */
};

/* first_token (r->n): the first token of each row's label. */
void labels_init(struct labels *l, const struct rows *r, const int *first_token);
void labels_release(struct labels *l);

/* The class whose labels begin with `token`, or METRICS_NONE. */
int labels_find(const struct labels *l, int token);

/* Prints one line for each token that several labels share; die() where all labels share one.
 * `path`: the test file. */
void labels_check(const struct labels *l, const char *path);
/* [["very good", "very bad"], …]: the groups of labels that count as one. */
json_t *labels_shared(const struct labels *l);

#endif
