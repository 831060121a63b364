/* calibration_set.h: the calibration samples of all tasks in one row, so that a pass over the
 * decoder serves them all: its weights are read once.
 *
 * A task's samples are neighbours, the tasks in the order they are given. */
#ifndef CALIBRATION_SET_H
#define CALIBRATION_SET_H

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
	struct delta_source *source; /* by task */
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
	const char *solutions; /* the merged one */
	bool padded; /* every sample to max_length rows, which must then be the same for all tasks
		      */
};

/* Reads and checks all samples; die() where one is wrong. tasks and sites (of the merged model)
 * must outlive the pool. */
void calibration_set_open(struct calibration_set *p, const struct model *model,
			  const struct strlist *tasks, const struct strlist *sites,
			  const struct calibration_args *args);
void calibration_set_close(struct calibration_set *p);

#endif
