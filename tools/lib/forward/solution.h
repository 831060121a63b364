/* solution.h: solution/SITE.h5, the merged change of every module of a site, or its merged weight.
 *
 * Schema iteris-solution. Attributes site, method, tasks, d, N, R_max. Group /modules/NAME of each
 * module: attributes R, d_in and d_out. With R > 0, datasets A (R, d_in) and B (d_out, R): ΔW = B
 * A, every scale in A. With R = 0, dataset W (d_out, d_in): the weight that takes the base's place.
 * What a method adds of its own is documented by its tool, and in history.h. */
#ifndef SOLUTION_H
#define SOLUTION_H

#include <stdbool.h>

#include "files/h5/h5.h"

/* ------------------------------------------------------------ reading */

struct solution_module {
	char *name;  /* as the model names the linear */
	char *group; /* "/modules/NAME" */
	int R, d_in, d_out;
};

struct solution {
	struct h5 *file; /* for what a method added */
	char *site;      /* its name */
	int n;
	struct solution_module *module; /* in alphabetical order of their names */
};

/* Opens a file and lists its modules; their datasets are there, in the shapes of their sizes. site:
 * the name that the file must have; NULL: any. What is wrong is die(). */
struct solution *solution_open(const char *path, const char *site);
void solution_close(struct solution *s); /* NULL is fine */

const struct solution_module *solution_find(const struct solution *s,
					    const char *name); /* or NULL */
/* die() where the module's sizes are not those of the model's linear. */
void solution_expect(const struct solution *s, const struct solution_module *k, int d_in,
		     int d_out);
/* An attribute of the module. */
double solution_figure(const struct solution *s, const struct solution_module *k, const char *name);
/* Rows [row0, row0+n) of its dataset `name`; of A, B or W. */
void solution_read_float(const struct solution *s, const struct solution_module *k,
			 const char *name, size_t row0, size_t n, float *x);
void solution_read_double(const struct solution *s, const struct solution_module *k,
			  const char *name, size_t row0, size_t n, double *x);
/* Gives back the memory that reading took; the file stays open. */
void solution_rest(struct solution *s);

/* ------------------------------------------------------------ writing */

struct h5 *solution_create(const char *path);
/* R, d_in and d_out of a module; group: "/modules/NAME", which is there. */
void solution_sizes(struct h5 *out, const char *group, int R, int d_in, int d_out);
/* A whole dataset GROUP/NAME; cols 0: a vector. */
void solution_double(struct h5 *out, const char *group, const char *name, size_t rows, size_t cols,
		     const double *x);
void solution_float(struct h5 *out, const char *group, const char *name, size_t rows, size_t cols,
		    const float *x);
void solution_int(struct h5 *out, const char *group, const char *name, size_t n, const int *x);

/* What the whole file is of. */
struct solution_of {
	const char *site, *method;
	const char *tasks; /* "a,b" */
	int d, N;          /* the site's width, how many tasks */
};
/* R_max: the largest R. */
void solution_attributes(struct h5 *out, const struct solution_of *of, int R_max);

#endif
