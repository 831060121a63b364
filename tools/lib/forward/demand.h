/* demand.h: what a stage will hold of the device's own memory (be.h), planned before its first
 * allocation; 0 on the CPU, whose memory is the process's (budget.h). Bytes. */
#ifndef DEMAND_H
#define DEMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"
#include "forward/seqs.h"

/* The whole weights among the ΔW of one block, on whichever memory the block is: they come on top
 * of its own, and of the CPU's nothing else here tells. */
size_t demand_whole(const struct geometry *m, int stack, const struct ranks *d,
		    enum be_precision p);

/* extract-acts on batches of `rows` rows; T: the longest sequence of the stack; keys: of either. */
size_t demand_extract(const struct geometry *m, bool decoder, int rows, int T, int keys,
		      const struct ranks *d, enum be_precision p);
/* A pass of lib/forward through both stacks. rows: of all sequences; T: the longest; by stack. */
size_t demand_forward(const struct geometry *m, const struct ranks *d, const int rows[2],
		      const int T[2], enum be_precision p);
/* compute-grams, solve-layer at a site of width d. */
size_t demand_grams(int d);
size_t demand_solve(int d, int R);

#endif
