/* schedule.h: which site goes on from which, and when a site's rows are of no further use: what depends on the order of the sites alone. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "plan/plan.h"
#include "base/text.h"

/* The variables sites, from_S, prev_S, stations and spent_S of plan.mk (planmk.h). */
void schedule_put(const struct plan *p, struct text *mk);

#endif
