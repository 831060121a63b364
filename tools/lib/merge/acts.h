/* acts.h: the acts file of a task and a site (own/T/SITE.h5, merged/T/SITE.h5): the site's rows,
 * and the state to go on from.
 *
 * iteris-acts, version 1. Attributes site, task, side (own, merged), features (tokens, reference),
 * P, d, D, P_state, state_step; datasets rows (P, d)          inputs of the site's linears, float32
 * or float16 state (P_state, D)   the residual stream at the start of the site's block (of memory:
 * the encoder's normed output; with state_step other than STEP_SELF: at the site), float32; only in
 * files that others go on from At memory the two are the same numbers: with float32 rows one
 * dataset under both names. */
#ifndef ACTS_H
#define ACTS_H

#include <stdbool.h>

#include "files/h5/h5.h"
#include "model/site.h"

/* What the file is about. */
struct acts_of {
	const char *site, *task, *side, *features;
};

/* A file to write: rows of P × d, and, with P_state > 0, a state of P_state × D at `step`. */
struct h5 *acts_create(const char *path, const struct acts_of *of, int P, int d, bool fp16,
		       int P_state, int D, enum step step);
/* Whether writing the rows writes the state too. */
bool acts_state_is_rows(const struct acts_of *of, bool fp16);
/* Opens a file and checks what it is about; a NULL member of `of` is not checked. */
struct h5 *acts_open(const char *path, const struct acts_of *of);
/* Its state must be there, of this shape. */
void acts_need_state(struct h5 *f, int P_state, int D);
/* Rows [row0, row0+n) of width d. A row that is not finite, or (fp16) beyond float16, is die()
 * naming task, site and row. */
void acts_write_rows(struct h5 *f, const struct acts_of *of, bool fp16, int row0, int n, int d,
		     const float *x);

#endif
