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

struct graph;
struct rule;

struct graph *graph_open(const char *work, const char *reference);
void graph_close(struct graph *g);

/* Adds a rule for the file with this name. task: for rules of a group; else NULL. */
struct rule *graph_rule(struct graph *g, const char *task, const char *fmt, ...) PRINTF_LIKE(3, 4);
void graph_group(struct graph *g); /* a new group begins for the following rules that name a task */
void rule_target(struct rule *r, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* adds another file that the rule makes */
void rule_needs(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void rule_after(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3); /* order-only */
void rule_recipe(struct rule *r, const char *fmt, ...)
	PRINTF_LIKE(2, 3);       /* adds a line of the recipe; {tasks}: the tasks of its process */
void rule_apart(struct rule *r); /* the rule is not examined: its target's time tells nothing, or it
				    is no part of the merge */
void rule_always(struct rule *r); /* the rule always runs */

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
int graph_processes(const struct graph *g);                /* number of processes that run */
bool graph_has_released(const struct graph *g);            /* there are released files */
bool graph_is_released(const struct graph *g,
		       const char *name); /* its data are gone, or it does not exist */

/* The rules as text for make. */
void graph_text(const struct graph *g, struct text *mk);

#endif
