/* budget.h: how much memory a stage will use, in bytes, computed from its arguments before it reads
 * a weight. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"
#include "forward/forward.h"
#include "model/geometry.h"

/* Memory of the libraries in any process that computes (measured: code, oneDNN's kernels, HDF5,
 * OpenBLAS's buffers), and of the chunks of one task's open files. */
enum { BUDGET_LIBRARIES = 36 << 20, BUDGET_FILES = 4 << 20 };

/* extract-acts on batches of `rows` rows, sequences of up to T, ΔW of rank up to `rank` and `whole`
 * bytes of full weights (demand_whole). The files of `tasks` tasks are open. Counted are one
 * block's packed weights, the largest tensor while it is read, the working arrays, rows on their
 * way to and from files, and the chunks of open files. */
size_t budget_extract(const struct geometry *m, bool decoder, int rows, int T, int rank,
		      size_t whole, int tasks, enum be_precision p);

/* A tool that works on one site: its arrays, the files of two tasks, and the libraries. */
size_t budget_site(size_t arrays);
/* Arrays of compute-grams at a site of width d: the Gram and its rows, GRAMFILE_WEIGHT_ROWS rows of
 * a weight, a thread's few rows as float64 and its tile, and one packed chunk. Also the most that
 * OpenBLAS packs (measured, on large pages). */
enum { BUDGET_PACKED = 8 << 20 };
size_t budget_grams(int d, int threads);
/* Arrays of solve-layer at a site of width d, with modules of up to R and d_out: the system, panels
 * of the Grams, and the adapters' factors. MATS's pairs (R × d) are not counted, because the other
 * modules' factors are already freed. */
size_t budget_layer(int d, int R, int d_out);
/* Arrays of solve-full-weight: those of solve-layer, two more d × d, rows, and the fitted weight.
 * With `pairs` of MATS (0: none), parts of the pairs and their files. Of `tasks` Gram files, of
 * which two matrices are read, those that budget_site() does not count. */
size_t budget_full_weight(int d, int R, int d_out, int tasks, int pairs);

/* Residual streams (the encoder's output, the decoder's rows) that generate-tokens and eval-emotion
 * hold at once when no limit is set. */
enum { BUDGET_GENERATE_GROUP = 32 << 20, BUDGET_EVAL_SLAB = 96 << 20, BUDGET_KEPT = 192 << 20 };
/* The bytes of residual streams to hold: `usual` for a model with an encoder. The keys and values
 * that a single stack keeps take more, and every group of texts needs passes over all weights. So
 * it gets BUDGET_KEPT, or twice a block's weights if that is more. */
size_t budget_group(const struct geometry *m, size_t usual);

/* generate-tokens or eval-emotion with `group` bytes of residual streams and samples of up to
 * `longest` rows. For each adapter, its index and its texts are added. */
enum { BUDGET_SOURCE = 2 << 20 };
size_t budget_forward(const struct forward *f, int longest, size_t group);

#endif
