/* job.c: see job.h. */
#include "merge/job.h"

#include <stdlib.h>

#include "base/die.h"
#include "base/renamed.h"

void job_open(struct job *j, const struct job_args *args, const struct common_opts *common)
{
	struct strlist also, correct;

	*j = (struct job){
		.args = args, .common = common, .m = geometry_load(args->model), .worst = -1};
	refuse_renamed("--site", args->site);
	if (!site_parse(&j->m, args->site, &j->site))
		die_usage("--site '%s' is no site of the model in '%s'", args->site, args->model);
	site_name(j->m.family, j->site, j->name);
	j->tasks = strlist_split(args->tasks, "--tasks");
	also = args->also ? strlist_split(args->also, "--also") : (struct strlist){0};
	correct = args->correct ? strlist_split(args->correct, "--correct") : (struct strlist){0};
	targets_open(&j->targets, &j->m, args->adapter, &j->tasks, j->site, &also, &correct);
	strlist_release(&correct);
	strlist_release(&also);
	targets_sizes(&j->targets, &j->R, &j->d_out);
	j->d = site_width(&j->m, j->site);
}

void job_close(struct job *j)
{
	targets_close(&j->targets);
	strlist_release(&j->tasks);
}

struct site_sizes job_sizes(const struct job *j)
{
	struct site_sizes s = {.tasks = j->tasks.n, .d = j->d, .R = j->R, .d_out = j->d_out};

	for (int t = 0; t < j->tasks.n; t++) {
		int R = adapter_site_rank(j->targets.adapter[t], j->site);

		s.own = R > s.own ? R : s.own;
	}
	return s;
}

bool job_corrects(const struct job *j)
{
	for (int i = 0; i < j->targets.n; i++)
		if (targets_corrects(&j->targets, i))
			return true;
	return false;
}

void job_worst(struct job *j, int module, double figure)
{
	if (j->worst >= 0 && !(figure > j->worst_figure))
		return;
	j->worst = module;
	j->worst_figure = figure;
}

char *job_module(const struct job *j, int module)
{
	return module_name(&j->m, j->targets.module[module]);
}

void job_attributes(const struct job *j, struct h5 *out, const char *method, int R_max)
{
	const struct solution_of of = {j->name, method, j->args->tasks, j->d, j->tasks.n};

	solution_attributes(out, &of, R_max);
}
