/* solution.c: see solution.h. */
#include "merge/solution.h"

#include <stdlib.h>

#include "base/die.h"

struct h5 *solution_create(const char *path)
{
	return h5_create(path, "iteris-solution", 1);
}

void solution_sizes(struct h5 *out, const char *group, int R, int d_in, int d_out)
{
	h5_set_int(out, group, "R", R);
	h5_set_int(out, group, "d_in", d_in);
	h5_set_int(out, group, "d_out", d_out);
}

void solution_double(struct h5 *out, const char *group, const char *name, size_t rows, size_t cols,
		     const double *x)
{
	char *path = xformat("%s/%s", group, name);

	h5_dataset(out, path, H5_F64, rows, cols);
	h5_write_double(out, path, 0, rows, x);
	free(path);
}

void solution_float(struct h5 *out, const char *group, const char *name, size_t rows, size_t cols,
		    const float *x)
{
	char *path = xformat("%s/%s", group, name);

	h5_dataset(out, path, H5_F32, rows, cols);
	h5_write_float(out, path, 0, rows, x);
	free(path);
}

void solution_int(struct h5 *out, const char *group, const char *name, size_t n, const int *x)
{
	char *path = xformat("%s/%s", group, name);

	h5_dataset(out, path, H5_I32, n, 0);
	h5_write_int(out, path, 0, n, x);
	free(path);
}

void solution_attributes(struct h5 *out, const struct job *j, const char *method, int R_max)
{
	h5_set_string(out, "/", "site", j->name);
	h5_set_string(out, "/", "method", method);
	h5_set_string(out, "/", "tasks", job_args.tasks);
	h5_set_int(out, "/", "d", j->d);
	h5_set_int(out, "/", "N", j->tasks.n);
	h5_set_int(out, "/", "R_max", R_max);
}
