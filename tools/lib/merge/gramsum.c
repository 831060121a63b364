/* gramsum.c: see gramsum.h. */
#include "merge/gramsum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/shard.h"
#include "base/strlist.h"
#include "files/h5/h5_lower.h"
#include "merge/gramfile.h"

/* ------------------------------------------------------------ the shards' files */

static void add_name(const char *name, void *list)
{
	strlist_add(list, name);
}

/* "MODULE,MODULE" (allocated) */
static char *modules_of(struct h5 *f)
{
	struct strlist names = {0};
	char *joined;

	h5_each(f, "/modules", add_name, &names);
	joined = strlist_join(&names, ",");
	strlist_release(&names);
	return joined;
}

static void expect_double(struct h5 *f, const char *name, double v)
{
	if (h5_get_double(f, "/", name) != v)
		die("'%s': expected %s %g, found %g", h5_path(f), name, v,
		    h5_get_double(f, "/", name));
}

/* Compares shard k with the first one. */
static void check_shard(const struct gramsum *s, int k)
{
	struct h5 *first = s->shard[0], *f = s->shard[k];
	char *features = h5_get_string(first, "/", "features"), *all = modules_of(first),
	     *found = modules_of(f), *name = shard_name(s->task, k + 1);

	h5_expect_string(f, "site", s->site);
	h5_expect_string(f, "task", name);
	h5_expect_int(f, "use_dcs", 0);
	h5_expect_int(f, "d", s->d);
	h5_expect_string(f, "features", features);
	expect_double(f, "reg_ceof", h5_get_double(first, "/", "reg_ceof"));
	if (strcmp(all, found) != 0)
		die("'%s' is of the modules %s, but '%s' of %s", h5_path(f), found, h5_path(first),
		    all);
	free(name);
	free(found);
	free(all);
	free(features);
}

void gramsum_open(struct gramsum *s, char *const *path)
{
	s->shard = xcalloc((size_t)s->n, sizeof(struct h5 *));
	for (int k = 0; k < s->n; k++)
		s->shard[k] = h5_open(path[k], "iteris-grams", GRAMFILE_VERSION);
	s->d = (int)h5_get_int(s->shard[0], "/", "d");
	lower_expect(s->shard[0], "/H", s->d);
	for (int k = 0; k < s->n; k++)
		check_shard(s, k);
	s->sum = xarray(GRAMSUM_CELLS, sizeof(*s->sum));
	s->one = xarray(GRAMSUM_CELLS, sizeof(*s->one));
}

void gramsum_close(struct gramsum *s)
{
	for (int k = 0; k < s->n; k++)
		h5_close(s->shard[k]);
	free(s->shard);
	free(s->sum);
	free(s->one);
}

/* ------------------------------------------------------------ matrices */

/* Rows [row0, row0+n) of a dataset, added over the shards. */
static void add_rows(struct gramsum *s, const char *path, size_t row0, size_t n, size_t cols)
{
	h5_read_double(s->shard[0], path, row0, n, s->sum);
	for (int k = 1; k < s->n; k++) {
		h5_read_double(s->shard[k], path, row0, n, s->one);
		for (size_t i = 0; i < n * cols; i++)
			s->sum[i] += s->one[i];
	}
}

/* ‖·‖² of a block of rows: as they are, or as H's tiles. */
static double block_norm2(const struct gramsum *s, size_t row0, size_t n, size_t cols, bool tiles)
{
	double sum = 0;

	if (tiles)
		return lower_norm2(s->d, row0, n, s->sum);
	for (size_t i = 0; i < n * cols; i++)
		sum += s->sum[i] * s->sum[i];
	return sum;
}

/* Adds a dataset over the shards and writes it, if it is to be kept. Returns its norm; tiles: of
 * the symmetric matrix. */
static double add_dataset(struct gramsum *s, const char *path, bool keep, bool tiles)
{
	size_t rows, cols, most;
	double norm2 = 0;

	h5_shape(s->shard[0], path, &rows, &cols);
	for (int k = 1; k < s->n; k++)
		h5_expect_shape(s->shard[k], path, rows, cols);
	most = GRAMSUM_CELLS / cols;
	if (!most)
		die("'%s': %s has %zu columns, which are more than a site is wide",
		    h5_path(s->shard[0]), path, cols);
	if (keep)
		h5_dataset(s->out, path, H5_F64, rows, cols);
	for (size_t row0 = 0, n; row0 < rows; row0 += n) {
		n = rows - row0 < most ? rows - row0 : most;
		add_rows(s, path, row0, n, cols);
		norm2 += block_norm2(s, row0, n, cols, tiles);
		if (keep)
			h5_write_double(s->out, path, row0, n, s->sum);
	}
	for (int k = 0; k < s->n; k++)
		h5_rest(s->shard[k]);
	return sqrt(norm2);
}

