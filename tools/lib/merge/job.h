/* job.h: the options that all tools working on one site of one merge share, and the files and
 * models that these options name.
 *
 * A tool puts JOB_OPTIONS(args) into its option table, with a struct job_args of its own. It calls
 * job_open() after tool_start(). */
#ifndef JOB_H
#define JOB_H

#include "adapter/targets.h"
#include "base/opts.h"
#include "forward/solution.h"
#include "merge/site_arrays.h"

struct job_args {
	const char *model, *site, *tasks, *adapter;
	const char *also;    /* linears beside those that adapters target; NULL: none */
	const char *correct; /* of the tools that have this option; NULL: no linear is corrected */
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
	int R, d_out;           /* the largest d_out of the modules */
	int worst;              /* the module of job_worst(), and its figure */
	double worst_figure;
};

/* Opens everything; die() or die_usage() where an option names something that is not there. */
void job_open(struct job *j, const struct job_args *args, const struct common_opts *common);
void job_close(struct job *j);
/* The sizes of the job's site. The tool sets the members that depend on its options. */
struct site_sizes job_sizes(const struct job *j);

/* Whether a module of the site is a corrected one. */
bool job_corrects(const struct job *j);

/* Keeps the module with the largest figure, for the closing line. */
void job_worst(struct job *j, int module, double figure);
char *job_module(const struct job *j, int module); /* its name (allocated) */

/* Writes the attributes of the job's solution file. R_max: the largest R in the file. */
void job_attributes(const struct job *j, struct h5 *out, const char *method, int R_max);

#endif
