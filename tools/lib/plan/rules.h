/* rules.h: the rules of a merge, or of a task's statistics, file by file (graph.h). They depend on
 * the method and the settings. */
#ifndef RULES_H
#define RULES_H

#include "plan/changes.h"
#include "plan/graph.h"
#include "plan/plan.h"

/* The rules of a merge, after graph_look(). `changed`: stamps (names in WORK/stamps) whose text
 * differs from the last run. iteration 0: the rules of the method's one pass; for jacobi those that
 * its iterations share. Otherwise the rules of this iteration, including its result. */
struct graph *rules_open(const struct plan *p, int iteration, const struct changes *changed);

/* Which stages a merge has. */
bool rules_fits_rows(const struct plan *p); /* rows are made, and Grams of them */
bool rules_generates(const struct plan *p); /* rows of generated answers are used */
bool rules_searches_scale(const struct plan *p);

/* The file that ends a merge, as make reads it. */
const char *rules_result(const struct plan *p);

/* Marks what a merge needs of the graph as wanted (graph_want); for an evaluation, also its
 * table. */
void rules_want(const struct plan *p, struct graph *g, bool evaluated);
/* The text of the run's worklist (worklist.h; allocated). */
char *rules_worklist(const struct plan *p, int iteration, const struct changes *changed,
		     bool evaluated);

/* What must be done, over all existing iterations. */
struct todo {
	int processes;
	int iteration; /* jacobi: the first iteration that has something to do; 0: none, or another
			  method */
	bool result;   /* the result will be made */
};
struct todo rules_todo(const struct plan *p, const struct changes *changed);
/* The graph that contains it: for jacobi that of the iteration. */
struct graph *rules_next(const struct plan *p, const struct changes *changed, struct todo *todo);

#endif