/* ------------------------------------------------------------ numbers */

static double add_double(const struct gramsum *s, const char *group, const char *name)
{
	double sum = 0;

	for (int k = 0; k < s->n; k++)
		sum += h5_get_double(s->shard[k], group, name);
	return sum;
}

/* Rows of the shards before shard k. */
static long rows_before(const struct gramsum *s, int k)
{
	long P = 0;

	while (k-- > 0)
		P += h5_get_int(s->shard[k], "/", "P");
	return P;
}

/* The longest row, by its number in the task. Of equal ones the first counts. */
static void find_largest(const struct gramsum *s, struct gramfile_head *h)
{
	h->largest_norm = -1;
	for (int k = 0; k < s->n; k++) {
		double norm = h5_get_double(s->shard[k], "/", "largest_norm");

		if (norm > h->largest_norm) {
			h->largest_norm = norm;
			h->largest_row =
				rows_before(s, k) + h5_get_int(s->shard[k], "/", "largest_row");
		}
	}
}

static void write_head(const struct gramsum *s)
{
	struct h5 *first = s->shard[0];
	char *features = h5_get_string(first, "/", "features");
	struct gramfile_head h = {.site = s->site,
				  .task = s->task,
				  .features = features,
				  .d = s->d,
				  .P = rows_before(s, s->n),
				  .rho = h5_get_double(first, "/", "reg_ceof")};

	find_largest(s, &h);
	gramfile_put_head(s->out, &h);
	free(features);
}

/* ------------------------------------------------------------ modules */

/* A module's group in the file (allocated). */
static char *group_of(const char *module)
{
	return xformat("/modules/%s", module);
}

/* Whether a fit reads C of the group's module. */
static bool keeps_C(const struct gramsum *s, const char *group)
{
	return h5_has_attribute(s->shard[0], group, "yw_norm2");
}

static void link_shared(struct gramsum *s, const char *group, const char *name)
{
	char *path = xformat("%s%s", group, name);

	h5_link(s->out, name, path);
	free(path);
}

static void write_module(struct gramsum *s, const char *group)
{
	struct h5 *first = s->shard[0];
	struct gramfile_module m = {
		.r = (int)h5_get_int(first, group, "r"),
		.scale = h5_get_double(first, group, "scale"),
		.full_weight = keeps_C(s, group),
		.norms = {.w2 = h5_get_double(first, group, "w_norm2"),
			  .xw2 = add_double(s, group, "xw_norm2"),
			  .y2 = add_double(s, group, "y_norm2"),
			  .xxm = s->xxm_norm,
			  .h = s->h_norm},
	};

	if (m.full_weight)
		m.norms.yw2 = add_double(s, group, "yw_norm2");
	gramfile_put_module(s->out, group, &m);
}

static void add_module(const char *name, void *arg)
{
	struct gramsum *s = arg;
	char *group = group_of(name), *AC = xformat("%s/AC", group);

	link_shared(s, group, "/H");
	if (keeps_C(s, group))
		link_shared(s, group, "/C");
	if (h5_has(s->shard[0], AC)) {
		h5_expect_shape(s->shard[0], AC, (size_t)h5_get_int(s->shard[0], group, "r"),
				(size_t)s->d);
		add_dataset(s, AC, true, false);
	}
	write_module(s, group);
	free(AC);
	free(group);
}

/* C is there where X and Xm differ, or where it is kept. */
static void add_C(struct gramsum *s, const struct strlist *modules)
{
	char *group = group_of(modules->item[0]);

	s->xxm_norm = s->h_norm;
	if (h5_has(s->shard[0], "/C")) {
		h5_expect_shape(s->shard[0], "/C", (size_t)s->d, (size_t)s->d);
		s->xxm_norm = add_dataset(s, "/C", keeps_C(s, group), false);
	}
	free(group);
}

void gramsum_make(struct gramsum *s, const char *path)
{
	struct strlist modules = {0};

	h5_each(s->shard[0], "/modules", add_name, &modules);
	s->out = h5_create(path, "iteris-grams", GRAMFILE_VERSION);
	s->h_norm = add_dataset(s, "/H", true, true);
	add_C(s, &modules);
	for (int i = 0; i < modules.n; i++)
		add_module(modules.item[i], s);
	write_head(s);
	h5_commit(s->out);
	strlist_release(&modules);
}
