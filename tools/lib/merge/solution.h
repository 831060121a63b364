/* solution.h: solution/SITE.h5 as the tools that make one write it (schema iteris-solution): per
 * module of the site its merged change or weight. */
#ifndef SOLUTION_H
#define SOLUTION_H

#include "files/h5/h5.h"
#include "merge/job.h"

struct h5 *solution_create(const char *path);
/* R, d_in and d_out of a module; group: "/modules/NAME", which is there. R is 0 where there is no
 * low-rank pair. */
void solution_sizes(struct h5 *out, const char *group, int R, int d_in, int d_out);
/* A whole dataset GROUP/NAME; cols 0: a vector. */
void solution_double(struct h5 *out, const char *group, const char *name, size_t rows, size_t cols,
		     const double *x);
void solution_float(struct h5 *out, const char *group, const char *name, size_t rows, size_t cols,
		    const float *x);
void solution_int(struct h5 *out, const char *group, const char *name, size_t n, const int *x);
/* What the whole file is of; R_max: the largest R, for the reader's planning. */
void solution_attributes(struct h5 *out, const struct job *j, const char *method, int R_max);

#endif
