/* budget.h: what a stage will hold in memory, planned from its arguments before it reads a weight. Bytes. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "be.h"
#include "t5.h"

/* What the libraries take in any process that computes (measured: code, oneDNN's kernels, HDF5, OpenBLAS's buffers). */
enum { BUDGET_LIBRARIES = 26 << 20 };

/* extract-acts on batches of `rows` rows, sequences of up to T, ΔW of up to `rank`, for `tasks` tasks: one block's packed weights, the largest
 * tensor as it is read, the working arrays, rows on their way to and from the files, and the open files' chunks. */
size_t budget_extract(const struct t5 *m, bool decoder, int rows, int T, int rank, int tasks, enum be_precision p);

#endif
