/* drift.h: solves one module whose change D also undoes the drift of the merged model: with the key
 * drift, a targeted module; with the key correct, a linear that no adapter targets. The objective
 * is full_weight.h's.
 *
 * D has full rank and is cut to a low one in the metric of the rows (dense_cut.h). Memory: five
 * matrices of the module's own size at most, and panels of W0. */
#ifndef DRIFT_H
#define DRIFT_H

#include "files/safetensors/st.h"
#include "math/dense_cut.h"
#include "merge/normal_equations.h"
#include "merge/site_arrays.h"

struct drift {
	/* the caller's */
	struct normal_equations *system;
	const struct solve_arrays *arrays; /* of a site whose sizes have a drift_rank */
	struct st *model;                  /* the base weights */
	struct solve *q;                   /* after equations_sum() and equations_solve() */
	const char *module;                /* its name */
	const struct factors *factors;     /* of no rows where no adapter targets it */
	const double *c;                   /* (N) */
	int rank;                          /* the largest to which D is cut */
	double share; /* of ‖D L‖² that the cut must keep, if the rank allows
			 (merge_rank: auto); 0: D is cut to the rank */
	/* results; rank is what D was cut to, and the factors are in arrays->B (d_out, rank) and
	 * arrays->A (rank, d) */
	double cut_error;
	double residual; /* √( Σ c m misfit / Σ c m target ); 0 where there is nothing to fit */
	/* What each task lost by the cut change. target: what it would lose without a change,
	 * ‖X (W0+ΔW_t)ᵀ − Xm W0ᵀ‖²; both are 0 where that is rounding. The caller calls
	 * misfits_init() and misfits_release(). */
	struct misfits misfits;
};

/* Errors in the model's file or in the data are die(). */
void drift_solve(struct drift *x);

#endif
