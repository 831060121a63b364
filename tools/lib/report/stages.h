/* stages.h: the cost of a run's stages, and when they ran. Evaluations count, but they are not on
 * the clock: they may take much longer than the merge. */
#ifndef STAGES_H
#define STAGES_H

#include <stdbool.h>

enum { STAGES_BINS = 240 }; /* the clock of the merge, in equal parts */

struct stage_cost {
	char *tool;
	int processes;
	double real, cpu, peak;     /* summed seconds, and the largest process in MB */
	bool clocked;               /* a process of it is on the clock */
	double memory[STAGES_BINS]; /* the largest process that ran in this part; 0: none */
};

struct stages {
	int n;
	struct stage_cost
		*stage; /* in the order of their first processes; those off the clock last */
	int clocked;    /* stages on the clock; 0: the log does not say when processes started */
	double span;    /* seconds of the clock, without long pauses */
	double busy;    /* seconds of the clock in which a process ran */
	double peak;    /* MB, of the merge's processes */
};

/* log: a merge's log.tsv. Gaps of more than five seconds without any process are left out. */
void stages_read(struct stages *s, const char *log);
void stages_release(struct stages *s);

#endif
