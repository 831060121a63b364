/* worklist.h: the processes that a run is about to start, as plan-pipeline tells whoever shows the
 * run (tools/show-progress.c): lines of text, "KEY VALUES", from "begin" to "end".
 *
 * A run of several plans has several lists, one after the other: each iteration of jacobi has one,
 * and each method of a comparison. */
#ifndef WORKLIST_H
#define WORKLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct work_item {
	char tool[32];  /* "compute-grams" */
	double seconds; /* roughly (plan/cost.h) */
};

struct worklist {
	char *title;               /* what runs: "sweep" */
	char *log;                 /* WORK/log.tsv: each process ends with a line of it */
	long log_from;             /* bytes of it that are of earlier processes */
	int iteration, iterations; /* this one, and how many there are at most; 0: none */
	int sites_done, sites;     /* solved already, and all */
	int n;
	struct work_item *item; /* about in the order in which they run */
};

/* As text: the caller adds a line for each process, and the end. */
void worklist_begin(struct text *t, const struct worklist *w);
void worklist_add(struct text *t, const char *tool, double seconds);
void worklist_end(struct text *t);

/* Takes one line (without its end) of such a text in; true: the list is complete. A line that
 * stands for nothing begins no list and is left out. Zero-initialised is empty. */
bool worklist_read(struct worklist *w, const char *line);
void worklist_release(struct worklist *w);

#endif
