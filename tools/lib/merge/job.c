/* job.c: see job.h. */
#include "merge/job.h"

#include "base/die.h"
#include "base/renamed.h"

struct job_args job_args;

void job_open(struct job *j)
{
	*j = (struct job){.m = geometry_load(job_args.model), .worst = -1};
	if (!site_parse(&j->m, job_args.site, &j->site) && renamed(job_args.site))
		die_usage("--site '%s' is called '%s' now", job_args.site, renamed(job_args.site));
	if (!site_parse(&j->m, job_args.site, &j->site))
		die_usage("--site '%s' is no site of the model in '%s'", job_args.site,
			  job_args.model);
	site_name(j->m.family, j->site, j->name);
	j->tasks = strlist_split(job_args.tasks, "--tasks");
	targets_open(&j->targets, &j->m, job_args.adapter, &j->tasks, j->site);
	targets_sizes(&j->targets, &j->R, &j->d_out);
	j->d = site_width(&j->m, j->site);
}

void job_close(struct job *j)
{
	targets_close(&j->targets);
	strlist_release(&j->tasks);
}

void job_limit(const struct job *j, size_t need)
{
	if (common.max_memory && need > common.max_memory)
		die("--max-memory %zu MB is too little: at least %zu MB are needed for site %s",
		    common.max_memory >> 20, (need >> 20) + 1, j->name);
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
	const struct solution_of of = {j->name, method, job_args.tasks, j->d, j->tasks.n};

	solution_attributes(out, &of, R_max);
}
