/* stages.h: what the stages of a run cost, and when they ran. */
#ifndef STAGES_H
#define STAGES_H

#include <stdbool.h>

enum { STAGES_BINS = 240 }; /* the clock of the run, in equal parts */

struct stage_cost {
	char *tool;
	int processes;
	double real, cpu, peak;     /* summed seconds, and the largest process in MB */
	double memory[STAGES_BINS]; /* the largest process at work in that part; 0: none */
};

struct stages {
	int n;
	struct stage_cost *stage; /* in the order of their first processes */
	bool clocked;             /* the log says when processes started; else no memory[] */
	double span;              /* seconds of the clock, without times in which nothing ran */
	double busy;              /* seconds of the clock in which the merge was at work */
	double peak;              /* MB, of the merge's processes */
};

/* log: a merge's log.tsv. Times of more than five seconds without any process are left out. */
void stages_read(struct stages *s, const char *log);
void stages_release(struct stages *s);

#endif
