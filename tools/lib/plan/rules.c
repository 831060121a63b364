/* rules.c: see rules.h. One function per kind of file, in the order of the computation. */
#include "plan/rules_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"

/* ------------------------------------------------------------ shared by the rules */

const char *book_task(const struct book *b, int t)
{
	return b->tasks->item[t];
}

const char *book_name(const struct book *b, int i)
{
	return b->names.item[i];
}

int book_task_of(const struct book *b, int i)
{
	return i / b->shards;
}

int book_shard_of(const struct book *b, int i)
{
	return i % b->shards + 1;
}

bool book_begins_group(int i, int n, int processes)
{
	int groups = processes < n ? processes : n;

	for (int g = 0; g < groups; g++)
		if (i == (int)((long)g * n / groups))
			return true;
	return false;
}

char *book_grams(const struct book *b, const char *task, const struct extract_site *s)
{
	return b->p->statistics ? xformat("$W/statistics/%s/grams/%s.h5", task, s->name)
				: xformat("%s/grams/%s/%s.h5", b->pass, task, s->name);
}

char *book_shard_grams(const struct book *b, const char *name, const struct extract_site *s)
{
	return xformat("%s/grams/%s/%s.h5", b->pass, name, s->name);
}

bool rules_fits_rows(const struct plan *p)
{
	if (p->given)
		return false;
	return p->c.method == SWEEP || p->c.method == JACOBI || p->c.method == REGMEAN;
}

bool rules_generates(const struct plan *p)
{
	return p->c.answers == GENERATED;
}

bool rules_searches_scale(const struct plan *p)
{
	return (plan_cuts(p) || p->c.method == TASK_ARITHMETIC) && p->c.scale == 0;
}

void book_needs_solutions(const struct book *b, struct rule *r, const char *folder)
{
	for (int i = 0; i < b->s.n; i++)
		if (b->s.extract_site[i].solved)
			rule_needs(r, "%s/solution/%s.h5", folder, b->s.extract_site[i].name);
}

void book_needs_adapters(const struct book *b, struct rule *r)
{
	for (int t = 0; t < b->tasks->n; t++)
		rule_needs(r, "$W/stamps/adapter-%s", book_task(b, t));
}

/* ------------------------------------------------------------ passes */

static void add_pass(struct book *b, bool own, bool fit)
{
	if (own && b->s.stacks == 1 && rules_generates(b->p))
		book_add_own_tokens(b);
	for (int i = 0; i < b->s.n; i++) {
		const struct extract_site *s = &b->s.extract_site[i];
		bool encoder_output = site_is_encoder_output(s->site);

		if (own)
			book_add_own_rows(b, s);
		if (own && encoder_output && rules_generates(b->p))
			book_add_own_tokens(b);
		if (fit && b->two_sided)
			book_add_merged_rows(b, s);
		if (fit && b->iteration && b->two_sided && encoder_output &&
		    b->p->c.features == REFERENCE)
			book_add_merged_tokens(b);
		if (fit && s->solved) {
			book_add_grams(b, s);
			if (!b->p->statistics)
				book_add_fit(b, i);
		}
	}
}

/* Own rows and their Grams alone. */
static void add_statistics(struct book *b)
{
	book_add_samples(b);
	add_pass(b, true, true);
	book_add_statistics(b);
	graph_look(b->g);
}

/* Adds the rules, calls graph_look(), and then adds what depends on its result. */
static void add_one_pass(struct book *b)
{
	const struct plan *p = b->p;
	struct rule *result = NULL;

	if (rules_fits_rows(p) || rules_searches_scale(p))
		book_add_samples(b);
	if (rules_fits_rows(p))
		add_pass(b, true, p->c.method != JACOBI);
	else
		for (int i = 0; i < b->s.n; i++)
			if (b->s.extract_site[i].solved)
				book_add_combination(b, &b->s.extract_site[i]);
	if (p->c.method != JACOBI)
		result = book_add_result(b);
	book_add_saved_model(b);
	book_add_cards(b);
	if (p->data)
		book_add_table(b);
	graph_look(b->g);
	if (result) {
		book_release_rest(b, result);
		book_finish_result(b, result);
	}
}

/* The number in the line that fits the format; 0: there is none. */
static int read_number(const char *path, const char *line_format)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int k = 0;

	while (f && getline(&line, &room, f) > 0 && sscanf(line, line_format, &k) != 1)
		k = 0;
	free(line);
	if (f)
		fclose(f);
	return k;
}

/* WORK/convergence names the iteration whose solutions are in WORK/solution. */
static int copied_iteration(const struct plan *p)
{
	char *path = xformat("%s/convergence", p->work);
	int k = read_number(path, "iteration %d");

	free(path);
	return k;
}

