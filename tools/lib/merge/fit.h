/* fit.h: the options of the tools that solve least squares over the tasks' Grams (solve.h), and the system that they ask for. */
#ifndef FIT_H
#define FIT_H

#include "merge/job.h"
#include "merge/system.h"

struct fit_args {
	const char *manual; /* NULL: 1 each */
	double alpha_1;
	struct ridge ridge;
};
extern struct fit_args fit_args;

#define FIT_OPTIONS \
	{"manual-ceof", 0, OPT_STRING, &fit_args.manual, false, 0, 0, "X[,X…]", "weight of every task; 1 each if not given"}, \
	{"alpha-1", 0, OPT_FLOAT, &fit_args.alpha_1, false, 0, 1e6, "X", "ridge on the right-hand side, times a norm"}, \
	{"alpha-2", 0, OPT_FLOAT, &fit_args.ridge.alpha_2, false, 0, 1e6, "X", "ridge on the left-hand side, times a norm"}, \
	{"use-camr", 0, OPT_BOOL, &fit_args.ridge.camr, false, 0, 0, "BOOL", "CAMR's diagonal instead of --alpha-2"}, \
	{"camr-alpha", 0, OPT_FLOAT, &fit_args.ridge.camr_alpha, false, 0, 1e6, "X", "CAMR: strength where the rows are weak"}, \
	{"camr-beta", 0, OPT_FLOAT, &fit_args.ridge.camr_beta, false, 0, 1e6, "X", "CAMR: the least strength"}

/* The job's system by fit_args; grams: a path with {task}. system_close() is the caller's. */
void fit_open(struct system *s, const struct job *j, const char *grams);

#endif
