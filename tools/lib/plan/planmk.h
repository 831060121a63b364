/* planmk.h: WORK/plan.mk, the plan that pipeline/main.mk reads: make variables in lower case, then
 * explicit rules.
 * - W: WORK; R: the folder REFERENCE;
 * - model loras data bin method …: what the user asked for;
 * - tasks;
 * - sites: the sites of targeted modules;
 * - extract_sites: these, and encoder-output, which the decoder always needs;
 * - result: the file that ends the merge;
 * - X_flags: options of tool X;
 * - X_launch, wait: with LAUNCH, the words before tool X, and how long it waits for other machines'
 *   files.
 *
 * The rules are in plan/rules.h. */
#ifndef PLANMK_H
#define PLANMK_H

#include "plan/changes.h"
#include "plan/plan.h"

/* WORK/statistics.mk has the same for a task's statistics.
 *
 * Both return the path of the file (allocated). changed: stamps whose text differs from the last
 * run (plan/stamps.h). */
char *planmk_write(const struct plan *p, const struct changes *changed);
/* WORK/iterKK/plan.mk: one iteration's rules (method jacobi). */
char *planmk_write_iteration(const struct plan *p, int iteration);

#endif
