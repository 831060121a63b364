/* ranks.h: the largest rank of ΔW for each slot. It decides how much memory products with ΔW
 * need. */
#ifndef RANKS_H
#define RANKS_H

#include "adapter/adapter.h"
#include "forward/solution.h"

enum { RANK_WHOLE = -1 };
struct ranks {
	int R[SLOTS]; /* 0: no ΔW; RANK_WHOLE: a full weight */
};

/* Each enters more ΔW. A module that the model does not have is die(). */
void ranks_of_adapter(struct ranks *r, const struct adapter *a);
void ranks_of_solution(struct ranks *r, const struct geometry *m, const struct solution *s);
void ranks_add(struct ranks *r, const struct ranks *more);
int ranks_largest(const struct ranks *r); /* at least 1 */

#endif
