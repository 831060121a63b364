/* acts.c: see acts.h. */
#include "merge/acts.h"

#include <math.h>
#include <string.h>

#include "base/die.h"

bool acts_state_is_rows(const struct acts_of *of, bool fp16)
{
	return !strcmp(of->site, "encoder-output") && !fp16;
}

struct h5 *acts_create(const char *path, const struct acts_of *of, int P, int d, bool fp16,
		       int P_state, int D, enum step step)
{
	struct h5 *f = h5_create(path, "iteris-acts", 1);

	h5_set_string(f, "/", "site", of->site);
	h5_set_string(f, "/", "task", of->task);
	h5_set_string(f, "/", "side", of->side);
	h5_set_string(f, "/", "features", of->features);
	h5_set_int(f, "/", "P", P);
	h5_set_int(f, "/", "d", d);
	h5_set_int(f, "/", "D", D);
	h5_set_int(f, "/", "P_state", P_state);
	h5_set_int(f, "/", "state_step", (int)step);
	h5_dataset(f, "/rows", fp16 ? H5_F16 : H5_F32, (size_t)P, (size_t)d);
	if (P_state && acts_state_is_rows(of, fp16))
		h5_link(f, "/rows", "/state");
	else if (P_state)
		h5_dataset(f, "/state", H5_F32, (size_t)P_state, (size_t)D);
	return f;
}

struct h5 *acts_open(const char *path, const struct acts_of *of)
{
	struct h5 *f = h5_open(path, "iteris-acts", 1);

	if (of->site)
		h5_expect_string(f, "site", of->site);
	if (of->task)
		h5_expect_string(f, "task", of->task);
	if (of->side)
		h5_expect_string(f, "side", of->side);
	if (of->features)
		h5_expect_string(f, "features", of->features);
	return f;
}

void acts_need_state(struct h5 *f, int P_state, int D)
{
	if (!h5_has(f, "/state"))
		die("%s: has no state to go on from: only a block's first site holds one",
		    h5_path(f));
	h5_expect_shape(f, "/state", (size_t)P_state, (size_t)D);
}

void acts_write_rows(struct h5 *f, const struct acts_of *of, bool fp16, int row0, int n, int d,
		     const float *x)
{
	float limit = fp16 ? 65504.0f : 3.4e38f;
	size_t count = (size_t)n * (size_t)d, bad = 0;

	for (size_t i = 0; i < count; i++)
		bad += !(fabsf(x[i]) <= limit);
	for (size_t i = 0; bad && i < count; i++)
		if (!(fabsf(x[i]) <= limit))
			die_data("task '%s', site %s, row %zu: %g %s", of->task, of->site,
				 (size_t)row0 + i / (size_t)d, (double)x[i],
				 isfinite(x[i]) ? "is over float16's 65504: use USE_FP16=0"
						: "is not finite");
	h5_write_float(f, "/rows", (size_t)row0, (size_t)n, x);
}
