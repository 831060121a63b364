/* rules.h: what a merge is made of, file by file: its rules (graph.h) by the method and the
 * settings. */
#ifndef RULES_H
#define RULES_H

#include "plan/changes.h"
#include "plan/graph.h"
#include "plan/plan.h"

/* The rules of a merge, looked at (graph_look); `changed`: stamps (names in WORK/stamps) whose text
 * is another than at the last run. iteration 0: those of the method's one pass; of jacobi what its
 * iterations share. Else: those of that iteration, its result's among them. */
struct graph *rules_open(const struct plan *p, int iteration, const struct changes *changed);

/* The file that a merge ends with, as make reads it. */
const char *rules_result(const struct plan *p);

/* What there is to do, over all iterations that are there. */
struct todo {
	int processes;
	int iteration; /* jacobi: the first that has something to do; 0: none, or another method */
	bool result;   /* the result is made */
};
struct todo rules_todo(const struct plan *p, const struct changes *changed);

#endif
