/* history.c: see history.h. */
#include "merge/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "math/solve.h"

void history_check(const struct iteration_args *args, const char *method)
{
	if (args->k && strcmp(method, "jacobi"))
		die_usage("--iteration is of method jacobi: %s has no iterations", method);
	if ((args->k > 1) != (args->previous != NULL))
		die_usage("--previous is needed from iteration 2 on, and only then");
}

void history_say(const char *module, enum mats_outcome outcome)
{
	if (outcome != MATS_PLAIN)
		note("%s: %s", module,
		     outcome == MATS_ACCELERATED ? "accelerated"
						 : "MATS went too far: not accelerated");
}

struct solution *history_open(const char *path, const char *site, const char *tasks, int k)
{
	struct solution *s = solution_open(path, site);

	h5_expect_string(s->file, "tasks", tasks);
	h5_expect_string(s->file, "method", "jacobi");
	h5_expect_int(s->file, "iteration", k - 1);
	return s;
}

/* The module's rank before a cut. */
static int uncut_rank(const struct solution *s, const struct solution_module *k)
{
	char *path = xformat("%s/uncut_A", k->group);
	size_t rows = (size_t)k->R, cols;

	if (h5_has(s->file, path))
		h5_shape(s->file, path, &rows, &cols);
	free(path);
	return (int)rows;
}

const struct solution_module *history_find(const struct solution *s, const char *module, int R,
					   int d_in, int d_out)
{
	const struct solution_module *k = solution_find(s, module);

	if (!k)
		die("'%s' has no module '%s'", h5_path(s->file), module);
	if (uncut_rank(s, k) != R)
		die("'%s': %s: its rank is %d, not %d", h5_path(s->file), module, uncut_rank(s, k),
		    R);
	solution_expect(s, k, d_in, d_out);
	return k;
}

void history_read(const struct solution *s, const struct solution_module *k, double *A,
		  struct mats *m)
{
	char *W = xformat("%s/mats_W", k->group), *G = xformat("%s/mats_G", k->group),
	     *uncut = xformat("%s/uncut_A", k->group);
	size_t R = (size_t)m->R, d = (size_t)m->d, rows, cols, skip;

	BUG_IF(m->R != uncut_rank(s, k) || m->d != k->d_in);
	if (h5_has(s->file, uncut))
		h5_expect_shape(s->file, uncut, R, d);
	solution_read_double(s, k, h5_has(s->file, uncut) ? "uncut_A" : "A", 0, R, A);
	if (h5_has(s->file, W)) {
		h5_shape(s->file, W, &rows, &cols);
		if (cols != d || rows % R || rows / R > 1000)
			die("'%s': %s: its shape is (%zu, %zu), no history of (%zu, %zu)",
			    h5_path(s->file), W, rows, cols, R, d);
		h5_expect_shape(s->file, G, rows, cols);
		m->n = (int)(rows / R) < m->most ? (int)(rows / R) : m->most;
		skip = rows - (size_t)m->n * R;
		h5_read_double(s->file, W, skip, (size_t)m->n * R, m->W);
		h5_read_double(s->file, G, skip, (size_t)m->n * R, m->G);
	}
	free(uncut);
	free(W);
	free(G);
}

void history_write_uncut(struct h5 *f, const char *group, int R, int d, const double *A)
{
	solution_double(f, group, "uncut_A", (size_t)R, (size_t)d, A);
}

/* Columns [to, to+R) of the wide (d_out, all) = sign B. */
static void put_columns(float *wide, int all, int to, const float *B, int R, int d_out, float sign)
{
	for (size_t o = 0; o < (size_t)d_out; o++)
		for (size_t i = 0; i < (size_t)R; i++)
			wide[o * (size_t)all + (size_t)to + i] = sign * B[o * (size_t)R + i];
}

/* As one product: [B, −B'] [A; A']. */
double history_distance(const struct solution *s, const char *module, const double *A,
			const float *B, int R, int d, int d_out)
{
	const struct solution_module *k = s ? solution_find(s, module) : NULL;
	int more = k ? k->R : 0, all = R + more;
	double *both_A = xarray((size_t)all * (size_t)d, sizeof(*both_A)),
	       *BtB = xarray((size_t)all * (size_t)all, sizeof(*BtB)), distance;
	float *both_B = xarray((size_t)all * (size_t)d_out, sizeof(*both_B));

	if (s && !k)
		die("'%s' has no module '%s'", h5_path(s->file), module);
	memcpy(both_A, A, (size_t)R * (size_t)d * sizeof(*both_A));
	put_columns(both_B, all, 0, B, R, d_out, 1);
	if (k) {
		float *before = xarray((size_t)more * (size_t)d_out, sizeof(*before));

		solution_expect(s, k, d, d_out);
		solution_read_double(s, k, "A", 0, (size_t)more, both_A + (size_t)R * (size_t)d);
		solution_read_float(s, k, "B", 0, (size_t)d_out, before);
		put_columns(both_B, all, R, before, more, d_out, -1);
		free(before);
	}
	solve_BtB(BtB, both_B, all, d_out, all);
	distance = mats_distance(both_A, NULL, BtB, all, d);
	free(both_B);
	free(BtB);
	free(both_A);
	return distance;
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

int past_needed(const struct iteration_args *args)
{
	int pairs = args->use_mats ? args->history_size + 1 : 1, earlier = args->k - 1;

	return earlier < 0 ? 0 : earlier < pairs ? earlier : pairs;
}

void past_open(struct past *p, const struct iteration_args *args, const char *site,
	       const char *tasks)
{
	struct strlist paths = {0};

	*p = (struct past){0};
	if (!args->previous)
		return;
	paths = strlist_split(args->previous, "--previous");
	if (paths.n != past_needed(args))
		die_usage("--previous names %d files: iteration %d needs %d, the newest first",
			  paths.n, args->k, past_needed(args));
	p->solution = xcalloc((size_t)paths.n, sizeof(struct solution *));
	for (; p->n < paths.n; p->n++)
		p->solution[p->n] = history_open(paths.item[p->n], site, tasks, args->k - p->n);
	strlist_release(&paths);
}

void past_close(struct past *p)
{
	for (int i = 0; i < p->n; i++)
		solution_close(p->solution[i]);
	free(p->solution);
	*p = (struct past){0};
}

/* W_j is in the file of iteration j, G(W_j) in the file of iteration j+1. */
void past_read(const struct past *p, const char *module, size_t row0, size_t rows, const float *G,
	       struct mats *m)
{
	size_t n = (size_t)m->R * (size_t)m->d;

	BUG_IF(p->n > m->most);
	m->n = p->n;
	for (int j = 0; j < p->n; j++) {
		struct solution *s = p->solution[p->n - 1 - j];
		const struct solution_module *k = history_find(s, module, 0, m->d, (int)rows);

		solution_read_double(s, k, "W", row0, (size_t)m->R, m->W + (size_t)j * n);
		if (j)
			solution_read_double(s, k, "mats_G", row0, (size_t)m->R,
					     m->G + (size_t)(j - 1) * n);
	}
	for (size_t i = 0; i < n; i++)
		m->G[(size_t)(p->n - 1) * n + i] = (double)G[i];
}
