/* fit.h: the options of the tools that solve least squares over the tasks' Grams (solve.h), and the
 * system that they ask for. */
#ifndef FIT_H
#define FIT_H

#include "merge/job.h"
#include "merge/normal_equations.h"

struct fit_args {
	const char *manual;
	double alpha_1;
	struct ridge ridge;
};
extern struct fit_args fit_args;

/* Options of the tools' tables; these include config/keys.h. */
#define FIT_OPTIONS                                                                      \
	KEY_OPTION(manual_ceof, fit_args.manual), KEY_OPTION(alpha_1, fit_args.alpha_1), \
		KEY_OPTION(alpha_2, fit_args.ridge.alpha_2),                             \
		KEY_OPTION(use_camr, fit_args.ridge.camr),                               \
		KEY_OPTION(camr_alpha, fit_args.ridge.camr_alpha),                       \
		KEY_OPTION(camr_beta, fit_args.ridge.camr_beta)

/* The job's system by fit_args; grams: a path with {task}. equations_close() is the caller's. */
void fit_open(struct normal_equations *s, const struct job *j, const char *grams);

#endif
