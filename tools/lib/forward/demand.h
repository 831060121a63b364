/* demand.h: how much of the device's own memory (be.h) a stage will use, in bytes, known before the
 * first allocation. 0 on the CPU, which uses the process's memory (budget.h). */
#ifndef DEMAND_H
#define DEMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"
#include "forward/seqs.h"

/* Full weights among the ΔW of one block. They need memory on either backend, beside the block's
 * own; on the CPU it is the only figure of this module that is not 0. */
size_t demand_whole(const struct geometry *m, int stack, const struct ranks *d,
		    enum be_precision p);

/* extract-acts on batches of `rows` rows. T: longest sequence of the stack; keys: longest of both
 * stacks. */
size_t demand_extract(const struct geometry *m, bool decoder, int rows, int T, int keys,
		      const struct ranks *d, enum be_precision p);
/* A pass of lib/forward through both stacks. By stack: rows, of all sequences; T, of the
 * longest. */
size_t demand_forward(const struct geometry *m, const struct ranks *d, const int rows[2],
		      const int T[2], enum be_precision p);
/* compute-grams and solve-layer, at a site of width d. */
size_t demand_grams(int d);
size_t demand_solve(int d, int R);

#endif
