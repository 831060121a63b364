/* acts.h: the acts file of a task and a site (own/T/SITE.h5, merged/T/SITE.h5). It holds the site's
 * rows, and the state from which a later site is computed.
 *
 * iteris-acts, version 1. Attributes: site, task, side (own, merged), features (tokens, reference),
 * P, d, D, P_state, state_step. Datasets:
 * - rows (P, d): the inputs of the site's linears, float32 or float16.
 * - state (P_state, D): the residual stream at the start of the site's block, float32. At
 *   `encoder-output` it is the encoder's normed output. With a state_step other than STEP_SELF it
 *   is the stream at the site. Only files that later sites start from have it.
 *
 * At `encoder-output` rows and state are the same numbers. With float32 rows they are one dataset
 * under both names. */
#ifndef ACTS_H
#define ACTS_H

#include <stdbool.h>

#include "files/h5/h5.h"
#include "model/site.h"

/* What a file is about. */
struct acts_of {
	const char *site, *task, *side, *features;
};

/* Creates a file for rows of P × d. With P_state > 0 it also gets a state of P_state × D at
 * `step`. */
struct h5 *acts_create(const char *path, const struct acts_of *of, int P, int d, bool fp16,
		       int P_state, int D, enum step step);
/* Whether the rows and the state are one dataset, so that writing the rows writes both. */
bool acts_state_is_rows(const struct acts_of *of, bool fp16);
/* Opens a file and compares what it is about with `of`. A NULL member of `of` is not compared. */
struct h5 *acts_open(const char *path, const struct acts_of *of);
/* die() unless the file has a state of this shape. */
void acts_need_state(struct h5 *f, int P_state, int D);
/* Writes rows [row0, row0+n) of width d. A row that is not finite, or does not fit float16 where
 * the file is float16, is die() naming task, site and row. */
void acts_write_rows(struct h5 *f, const struct acts_of *of, bool fp16, int row0, int n, int d,
		     const float *x);

#endif
