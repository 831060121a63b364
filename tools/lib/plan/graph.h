/* graph.h: the rules of one merge: which command makes what from what, which rules must run, and
 * the rules as text for make.
 *
 * Files have the names that make reads: $W/own/tec/enc00-self.h5, where $W is WORK and $R the
 * folder REFERENCE. A rule has targets, needs, order-only files and a recipe. Needs are files that
 * it reads: a newer one makes the target out of date. Order-only files must merely exist before.
 * Rules are added in the order of the computation: a file's rule before the rules that need the
 * file.
 *
 * One process runs the rules of a group that must run, each for its own task. So it reads a block's
 * weights once for all tasks of the group, and a change of one task does not redo the others. */
#ifndef GRAPH_H
#define GRAPH_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/text.h"
#include "plan/cost.h"

struct graph;
struct rule;

struct graph *graph_open(const char *work, const char *reference); /* may begin with $W */
void graph_close(struct graph *g);
char *graph_path(const struct graph *g, const char *name); /* of a file (allocated) */

/* Adds a rule for the file with this name. task: for rules of a group; else NULL. */
struct rule *graph_rule(struct graph *g, const char *task, const char *fmt, ...) PRINTF_LIKE(3, 4);
void graph_group(struct graph *g); /* a new group begins for the following rules that name a task */
void rule_target(struct rule *r, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* adds another file that the rule makes */
void rule_needs(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void rule_after(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3); /* order-only */
/* Order-only, too, for a file that the rule reads and that follows from the rule's other needs. If
 * it was released, a rule that runs has it made again. If it is made again, the rule need not
 * run. */
void rule_reads(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void rule_recipe(struct rule *r, const char *fmt, ...)
	PRINTF_LIKE(2, 3);        /* adds a line of the recipe; {tasks}: the tasks of its process */
void rule_apart(struct rule *r);  /* the rule is no part of the merge, and is not counted */
void rule_always(struct rule *r); /* the rule always runs */
/* The target is a copy, whose time tells nothing: it is made where its text differs. */
void rule_copies(struct rule *r, bool differs);

/* What a rule is, for people and for its time. */
struct stage_of {
	const char *tool; /* "compute-grams" */
	const char *what; /* what it makes, in plain words: "Grams" */
	const char *site; /* NULL: it has no site */
	struct cost cost;
};
void rule_stage(struct rule *r, struct stage_of of);
void rule_bytes(struct rule *r, double bytes); /* of the last target, on the disk */
/* The process releases this file at its end (files/h5/h5.h). */
void rule_releases(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

void graph_mute(struct graph *g, bool mute); /* the following rules are examined but not written,
						because they are in another file */

/* A file that will be written again, whatever its time is. */
void graph_changed(struct graph *g, const char *name);

/* Decides which rules run, as make does. A rule runs if a target is missing, is older than one of
 * its needs, or one of its needs is made. A released file (files/h5/h5.h) that such a rule reads is
 * made again. */
void graph_look(struct graph *g);

/* Call these after graph_look(). */
bool graph_makes(const struct graph *g, const char *name); /* the file will be made */
int graph_processes(const struct graph *g);                /* number of processes for the merge */
bool graph_has_released(const struct graph *g);            /* there are released files */
bool graph_is_released(const struct graph *g,
		       const char *name); /* its data are gone, or it does not exist */

/* Which rules a run for this file includes, in graph_work() and graph_each(). Call it after
 * graph_look(). */
void graph_want(struct graph *g, const char *name);
/* A line of a worklist (worklist.h) for each process that will run and takes time. */
void graph_work(const struct graph *g, struct text *list);
/* The sites of this pass, and how many of them are solved. */
int graph_sites(const struct graph *g, int *done);

/* The rules as text for make. */
void graph_text(const struct graph *g, struct text *mk);

#endif
