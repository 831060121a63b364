/* normfile.h: ‖X (W0+ΔW_t)ᵀ‖² of a site's linears, X the rows of task t's own side
 * (norms/T/SITE.h5). The coefficient c of the fit is made from it (gramfile.h).
 *
 * The walk from a site to the next one computes X (W0+ΔW_t)ᵀ anyway (propagate.h). So the process
 * that writes the next site's rows also writes this file, and compute-grams needs no XᵀX and no
 * W0ᵀW0.
 *
 * iteris-norms, version 1. Attributes: site, task, features, P. A group modules/NAME with the
 * attribute xw_norm2 for every linear of the site, whether an adapter targets it or not: another
 * list of tasks then needs no other file. */
#ifndef NORMFILE_H
#define NORMFILE_H

#include "files/h5/h5.h"
#include "merge/acts.h"
#include "model/geometry.h"
#include "model/site.h"

/* Writes the norms of P rows at site s. of: site, task and features of the file. xw2: by slot and
 * part of a fused linear (geometry.h); each is summed in float64 over the rows in their order, so
 * that its bits do not depend on batches. */
void normfile_write(const char *path, const struct acts_of *of, const struct geometry *m,
		    struct site s, const double xw2[SLOTS][PARTS], int P);
/* Opens a file. die() unless it is about this site, task and kind of rows (of), and P rows. */
struct h5 *normfile_open(const char *path, const struct acts_of *of, size_t P);
/* The norm of the module with this name; die() where the file has none. */
double normfile_get(struct h5 *f, const char *module);

#endif
