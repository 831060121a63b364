/* corrected.h: linears that no adapter targets and that still take part in a merge (key `correct`):
 * their change pulls the merged model's stream back to the tasks' own.
 *
 * They are named by the last parts of their names (linears.h): o and wo, or o_proj and down_proj. A
 * name stands for all such linears of the model which no adapter targets. */
#ifndef CORRECTED_H
#define CORRECTED_H

#include "adapter/adapter.h"
#include "base/strlist.h"

/* Lists them by stack, block and slot (allocated; *n of them). die(), naming the name and what the
 * model has: a name that the model has not, and one whose linears the N adapters all target. */
struct module *corrected_list(const struct geometry *m, const struct strlist *names,
			      struct adapter *const *adapter, int N, int *n);
/* Whether one of the N adapters targets the module. */
bool module_targeted(struct adapter *const *adapter, int N, struct module q);
/* The sum of the module's ranks over the N adapters. */
int adapters_rank(struct adapter *const *adapter, int N, struct module q);
/* The largest such sum of a module. */
int adapters_largest_rank(struct adapter *const *adapter, int N);
/* The rank of a corrected linear's change: correct_rank; where it is 0 merge_rank; where that is 0
 * adapters_largest_rank(). Never more than the linear's smaller width. */
int corrected_rank(const struct geometry *m, struct module q, int correct_rank, int merge_rank,
		   int adapters_rank);

#endif
