/* gramsum.h: adds the Gram files of a task's shards (gramfile.h, base/shard.h) to the file of the
 * task, as if its samples had not been cut.
 *
 *   H = Σ H_k    C = XᵀXm = Σ C_k    A_t C = Σ A_t C_k    ‖X Wᵀ‖² = Σ ‖X_k Wᵀ‖²
 *
 * because each is a sum over rows, and the shards' rows are the task's. ‖H‖_F and ‖C‖_F are no such
 * sums: they are computed from the added matrices. The shards are added in their order, in float64,
 * so equal shards give equal bytes. C stays only where a fit reads it. Weights of DCS are relative
 * to all rows of a task, so such files cannot be added. */
#ifndef GRAMSUM_H
#define GRAMSUM_H

#include "files/h5/h5.h"

/* Cells of a dataset that are added at a time: 1 MB of float64. */
enum { GRAMSUM_CELLS = 1 << 17 };

struct gramsum {
	/* The caller's. */
	const char *site, *task;
	int n; /* shards */

	/* The rest is set by gramsum_open() and gramsum_make(). */
	struct h5 **shard; /* (n) */
	struct h5 *out;
	int d;
	double *sum, *one; /* a block of rows of a dataset, and that of one shard */
	double h_norm, xxm_norm;
};

/* Opens the files path[0 … n). die() where one is of another site, task or shard, or differs from
 * the first in what it was made with. */
void gramsum_open(struct gramsum *s, char *const *path);
/* Writes the task's file. */
void gramsum_make(struct gramsum *s, const char *path);
void gramsum_close(struct gramsum *s);

#endif
