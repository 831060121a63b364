/* footprint.h: how much memory a stage will use, in bytes. It is computed from the stage's
 * arguments before a weight is read: the functions that lay out the arrays are run dry
 * (backend/layout.h). */
#ifndef FOOTPRINT_H
#define FOOTPRINT_H

#include "base/opts.h"
#include "forward/generate.h"
#include "merge/job.h"
#include "merge/propagate.h"
#include "merge/site_arrays.h"

struct footprint {
	size_t process; /* the process at its peak */
	size_t device;  /* of the device's own memory (be.h); 0 on the CPU */
};

/* Claims the device's part; die() where either part is over --max-memory. of: as for
 * opts_need_memory(). */
void footprint_claim(const struct common_opts *c, struct footprint f, const char *of);
/* The same for a job; the message names its site. */
void footprint_claim_job(const struct job *j, struct footprint f);
/* Whether both parts are within --max-memory. Without it (0) the process is to stay within
 * FOOTPRINT_USUAL; but where a device has its own memory, everything fits. */
enum { FOOTPRINT_USUAL = 1000 << 20 };
bool footprint_fits(size_t max_memory, struct footprint f);
struct footprint footprint_larger(struct footprint a, struct footprint b);

/* extract-acts: a pass of propagate_layout(); the files of `tasks` tasks are open. */
struct footprint footprint_extract(const struct propagation *a, int T, int keys,
				   const struct ranks *ranks, int tasks);
/* Sets a->rows and a->model->streamed so that it fits. `rows`: the most rows of a batch; T: the
 * least. Weights are read as they are multiplied where T rows do not fit beside a block. Batches
 * are then as large as fits, because each of them reads the weights. */
void footprint_choose(struct propagation *a, size_t max_memory, int rows, int least, int T,
		      int keys, const struct ranks *ranks, int tasks);

/* compute-grams, solve-layer or solve-full-weight, and combine-layer at a site. */
struct footprint footprint_grams(const struct site_sizes *s, int threads);
struct footprint footprint_solve(const struct site_sizes *s);
/* How much of a d × d matrix these keep in memory, so that they fit: site_sizes' `block` and
 * `panel`. If nothing fits, it is the least. */
int footprint_block(const struct site_sizes *s, int threads, size_t max_memory);
int footprint_panel(const struct site_sizes *s, size_t max_memory);
/* add-grams: one chunk of each shard's file. */
size_t footprint_sum(int shards);
struct footprint footprint_combine(const struct site_sizes *s);

/* Texts go through the model in groups: samples in generate-tokens, rows in eval-emotion and
 * search-scale. footprint_group(): bytes of a group's prompts and answers without --max-memory. */
enum footprint_group { GROUP_OF_SAMPLES, GROUP_OF_ROWS };
size_t footprint_group(const struct geometry *m, enum footprint_group of);
/* Passes over the texts of `sources` tasks with their adapters, without the groups. f and ranks as
 * for forward_layout(). T: longest prompt and longest answer. */
size_t footprint_texts(const struct forward *f, const struct ranks *ranks, int sources,
		       const int T[2]);
/* Sets f->model->streamed so that the longest text fits. Returns the bytes of a group, and of
 * footprint_texts() in *fixed. */
size_t footprint_choose_texts(const struct forward *f, size_t max_memory, const struct ranks *ranks,
			      int sources, const int T[2], enum footprint_group of, size_t *fixed);
/* How many rows a group may have (texts_within()). --max-memory makes it smaller; with
 * GROUP_OF_ROWS it is as large as --max-memory permits. die() where the longest text does not fit.
 * Claims the device's memory. */
size_t footprint_claim_texts(const struct common_opts *c, const struct forward *f,
			     const struct texts *texts, enum footprint_group of);

#endif
