/* budget.h: what a stage will hold in memory, planned from its arguments before it reads a weight.
 * Bytes. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"
#include "forward/forward.h"
#include "model/geometry.h"

/* What the libraries take in any process that computes (measured: code, oneDNN's kernels, HDF5,
 * OpenBLAS's buffers), and the chunks of one task's open files. */
enum { BUDGET_LIBRARIES = 36 << 20, BUDGET_FILES = 4 << 20 };

/* extract-acts on batches of `rows` rows, sequences of up to T, ΔW of up to `rank` and `whole`
 * bytes of whole weights (demand_whole), with the files of `tasks` tasks open: one block's packed
 * weights, the largest tensor as it is read, the working arrays, rows on their way to and from the
 * files, and the open files' chunks. */
size_t budget_extract(const struct geometry *m, bool decoder, int rows, int T, int rank,
		      size_t whole, int tasks, enum be_precision p);

/* A tool that works on one site: its arrays, the files of two tasks, the libraries. */
size_t budget_site(size_t arrays);
/* Arrays of compute-grams at a site of width d: the Gram and its rows, GRAMFILE_WEIGHT_ROWS rows of
 * a weight, a thread's few rows as float64 and its tile, a chunk packed; and what OpenBLAS packs,
 * at most (measured, on large pages). */
enum { BUDGET_PACKED = 8 << 20 };
size_t budget_grams(int d, int threads);
/* Arrays of solve-layer at a site of width d, modules of up to R and d_out: the system, panels of
 * the Grams, the adapters' factors. (MATS's pairs, of R × d, are not in it: the other modules'
 * factors were let go by then.) */
size_t budget_layer(int d, int R, int d_out);
/* Arrays of solve-full-weight: those, two more d × d, rows, and the fitted weight; with `pairs` of
 * MATS (0: none) parts of them, and their files; and of `tasks` Gram files, of which two matrices
 * are read, those that budget_site() does not count. */
size_t budget_full_weight(int d, int R, int d_out, int tasks, int pairs);

/* Residual streams (the encoder's output, the decoder's rows) that generate-tokens and eval-emotion
 * hold at once, when no limit is asked for. */
enum { BUDGET_GENERATE_GROUP = 32 << 20, BUDGET_EVAL_SLAB = 96 << 20, BUDGET_KEPT = 192 << 20 };
/* `usual` of these for a model with an encoder. The keys and values that a single stack keeps take
 * more, and every group of texts is passes over all weights: BUDGET_KEPT, or twice a block's
 * weights where that is more. */
size_t budget_group(const struct geometry *m, size_t usual);

/* generate-tokens or eval-emotion with `group` bytes of residual streams, samples of up to
 * `longest` rows; for each adapter its index and its texts. */
enum { BUDGET_SOURCE = 2 << 20 };
size_t budget_forward(const struct forward *f, int longest, size_t group);

#endif
