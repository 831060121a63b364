/* effects.h: which settings count in the method asked for. */
#ifndef EFFECTS_H
#define EFFECTS_H

#include "plan/plan.h"

/* One line (note()) for each setting that was asked for and has no effect: typed on the command
 * line, or given another value than its default by the config file. Options that are off are not
 * said. */
void effects_say(const struct plan *p);

#endif
