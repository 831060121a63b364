/* solution.c: see solution.h. */
#include "forward/solution.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* ------------------------------------------------------------ reading */

/* A size that a file says; the shapes of the datasets bear it out. */
static int size_of(const struct solution *s, const char *group, const char *name, int least)
{
	long v = h5_get_int(s->file, group, name);

	if (v < least || v > 1 << 30)
		die("'%s': %s: %s is %ld", h5_path(s->file), group, name, v);
	return (int)v;
}

static void expect_shape(const struct solution *s, const struct solution_module *k,
			 const char *name, int rows, int cols)
{
	char *path = xformat("%s/%s", k->group, name);

	h5_expect_shape(s->file, path, (size_t)rows, (size_t)cols);
	free(path);
}

static void add_module(const char *name, void *arg)
{
	struct solution *s = arg;
	struct solution_module k = {.name = xstrdup(name), .group = xformat("/modules/%s", name)};

	k.R = size_of(s, k.group, "R", 0);
	k.d_in = size_of(s, k.group, "d_in", 1);
	k.d_out = size_of(s, k.group, "d_out", 1);
	if (k.R) {
		expect_shape(s, &k, "A", k.R, k.d_in);
		expect_shape(s, &k, "B", k.d_out, k.R);
	} else {
		expect_shape(s, &k, "W", k.d_out, k.d_in);
	}
	s->module = xrealloc(s->module, (size_t)(s->n + 1) * sizeof(*s->module));
	s->module[s->n++] = k;
}

struct solution *solution_open(const char *path, const char *site)
{
	struct solution *s = xcalloc(1, sizeof(*s));

	s->file = h5_open(path, "iteris-solution", 1);
	if (site)
		h5_expect_string(s->file, "site", site);
	s->site = h5_get_string(s->file, "/", "site");
	h5_each(s->file, "/modules", add_module, s);
	solution_rest(s);
	return s;
}

void solution_close(struct solution *s)
{
	if (!s)
		return;
	h5_close(s->file);
	for (int i = 0; i < s->n; i++) {
		free(s->module[i].name);
		free(s->module[i].group);
	}
	free(s->module);
	free(s->site);
	free(s);
}

const struct solution_module *solution_find(const struct solution *s, const char *name)
{
	for (int i = 0; i < s->n; i++)
		if (strcmp(s->module[i].name, name) == 0)
			return &s->module[i];
	return NULL;
}

void solution_expect(const struct solution *s, const struct solution_module *k, int d_in, int d_out)
{
	if (k->d_in != d_in || k->d_out != d_out)
		die("'%s': '%s' is %d x %d, but the model's is %d x %d", h5_path(s->file), k->name,
		    k->d_out, k->d_in, d_out, d_in);
}

double solution_figure(const struct solution *s, const struct solution_module *k, const char *name)
{
	return h5_get_double(s->file, k->group, name);
}

void solution_read_float(const struct solution *s, const struct solution_module *k,
			 const char *name, size_t row0, size_t n, float *x)
{
	char *path = xformat("%s/%s", k->group, name);

	h5_read_float(s->file, path, row0, n, x);
	free(path);
}

void solution_read_double(const struct solution *s, const struct solution_module *k,
			  const char *name, size_t row0, size_t n, double *x)
{
	char *path = xformat("%s/%s", k->group, name);

	h5_read_double(s->file, path, row0, n, x);
	free(path);
}

void solution_rest(struct solution *s)
{
	h5_rest(s->file);
}

/* ------------------------------------------------------------ writing */

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

void solution_attributes(struct h5 *out, const struct solution_of *of, int R_max)
{
	h5_set_string(out, "/", "site", of->site);
	h5_set_string(out, "/", "method", of->method);
	h5_set_string(out, "/", "tasks", of->tasks);
	h5_set_int(out, "/", "d", of->d);
	h5_set_int(out, "/", "N", of->N);
	h5_set_int(out, "/", "R_max", R_max);
}
