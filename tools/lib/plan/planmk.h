/* planmk.h: WORK/plan.mk, the plan as pipeline/main.mk reads it: lower-case make variables.
 *
 * work model loras data bin method features …: what was asked for. tasks, rows_TASK (a file of row numbers). sites: those of targeted modules;
 * stations: and memory, which the decoder needs in any case; of each of these from_S: the site whose file holds the state to go on from, and
 * prev_S: the site solved before. spent_S: the sites whose acts nothing needs once S is solved. X_flags: options of tool X. */
#ifndef PLANMK_H
#define PLANMK_H

#include "plan/plan.h"

/* jobs: how many processes make may run at once, as typed; NULL or "": one. Returns the path of plan.mk (allocated). */
char *planmk_write(const struct plan *p, const char *jobs);

#endif
