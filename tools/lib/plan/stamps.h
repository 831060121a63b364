/* stamps.h: WORK/stamps/: one small text per stage and input. It contains all that a stage depends
 * on: its options, and the digests of its inputs and of its tool.
 *
 * A stamp is rewritten only when its text changes. So make reruns exactly what depends on a change.
 * A touched file with the same contents reruns nothing. WORK/stamps/digests keeps the digests
 * between runs. */
#ifndef STAMPS_H
#define STAMPS_H

#include "plan/changes.h"
#include "plan/plan.h"

/* Which stamps have another text now; with `write` they are also written. */
void stamps_compare(const struct plan *p, bool write, struct changes *changes);

#endif
