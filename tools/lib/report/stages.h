/* stages.h: the cost of a run's stages, and when they ran. */
#ifndef STAGES_H
#define STAGES_H

#include <stdbool.h>

enum { STAGES_BINS = 240 }; /* the clock of the run, in equal parts */

struct stage_cost {
	char *tool;
	int processes;
	double real, cpu, peak;     /* summed seconds, and the largest process in MB */
	double memory[STAGES_BINS]; /* the largest process that ran in this part; 0: none */
};

struct stages {
	int n;
	struct stage_cost *stage; /* in the order of their first processes */
	bool clocked; /* the log says when processes started; without it there is no memory[] */
	double span;  /* seconds of the clock, without times when nothing ran */
	double busy;  /* seconds of the clock while the merge ran */
	double peak;  /* MB, of the merge's processes */
};

/* log: a merge's log.tsv. Gaps of more than five seconds without any process are left out. */
void stages_read(struct stages *s, const char *log);
void stages_release(struct stages *s);

#endif
