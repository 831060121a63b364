/* reasons.h: says in words why the files of a merge will be made. */
#ifndef REASONS_H
#define REASONS_H

#include "plan/graph.h"
#include "plan/rules.h"

enum reason {
	UP_TO_DATE,
	NOT_THERE,   /* a target is missing */
	CHANGED,     /* a stamp that it depends on has another text */
	NEEDS_NEW,   /* a file that it reads is made first */
	OLDER,       /* than a file that it reads */
	READ_AGAIN,  /* its data were released, and a file that is made reads them */
	OTHER_RESULT /* jacobi: the solutions are those of another iteration */
};

/* The first reason that holds for a rule, after graph_look(). */
enum reason reason_of(const struct graph *g, const struct rule *r);
/* The same in words (allocated): "alpha_1 changed from 8e-05 to 0.0002". */
char *reason_text(const struct graph *g, const struct rule *r, const struct changes *changed);

/* Prints a line for each kind of file that the run makes: how many, and why. Files of the merge are
 * under "why", files of its evaluation under "eval". Call it after graph_want(). */
void reasons_print(const struct graph *g, const struct changes *changed);

#endif
