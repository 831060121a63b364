/* worklist.h: the processes that a run will start. plan-pipeline sends the list to the program that
 * shows the run (tools/show-progress.c), as lines of text, "KEY VALUES", from "begin" to "end".
 *
 * A run with several plans has several lists, one after the other: one for each iteration of
 * jacobi, and one for each method of a comparison. */
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
	char *log;                 /* WORK/log.tsv: each process ends with a line in it */
	long log_from;             /* its bytes from earlier processes */
	int iteration, iterations; /* this iteration, and the most iterations; 0: none */
	int sites_done, sites;     /* solved sites, and all sites */
	double wall;               /* planned seconds of the whole list; 0: not planned */
	int n;
	struct work_item *item; /* roughly in the order in which they run */
};

/* The list as text. The caller adds a line for each process, and the end. */
void worklist_begin(struct text *t, const struct worklist *w);
void worklist_add(struct text *t, const char *tool, double seconds);
void worklist_end(struct text *t);

/* Reads one line (without its end) of such a text; true: the list is complete. A line with no
 * meaning begins no list and is left out. Zero-initialised is empty. */
bool worklist_read(struct worklist *w, const char *line);
void worklist_release(struct worklist *w);

#endif
