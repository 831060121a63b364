/* fit.c: see fit.h. */
#include "merge/fit.h"

struct fit_args fit_args;

void fit_open(struct normal_equations *s, const struct job *j, const char *grams)
{
	*s = (struct normal_equations){.site = j->name,
				       .tasks = &j->tasks,
				       .d = j->d,
				       .alpha_1 = fit_args.alpha_1,
				       .ridge = fit_args.ridge};
	equations_open(s, grams, fit_args.manual);
}
