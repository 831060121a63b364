/* results.h: what a page says about models and their answers. Missing and malformed files are
 * die(), unless they are said to be optional. */
#ifndef RESULTS_H
#define RESULTS_H

#include "math/metrics.h"
#include "merge/scores.h"

enum { RESULTS_BASE, RESULTS_OWN, RESULTS_MERGES }; /* the models in their order */

struct result_model {
	char *name;
	char *work;          /* folder of a merge; NULL: in the reference */
	struct score *score; /* (tasks) */
	struct cost cost;    /* a merge's */
};

/* A test row that the two models answer differently. */
struct result_row {
	int row;
	char *label, *own, *merged; /* the answers: a label, or the text where it is none */
	bool own_right, merged_right;
};

/* The task's own adapter (a) against the merge (b), on the same rows. */
struct result_pair {
	struct paired paired;
	int n; /* rows with different answers, in order */
	struct result_row *row;
};

/* The labels of a task, and how a model answered them. */
struct result_confusion {
	int K; /* 0: the score has no labels */
	char **label;
	int *count; /* (K, K+1), as in metrics.h */
};

struct results {
	struct strlist tasks;
	const char *reference; /* the folder with base/ and adapters/ */
	int n;                 /* models */
	struct result_model *model;
	int shown; /* the merge that the page describes in detail: the best by mean accuracy */
	struct result_pair *pair; /* (tasks) of that merge */
};

/* merges: "NAME=WORK,NAME=WORK". */
void results_read(struct results *r, const char *tasks, const char *reference, const char *merges);
void results_release(struct results *r);

double results_mean(const struct results *r, int model); /* accuracy */
/* The model's result of a task: its file is DIR/TASK.json. */
void results_confusion(const struct results *r, int model, int task, struct result_confusion *c);
void results_confusion_release(struct result_confusion *c);

#endif
