/* site_arrays.c: see site_arrays.h. */
#include "merge/site_arrays.h"

#include <stdlib.h>

#include "math/baseline.h"
#include "math/cut.h"
#include "math/dense_cut.h"
#include "math/full_weight.h"
#include "math/solve.h"

static float *floats(struct layout *l, size_t rows, int d)
{
	return layout_host(l, rows * (size_t)d * sizeof(float));
}

int solve_rank(struct rank_limit limit, int R)
{
	return limit.share > 0 ? R : limit.rank;
}

/* What the changes are cut to: those of factors, and those of full rank. */
static void cut_arrays(struct solve_arrays *a, struct layout *l, const struct site_sizes *s)
{
	int factors = solve_rank(s->merge_rank, s->R),
	    rank = factors > s->drift_rank ? factors : s->drift_rank;

	if (factors)
		a->cut_slab = layout_aligned(l, cut_bytes(s->d_out, s->d, s->R));
	if (s->drift_rank)
		a->dense_slab = layout_aligned(l, dense_cut_bytes(s->d_out, s->d, s->drift_rank));
	if (!rank)
		return;
	a->A = layout_host(l, (size_t)rank * (size_t)s->d * sizeof(double));
	a->B = floats(l, (size_t)s->d_out, rank);
}

void solve_arrays_init(struct solve_arrays *a, struct layout *l, const struct site_sizes *s)
{
	size_t system =
		s->panel ? solve_panels_bytes(s->d, s->R, s->panel) : solve_bytes(s->d, s->R);

	*a = (struct solve_arrays){.slab = layout_aligned(l, system)};
	if (!s->full_weight)
		cut_arrays(a, l, s);
	if (!s->full_weight && !s->drift_rank)
		return;
	a->full_slab = layout_aligned(l, full_weight_bytes(s->d, s->R));
	a->W0 = floats(l, FULL_WEIGHT_ROWS, s->d);
	a->W = floats(l, s->full_weight ? (size_t)s->d_out : FULL_WEIGHT_ROWS, s->d);
}

void solve_arrays_release(struct solve_arrays *a)
{
	free(a->slab);
	free(a->cut_slab);
	free(a->dense_slab);
	free(a->A);
	free(a->B);
	free(a->full_slab);
	free(a->W0);
	free(a->W);
}

int combine_rank(struct rank_limit limit, int R, int d, int d_out)
{
	int rank = limit.rank ? limit.rank : R, most = d_out < d ? d_out : d;

	return rank < most && !(limit.share > 0) ? rank : most;
}

void combine_arrays_init(struct combine_arrays *a, struct layout *l, const struct site_sizes *s)
{
	int R = combine_rank(s->merge_rank, s->R, s->d, s->d_out);
	size_t rows = (size_t)s->tasks * COMBINE_ROWS, work = truncate_doubles(s->d_out, s->d, R);

	a->M = layout_aligned(l, (size_t)s->d_out * (size_t)s->d * sizeof(float));
	a->panel = layout_aligned(l, rows * (size_t)s->d * sizeof(float));
	a->A = layout_host(l, (size_t)R * (size_t)s->d * sizeof(double));
	a->B = floats(l, (size_t)s->d_out, R);
	a->work = layout_aligned(l, work * sizeof(double));
	a->iwork = layout_host(l, truncate_ints(s->d_out, s->d) * sizeof(int));
}

void combine_arrays_release(struct combine_arrays *a)
{
	free(a->M);
	free(a->panel);
	free(a->A);
	free(a->B);
	free(a->work);
	free(a->iwork);
}
