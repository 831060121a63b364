/* graph.h: the rules of one merge: what is made of what, by which command; which of them have
 * something to do; and their text for make.
 *
 * A file is named as make reads it: $W/own/tec/enc00-self.h5, $W being WORK and $R the folder
 * REFERENCE. A rule has targets, needs (files that it reads: a newer one makes the target out of
 * date), others that only must be there before it, and a recipe. Rules are added in the order of
 * the computation: a file's rule before the rules that need the file.
 *
 * Rules of one group are made by one process where they have something to do, each for its own
 * task: so a block's weights are read once for all tasks of the group, and a change of one task
 * does not redo the others. */
#ifndef GRAPH_H
#define GRAPH_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/text.h"

struct graph;
struct rule;

struct graph *graph_open(const char *work, const char *reference);
void graph_close(struct graph *g);

/* A rule for the file of that name; task: for rules of a group, NULL for others. */
struct rule *graph_rule(struct graph *g, const char *task, const char *fmt, ...) PRINTF_LIKE(3, 4);
void graph_group(struct graph *g); /* rules that are added from here on and name a task are a group
				      of their own */
void rule_target(struct rule *r, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* another file that it makes */
void rule_needs(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void rule_after(struct rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3); /* order only */
void rule_recipe(struct rule *r, const char *fmt, ...)
	PRINTF_LIKE(2, 3);        /* one line more of it; {tasks}: the tasks of its process */
void rule_apart(struct rule *r);  /* the target's time says nothing, or it is no part of the merge:
				     not looked at */
void rule_always(struct rule *r); /* it is made whatever its files say */

void graph_mute(struct graph *g, bool mute); /* rules that are added from here on are looked at and
						not written: they stand elsewhere */

/* A file that is about to be written anew, whatever its time says. */
void graph_changed(struct graph *g, const char *name);

/* By make's own rule: a target is made if it is missing, or older than one of its needs, or one of
 * these is made. A released file (files/h5/h5.h) that is read by what is made is made again itself.
 */
void graph_look(struct graph *g);

/* After graph_look(). */
bool graph_makes(const struct graph *g, const char *name); /* the file of that name is to be made */
int graph_processes(const struct graph *g);                /* so many processes */
bool graph_has_released(const struct graph *g);            /* there are released files */
bool graph_is_released(const struct graph *g,
		       const char *name); /* its data are gone already, or it is not there */

/* The rules as text for make. */
void graph_text(const struct graph *g, struct text *mk);

#endif
