/* plan.h: the input of a plan for one merge: its settings, model and adapters, opened and
 * checked. */
#ifndef PLAN_H
#define PLAN_H

#include "adapter/adapter.h"
#include "config/config.h"
#include "files/exists.h"
#include "model/model.h"
#include "model/site.h"
#include "plan/rate.h"

/* What stays of the rows and Grams that a merge has used. */
enum keep {
	KEEP_NOTHING,
	KEEP_OWN, /* what depends on one task alone: a merge with a task more or less reads it */
	KEEP_ALL
};

/* The calibration texts of a task, or of a shard of it (counts.h). */
struct text_counts {
	double texts;        /* samples */
	double prompt;       /* Σ tokens of the prompts */
	double answer;       /* Σ inputs for the answers: a start token, each token but the last */
	double prompt_pairs; /* Σ prompt² */
	double joined_pairs; /* Σ (prompt + answer)² */
	double cross_pairs;  /* Σ prompt · answer */
};

struct plan {
	/* Folders: the model; and two with a folder per task. With `given`, loras may be NULL, and
	 * data too where nothing is evaluated. */
	char *base, *loras, *data;
	char *work;        /* folder of all results */
	const char *tools; /* folder of the executables */
	char *reference; /* folder of the base's and the adapters' evaluations, as make reads it */
	int processes;   /* processes that make runs at once */
	int threads;     /* of each process; 0: the cores are shared out among them */
	int nodes;       /* machines that the plan's time is for; 0: one */
	const char *launch; /* words before every tool that computes (plan/launch.h); NULL: none */
	double launch_seconds; /* that LAUNCH takes for each of them */
	bool matrix;           /* every adapter on every task */
	enum keep keep;
	struct statistics **given; /* per task: what is merged in place of texts; NULL: texts */
	char *statistics;          /* the file statistics.json that is made, as make reads it; NULL:
				      a merge */
	struct strlist also;       /* linears that these statistics have beside the adapter's */
	struct rate rate; /* of this machine; rate_assumed() where none is set before plan_open() */
	struct config c;
	/* set by plan_open() */
	struct model *model;
	struct tokenizer *tokenizer; /* NULL: all rows bring their ids */
	struct text_counts *texts;   /* one per task and shard: for counts.c */
	struct adapter **adapter;    /* one per task */
	int nsites;
	struct site *site; /* sites of targeted and of corrected modules, in order */
	int ncorrected;
	struct module *corrected; /* the linears that are corrected (corrected.h) */
};

/* Opens the model and the adapters from the folders and settings, which the caller owns. die() when
 * one is missing, is malformed, or contradicts the settings. */
void plan_open(struct plan *p);
void plan_close(struct plan *p); /* closes what plan_open() opened */

/* Whether the solution is a full weight: with_pretrain_matrix, with a method that fits
 * something. */
bool plan_full_weight(const struct plan *p);
bool plan_cuts(const struct plan *p); /* the method cuts the merge to a low rank */
/* Whether targeted modules undo the drift (key drift): with a merged side, and changes for a
 * result. */
bool plan_drifts(const struct plan *p);
/* The sum of the module's ranks over the tasks. */
int plan_module_rank(const struct plan *p, struct module q);
/* The rank to which the change of module q is cut where it undoes the drift; 0: it does not. */
int plan_drift_rank(const struct plan *p, struct module q);
/* Earlier iterations that an iteration with full weights reads (method jacobi). With MATS it is one
 * more than the number of differences. */
int plan_past(const struct plan *p);

/* Threads of each process that make runs at the same time. */
int plan_threads(const struct plan *p);
/* The folder of a task's adapter (allocated): of LORAS, or of its statistics. */
char *plan_adapter_dir(const struct plan *p, int t);
/* What a run has: `jobs` processes at once, of `threads` each, on `cores`. LAUNCH takes `launch`
 * seconds to start one; 0: there is none. */
struct machine {
	int jobs, threads, cores;
	double launch;
};
struct machine plan_machine(const struct plan *p);
/* Whether the merge uses calibration samples. */
bool plan_samples(const struct plan *p);
/* How many tasks bring the rows to use as samples (samples.json). */
int plan_rows_given(const struct plan *p);
/* Shards of each task (base/shard.h): 1 where no rows are made. */
int plan_shards(const struct plan *p);
/* Samples of a batch that no shard cuts: those that features reference pads together. */
int plan_shard_batch(const struct plan *p);
/* The settings that a stage's tool gets: a flat copy, released with p->c. Without batches all
 * samples are one batch. Published features have their own length of answers. */
struct config plan_stage_config(const struct plan *p, enum stage stage);
/* Whether a stage's result depends on this key. */
bool plan_stage_depends(const struct plan *p, enum stage stage, const struct config_key *k);

char *plan_task_file(const char *folder, const char *task,
		     const char *file); /* FOLDER/TASK/FILE (allocated) */
/* FOLDER/TASK/NAME with the end of the existing form: train.csv, else train.json (allocated). Two
 * forms are die() (rowfile.h). */
char *plan_rows_file(const char *folder, const char *task, const char *name);

#endif
