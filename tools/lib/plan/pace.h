/* pace.h: how much of a run is done and how long the rest will take, from the times of its
 * processes so far.
 *
 * A process counts with its planned seconds (plan/cost.h), which are rough. The times of a tool's
 * processes so far correct the plan for the same tool. Another tool is corrected by the mean of
 * all. Wall time goes in proportion to the processes' time, so processes side by side need no
 * special rule:
 *
 *   left = elapsed · (seconds to come) / (seconds of processes so far)
 *
 * Until enough is done to tell, it counts down from the planned time. */
#ifndef PACE_H
#define PACE_H

#include "base/processes.h"
#include "plan/worklist.h"

struct pace_tool;

struct pace {
	struct worklist work;
	int tools;
	struct pace_tool *tool;
	int sites, evaluations; /* done by the processes of this list */
	int all_evaluations;
};

/* A new list; takes ownership of it. */
void pace_begin(struct pace *p, struct worklist *work);
/* A process has ended: a line of log.tsv. A tool that is not in the list is left out. */
void pace_line(struct pace *p, const char *line);
/* Seconds that this list will still take. running: the present processes; elapsed: seconds since
 * the list began. −1: too little is done to tell, and no time was planned. */
double pace_left(const struct pace *p, const struct processes *running, double elapsed);
void pace_release(struct pace *p);

#endif
