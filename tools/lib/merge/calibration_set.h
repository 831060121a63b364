/* calibration_set.h: the calibration samples of all tasks in one array. One pass over the decoder
 * then serves all tasks and reads the weights once.
 *
 * The samples of a task stand together; the tasks keep the order in which they are given. */
#ifndef CALIBRATION_SET_H
#define CALIBRATION_SET_H

#include "base/strlist.h"
#include "forward/delta.h"
#include "merge/samples.h"
#include "model/model.h"

struct calibration_task {
	const char *name; /* of a task, or of a shard (base/shard.h); the caller's */
	struct samples samples;
	struct adapter *adapter; /* NULL: the merged model */
	int first;               /* of its samples in the set */
};

struct calibration_set {
	int n, ntasks; /* samples, tasks */
	struct calibration_task *task;
	int nsources; /* one per task; a single one for the merged model, which all tasks share */
	struct delta_source *source; /* (nsources) */
	struct merged *merged;       /* NULL: each task uses its own model */
	int *task_of;                /* (n) */
	int *length, *offset, *ids;  /* (n), (n), (Σ length): the encoder's tokens */
	int *label_length, *label_offset, *label_ids; /* likewise */
	int pad_to;  /* pads fill each sample up to this many rows; 0: no pads */
	int longest; /* most rows that the encoder's output of one sample has */
};

/* Paths with {task} in them. */
struct calibration_args {
	const char *samples;
	const char *adapter;   /* each task's own model; NULL: the merged model, */
	const char *solutions; /* read from these solution files, */
	const char *sites;     /* at these sites, as merged_open() takes them */
	struct shards shards;  /* where the names are of shards */
	bool padded; /* pad every sample to max_length rows; max_length must then be the same for
			all tasks */
};

/* Reads and checks all samples; die() at an error. model and tasks must outlive the set. */
void calibration_set_open(struct calibration_set *p, const struct model *model,
			  const struct strlist *tasks, const struct calibration_args *args);
/* The source of each sample from `first` on, as struct forward has them. NULL: all samples have the
 * same source. */
const int *pool_source_of(const struct calibration_set *p, int first);
void calibration_set_close(struct calibration_set *p);

#endif
