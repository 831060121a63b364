/* layout.h: arrays and packed weights that are allocated, or only counted. The function that lays
 * out a stage's arrays, run dry, gives the plan of the stage's memory.
 *
 * A function with an argument `struct layout *l` allocates where l is NULL. Otherwise it allocates
 * nothing and reads no file: it adds the bytes to l, and its pointers are NULL. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/be.h"

/* Bytes. */
struct layout {
	size_t bytes;  /* of all arrays and weights, in any memory */
	size_t device; /* of those in the device's own memory, as the device rounds them; 0 on the
			  CPU */
};

/* be->alloc(). */
void *layout_array(struct layout *l, size_t bytes);
/* Memory of the process, not zeroed: xmalloc(), xaligned(). */
void *layout_host(struct layout *l, size_t bytes);
void *layout_aligned(struct layout *l, size_t bytes);
/* be->weight_pack(). W is not read to count. */
struct be_weight *layout_pack(struct layout *l, const float *W, int n, int k, int ld,
			      bool transposed, enum be_precision p);
/* Counts the device memory that the backend's operations need, up to these sizes. */
void layout_operations(struct layout *l, const struct be_sizes *sizes);

/* The larger of two layouts that do not exist at the same time. */
struct layout layout_larger(struct layout a, struct layout b);

#endif
