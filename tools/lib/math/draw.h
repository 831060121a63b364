/* draw.h: chooses the rows of a training set that become calibration samples, by the published
 * rules and with our generator.
 * - select_long: shuffle all rows and keep at most DRAW_SHUFFLED. Sort them by length, longest
 *   first (stable), and keep the first min(DRAW_LONGEST, 2n/3); n is the number of ALL rows.
 * - if_balance: shuffle the sorted labels that are left. Each label gives samples_num / classes
 *   of its shuffled rows; the last label also gives the remainder. Shuffle the picked rows.
 * - otherwise: take the first samples_num rows, shuffled before where `shuffle` is set.
 *
 * One generator serves all steps, in this order. */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stdint.h>

enum { DRAW_SHUFFLED = 3000, DRAW_LONGEST = 2000 };

struct draw_rules {
	int samples_num; /* ≥ 1 */
	bool select_long, if_balance, shuffle;
	uint64_t seed;
};

/* What is missing. label ≥ 0: rows of this label; −1: rows of any label. With `needed` classes:
 * samples for one row of each class. */
struct draw_shortage {
	int label, found, needed;
};

enum { DRAW_OK, DRAW_FEW_ROWS, DRAW_FEW_SAMPLES };

/* Picks samples_num of n rows into picked (samples_num). chars (n): lengths, for select_long. label
 * (n): index into the sorted labels, 0 … K-1. Returns DRAW_OK or, with `shortage` filled:
 * - DRAW_FEW_ROWS: too few rows (of `label`); see found and needed.
 * - DRAW_FEW_SAMPLES: samples_num (found) is less than the number of classes (needed). Equal
 *   numbers would then leave most classes without a row. */
int draw_rows(const struct draw_rules *o, int n, const long *chars, const int *label, int K,
	      int *picked, struct draw_shortage *shortage);

#endif
