/* schedule.c: see schedule.h. */
#include "plan/schedule.h"

static bool same_block(struct site a, struct site b)
{
	return !site_is_memory(a) && !site_is_memory(b) && a.stack == b.stack && a.block == b.block;
}

/* The site whose file holds the state to go on from: the last before it, in the same stack, that is its block's first or (without
 * checkpointing) is at a norm. -1: the embeddings. memory goes on from the encoder; the decoder starts anew. */
static int state_site(const struct plan *p, int i, struct site self)
{
	int stack = site_is_memory(self) ? 0 : self.stack, from = -1;

	for (int j = 0; j < i; j++) {
		const struct site *s = &p->site[j];

		if (site_is_memory(*s) || s->stack != stack)
			continue;
		if (from < 0 || !same_block(*s, p->site[from]) ||
		    (!p->c.use_gradient_checkpointing && (s->step == STEP_CROSS || s->step == STEP_FFN)))
			from = j;
	}
	return from;
}

/* from_S and prev_S of a site before which `i` sites are solved. */
static void put_edges(const struct plan *p, struct text *mk, int i, struct site self)
{
	int from = state_site(p, i, self);
	char name[32], other[32];

	site_name(self, name);
	text_add(mk, "from_%s := %s\n", name, from < 0 ? "" : site_name(p->site[from], other));
	text_add(mk, "prev_%s := %s\n", name, i ? site_name(p->site[i - 1], other) : "");
}

/* `sites`: those of targeted modules; `stations`: and memory, which the decoder needs in any case. */
static void put_sites(const struct plan *p, struct text *mk)
{
	struct text stations = {0};
	bool memory = false;
	int encoder = 0; /* sites of the encoder */
	char name[32];

	text_add(mk, "sites :=");
	for (int i = 0; i < p->nsites; i++) {
		text_add(mk, " %s", site_name(p->site[i], name));
		memory = memory || site_is_memory(p->site[i]);
		encoder += site_compare(p->site[i], site_memory()) < 0;
	}
	text_add(mk, "\n");
	for (int i = 0; i < p->nsites; i++) {
		if (i == encoder && !memory)
			text_add(&stations, " memory");
		text_add(&stations, " %s", site_name(p->site[i], name));
		put_edges(p, mk, i, p->site[i]);
	}
	if (!memory) {
		put_edges(p, mk, encoder, site_memory());
		if (encoder == p->nsites)
			text_add(&stations, " memory");
	}
	text_add(mk, "stations := %s\n", text_get(&stations));
	text_release(&stations);
}

/* Whether some site after site i still needs the acts of site j ≤ i: as the state to go on from, or as the decoder's memory. */
static bool needed_after(const struct plan *p, int i, struct site j)
{
	for (int n = i + 1; n < p->nsites; n++) {
		int from = state_site(p, n, p->site[n]);

		if ((from >= 0 && !site_compare(p->site[from], j)) || (site_is_memory(j) && n < p->nsites))
			return true;
		/* memory goes on from the encoder's last state though no module may read it */
		if (p->site[n].stack == 1 && j.stack == 0) {
			int last = state_site(p, n, site_memory());

			if (last >= 0 && !site_compare(p->site[last], j) && site_compare(p->site[i], site_memory()) < 0)
				return true;
		}
	}
	return false;
}

/* spent_S: the sites whose acts nothing needs any more once S is solved (memory's too, with the last). */
static void put_spent(const struct plan *p, struct text *mk)
{
	char name[32];
	bool memory = false; /* among the sites, so that the loop names it */

	for (int i = 0; i < p->nsites; i++) {
		bool last = i == p->nsites - 1;

		memory = memory || site_is_memory(p->site[i]);
		text_add(mk, "spent_%s :=", site_name(p->site[i], name));
		for (int j = 0; j <= i; j++)
			if (!needed_after(p, i, p->site[j]) && (j == i || needed_after(p, i - 1, p->site[j])))
				text_add(mk, " %s", site_name(p->site[j], name));
		text_add(mk, "%s\n", last && !memory ? " memory" : "");
	}
}

void schedule_put(const struct plan *p, struct text *mk)
{
	put_sites(p, mk);
	put_spent(p, mk);
}
