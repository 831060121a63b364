/* fit.c: see fit.h. */
#include "merge/fit.h"

void fit_open(struct normal_equations *s, const struct job *j, const struct fit_args *args,
	      const char *grams)
{
	*s = (struct normal_equations){.site = j->name,
				       .tasks = &j->tasks,
				       .d = j->d,
				       .alpha_1 = args->alpha_1,
				       .ridge = args->ridge};
	equations_open(s, grams, args->manual);
}
