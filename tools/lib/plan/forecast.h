/* forecast.h: how much memory, disk and time a merge will take. It is planned from the settings and
 * the model's geometry before anything runs, and printed in one line each. */
#ifndef FORECAST_H
#define FORECAST_H

#include "plan/changes.h"
#include "plan/plan.h"
#include "plan/rules.h"

/* The planned peak of the stage's process that needs the most, in bytes, within max_memory. 0: the
 * stage computes nothing that is worth a plan; it only moves small files. */
size_t forecast_stage(const struct plan *p, enum stage stage);

void forecast_memory(const struct plan *p); /* the peak of one process of each stage */
/* The most that WORK takes on the disk at once, in this run; nothing for methods without
 * samples. */
void forecast_disk(const struct plan *p, const struct changes *changed);
/* die() where that is over max_disk. Notes where the file system has less. */
void forecast_check_disk(const struct plan *p, const struct changes *changed);
/* How long the rules that must run take, on this machine when it is otherwise idle. g: the graph
 * that contains them (rules_next()), after rules_want(). */
void forecast_time(const struct plan *p, const struct graph *g, const struct changes *changed,
		   const struct todo *todo);
/* The same on 1, 2, 4 … and `nodes` machines like this one, as a table: with the processes and
 * threads of one machine on each, whose steps LAUNCH starts. Then what the longest chain consists
 * of, and what LAUNCH takes. */
void forecast_nodes(const struct plan *p, const struct changes *changed, int nodes);

#endif
