/* calibration_draw.h: a task's calibration samples from its training rows: which rows, and their
 * tokens. draw-samples writes them; plan-pipeline counts them. */
#ifndef CALIBRATION_DRAW_H
#define CALIBRATION_DRAW_H

#include "math/draw.h"
#include "merge/example.h"
#include "merge/samples.h"

struct calibration_draw {
	struct draw_rules rules;
	const char *train; /* file of the task's training rows */
	const char
		*rows_file; /* list of the rows to take, in this order; NULL: draw by the rules */
};

/* Fills s but for its task. die() where there are too few rows, or a row gives no tokens. */
void calibration_draw(struct samples *s, const struct calibration_draw *d, struct example_maker *e);

#endif
