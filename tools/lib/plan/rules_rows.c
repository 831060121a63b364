/* rules_rows.c: see rules_private.h. */
#include "plan/rules_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "plan/sizes.h"

/* In a sweep both sides are extracted at the same time, so each gets half of the processes. With
 * fewer processes a block's weights are read and packed fewer times. */
static int extracting(const struct plan *p)
{
	return p->c.method == SWEEP ? (p->processes + 1) / 2 : p->processes;
}

void book_add_samples(struct book *b)
{
	for (int t = 0; t < b->tasks->n; t++) {
		const char *task = book_task(b, t);
		struct rule *r = graph_rule(b->g, NULL, "$W/samples/%s.h5", task);

		char *rows = plan_task_file(b->p->data, task, "samples.json"),
		     *train = plan_rows_file(b->p->data, task, "train");

		rule_stage(r,
			   (struct stage_of){"draw-samples", "samples", NULL, cost_draw(b->p, t)});
		rule_bytes(r, sizes_samples(b->p, t));
		rule_needs(r, "$W/stamps/draw-%s", task);
		rule_recipe(r, "$(draw) --task %s --train $(data)/%s/%s%s%s -o $@", task, task,
			    strrchr(train, '/') + 1, file_exists(rows) ? " --rows " : "",
			    file_exists(rows) ? rows : "");
		free(rows);
		free(train);
	}
}

/* A shard's files, with their bytes. */
static void makes_rows(const struct book *b, struct rule *r, const struct extract_site *s, int i,
		       const char *what)
{
	int at = (int)(s - b->s.extract_site), t = book_task_of(b, i), k = book_shard_of(b, i);

	rule_stage(r, (struct stage_of){"extract-acts", what, s->name,
					cost_rows(b->p, &b->s, at, t, k)});
	rule_bytes(r, sizes_rows(b->p, s, t, k));
}

static void makes_answers(const struct book *b, struct rule *r, int i)
{
	int t = book_task_of(b, i), k = book_shard_of(b, i);

	rule_stage(r,
		   (struct stage_of){"generate-tokens", "answers", NULL, cost_answers(b->p, t, k)});
	rule_bytes(r, sizes_tokens(b->p, t, k));
}

static const char *task_at(const struct book *b, int i)
{
	return book_task(b, book_task_of(b, i));
}

/* The own side stays at most two sites ahead of the Grams, so that files do not pile up. In the
 * decoder, whose rows are few, it stays at most three ahead: its long step (cross-attention and
 * feed-forward) then runs beside the merged side's.
 *
 * Why the Grams and not the solutions: another process then has work while a site is solved. And no
 * long process competes with compute-grams, which uses all cores. */
static void keep_near(const struct book *b, struct rule *r, const struct extract_site *s)
{
	int lead = s->before;

	for (int i = s->reads_encoder ? 2 : 1; i > 0 && lead != NO_SITE; i--)
		lead = b->s.extract_site[lead].before;
	if (lead == NO_SITE || !b->p->c.sequential_layer_processing || b->p->c.method == JACOBI)
		return;
	for (int t = 0; t < b->tasks->n; t++) {
		char *grams = book_grams(b, book_task(b, t), &b->s.extract_site[lead]);

		rule_after(r, "%s", grams);
		free(grams);
	}
}

/* The rows that are given. */
static void add_given(const struct book *b, struct rule *r, const struct extract_site *s,
		      const char *side, int i, struct text *options)
{
	for (int k = 0; k < s->ngiven; k++) {
		const char *name = b->s.extract_site[s->given[k]].name;

		if (s->given[k] != s->from)
			rule_needs(r, "%s/%s/%s.h5", side, book_name(b, i), name);
		text_add(options, "%s%s/{task}%s/%s.h5", k ? "," : " --rows '", side, b->mark,
			 name);
	}
	if (s->ngiven)
		text_add(options, "'");
}

/* Adds what both sides need at an extract_site; `side`: its folder. Returns the options for the
 * recipe (allocated). */
static char *inputs(const struct book *b, struct rule *r, const struct extract_site *s,
		    const char *side, const char *tokens, int i)
{
	const char *name = book_name(b, i);
	struct text options = {0};
	char *said;

	rule_needs(r, "$W/samples/%s.h5", task_at(b, i));
	if (s->from != NO_SITE) {
		rule_needs(r, "%s/%s/%s.h5", side, name, b->s.extract_site[s->from].name);
		text_add(&options, " --from '%s/{task}%s/%s.h5'", side, b->mark,
			 b->s.extract_site[s->from].name);
	}
	add_given(b, r, s, side, i, &options);
	if (s->reads_answers && rules_generates(b->p)) {
		rule_needs(r, "%s/%s.h5", tokens, name);
		text_add(&options, " --tokens '%s/{task}%s.h5'", tokens, b->mark);
	}
	if (s->reads_encoder) {
		rule_needs(r, "%s/%s/encoder-output.h5", side, name);
		text_add(&options, " --encoder-output '%s/{task}%s/encoder-output.h5'", side,
			 b->mark);
	}
	said = xstrdup(text_get(&options));
	text_release(&options);
	return said;
}

