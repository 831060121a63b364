/* stamps.h: WORK/stamps/: one small text per stage and input that holds all a stage depends on: its
 * options, the digests of its inputs and of its tool. A stamp is rewritten only when its text
 * changes, so that make reruns exactly what depends on a change, and a touched file with the same
 * contents reruns nothing. WORK/stamps/digests keeps the digests from run to run. */
#ifndef STAMPS_H
#define STAMPS_H

#include "plan/changes.h"
#include "plan/plan.h"

/* Which stamps have another text now; with `write` they are written. */
void stamps_compare(const struct plan *p, bool write, struct changes *changes);

#endif
