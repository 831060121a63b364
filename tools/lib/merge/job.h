/* job.h: what the tools that work on one site of one merge share: their options, and what these
 * name, opened.
 *
 * A tool puts JOB_OPTIONS(args) into its option table, with a struct job_args of its own, and calls
 * job_open() after tool_start(). */
#ifndef JOB_H
#define JOB_H

#include "adapter/targets.h"
#include "base/opts.h"
#include "forward/solution.h"

struct job_args {
	const char *model, *site, *tasks, *adapter;
};

#define JOB_OPTIONS(args)                                                       \
	{"model",                                                               \
	 0,                                                                     \
	 OPT_STRING,                                                            \
	 &(args).model,                                                         \
	 true,                                                                  \
	 0,                                                                     \
	 0,                                                                     \
	 "DIR",                                                                 \
	 "model folder: config.json and, where weights are read, safetensors"}, \
		{"site",                                                        \
		 0,                                                             \
		 OPT_STRING,                                                    \
		 &(args).site,                                                  \
		 true,                                                          \
		 0,                                                             \
		 0,                                                             \
		 "SITE",                                                        \
		 "site, such as enc07-self"},                                   \
		{"tasks",                                                       \
		 0,                                                             \
		 OPT_STRING,                                                    \
		 &(args).tasks,                                                 \
		 true,                                                          \
		 0,                                                             \
		 0,                                                             \
		 "T[,T…]",                                                      \
		 "all tasks of the merge, in order"},                           \
	{                                                                       \
		"adapter", 0, OPT_STRING, &(args).adapter, true, 0, 0, "DIR",   \
			"adapter folder of a task; {task} stands for each"      \
	}

struct job {
	const struct job_args *args; /* the caller's */
	const struct common_opts *common;
	struct geometry m;
	struct site site;
	char name[32]; /* the site's */
	struct strlist tasks;
	struct targets targets; /* the site's modules */
	int d;                  /* the site's width */
	int R, d_out;           /* the largest of the modules */
	int worst;              /* job_worst()'s module, and its figure */
	double worst_figure;
};

/* die() or die_usage() when one of them names nothing. */
void job_open(struct job *j, const struct job_args *args, const struct common_opts *common);
void job_close(struct job *j);
/* die() where a plan of `need` bytes is over --max-memory. */
void job_limit(const struct job *j, size_t need);

/* Keeps the module whose figure is the largest, for the closing line. */
void job_worst(struct job *j, int module, double figure);
char *job_module(const struct job *j, int module); /* its name (allocated) */

/* The attributes of the job's solution file; R_max: the largest R in it. */
void job_attributes(const struct job *j, struct h5 *out, const char *method, int R_max);

#endif
