/* history.c: see history.h. */
#include "history.h"

#include <stdlib.h>

#include "die.h"

struct h5 *history_open(const char *path, const char *site, const char *tasks, int k)
{
	struct h5 *f = h5_open(path, "iteris-solution", 1);

	h5_expect_string(f, "site", site);
	h5_expect_string(f, "tasks", tasks);
	h5_expect_string(f, "method", "jacobi");
	h5_expect_int(f, "iteration", k - 1);
	return f;
}

void history_read(struct h5 *f, const char *group, double *A, struct mats *m)
{
	char *a = xformat("%s/A", group), *W = xformat("%s/mats_W", group), *G = xformat("%s/mats_G", group);
	size_t R = (size_t)m->R, d = (size_t)m->d, rows, cols, skip;

	h5_expect_shape(f, a, R, d);
	h5_read_double(f, a, 0, R, A);
	if (h5_has(f, W)) {
		h5_shape(f, W, &rows, &cols);
		if (!R || cols != d || rows % R || rows / R > 1000)
			die("'%s': %s: its shape is (%zu, %zu), no history of (%zu, %zu)", h5_path(f), W, rows, cols, R, d);
		h5_expect_shape(f, G, rows, cols);
		m->n = (int)(rows / R) < m->most ? (int)(rows / R) : m->most;
		skip = rows - (size_t)m->n * R;
		h5_read_double(f, W, skip, (size_t)m->n * R, m->W);
		h5_read_double(f, G, skip, (size_t)m->n * R, m->G);
	}
	free(a);
	free(W);
	free(G);
}

void history_write(struct h5 *f, const char *group, const struct mats *m)
{
	char *W = xformat("%s/mats_W", group), *G = xformat("%s/mats_G", group);
	size_t rows = (size_t)m->n * (size_t)m->R;

	h5_set_int(f, group, "pairs", m->n);
	if (rows) {
		h5_dataset(f, W, H5_F64, rows, (size_t)m->d);
		h5_write_double(f, W, 0, rows, m->W);
		h5_dataset(f, G, H5_F64, rows, (size_t)m->d);
		h5_write_double(f, G, 0, rows, m->G);
	}
	free(W);
	free(G);
}
