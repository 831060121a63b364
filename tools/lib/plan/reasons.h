/* reasons.h: why the files of a merge are to be made, in words. */
#ifndef REASONS_H
#define REASONS_H

#include "plan/graph.h"
#include "plan/rules.h"

enum reason {
	UP_TO_DATE,
	NOT_THERE,   /* a target is missing */
	CHANGED,     /* a stamp that it goes by has another text */
	NEEDS_NEW,   /* what it reads is made first */
	OLDER,       /* than a file that it reads */
	READ_AGAIN,  /* its data were released, and something that is made reads them */
	OTHER_RESULT /* of jacobi: the solutions are of another iteration */
};

/* The first of them that holds for a rule, after graph_look(). */
enum reason reason_of(const struct graph *g, const struct rule *r);
/* The same in words (allocated): "alpha_1 changed from 8e-05 to 0.0002". */
char *reason_text(const struct graph *g, const struct rule *r, const struct changes *changed);

/* A line on stdout for each kind of file that the run makes: how many, and why. Under "why" those
 * of the merge, under "eval" those of its evaluation. After graph_want(). */
void reasons_print(const struct graph *g, const struct changes *changed);

#endif
