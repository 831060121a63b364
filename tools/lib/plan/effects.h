/* effects.h: which settings the requested method uses. */
#ifndef EFFECTS_H
#define EFFECTS_H

#include "plan/plan.h"

/* One line (note()) for each setting that was asked for and has no effect: typed on the command
 * line, or set in the config file to another value than its default. Options that are off are not
 * mentioned. */
void effects_say(const struct plan *p);

/* Whether a setting counts in this merge: in its method, and with the options as they are. */
bool effects_counts(const struct plan *p, const struct config_key *k);

#endif
