/* fit.c: see fit.h. */
#include "merge/fit.h"

/* The config's defaults (config_table.c). */
struct fit_args fit_args = {.alpha_1 = 8e-5, .ridge = {.alpha_2 = 8e-5, .camr_alpha = 8e-5, .camr_beta = 1e-6}};

void fit_open(struct system *s, const struct job *j, const char *grams)
{
	*s = (struct system){.site = j->name, .tasks = &j->tasks, .d = j->d, .alpha_1 = fit_args.alpha_1, .ridge = fit_args.ridge};
	system_open(s, grams, fit_args.manual);
}
