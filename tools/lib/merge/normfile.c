/* normfile.c: see normfile.h. */
#include "merge/normfile.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/die.h"

static double sum_of_parts(const double part[PARTS])
{
	double sum = 0;

	for (int i = 0; i < PARTS; i++)
		sum += part[i];
	return sum;
}

static void write_module(struct h5 *f, const struct geometry *m, struct module q, double xw2)
{
	char *name = module_name(m, q), *group = xformat("/modules/%s", name);

	if (!isfinite(xw2))
		die_data("'%s': the outputs of %s are not finite", h5_path(f), name);
	h5_group(f, group);
	h5_set_double(f, group, "xw_norm2", xw2);
	free(group);
	free(name);
}

void normfile_write(const char *path, const struct acts_of *of, const struct geometry *m,
		    struct site s, const double xw2[SLOTS][PARTS], int P)
{
	struct h5 *f = h5_create(path, "iteris-norms", 1);

	h5_set_string(f, "/", "site", of->site);
	h5_set_string(f, "/", "task", of->task);
	h5_set_string(f, "/", "features", of->features);
	h5_set_int(f, "/", "P", P);
	for (int slot = 0; slot < SLOTS; slot++) {
		struct module q = {s.stack, s.block, slot};

		if (slot_exists(m, q.stack, slot) &&
		    site_compare(site_of_module(m->family, q), s) == 0)
			write_module(f, m, q, sum_of_parts(xw2[slot]));
	}
	h5_commit(f);
}

struct h5 *normfile_open(const char *path, const struct acts_of *of, size_t P)
{
	struct h5 *f = h5_open(path, "iteris-norms", 1);

	h5_expect_string(f, "site", of->site);
	h5_expect_string(f, "task", of->task);
	h5_expect_string(f, "features", of->features);
	h5_expect_int(f, "P", (long)P);
	return f;
}

double normfile_get(struct h5 *f, const char *module)
{
	char *group = xformat("/modules/%s", module);
	double xw2;

	if (!h5_has(f, group))
		die("%s: has no norm of %s", h5_path(f), module);
	xw2 = h5_get_double(f, group, "xw_norm2");
	free(group);
	return xw2;
}
