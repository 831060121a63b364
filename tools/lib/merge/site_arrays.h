/* site_arrays.h: the arrays that a tool for one site keeps from start to end. They are allocated or
 * counted (layout.h), for the site's largest module. */
#ifndef SITE_ARRAYS_H
#define SITE_ARRAYS_H

#include <stdbool.h>

#include "backend/layout.h"
#include "base/opts.h"

/* The sizes of a site, and of the work on it. */
struct site_sizes {
	int tasks;
	int d;            /* the site's width */
	int R, d_out;     /* the modules' largest sum of ranks over the tasks, and largest d_out */
	int own;          /* compute-grams: the largest sum of ranks of one task's modules */
	bool weighted;    /* compute-grams: rows have weights (DCS) */
	bool sketched;    /* compute-grams: C is not made whole (math/sketch.h) */
	bool full_weight; /* solve-full-weight: the whole weight is fitted */
	int pairs;        /* solve-full-weight: iterations that MATS looks back on; 0: none */
	int block;        /* compute-grams: rows of a Gram in memory; d: all */
	int panel;        /* solve-layer: columns of a panel of the system; 0: it is whole */
	struct rank_limit merge_rank; /* solve-layer, combine-layer: of the cut; none: R */
	int drift_rank; /* solve-layer: the largest rank to which a change of full rank is cut
			   (drift.h); 0: there is none */
};

struct solve_arrays {
	void *slab; /* of struct solve */
	/* NULL unless the solution is cut: */
	void *cut_slab; /* of struct cut */
	double *A;      /* (r, d) the factors after the cut, r at most solve_rank() or drift_rank */
	float *B;       /* (d_out, r) */
	/* NULL unless the full weight or a change of full rank is fitted: */
	void *full_slab;  /* of struct full_weight */
	float *W0;        /* (FULL_WEIGHT_ROWS, d) of the base weight */
	float *W;         /* (d_out, d) the solution; of a change (FULL_WEIGHT_ROWS, d) of W0 + B A
			   */
	void *dense_slab; /* of struct dense_cut; NULL with full weights */
};
/* The largest rank to which solve-layer cuts a module of rank R; 0: it cuts none. */
int solve_rank(struct rank_limit limit, int R);
void solve_arrays_init(struct solve_arrays *a, struct layout *l, const struct site_sizes *s);
void solve_arrays_release(struct solve_arrays *a);

enum { COMBINE_ROWS = 64 }; /* of a task's ΔW at a time */
struct combine_arrays {
	float *M;     /* (d_out, d) the merged ΔW */
	float *panel; /* (tasks, COMBINE_ROWS, d) of the tasks' ΔW */
	double *A;    /* (R, d) factors after the cut */
	float *B;     /* (d_out, R) */
	double *work; /* workspace of baseline_truncate() */
	int *iwork;
};
/* The largest rank to which a module of these sizes is cut: with a share, ties and dare may need
 * every rank. */
int combine_rank(struct rank_limit limit, int R, int d, int d_out);
void combine_arrays_init(struct combine_arrays *a, struct layout *l, const struct site_sizes *s);
void combine_arrays_release(struct combine_arrays *a);

#endif
