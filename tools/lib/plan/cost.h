/* cost.h: how long the processes of a merge take, from what they multiply, read and write, at the
 * rates of this machine (plan/rate.h). Whoever shows the progress of a run (plan/pace.h) corrects
 * them by what the first processes took. */
#ifndef COST_H
#define COST_H

#include <stdbool.h>

#include "plan/schedule.h"

/* Seconds of processor time. */
struct cost {
	double process; /* in any case: start, reading and packing weights */
	double task;    /* for each task of the process */
	double shared;  /* the part of both that the process's threads share */
	bool launched;  /* LAUNCH, where there is one, starts the process (plan/launch.h) */
};

#define COST_RECIPE 0.015 /* wall seconds of make and the shell for each process */
/* Wall seconds that LAUNCH takes for each process that it starts: the median of srun, Slurm 22.05
 * on one machine. */
#define COST_LAUNCH 0.05

struct cost cost_draw(const struct plan *p, int t);
/* The rows of extract_site i, from the state before it; of shard k (1 without shards) of task t. */
struct cost cost_rows(const struct plan *p, const struct schedule *s, int i, int t, int k);
struct cost cost_answers(const struct plan *p, int t, int k);
/* `sides`: products in a Gram file, only X̃ᵀX̃ or also XᵀX̃. handed: the norms of W0+ΔW's outputs
 * are in a file (merge/normfile.h). */
struct cost cost_grams(const struct plan *p, const struct extract_site *s, int sides, bool handed,
		       int t, int k);
/* The Grams of a task's shards, added. */
struct cost cost_sum(const struct plan *p, const struct extract_site *s, int sides);
/* All modules of a site: a fit, or a method that uses only weights. */
struct cost cost_solution(const struct plan *p, const struct extract_site *s);
struct cost cost_scale(const struct plan *p);
struct cost cost_adapter(const struct plan *p);
struct cost cost_model(const struct plan *p);
struct cost cost_evaluation(const struct plan *p, const char *task);
/* A process that takes hardly any time. */
struct cost cost_copy(void);

#endif
