/* demand.h: what a stage will hold of the device's own memory (be.h), planned before its first
 * allocation; 0 on the CPU, whose memory is the process's (budget.h). Bytes. */
#ifndef DEMAND_H
#define DEMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"
#include "forward/seqs.h"

/* ΔW by slot: its rank; 0: none; DEMAND_WHOLE: a whole weight. */
enum { DEMAND_WHOLE = -1 };
struct demand_deltas {
	int R[SLOTS];
};
/* The ΔW of an adapter, of a solution file, of a source (every one of its solutions) too. */
void demand_add_adapter(struct demand_deltas *d, const struct adapter *a);
void demand_add_solution(struct demand_deltas *d, const struct geometry *m, struct h5 *solution);
void demand_add_source(struct demand_deltas *d, const struct geometry *m,
		       const struct delta_source *from);

/* The whole weights among the ΔW of one block, on whichever memory the block is: they come on top
 * of its own, and of the CPU's nothing else here tells. */
size_t demand_whole(const struct geometry *m, int stack, const struct demand_deltas *d,
		    enum be_precision p);

/* extract-acts on batches of `rows` rows; T: the longest sequence of the stack; keys: of either. */
size_t demand_extract(const struct geometry *m, bool decoder, int rows, int T, int keys,
		      const struct demand_deltas *d, enum be_precision p);
/* A pass of lib/forward through both stacks. rows: of all sequences; T: the longest; by stack. */
size_t demand_forward(const struct geometry *m, const struct demand_deltas *d, const int rows[2],
		      const int T[2], enum be_precision p);
/* compute-grams, solve-layer at a site of width d. */
size_t demand_grams(int d);
size_t demand_solve(int d, int R);

#endif
