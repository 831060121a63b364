/* test_schedule.c: states and last users of every site against their definition, for all sets of
 * linears that adapters can target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "plan/schedule.h"

static struct model t5 = {.m = {.family = &family_t5}};

/* Sites of 2 + 2 blocks. `steps` has a bit for each targeted step; bit 7 is `encoder-output`. */
static void put_sites(struct plan *p, int steps)
{
	p->nsites = 0;
	for (int stack = 0; stack < 2; stack++) {
		if (stack && steps >> 7 & 1)
			p->site[p->nsites++] = site_encoder_output();
		for (int block = 0; block < 2; block++)
			for (int step = STEP_SELF; step < STEP_END; step++)
				if (steps >> step & 1 &&
				    (stack || (step != STEP_CROSS && step != STEP_CROSSOUT)))
					p->site[p->nsites++] =
						(struct site){stack, block, (enum step)step};
	}
}

static bool is_first_of_block(const struct schedule *s, int i)
{
	const struct site a = s->extract_site[i].site;

	for (int j = 0; j < i; j++)
		if (!site_is_encoder_output(s->extract_site[j].site) &&
		    s->extract_site[j].site.stack == a.stack &&
		    s->extract_site[j].site.block == a.block)
			return false;
	return true;
}

static bool is_norm(enum step s)
{
	return s == STEP_SELF || s == STEP_CROSS || s == STEP_FFN;
}

/* Whether extract_site i is made from the rows of the one before: the norm whose linears lead to
 * it. */
static bool is_next(const struct schedule *s, int i)
{
	const struct site a = s->extract_site[i > 0 ? i - 1 : 0].site, b = s->extract_site[i].site;

	return i > 0 && !site_is_encoder_output(b) && a.stack == b.stack && a.block == b.block &&
	       is_norm(a.step) && b.step == a.step + 1;
}

/* The last extract_site before i in the same stack (for `encoder-output`: in the encoder) that is
 * the first of its block or, without checkpointing, at a norm. */
static int state_of(const struct plan *p, const struct schedule *s, int i)
{
	bool encoder_output = site_is_encoder_output(s->extract_site[i].site);
	int stack = encoder_output ? 0 : s->extract_site[i].site.stack, from = NO_SITE;

	for (int j = 0; j < i; j++) {
		const struct site a = s->extract_site[j].site;

		if (!site_is_encoder_output(a) && a.stack == stack &&
		    (is_first_of_block(s, j) || (!p->c.use_gradient_checkpointing &&
						 (a.step == STEP_CROSS || a.step == STEP_FFN))))
			from = j;
	}
	return is_next(s, i) ? i - 1 : from;
}

/* Whether the rows of extract_site j are given to extract_site i: those of its way's first block
 * where x is the result of an attention or of a feed-forward's first half. */
static bool is_given(const struct schedule *s, int i, int j)
{
	const struct extract_site *t = &s->extract_site[i];
	const struct site a = s->extract_site[j].site;

	if (is_next(s, i))
		return j == i - 1;
	return t->from != NO_SITE && j >= t->from && j < i && !site_is_encoder_output(a) &&
	       a.stack == s->extract_site[t->from].site.stack &&
	       a.block == s->extract_site[t->from].site.block && !is_norm(a.step);
}

static void check_given(const struct schedule *s, int i, bool any)
{
	const struct extract_site *t = &s->extract_site[i];
	int n = 0;

	for (int j = 0; any && j < i; j++)
		if (is_given(s, i, j))
			assert_int_equal(t->given[n++], j);
	assert_int_equal(t->ngiven, n);
}

/* Whether anything that is solved after extract_site i reads the rows of extract_site j ≤ i. An
 * extract_site that is not solved is made for the next solved one. */
static bool is_read_after(const struct schedule *s, int i, int j)
{
	for (int n = i + 1; n < s->n; n++)
		if (s->extract_site[n].from == j || is_given(s, n, j) ||
		    (site_is_encoder_output(s->extract_site[j].site) &&
		     s->extract_site[n].reads_encoder))
			return true;
	return false;
}

/* The site before gets its norms wherever the way goes on in its stack. No step of that site is
 * left out of the way because rows after it are given. */
