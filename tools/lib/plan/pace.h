/* pace.h: how far a run is and how long it will take, from what its processes have taken so far.
 *
 * A process counts by its planned seconds (plan/cost.h), which are rough. What the processes of a
 * tool took so far corrects those of the same tool; one of another tool is corrected by the mean of
 * all. The clock's time goes as the processes' time does, so that processes side by side count as
 * they are:
 *
 *     left = elapsed · (seconds to come) / (seconds of processes so far) */
#ifndef PACE_H
#define PACE_H

#include "base/processes.h"
#include "plan/worklist.h"

struct pace_tool;

struct pace {
	struct worklist work;
	int tools;
	struct pace_tool *tool;
	int sites, evaluations; /* done by this list's processes */
	int all_evaluations;
};

/* A new list, which it takes over. */
void pace_begin(struct pace *p, struct worklist *work);
/* A process has ended: a line of log.tsv. One of no tool of the list is left out. */
void pace_line(struct pace *p, const char *line);
/* Seconds that this list will take from now on; running: the processes of now; elapsed: seconds
 * since the list began. −1: too little is done to say. */
double pace_left(const struct pace *p, const struct processes *running, double elapsed);
void pace_release(struct pace *p);

#endif