/* The merge's solutions are those of the last iteration. */
static void add_copies(struct book *b)
{
	struct rule *convergence = graph_rule(b->g, NULL, "$W/convergence");

	rule_stage(convergence, (struct stage_of){"copy-output", "convergence", NULL, cost_copy()});
	rule_needs(convergence, "%s/convergence", b->pass);
	rule_recipe(convergence, "$(copy) --from %s/convergence -o $@", b->pass);
	if (copied_iteration(b->p) != b->iteration)
		rule_always(convergence);
	for (int i = 0; i < b->s.n; i++) {
		struct rule *r;

		if (!b->s.extract_site[i].solved)
			continue;
		r = graph_rule(b->g, NULL, "$W/solution/%s.h5", b->s.extract_site[i].name);
		rule_stage(r, (struct stage_of){"copy-output", "copied solution",
						b->s.extract_site[i].name, cost_copy()});
		rule_needs(r, "%s/solution/%s.h5", b->pass, b->s.extract_site[i].name);
		rule_needs(r, "$W/convergence");
		rule_recipe(r, "$(copy) --from %s/solution/%s.h5 -o $@", b->pass,
			    b->s.extract_site[i].name);
	}
}

static void add_iteration(struct book *b)
{
	struct rule *convergence, *result;

	graph_mute(b->g, true); /* they are in WORK/plan.mk */
	book_add_samples(b);
	add_pass(b, true, false);
	graph_mute(b->g, false);
	add_pass(b, false, true);
	convergence = graph_rule(b->g, NULL, "%s/convergence", b->pass);
	rule_stage(convergence,
		   (struct stage_of){"check-convergence", "iteration's end", NULL, cost_copy()});
	rule_needs(convergence, "$W/stamps/converge");
	book_needs_solutions(b, convergence, b->pass);
	add_copies(b);
	result = book_add_result(b);
	graph_mute(b->g, true);
	book_add_saved_model(b);
	book_add_table(b);
	graph_look(b->g);
	book_release_rest(b, convergence);
	rule_recipe(convergence, "$(converge) --solutions %s/solution --iteration %d -o $@",
		    b->pass, b->iteration);
	book_finish_result(b, result);
}

/* Jacobi adds iterations until one has converged. */
static bool is_last(const struct plan *p, int iteration)
{
	char *path = xformat("%s/iter%02d/convergence", p->work, iteration);
	bool last = iteration == p->c.max_iter || read_number(path, "converged %d") == 1;

	free(path);
	return last;
}

static struct book open_book(const struct plan *p, int iteration, const struct changes *changed)
{
	struct book b = {.p = p,
			 .tasks = &p->c.task_targets,
			 .shards = plan_shards(p),
			 .names = shard_names(&p->c.task_targets, plan_shards(p)),
			 .mark = plan_shards(p) > 1 ? "/{shard}" : "",
			 .s = schedule_make(p),
			 .iteration = iteration,
			 .changed = changed};

	b.g = graph_open(p->work, p->reference);
	b.two_sided = p->c.method == SWEEP || iteration > 1;
	b.pass = iteration ? xformat("$W/iter%02d", iteration) : xstrdup("$W");
	b.before = iteration ? xformat("$W/iter%02d", iteration - 1) : xstrdup("$W");
	b.merged_tokens = iteration && p->c.features == REFERENCE ? xformat("%s/tokens", b.pass)
								  : xstrdup("$W/tokens");
	return b;
}

struct graph *rules_open(const struct plan *p, int iteration, const struct changes *changed)
{
	struct book b = open_book(p, iteration, changed);

	for (int i = 0; i < changed->n; i++) {
		char *name = xformat("$W/stamps/%s", changed->stamp[i]);

		graph_changed(b.g, name);
		free(name);
	}
	if (p->statistics)
		add_statistics(&b);
	else if (iteration)
		add_iteration(&b);
	else
		add_one_pass(&b);
	schedule_release(&b.s);
	strlist_release(&b.names);
	free(b.merged_tokens);
	free(b.before);
	free(b.pass);
	return b.g;
}

struct graph *rules_next(const struct plan *p, const struct changes *changed, struct todo *todo)
{
	bool iterates = p->c.method == JACOBI, last = !iterates;
	struct graph *g = NULL;

	for (int k = iterates; !g || !last; k++) {
		char *convergence = xformat("$W/iter%02d/convergence", k);
		bool runs;

		if (g)
			graph_close(g);
		g = rules_open(p, k, changed);
		runs = graph_makes(g, convergence);
		last = last || runs || is_last(p, k);
		*todo = (struct todo){last ? graph_processes(g) : 0, runs ? k : 0,
				      runs || graph_makes(g, rules_result(p))};
		free(convergence);
	}
	return g;
}

struct todo rules_todo(const struct plan *p, const struct changes *changed)
{
	struct todo todo;

	graph_close(rules_next(p, changed, &todo));
	return todo;
}
