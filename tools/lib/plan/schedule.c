/* schedule.c: see schedule.h. */
#include "plan/schedule.h"

#include <stdlib.h>

#include "base/die.h"

/* Lists the targeted sites, and with two stacks `encoder-output` between them. */
static void find_stations(struct schedule *s, const struct plan *p)
{
	bool encoder_output = p->model->m.family->nstacks < 2;

	s->extract_site = xcalloc((size_t)p->nsites + 1, sizeof(*s->extract_site));
	for (int i = 0; i <= p->nsites; i++) {
		int order = i < p->nsites ? site_compare(p->site[i], site_encoder_output()) : 1;

		if (order > 0 && !encoder_output)
			s->extract_site[s->n++] =
				(struct extract_site){.site = site_encoder_output()};
		encoder_output = encoder_output || order >= 0;
		if (i < p->nsites)
			s->extract_site[s->n++] =
				(struct extract_site){.site = p->site[i], .solved = true};
	}
}

static bool same_block(struct site a, struct site b)
{
	return a.stack == b.stack && a.block == b.block;
}

/* Whether an extract_site's file holds a state: it is the first of its block, or (without
 * checkpointing) at a norm. */
static bool holds_state(const struct plan *p, const struct schedule *s, int i, int from)
{
	struct site site = s->extract_site[i].site;

	return from == NO_SITE || !same_block(site, s->extract_site[from].site) ||
	       (!p->c.use_gradient_checkpointing && site.step != STEP_SELF &&
		site_at_norm(p->model->m.family, site));
}

/* Whether extract-acts can go on from rows of a stack. Rounded rows would change the result. */
static bool takes_rows(const struct plan *p, int stack)
{
	return !p->c.use_fp16 && !(p->c.features == REFERENCE && stack == 1);
}

/* Whether one operation leads from the rows of site a to those of site b, without the state. */
static bool follows(const struct plan *p, struct site a, struct site b)
{
	const struct family *family = p->model->m.family;

	return !site_is_encoder_output(b) && same_block(a, b) && !site_at_norm(family, b) &&
	       family_next_step(family, a.stack, a.step) == b.step;
}

/* The rows that extract_site i is made from instead of a state, or beside it. Of the rows on the
 * way those are given that are no norms: norms are made from the state. */
static void find_given(struct schedule *s, const struct plan *p, int i)
{
	struct extract_site *t = &s->extract_site[i];
	struct site from;

	if (t->from == NO_SITE || !takes_rows(p, s->extract_site[t->from].site.stack))
		return;
	from = s->extract_site[t->from].site;
	if (follows(p, s->extract_site[i - 1].site, t->site)) {
		t->from = t->given[t->ngiven++] = i - 1;
		return;
	}
	for (int k = t->from; k < i; k++) {
		struct site site = s->extract_site[k].site;

		if (!site_is_encoder_output(site) && same_block(site, from) &&
		    !site_at_norm(p->model->m.family, site))
			t->given[t->ngiven++] = k;
	}
}

/* The way to a site of the same stack, or to `encoder-output`, runs the linears of the site before
 * it. Those that read the encoder's output are run by every decoder block. */
static int measured_before(const struct schedule *s, int i)
{
	struct site before, at = s->extract_site[i].site;

	if (i == 0 || !s->extract_site[i - 1].solved)
		return NO_SITE;
	before = s->extract_site[i - 1].site;
	return !site_is_encoder_output(before) &&
			       (site_is_encoder_output(at) || at.stack == before.stack)
		       ? i - 1
		       : NO_SITE;
}

const struct extract_site *schedule_measures(const struct schedule *s, int i)
{
	const struct extract_site *next = &s->extract_site[i + 1];

	return i + 1 < s->n && next->norms_of == i ? next : NULL;
}

/* A stack continues from its own last state, `encoder-output` from the encoder's. */
static void find_states(struct schedule *s, const struct plan *p)
{
	const struct family *family = p->model->m.family;
	int last[2] = {NO_SITE, NO_SITE}, solved = NO_SITE;

	for (int i = 0; i < s->n; i++) {
		struct extract_site *t = &s->extract_site[i];
		bool encoder_output = site_is_encoder_output(t->site);
		int *state = &last[encoder_output ? 0 : t->site.stack];

		site_name(family, t->site, t->name);
		t->reads_encoder = !encoder_output && family->stack[t->site.stack].reads_encoder;
		t->reads_answers = !encoder_output && t->site.stack == family->nstacks - 1;
		t->from = *state;
		t->before = solved;
		find_given(s, p, i);
		t->norms_of = measured_before(s, i);
		t->holds_state = encoder_output || holds_state(p, s, i, *state);
		if (!encoder_output && t->holds_state)
			*state = i;
		if (t->solved)
			solved = i;
	}
}

/* Extract_site i is needed when extract_site `user` is solved. */
static void used_at(struct schedule *s, int i, int user)
{
	int *last = &s->extract_site[i].last_user;

	*last = user > *last ? user : *last;
}

/* The encoder's output is needed to the end. The input of an extract_site that is not solved is
 * needed until the next one that is solved. */
static void find_last_users(struct schedule *s)
{
	int next = s->n - 1;

	while (next > 0 && !s->extract_site[next].solved)
		next--;
	for (int i = 0, last = next; i < s->n; i++)
		s->extract_site[i].last_user =
			site_is_encoder_output(s->extract_site[i].site) ? last : i;
	for (int i = s->n - 1; i >= 0; i--) {
		const struct extract_site *t = &s->extract_site[i];

		if (t->solved)
			next = i;
		if (t->from != NO_SITE)
			used_at(s, t->from, next);
		for (int k = 0; k < t->ngiven; k++)
			used_at(s, t->given[k], next);
	}
}

struct schedule schedule_make(const struct plan *p)
{
	struct schedule s = {.stacks = p->model->m.family->nstacks};

	find_stations(&s, p);
	find_states(&s, p);
	find_last_users(&s);
	return s;
}

void schedule_release(struct schedule *s)
{
	free(s->extract_site);
}
