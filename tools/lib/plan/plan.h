/* plan.h: what one merge is planned from: its settings, and its model and adapters, opened and
 * checked. */
#ifndef PLAN_H
#define PLAN_H

#include "adapter/adapter.h"
#include "config/config.h"
#include "files/exists.h"
#include "model/model.h"
#include "model/site.h"

struct plan {
	char *base, *loras, *data; /* folders: the model, and what has one folder per task */
	char *work;                /* of all results */
	const char *tools;         /* of the executables */
	char *reference;        /* of the base's and the adapters' evaluations, as make reads it */
	int processes;          /* that make runs at once */
	bool matrix, keep_acts; /* every adapter on every task; used rows and Grams stay */
	struct config c;
	/* by plan_open() */
	struct model *model;
	struct adapter **adapter; /* per task */
	int nsites;
	struct site *site; /* of targeted modules, in order */
};

/* Opens model and adapters by the folders and settings, which are the caller's; die() when one is
 * not there, is malformed or contradicts the settings. */
void plan_open(struct plan *p);
void plan_close(struct plan *p); /* what plan_open() opened */

/* with_pretrain_matrix, where a method fits anything: the solution is a whole weight. */
bool plan_full_weight(const struct plan *p);
/* Iterations that a whole weight's next one looks back on (method jacobi): with MATS one more than
 * differences are kept. */
int plan_past(const struct plan *p);

/* Whether the method uses calibration samples at all. */
bool plan_samples(const struct plan *p);
/* How many tasks bring the rows to take as samples (samples.json). */
int plan_rows_given(const struct plan *p);
/* The settings as a stage's tool gets them (a flat copy: released with p->c): where batches are not
 * asked for, all samples are one; and features as published have a length of answers of their own.
 */
struct config plan_stage_config(const struct plan *p, enum stage stage);
/* Whether a stage's result depends on a key. */
bool plan_stage_depends(const struct plan *p, enum stage stage, const struct config_key *k);

char *plan_task_file(const char *folder, const char *task,
		     const char *file); /* FOLDER/TASK/FILE (allocated) */

#endif
