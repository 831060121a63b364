/* planmk.h: WORK/plan.mk, the plan as pipeline/main.mk reads it: first lower-case make variables,
 * then explicit rules.
 *
 * W: WORK; R: the folder REFERENCE. model loras data bin method …: what was asked for. tasks;
 * sites: those of targeted modules; extract_sites: and memory, which the decoder needs in any case.
 * result: the file that a merge ends with. X_flags: options of tool X. The rules: plan/rules.h. */
#ifndef PLANMK_H
#define PLANMK_H

#include "plan/changes.h"
#include "plan/plan.h"

/* Both return the path of the file (allocated). changed: stamps whose text is another than at the
 * last run (plan/stamps.h). */
char *planmk_write(const struct plan *p, const struct changes *changed);
/* WORK/iterKK/plan.mk: one iteration's rules (method jacobi). */
char *planmk_write_iteration(const struct plan *p, int iteration);

#endif
