/* forecast.h: how much memory and disk a merge will take. It is planned from the settings and the
 * model's geometry before anything runs, and printed in one line each. */
#ifndef FORECAST_H
#define FORECAST_H

#include "plan/plan.h"

void forecast_memory(const struct plan *p); /* the peak of one process of each stage */
void forecast_disk(const struct plan *p);   /* the most intermediate files; nothing for methods
					       without samples */

#endif
