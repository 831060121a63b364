/* scores.h: eval-emotion's results and the tools' logs, as the tables want them. Malformed files are die(). */
#ifndef SCORES_H
#define SCORES_H

#include <stdbool.h>

/* DIR/TASK.json. */
struct score {
	bool there;
	long n, no_label;
	double accuracy, accuracy_stderr, macro_f1, macro_f1_stderr, loss;
};

/* `must`: a missing file is die(); otherwise .there is false. */
struct score score_read(const char *dir, const char *task, bool must);

/* Means over tasks (N scores); false when one is missing. The standard error takes the tasks' rows to be independent. */
bool score_mean(const struct score *s, int N, double *accuracy, double *accuracy_stderr, double *macro_f1);

/* "correct" of every row of a predictions file (JSON Lines), allocated; *n rows. */
bool *predictions_right(const char *path, int *n);

/* What the merge cost, from a log of tool_done()'s lines; the evaluation's are left out. */
struct cost {
	double real, cpu;  /* seconds, summed over processes */
	double wall;       /* seconds, of the lines that `make compare` adds; 0: none */
	double peak;       /* MB, of the largest process */
	long processes, solves; /* solves: modules fitted */
};
struct cost cost_read(const char *path);

#endif
