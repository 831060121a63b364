/* forecast.h: what a merge will take, planned from its settings and the model's geometry before
 * anything runs; one line each on stdout. */
#ifndef FORECAST_H
#define FORECAST_H

#include "plan/plan.h"

void forecast_memory(const struct plan *p); /* the peak of one process of each stage */
void forecast_disk(const struct plan *p);   /* intermediate files at most; nothing for the methods
					       without samples */

#endif
