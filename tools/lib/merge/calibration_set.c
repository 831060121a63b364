/* calibration_set.c: see calibration_set.h. */
#include "merge/calibration_set.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/copies.h"
#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/checksums.h"

static void task_open(struct calibration_task *t, const struct model *model, int ntasks,
		      const struct calibration_args *args)
{
	char *samples = checksums_task_path(args->samples, t->name, ntasks, "--samples");
	char *dir = args->adapter ? checksums_task_path(args->adapter, t->name, ntasks, "--adapter")
				  : NULL;

	t->adapter = dir ? adapter_open(dir, &model->m) : NULL;
	if (t->adapter)
		copies_check(t->adapter->file, model);
	samples_read_shard(&t->samples, samples, t->name, args->shards);
	samples_need_vocab(&t->samples, samples, model->m.V);
	free(samples);
	free(dir);
}

static void need_same_length(const struct calibration_task *t, const struct calibration_task *first)
{
	if (t->samples.max_length != first->samples.max_length)
		die("task '%s': its samples are made for max_length %d, those of '%s' for %d",
		    t->name, t->samples.max_length, first->name, first->samples.max_length);
}

/* Counts the task's samples, and the rows of the longest. */
static void count(struct calibration_set *p, const struct samples *s)
{
	p->n += s->S;
	for (int i = 0; i < s->S; i++) {
		int rows = p->pad_to ? p->pad_to : s->length[i];

		p->longest = rows > p->longest ? rows : p->longest;
	}
}

/* Appends n ragged rows to the flat arrays; *total is where their ids go. */
static void append(int *length, int *offset, int **ids, int *total, int n, const int *from_length,
		   const int *from_ids, int from_total)
{
	*ids = xrealloc(*ids, sizeof(int) * (size_t)(*total + from_total));
	memcpy(*ids + *total, from_ids, sizeof(int) * (size_t)from_total);
	for (int i = 0; i < n; i++) {
		length[i] = from_length[i];
		offset[i] = *total;
		*total += from_length[i];
	}
}

/* The samples of all tasks, one task after the other. */
static void lay_out(struct calibration_set *p)
{
	int total = 0, labels = 0;
	int **each[] = {&p->task_of, &p->length, &p->offset, &p->label_length, &p->label_offset};

	for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++)
		*each[i] = xarray((size_t)p->n, sizeof(int));
	for (int i = 0; i < p->ntasks; i++) {
		const struct samples *s = &p->task[i].samples;
		int at = p->task[i].first;

		for (int j = 0; j < s->S; j++)
			p->task_of[at + j] = i;
		append(p->length + at, p->offset + at, &p->ids, &total, s->S, s->length, s->ids,
		       s->total);
		append(p->label_length + at, p->label_offset + at, &p->label_ids, &labels, s->S,
		       s->label_length, s->label_ids, s->label_total);
	}
}

static void sources_open(struct calibration_set *p, const struct model *model,
			 const struct calibration_args *args)
{
	p->merged = args->adapter ? NULL : merged_open(&model->m, args->solutions, args->sites);
	p->nsources = p->merged ? 1 : p->ntasks;
	p->source = xcalloc((size_t)p->nsources, sizeof(*p->source));
	for (int i = 0; i < p->nsources; i++)
		p->source[i] = (struct delta_source){p->task[i].adapter, p->merged};
}

const int *pool_source_of(const struct calibration_set *p, int first)
{
	return p->merged ? NULL : p->task_of + first;
}

void calibration_set_open(struct calibration_set *p, const struct model *model,
			  const struct strlist *tasks, const struct calibration_args *args)
{
	*p = (struct calibration_set){.ntasks = tasks->n,
				      .task = xcalloc((size_t)tasks->n, sizeof(*p->task))};
	for (int i = 0; i < tasks->n; i++) {
		struct calibration_task *t = &p->task[i];

		*t = (struct calibration_task){.name = tasks->item[i], .first = p->n};
		task_open(t, model, tasks->n, args);
		if (args->padded) {
			need_same_length(t, &p->task[0]);
			p->pad_to = t->samples.max_length;
		}
		count(p, &t->samples);
	}
	lay_out(p);
	sources_open(p, model, args);
}

void calibration_set_close(struct calibration_set *p)
{
	for (int i = 0; i < p->ntasks; i++) {
		samples_release(&p->task[i].samples);
		adapter_close(p->task[i].adapter);
	}
	merged_close(p->merged);
	free(p->task);
	free(p->source);
	free(p->task_of);
	free(p->length);
	free(p->offset);
	free(p->ids);
	free(p->label_length);
	free(p->label_offset);
	free(p->label_ids);
}
