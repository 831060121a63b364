/* scores.h: eval-emotion's results and the tools' logs, as the tables want them. Malformed files
 * are die(). */
#ifndef SCORES_H
#define SCORES_H

#include <stdbool.h>

#include "base/strlist.h"
#include "base/text.h"
#include "merge/answers.h"

/* Figures that a result has where the score was asked for. */
enum figure_kind { FIGURE_LIKELIHOOD, FIGURE_PER_BYTE, FIGURE_EXACT, FIGURES };
struct figure {
	bool there;
	double value, stderr_;
};
extern const char *const score_figures[FIGURES]; /* likelihood, likelihood_per_byte, exact */

/* DIR/TASK.json. The accuracy is that of the first of the scores first-token, likelihood, exact
 * that it has; of exact alone there is no macro-F1 (NaN). */
struct score {
	bool there;
	long n, no_label;
	double accuracy, accuracy_stderr, macro_f1, macro_f1_stderr, loss;
	struct figure figure[FIGURES];
	struct answers answers; /* of exact alone: no labels */
	int labels;             /* distinct ones, of which answers.labels count as different */
};

/* `must`: a missing file is die(); otherwise .there is false. */
struct score score_read(const char *dir, const char *task, bool must);

/* Means over tasks (N scores); false when one is missing. The standard error takes the tasks' rows
 * to be independent. */
bool score_mean(const struct score *s, int N, double *accuracy, double *accuracy_stderr,
		double *macro_f1);

/* The mean of a figure over tasks; false when one is missing. */
bool score_figure_mean(const struct score *s, int N, enum figure_kind kind, double *value);

/* accuracy / individual × times, with so many digits and the unit; "-" where the individual
 * accuracy is 0. */
struct kept {
	char text[32];
};
struct kept score_kept(double accuracy, double individual, double times, int digits,
		       const char *unit);

/* "*" behind a task's name in a table where some of its labels count as one; else "". */
const char *score_mark(const struct score *s);
/* What follows a table, a line each: the marks; that every accuracy of the M models is 0; or each
 * task whose own adapter answers by chance. score[m] (N tasks): of model m; individual: the index
 * of the tasks' own adapters. */
void scores_remarks(struct text *t, const struct strlist *tasks, const struct score *const *score,
		    int M, int individual);

/* "correct" of every row of a predictions file (JSON Lines), allocated; *n rows. */
bool *predictions_right(const char *path, int *n);

/* What the merge cost, from a log of tool_done()'s lines; the evaluation's are left out. */
struct cost {
	double real, cpu;       /* seconds, summed over processes */
	double wall;            /* seconds, of the lines that `make compare` adds; 0: none */
	double peak;            /* MB, of the largest process */
	long processes, solves; /* solves: modules fitted */
};
struct cost cost_read(const char *path);

#endif
