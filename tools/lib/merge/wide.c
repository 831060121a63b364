/* wide.c: see wide.h. */
#include "merge/wide.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "files/digest.h"
#include "files/exists.h"
#include "files/h5/h5_lower.h"

/* ------------------------------------------------------------ the files of the factor */

static char *file_of(const struct wide *w, int module, int k)
{
	const char *slash = strrchr(w->output, '/'), *name = slash ? slash + 1 : w->output;

	return xformat("%.*s.%s.factor-%02d-%03d", (int)(name - w->output), w->output, name, module,
		       k);
}

/* Removes the module's files from panel k on. */
static void remove_from(const struct wide *w, int module, int k)
{
	for (bool there = true; there; k++) {
		char *path = file_of(w, module, k);

		there = unlink(path) == 0;
		if (!there && errno != ENOENT)
			die("cannot remove '%s': %s", path, strerror(errno));
		free(path);
	}
}

/* Opens the file of panel k. NULL: there is none, or it is of another system. */
static struct h5 *find_panel(const struct wide *w, int k)
{
	char *path = file_of(w, w->number, k), *found, *want;
	struct h5 *f = file_exists(path) ? h5_open(path, "iteris-factor", 1) : NULL;

	free(path);
	if (!f)
		return NULL;
	found = h5_get_string(f, "/", "system");
	want = xformat("%016" PRIx64, w->system);
	if (strcmp(found, want) != 0) {
		h5_close(f);
		f = NULL;
	}
	free(found);
	free(want);
	return f;
}

static void keep_panel(void *arg, int k, const double *P, const double *sums)
{
	struct wide *w = arg;
	size_t d = (size_t)w->panels.d, rows = d - (size_t)k * (size_t)w->width;
	char *path = file_of(w, w->number, k), *system = xformat("%016" PRIx64, w->system);
	struct h5 *f = h5_create(path, "iteris-factor", 1);

	h5_set_string(f, "/", "module", w->module);
	h5_set_string(f, "/", "system", system);
	h5_dataset(f, "/L", H5_F64, rows, (size_t)panels_columns(&w->panels, k));
	h5_write_double(f, "/L", 0, rows, P);
	h5_dataset(f, "/sums", H5_F64, d, 0);
	h5_write_double(f, "/sums", 0, d, sums);
	h5_commit(f);
	w->file[k] = h5_open(path, "iteris-factor", 1);
	free(path);
	free(system);
}

static void read_panel(void *arg, int k, int i0, int n, double *rows)
{
	struct wide *w = arg;

	h5_read_double(w->file[k], "/L", (size_t)i0 - (size_t)k * (size_t)w->width, (size_t)n,
		       rows);
}

static void read_sums(void *arg, int k, double *sums)
{
	struct wide *w = arg;

	h5_expect_shape(w->file[k], "/sums", (size_t)w->panels.d, 0);
	h5_read_double(w->file[k], "/sums", 0, (size_t)w->panels.d, sums);
}

/* ------------------------------------------------------------ the system */

/* S's panel k, by the same sums as solve_add_H() and solve_add_ridge(). */
static void system_panel(void *arg, int k, double *P)
{
	struct wide *w = arg;
	int c = k * w->width, n = panels_columns(&w->panels, k);

	equations_panel(w->equations, w->module, w->cm, c, n, w->tile, P);
	for (int i = 0; i < n; i++)
		P[(size_t)i * (size_t)n + (size_t)i] = solve_diagonal(w->solve, c + i);
}

/* Of all that S depends on. S's diagonal and the norms of the Grams stand for the Grams. */
static uint64_t digest_system(const struct wide *w)
{
	uint64_t sum = digest_bytes((uint64_t)w->width, w->module, strlen(w->module));

	for (int i = 0; i < w->solve->d; i++) {
		double s = solve_diagonal(w->solve, i);

		sum = digest_bytes(sum, &s, sizeof(s));
	}
	for (int t = 0; t < w->equations->tasks->n; t++) {
		double norm = equations_norm(w->equations, w->module, t);

		sum = digest_bytes(sum, &w->cm[t], sizeof(w->cm[t]));
		sum = digest_bytes(sum, &norm, sizeof(norm));
	}
	return sum;
}

/* Opens the panels that an earlier run has made. */
static void resume(struct wide *w)
{
	int n = panels_count(w->panels.d, w->width);

	while (w->panels.done < n && (w->file[w->panels.done] = find_panel(w, w->panels.done)))
		w->panels.done++;
	remove_from(w, w->number, w->panels.done);
	if (w->panels.done)
		note("%s: goes on behind %d of %d panels of an earlier run", w->module,
		     w->panels.done, n);
}

void wide_begin(struct wide *w, const struct solve *q, int i, const char *module, const double *c)
{
	const struct normal_equations *s = w->equations;
	size_t b = (size_t)lower_tile(q->d);

	w->solve = q;
	w->module = module;
	w->number = i;
	w->panels.done = 0;
	w->panels.arg = w;
	w->panels.system = system_panel;
	w->panels.keep = keep_panel;
	w->panels.read = read_panel;
	w->panels.read_sums = read_sums;
	w->cm = xarray((size_t)s->tasks->n, sizeof(*w->cm));
	for (int t = 0; t < s->tasks->n; t++)
		w->cm[t] = c[t] * s->manual[t];
	w->tile = xarray(b * b, sizeof(*w->tile));
	w->file = xcalloc((size_t)panels_count(q->d, w->width), sizeof(*w->file));
	w->system = digest_system(w);
	resume(w);
}

void wide_end(struct wide *w)
{
	for (int k = 0; w->file && k < panels_count(w->panels.d, w->width); k++)
		h5_close(w->file[k]);
	free(w->file);
	free(w->cm);
	free(w->tile);
	w->file = NULL;
	w->cm = w->tile = NULL;
}

void wide_remove(const struct wide *w, int n)
{
	for (int i = 0; i < n; i++)
		remove_from(w, i, 0);
}