/* The norms that the way to an extract_site makes of the site before it: a second file of the
 * rule. Returns the options for the recipe (allocated). */
static char *add_norms(const struct book *b, struct rule *r, const struct extract_site *s,
		       const char *name)
{
	const char *of;

	if (s->norms_of == NO_SITE)
		return xstrdup("");
	of = b->s.extract_site[s->norms_of].name;
	rule_target(r, "$W/norms/%s/%s.h5", name, of);
	rule_bytes(r, sizes_norms());
	return xformat(" --norms-of %s --norms-output '$W/norms/{task}%s/%s.h5'", of, b->mark, of);
}

void book_add_own_rows(struct book *b, const struct extract_site *s)
{
	for (int i = 0; i < b->names.n; i++) {
		struct rule *r;
		char *options, *norms;

		if (book_begins_group(i, b->names.n, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, book_name(b, i), "$W/own/%s/%s.h5", book_name(b, i), s->name);
		makes_rows(b, r, s, i, "own rows");
		rule_needs(r, "$W/stamps/extract");
		rule_needs(r, "$W/stamps/adapter-%s", task_at(b, i));
		options = inputs(b, r, s, "$W/own", "$W/tokens", i);
		norms = add_norms(b, r, s, book_name(b, i));
		keep_near(b, r, s);
		rule_recipe(
			r, "$(extract_own) --site %s --task {tasks}%s%s -o '$W/own/{task}%s/%s.h5'",
			s->name, options, norms, b->mark, s->name);
		free(norms);
		free(options);
	}
}

void book_add_own_tokens(struct book *b)
{
	char *encoder_output =
		b->s.stacks == 2
			? xformat(" --encoder-output '$W/own/{task}%s/encoder-output.h5'", b->mark)
			: xstrdup("");

	for (int i = 0; i < b->names.n; i++) {
		struct rule *r;

		if (book_begins_group(i, b->names.n, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, book_name(b, i), "$W/tokens/%s.h5", book_name(b, i));
		makes_answers(b, r, i);
		rule_needs(r, "$W/stamps/tokens");
		rule_needs(r, "$W/stamps/adapter-%s", task_at(b, i));
		rule_needs(r, "$W/samples/%s.h5", task_at(b, i));
		if (b->s.stacks == 2) { /* it follows from the same files and these settings */
			rule_needs(r, "$W/stamps/extract");
			rule_reads(r, "$W/own/%s/encoder-output.h5", book_name(b, i));
		}
		rule_recipe(r, "$(generate_own) --task {tasks}%s -o '$W/tokens/{task}%s.h5'",
			    encoder_output, b->mark);
	}
	free(encoder_output);
}

/* In a sweep the merged side uses the solutions before the extract_site. In an iteration, the start
 * of a stack needs the whole merged model of the previous iteration. */
static void needs_merged_model(const struct book *b, struct rule *r, const struct extract_site *s)
{
	if (b->iteration && s->from == NO_SITE)
		book_needs_solutions(b, r, b->before);
	else if (!b->iteration && s->before != NO_SITE)
		rule_needs(r, "$W/solution/%s.h5", b->s.extract_site[s->before].name);
}

void book_add_merged_rows(struct book *b, const struct extract_site *s)
{
	char *side = xformat("%s/merged", b->pass);

	for (int i = 0; i < b->names.n; i++) {
		struct rule *r;
		char *options;

		if (book_begins_group(i, b->names.n, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, book_name(b, i), "%s/%s/%s.h5", side, book_name(b, i),
			       s->name);
		makes_rows(b, r, s, i, "merged rows");
		rule_needs(r, "$W/stamps/extract");
		options = inputs(b, r, s, side, b->merged_tokens, i);
		needs_merged_model(b, r, s);
		rule_recipe(r,
			    "$(extract_merged) --site %s --task {tasks} --solutions %s/solution%s "
			    "-o '%s/{task}%s/%s.h5'",
			    s->name, b->before, options, side, b->mark, s->name);
		free(options);
	}
	free(side);
}

void book_add_merged_tokens(struct book *b)
{
	for (int i = 0; i < b->names.n; i++) {
		struct rule *r;

		if (book_begins_group(i, b->names.n, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, book_name(b, i), "%s/tokens/%s.h5", b->pass, book_name(b, i));
		makes_answers(b, r, i);
		rule_needs(r, "$W/stamps/tokens");
		rule_needs(r, "$W/samples/%s.h5", task_at(b, i));
		rule_needs(r, "%s/merged/%s/encoder-output.h5", b->pass, book_name(b, i));
		rule_recipe(r,
			    "$(generate_merged) --task {tasks} --solutions %s/solution "
			    "--encoder-output "
			    "'%s/merged/{task}%s/encoder-output.h5' -o '%s/tokens/{task}%s.h5'",
			    b->before, b->pass, b->mark, b->pass, b->mark);
	}
}
