/* rehearsal.h: a run of a graph, process by process, before anything runs: how long it takes, and
 * the most that its files take on the disk.
 *
 * Make starts the first process whose files are there whenever one of `jobs` places is free. A
 * process's files grow from its start to its end, and count until the end of the process that
 * releases them. */
#ifndef REHEARSAL_H
#define REHEARSAL_H

#include "plan/graph.h"

enum { REHEARSAL_PARTS = 16 };

struct rehearsal {
	double wall, cpu;  /* seconds */
	double most, left; /* bytes that the run's files take at once, and at its end; beyond those
			      at its start */
	double busy;       /* Σ wall seconds of the processes */
	double together;   /* seconds during which more than one process runs */
	int processes, launched; /* all, and those that LAUNCH starts */
	/* The longest chain of processes that wait for each other: no number of places makes the
	 * run shorter. By what they make: */
	double chain;
	int parts;
	struct chain_part {
		const char *what; /* "merged rows" */
		double wall;
	} part[REHEARSAL_PARTS];
};

/* The merge; its evaluation after it; an iteration without what all iterations share. */
enum part { MERGE_PART, EVALUATION_PART, ITERATION_PART };
/* Call it after graph_look() and graph_want(). */
struct rehearsal rehearse(const struct graph *g, const struct machine *on, enum part part);
/* Adds the seconds and processes of another run after r, `times` times. Not its bytes. */
void rehearsal_add(struct rehearsal *r, const struct rehearsal *more, int times);

#endif