static void check_norms(const struct schedule *s, int i)
{
	const struct extract_site *t = &s->extract_site[i], *before = i ? t - 1 : NULL;
	bool encoder_output = site_is_encoder_output(t->site);
	int stack = encoder_output ? 0 : t->site.stack;
	bool measured = before && before->solved && !site_is_encoder_output(before->site) &&
			before->site.stack == stack;

	assert_int_equal(t->norms_of, measured ? i - 1 : NO_SITE);
	if (before)
		assert_ptr_equal(schedule_measures(s, i - 1), measured ? t : NULL);
	if (!measured)
		return;
	assert_true(t->from == NO_SITE || t->from <= i - 1);
	for (int k = 0; k < t->ngiven; k++)
		assert_true(t->given[k] <= i - 1);
}

static void check(const struct plan *p)
{
	struct schedule s = schedule_make(p);
	int solved = NO_SITE;

	for (int i = 0; i < s.n; i++) {
		assert_int_equal(s.extract_site[i].from, state_of(p, &s, i));
		assert_int_equal(s.extract_site[i].before, solved);
		check_given(&s, i, true);
		check_norms(&s, i);
		assert_int_equal(s.extract_site[i].reads_encoder,
				 s.extract_site[i].site.stack == 1 &&
					 !site_is_encoder_output(s.extract_site[i].site));
		solved = s.extract_site[i].solved ? i : solved;
	}
	for (int j = 0; j < s.n; j++) {
		int user = s.extract_site[j].last_user;

		assert_true(s.extract_site[user].solved);
		assert_false(is_read_after(&s, user > j ? user : j, j) && user != solved);
		for (int i = j; i < user; i++) /* not later than necessary */
			if (s.extract_site[i].solved)
				assert_true(is_read_after(&s, i, j) ||
					    site_is_encoder_output(s.extract_site[j].site));
	}
	schedule_release(&s);
}

static void test_all(void **state)
{
	struct site sites[32];
	struct plan p = {.model = &t5, .site = sites};
	(void)state;
	for (int steps = 1; steps < 256; steps++)
		for (int checkpointing = 0; checkpointing < 2; checkpointing++) {
			p.c.use_gradient_checkpointing = checkpointing;
			put_sites(&p, steps);
			if (p.nsites)
				check(&p);
		}
}

/* Rounded rows are never given, and the last rows of sequences are not enough. */
static void test_no_rows(void **state)
{
	struct site sites[32];
	struct plan p = {.model = &t5, .site = sites, .c = {.use_gradient_checkpointing = true}};
	(void)state;
	put_sites(&p, 255);
	for (int fp16 = 0; fp16 < 2; fp16++) {
		struct schedule s;

		p.c.use_fp16 = fp16;
		p.c.features = fp16 ? TOKENS : REFERENCE;
		s = schedule_make(&p);
		for (int i = 0; i < s.n; i++)
			check_given(&s, i,
				    !fp16 && (s.extract_site[i].site.stack == 0 ||
					      site_is_encoder_output(s.extract_site[i].site)));
		schedule_release(&s);
	}
}

/* q and v, as published: by name. */
static void test_published(void **state)
{
	static const char *const want[] = {"enc00-self from - until enc01-self",
					   "enc01-self from enc00-self until encoder-output",
					   "encoder-output from enc01-self until dec01-cross",
					   "dec00-self from - until dec01-self",
					   "dec00-cross from dec00-self until dec00-cross",
					   "dec01-self from dec00-self until dec01-cross",
					   "dec01-cross from dec01-self until dec01-cross"};
	struct site sites[32];
	struct plan p = {.model = &t5, .site = sites, .c = {.use_gradient_checkpointing = true}};
	struct schedule s;
	(void)state;
	put_sites(&p, 1 << STEP_SELF | 1 << STEP_CROSS | 1 << 7);
	s = schedule_make(&p);
	assert_int_equal(s.n, 7);
	for (int i = 0; i < s.n; i++) {
		const struct extract_site *t = &s.extract_site[i];
		char *said = xformat("%s from %s until %s", t->name,
				     t->from == NO_SITE ? "-" : s.extract_site[t->from].name,
				     s.extract_site[t->last_user].name);

		assert_string_equal(said, want[i]);
		free(said);
	}
	schedule_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_published),
					   cmocka_unit_test(test_no_rows),
					   cmocka_unit_test(test_all)};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
