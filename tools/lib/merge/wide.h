/* wide.h: the system of a module that memory does not hold. Its panels (math/panels.h) come from
 * the tiles of the tasks' Gram files. The factor's panels go to files beside the solution,
 * ".SITE.h5.factor-MODULE-PANEL".
 *
 * Each of these files appears whole, or not at all. They stay until the solution is complete. So a
 * run that was killed goes on with the panel that it was making. A file holds the digest of all
 * that S depends on: a panel of another system is made again. */
#ifndef WIDE_H
#define WIDE_H

#include <stdint.h>

#include "merge/normal_equations.h"

struct wide {
	/* The caller's. */
	struct normal_equations *equations;
	const char *output; /* the solution file */
	int width;          /* of a panel: a multiple of lower_tile(d) */
	/* Of the module at hand. */
	struct panels panels;
	const struct solve *solve;
	const char *module;
	int number;
	double *cm; /* (N) c m of each task */
	uint64_t system;
	struct h5 **file; /* by panel */
	double *tile;
};

/* Begins a module, the i-th of the site: after equations_sum(), which gave the coefficients c, and
 * before equations_solve(). q was placed with w->panels. */
void wide_begin(struct wide *w, const struct solve *q, int i, const char *module, const double *c);
/* Closes the module's files. */
void wide_end(struct wide *w);
/* Removes the files of all n modules: the solution is complete. */
void wide_remove(const struct wide *w, int n);

#endif
