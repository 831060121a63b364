/* ranks.c: see ranks.h. */
#include "forward/ranks.h"

#include "base/die.h"

static void add(struct ranks *r, int slot, int R)
{
	if (r->R[slot] != RANK_WHOLE && (R > r->R[slot] || R == RANK_WHOLE))
		r->R[slot] = R;
}

void ranks_of_adapter(struct ranks *r, const struct adapter *a)
{
	for (int i = 0; i < a->n; i++)
		add(r, a->lora[i].module.slot, a->lora[i].r);
}

void ranks_of_solution(struct ranks *r, const struct geometry *m, const struct solution *s)
{
	for (int i = 0; i < s->n; i++) {
		const struct solution_module *k = &s->module[i];
		struct module q;

		if (!module_parse(m, k->name, &q))
			die("'%s': '%s' is no module of this model", h5_path(s->file), k->name);
		solution_expect(s, k, module_d_in(m, q.slot), module_d_out(m, q.slot));
		add(r, q.slot, k->R ? k->R : RANK_WHOLE);
	}
}

void ranks_add(struct ranks *r, const struct ranks *more)
{
	for (int s = 0; s < SLOTS; s++)
		add(r, s, more->R[s]);
}

int ranks_largest(const struct ranks *r)
{
	int R = 1;

	for (int s = 0; s < SLOTS; s++)
		R = r->R[s] > R ? r->R[s] : R;
	return R;
}
