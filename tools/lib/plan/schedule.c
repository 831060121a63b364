/* schedule.c: see schedule.h. */
#include "plan/schedule.h"

#include <stdlib.h>

#include "base/die.h"

/* Targeted sites, and memory before the decoder's. */
static void find_stations(struct schedule *s, const struct plan *p)
{
	bool memory = false;

	s->station = xcalloc((size_t)p->nsites + 1, sizeof(*s->station));
	for (int i = 0; i <= p->nsites; i++) {
		int order = i < p->nsites ? site_compare(p->site[i], site_memory()) : 1;

		if (order > 0 && !memory)
			s->station[s->n++] = (struct station){.site = site_memory()};
		memory = memory || order >= 0;
		if (i < p->nsites)
			s->station[s->n++] = (struct station){.site = p->site[i], .solved = true};
	}
}

static bool same_block(struct site a, struct site b)
{
	return a.stack == b.stack && a.block == b.block;
}

/* Whether a station's file holds a state: it is its block's first, or (without checkpointing) at a
 * norm. */
static bool holds_state(const struct plan *p, const struct schedule *s, int i, int from)
{
	struct site site = s->station[i].site;

	return from == NO_STATION || !same_block(site, s->station[from].site) ||
	       (!p->c.use_gradient_checkpointing &&
		(site.step == STEP_CROSS || site.step == STEP_FFN));
}

/* A stack goes on from its own last state; memory from the encoder's. */
static void find_states(struct schedule *s, const struct plan *p)
{
	int last[2] = {NO_STATION, NO_STATION}, solved = NO_STATION;

	for (int i = 0; i < s->n; i++) {
		struct station *t = &s->station[i];
		bool memory = site_is_memory(t->site);
		int *state = &last[memory ? 0 : t->site.stack];

		site_name(t->site, t->name);
		t->reads_encoder = t->site.stack == 1 && !memory;
		t->from = *state;
		t->before = solved;
		if (!memory && holds_state(p, s, i, *state))
			*state = i;
		if (t->solved)
			solved = i;
	}
}

/* The encoder's output serves to the end. What a station that is not solved reads is in use until
 * the next one that is. */
static void find_last_users(struct schedule *s)
{
	int next = s->n - 1;

	while (next > 0 && !s->station[next].solved)
		next--;
	for (int i = 0, last = next; i < s->n; i++)
		s->station[i].last_user = site_is_memory(s->station[i].site) ? last : i;
	for (int i = s->n - 1; i >= 0; i--) {
		int *user;

		if (s->station[i].solved)
			next = i;
		if (s->station[i].from == NO_STATION)
			continue;
		user = &s->station[s->station[i].from].last_user;
		*user = next > *user ? next : *user;
	}
}

struct schedule schedule_make(const struct plan *p)
{
	struct schedule s = {0};

	find_stations(&s, p);
	find_states(&s, p);
	find_last_users(&s);
	return s;
}

void schedule_release(struct schedule *s)
{
	free(s->station);
}
