/* scores.h: reads eval-emotion's results and the tools' logs for the tables. Malformed files are
 * die(). */
#ifndef SCORES_H
#define SCORES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/strlist.h"
#include "base/text.h"
#include "merge/answers.h"

/* Figures that a result has only where the score was asked for. */
enum figure_kind { FIGURE_LIKELIHOOD, FIGURE_PER_BYTE, FIGURE_EXACT, FIGURES };
struct figure {
	bool there;
	double value, stderr_;
};
extern const char *const score_figures[FIGURES]; /* likelihood, likelihood_per_byte, exact */

/* DIR/TASK.json. Its accuracy is the first that it has of first-token, likelihood, exact. exact
 * alone has no macro-F1 (NaN). */
struct score {
	bool there;
	long n, no_label;
	double accuracy, accuracy_stderr, macro_f1, macro_f1_stderr, loss;
	struct figure figure[FIGURES];
	struct answers answers; /* exact alone: there are no labels */
	int labels; /* number of distinct labels; answers.labels of them count as different */
};

/* `must`: a missing file is die(). Otherwise .there is then false. */
struct score score_read(const char *dir, const char *task, bool must);

/* From a whole result: the object with the accuracy that a table uses, with its labels and
 * confusion. */
const json_t *score_block(const json_t *result);

/* Means over tasks (N scores); false when a score is missing. The standard error treats the tasks'
 * rows as independent. */
bool score_mean(const struct score *s, int N, double *accuracy, double *accuracy_stderr,
		double *macro_f1);

/* The mean of a figure over the tasks; false when one is missing. */
bool score_figure_mean(const struct score *s, int N, enum figure_kind kind, double *value);

/* accuracy / individual × times, with this many digits and the unit. "-" where the individual
 * accuracy is 0. */
struct kept {
	char text[32];
};
struct kept score_kept(double accuracy, double individual, double times, int digits,
		       const char *unit);

/* "*", to mark a task in a table where several of its labels count as one; else "". */
const char *score_mark(const struct score *s);
/* Prints the lines under a table: what the marks mean; that every accuracy of the M models is 0;
 * each task whose own adapter answers by chance. score[m] (N tasks): of model m. individual: the
 * index of the tasks' own adapters. */
void scores_remarks(struct text *t, const struct strlist *tasks, const struct score *const *score,
		    int M, int individual);

/* "correct" of every row of a predictions file (JSON Lines), allocated; *n: the number of rows. */
bool *predictions_right(const char *path, int *n);

/* What the merge cost, from a log of tool_done()'s lines. The evaluation's lines are left out. */
struct cost {
	double real, cpu;       /* seconds, summed over processes */
	double wall;            /* seconds, from the lines that `make compare` adds; 0: none */
	double peak;            /* MB, of the largest process */
	long processes, solves; /* solves: modules fitted */
};
struct cost cost_read(const char *path);

#endif
