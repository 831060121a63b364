/* counts.c: see counts.h. */
#include "plan/counts.h"

#include <stdlib.h>

#include "base/die.h"
#include "base/shard.h"
#include "merge/calibration_draw.h"

static void add_sample(struct text_counts *n, double prompt, double answer)
{
	n->texts++;
	n->prompt += prompt;
	n->answer += answer;
	n->prompt_pairs += prompt * prompt;
	n->joined_pairs += (prompt - 1 + answer) * (prompt - 1 + answer);
	n->cross_pairs += prompt * answer;
}

/* Of the samples [first, last). */
static struct text_counts counts(const struct plan *p, const struct samples *s, int first, int last)
{
	int most = plan_stage_config(p, STAGE_TOKENS).max_new_tokens;
	struct text_counts n = {0};

	for (int i = first; i < last; i++) {
		int answer = s->label_length[i];

		if (p->c.answers == GENERATED && answer > most)
			answer = most;
		add_sample(&n, s->length[i], answer);
	}
	return n;
}

/* What draw-samples will say of the texts is not said twice. */
static void draw_quietly(struct samples *s, const struct calibration_draw *d,
			 struct example_maker *e)
{
	int quiet = note_quiet;

	note_quiet = 1;
	calibration_draw(s, d, e);
	note_quiet = quiet;
}

/* Where the samples of task t are cut (merge/samples.h). */
static void cut(const struct plan *p, int t, const struct samples *s, int *first)
{
	const struct shards of = {plan_shards(p), plan_shard_batch(p)};
	char *batches = of.batch > 1 ? xformat(" in batches of %d", of.batch) : xstrdup("");

	if (!samples_cuts(s, of, first))
		die("shards: the config says %d, but task '%s' has %d samples%s: take fewer "
		    "shards, or more samples",
		    of.n, p->c.task_targets.item[t], s->S, batches);
	free(batches);
}

/* Counts the shards of task t. */
static void count(const struct plan *p, int t)
{
	const struct config *c = &p->c;
	const struct row_options o = {c->prompt, c->answer, c->label_key, c->label_names};
	char *train = plan_rows_file(p->data, c->task_targets.item[t], "train"),
	     *rows = plan_task_file(p->data, c->task_targets.item[t], "samples.json");
	const struct calibration_draw d = {
		{c->samples_num, c->select_long, c->if_balance, c->shuffle, (uint64_t)c->seed},
		train,
		file_exists(rows) ? rows : NULL};
	struct row_templates templates;
	struct example_maker e = {p->base, &p->model->m, &templates, c->max_length, p->tokenizer};
	int first[SHARDS_MOST + 1];
	struct samples s;

	row_templates_init(&templates, &o);
	draw_quietly(&s, &d, &e);
	cut(p, t, &s, first);
	for (int k = 0; k < plan_shards(p); k++)
		p->texts[t * plan_shards(p) + k] = counts(p, &s, first[k], first[k + 1]);
	samples_release(&s);
	row_templates_release(&templates);
	free(rows);
	free(train);
}

const struct text_counts *counts_of_shard(const struct plan *p, int t, int k)
{
	const struct text_counts *n = &p->texts[t * plan_shards(p) + k - 1];

	if (n->texts == 0)
		count(p, t);
	return n;
}

struct text_counts counts_of(const struct plan *p, int t)
{
	struct text_counts sum = {0};

	for (int k = 1; k <= plan_shards(p); k++) {
		const struct text_counts *n = counts_of_shard(p, t, k);

		sum.texts += n->texts;
		sum.prompt += n->prompt;
		sum.answer += n->answer;
		sum.prompt_pairs += n->prompt_pairs;
		sum.joined_pairs += n->joined_pairs;
		sum.cross_pairs += n->cross_pairs;
	}
	return sum;
}

/* Published features have the encoder's pads, and the decoder's last rows. */
struct stack_rows counts_rows(const struct plan *p, int t, int k, int stack)
{
	const struct text_counts *n = counts_of_shard(p, t, k);
	bool reference = p->c.features == REFERENCE;
	double T = p->c.max_length, encoder = reference ? n->texts * T : n->prompt,
	       encoder_pairs = reference ? n->texts * T * T : n->prompt_pairs;

	if (p->model->m.family->nstacks == 1) {
		double rows = n->prompt - n->texts + n->answer;

		return (struct stack_rows){rows, rows, n->joined_pairs / 2, 0, 0};
	}
	if (stack == 0)
		return (struct stack_rows){encoder, encoder, encoder_pairs, 0, 0};
	return (struct stack_rows){reference ? n->texts : n->answer, n->answer,
				   n->answer * n->answer / n->texts / 2, encoder, n->cross_pairs};
}
