/* corrected.c: see corrected.h. */
#include "adapter/corrected.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/linears.h"
#include "base/die.h"

bool module_targeted(struct adapter *const *adapter, int N, struct module q)
{
	for (int t = 0; t < N; t++)
		if (adapter_find(adapter[t], q))
			return true;
	return false;
}

int adapters_rank(struct adapter *const *adapter, int N, struct module q)
{
	int R = 0;

	for (int t = 0; t < N; t++) {
		const struct lora *l = adapter_find(adapter[t], q);

		R += l ? l->r : 0;
	}
	return R;
}

int adapters_largest_rank(struct adapter *const *adapter, int N)
{
	int most = 0;

	for (int t = 0; t < N; t++)
		for (int i = 0; i < adapter[t]->n; i++) {
			int R = adapters_rank(adapter, N, adapter[t]->lora[i].module);

			most = R > most ? R : most;
		}
	return most;
}

int corrected_rank(const struct geometry *m, struct module q, int correct_rank, int merge_rank,
		   int adapters_rank)
{
	int d = module_d_in(m, q.slot), d_out = module_d_out(m, q.slot),
	    most = d < d_out ? d : d_out,
	    rank = correct_rank ? correct_rank
		   : merge_rank ? merge_rank
				: adapters_rank;

	return rank < most ? rank : most;
}

/* The last part of a linear's name; NULL: the stack has no such linear. */
static const char *last_part(const struct geometry *m, int stack, int slot)
{
	const char *name = m->family->linear[slot].name[stack], *dot;

	if (!slot_exists(m, stack, slot))
		return NULL;
	dot = strrchr(name, '.');
	return dot ? dot + 1 : name;
}

/* "q, k, v, o" (allocated). */
static char *names_of(const struct geometry *m)
{
	struct strlist all = {0};
	char *said;

	for (int stack = 0; stack < m->family->nstacks; stack++)
		for (int slot = 0; slot < SLOTS; slot++) {
			const char *name = last_part(m, stack, slot);

			if (name && strlist_find(&all, name) < 0)
				strlist_add(&all, name);
		}
	said = strlist_join(&all, ", ");
	strlist_release(&all);
	return said;
}

/* The list while it is made. */
struct listing {
	struct module *module;
	int n, found; /* in the list; that have the name at hand */
	struct adapter *const *adapter;
	int N;
};

/* Adds a linear that no adapter targets. */
static void add(struct module q, void *arg)
{
	struct listing *l = arg;

	l->found++;
	if (!module_targeted(l->adapter, l->N, q))
		l->module[l->n++] = q;
}

struct module *corrected_list(const struct geometry *m, const struct strlist *names,
			      struct adapter *const *adapter, int N, int *n)
{
	struct listing l = {.adapter = adapter, .N = N};

	l.module = xarray(((size_t)m->L[0] + (size_t)m->L[1]) * SLOTS * (size_t)(names->n + 1),
			  sizeof(*l.module));
	for (int i = 0; i < names->n; i++) {
		const struct strlist one = {1, &names->item[i]};
		int before = l.n;

		l.found = 0;
		linears_each(m, &one, add, &l);
		if (!l.found)
			die("correct: the model has no linear '%s': it has %s", names->item[i],
			    names_of(m));
		if (l.n == before)
			die("correct: the adapters target every '%s' already: leave it out, or "
			    "take others of %s",
			    names->item[i], names_of(m));
	}
	if (l.n > 1)
		qsort(l.module, (size_t)l.n, sizeof(*l.module), module_compare);
	*n = 0;
	for (int i = 0; i < l.n; i++) /* two names may mean one linear */
		if (!i || module_compare(&l.module[i], &l.module[*n - 1]))
			l.module[(*n)++] = l.module[i];
	return l.module;
}
