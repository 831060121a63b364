/* history.h: what an iteration keeps in its solution files for the next one: A itself, and MATS's pairs.
 *
 * Group /modules/<name>: attribute pairs = n, datasets mats_W and mats_G (n R, d), oldest first; neither before there is a pair. */
#ifndef HISTORY_H
#define HISTORY_H

#include "h5.h"
#include "mats.h"

/* The solution of iteration k−1 of the same merge; die() when it is of another site, task list or iteration. */
struct h5 *history_open(const char *path, const char *site, const char *tasks, int k);
/* A (R, d) of the module, and its pairs into m (empty before; the newest that it has room for). */
void history_read(struct h5 *f, const char *group, double *A, struct mats *m);
void history_write(struct h5 *f, const char *group, const struct mats *m);

#endif
