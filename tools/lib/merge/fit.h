/* fit.h: the options of the tools that solve least squares over the tasks' Grams (solve.h), and the
 * normal equations that they describe. */
#ifndef FIT_H
#define FIT_H

#include "merge/job.h"
#include "merge/normal_equations.h"

struct fit_args {
	const char *manual;
	double alpha_1;
	struct ridge ridge;
};

/* Entries for the tools' option tables; the tools include config/keys.h. */
#define FIT_OPTIONS(args)                                                            \
	KEY_OPTION(manual_ceof, (args).manual), KEY_OPTION(alpha_1, (args).alpha_1), \
		KEY_OPTION(alpha_2, (args).ridge.alpha_2),                           \
		KEY_OPTION(use_camr, (args).ridge.camr),                             \
		KEY_OPTION(camr_alpha, (args).ridge.camr_alpha),                     \
		KEY_OPTION(camr_beta, (args).ridge.camr_beta)

/* Opens the job's normal equations with these options. grams: a path with {task}. The caller calls
 * equations_close(). */
void fit_open(struct normal_equations *s, const struct job *j, const struct fit_args *args,
	      const char *grams);

#endif
