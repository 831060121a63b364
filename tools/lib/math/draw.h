/* draw.h: which rows of a training set become the calibration samples: the published selection's
 * rules, with our generator.
 *
 * select_long: all rows are shuffled, at most DRAW_SHUFFLED kept and sorted by length, longest
 * first (stable); the first min(DRAW_LONGEST, 2n/3) stay, n the number of ALL rows. if_balance: the
 * labels that are left (sorted) are shuffled; each gives samples_num / classes rows of its own
 * shuffled ones, the last label the remainder too; what was picked is shuffled again. Otherwise the
 * first samples_num, shuffled before if `shuffle` says so. One generator, used in this order. */
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

/* What was not there: rows of a label (its index; -1: rows of any label), or, with `needed`
 * classes, samples for one row of each. */
struct draw_shortage {
	int label, found, needed;
};

enum { DRAW_OK, DRAW_FEW_ROWS, DRAW_FEW_SAMPLES };

/* Picks samples_num of n rows into picked (samples_num). chars (n): lengths for select_long; label
 * (n): index into the sorted labels, 0 … K-1. DRAW_FEW_ROWS: too few rows (of `label`), found and
 * needed say how many; DRAW_FEW_SAMPLES: samples_num (found) is less than the classes (needed), so
 * that "equal numbers" would be none of most. */
int draw_rows(const struct draw_rules *o, int n, const long *chars, const int *label, int K,
	      int *picked, struct draw_shortage *shortage);

#endif
