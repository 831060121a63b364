/* calibration_set.h: the calibration samples of all tasks in one row, so that a pass over the
 * decoder serves them all: its weights are read once.
 *
 * A task's samples are neighbours, the tasks in the order they are given. */
#ifndef CALIBRATION_SET_H
#define CALIBRATION_SET_H

#include "base/strlist.h"
#include "forward/delta.h"
#include "merge/samples.h"
#include "model/model.h"

struct calibration_task {
	const char *name; /* the caller's */
	struct samples samples;
	struct adapter *adapter; /* NULL: the merged model */
	int first;               /* of its samples in the pool */
};

struct calibration_set {
	int n, ntasks; /* samples, tasks */
	struct calibration_task *task;
	int nsources;                /* by task; of the merged model 1, which all tasks share */
	struct delta_source *source; /* (nsources) */
	struct merged *merged;       /* NULL: each task's own model */
	int *task_of;                /* (n) */
	int *length, *offset, *ids;  /* (n), (n), (Σ length): the encoder's tokens */
	int *label_length, *label_offset, *label_ids; /* likewise */
	int pad_to;  /* rows that each sample is made up to by pads; 0: none */
	int longest; /* rows of the encoder's output of one sample, at most */
};

/* Where the tasks' things are: paths with {task} in them. */
struct calibration_args {
	const char *samples;
	const char *adapter;   /* each task's own model; NULL: */
	const char *solutions; /* the merged one, */
	const char *sites;     /* and its sites, as merged_open() takes them */
	bool padded; /* every sample to max_length rows, which must then be the same for all tasks
		      */
};

/* Reads and checks all samples; die() where one is wrong. model and tasks must outlive the pool. */
void calibration_set_open(struct calibration_set *p, const struct model *model,
			  const struct strlist *tasks, const struct calibration_args *args);
/* The source of each sample from `first` on, as struct forward has them; NULL: all are of one. */
const int *pool_source_of(const struct calibration_set *p, int first);
void calibration_set_close(struct calibration_set *p);

#endif
