/* rules_solutions.c: see rules_private.h. */
#include "plan/rules_private.h"

#include <stdlib.h>

#include "base/die.h"
#include "plan/sizes.h"

/* Whether used files are released. */
static bool releases(const struct plan *p)
{
	return rules_fits_rows(p) && p->c.sequential_layer_processing && p->keep != KEEP_ALL;
}

/* What another list of tasks reads again of a task: the rows of its own side. With regmean its
 * Grams are enough, but with DCS they depend on all adapters. */
static bool keeps_own_rows(const struct book *b)
{
	return b->p->keep == KEEP_OWN && (b->two_sided || b->p->c.use_dcs);
}

static bool keeps_grams(const struct book *b)
{
	return b->p->keep == KEEP_OWN && !keeps_own_rows(b);
}

/* Whether the norms of a site's own side are handed on. Not of float16 rows where what a full
 * weight loses is measured: as a small difference of norms, which must be of the same rows. */
static bool takes_norms(const struct book *b, const struct extract_site *s)
{
	return schedule_measures(&b->s, (int)(s - b->s.extract_site)) &&
	       !(b->p->c.use_fp16 && sizes_stores_C(b->p, s->site));
}

/* What the Grams of a task depend on, beside rows. */
static void needs_modules(const struct book *b, struct rule *r, const struct extract_site *s,
			  const char *task)
{
	char kind[24];

	rule_needs(r, "$W/stamps/grams");
	if (b->p->statistics)
		rule_needs(r, "$W/stamps/statistics-%s", task);
	else
		rule_needs(r, "$W/stamps/modules-%s",
			   site_kind(b->p->model->m.family, s->site, kind));
	rule_needs(r, "$W/stamps/adapter-%s", task);
}

static int sides(const struct book *b)
{
	return b->two_sided ? 2 : 1;
}

/* The rows, and the norms that are handed on. Returns the options for the recipe (allocated). */
static char *gram_inputs(const struct book *b, struct rule *r, const struct extract_site *s,
			 const char *name)
{
	struct text options = {0};
	char *said;

	rule_needs(r, "$W/own/%s/%s.h5", name, s->name);
	if (b->iteration)
		text_add(&options, " --iteration %d", b->iteration - 1);
	text_add(&options, " --own '$W/own/{task}%s/%s.h5'", b->mark, s->name);
	if (b->two_sided) {
		rule_needs(r, "%s/merged/%s/%s.h5", b->pass, name, s->name);
		text_add(&options, " --merged '%s/merged/{task}%s/%s.h5'", b->pass, b->mark,
			 s->name);
	}
	if (takes_norms(b, s)) { /* they follow from what the own rows follow from */
		rule_reads(r, "$W/norms/%s/%s.h5", name, s->name);
		text_add(&options, " --norms '$W/norms/{task}%s/%s.h5'", b->mark, s->name);
	}
	said = xstrdup(text_get(&options));
	text_release(&options);
	return said;
}

/* Grams of a task, or of a shard of it; `output`: the file, with {task} and {shard}. */
static void add_grams(const struct book *b, const struct extract_site *s, int i, const char *output)
{
	const char *name = book_name(b, i);
	int t = book_task_of(b, i), k = book_shard_of(b, i);
	bool cut = b->shards > 1;
	char *target = cut ? book_shard_grams(b, name, s) : book_grams(b, name, s), *options;
	struct rule *r = graph_rule(b->g, name, "%s", target);

	rule_stage(r, (struct stage_of){"compute-grams", cut ? "Grams of shards" : "Grams", s->name,
					cost_grams(b->p, s, sides(b), takes_norms(b, s), t, k)});
	rule_bytes(r, cut ? sizes_shard_grams(b->p, s, t, sides(b)) : sizes_grams(b->p, s, t));
	needs_modules(b, r, s, book_task(b, t));
	options = gram_inputs(b, r, s, name);
	rule_recipe(r, "$(grams) --site %s --task {tasks}%s -o '%s'", s->name, options, output);
	free(options);
	free(target);
}

/* Grams of a task, added from those of its shards. */
static void add_sum(const struct book *b, const struct extract_site *s, int t)
{
	char *target = book_grams(b, book_task(b, t), s), *output = book_grams(b, "{task}", s),
	     *shards = book_shard_grams(b, "{task}/{shard}", s);
	struct rule *r = graph_rule(b->g, book_task(b, t), "%s", target);

	rule_stage(r,
		   (struct stage_of){"add-grams", "Grams", s->name, cost_sum(b->p, s, sides(b))});
	rule_bytes(r, sizes_grams(b->p, s, t));
	rule_needs(r, "$W/stamps/sum");
	for (int i = t * b->shards; i < (t + 1) * b->shards; i++) {
		char *shard = book_shard_grams(b, book_name(b, i), s);

		rule_needs(r, "%s", shard);
		free(shard);
	}
	rule_recipe(r, "$(sum) --site %s --task {tasks} --from '%s' -o '%s'", s->name, shards,
		    output);
	free(shards);
	free(output);
	free(target);
}

void book_add_grams(struct book *b, const struct extract_site *s)
{
	char *output = b->shards > 1 ? book_shard_grams(b, "{task}/{shard}", s)
				     : book_grams(b, "{task}", s);

	for (int i = 0; i < b->names.n; i++) {
		if (book_begins_group(i, b->names.n, b->p->processes))
			graph_group(b->g);
		add_grams(b, s, i, output);
	}
	for (int t = 0; b->shards > 1 && t < b->tasks->n; t++) {
		if (book_begins_group(t, b->tasks->n, b->p->processes))
			graph_group(b->g);
		add_sum(b, s, t);
	}
	free(output);
}

/* Files that a rule releases: those of the rule's own iteration, or of the tasks' own side. */
struct used {
	struct rule *rule;
	struct text files; /* for release-files */
	bool all;          /* false: only where some task's file is not released yet */
};

/* Adds FOLDER KIND/{task}/SITE.h5 of WORK; mark: "" for files of tasks, b->mark for those of
 * shards, whose names are `names`. */
static void add_used(const struct book *b, struct used *u, const char *folder, const char *kind,
		     const struct strlist *names, const char *mark, const struct extract_site *s)
{
	bool left = u->all;

	for (int i = 0; !left && i < names->n; i++) {
		char *name = xformat("$W/%s%s/%s/%s.h5", folder, kind, names->item[i], s->name);

		left = !graph_is_released(b->g, name);
		free(name);
	}
	if (!left)
		return;
	text_add(&u->files, "%s%s%s/{task}%s/%s.h5", *text_get(&u->files) ? "," : "", folder, kind,
		 mark, s->name);
	for (int i = 0; i < names->n; i++)
		rule_releases(u->rule, "$W/%s%s/%s/%s.h5", folder, kind, names->item[i], s->name);
}

/* The files that nothing needs once extract_site i is solved. An iteration's own rows stay, because
 * the next iteration needs them. */
static void used_up(const struct book *b, int i, struct used *u)
{
	char *folder = b->iteration ? xformat("iter%02d/", b->iteration) : xstrdup("");

	for (int j = 0; j < b->s.n; j++) {
		if (b->s.extract_site[j].last_user != i)
			continue;
		if (!b->iteration && !keeps_own_rows(b))
			add_used(b, u, "", "own", &b->names, b->mark, &b->s.extract_site[j]);
		if (b->two_sided)
			add_used(b, u, folder, "merged", &b->names, b->mark, &b->s.extract_site[j]);
	}
	if (b->shards > 1)
		add_used(b, u, folder, "grams", &b->names, b->mark, &b->s.extract_site[i]);
	if (!keeps_grams(b))
		add_used(b, u, folder, "grams", b->tasks, "", &b->s.extract_site[i]);
	free(folder);
}

static void release(struct used *u)
{
	if (*text_get(&u->files))
		rule_recipe(u->rule, "$(release) --files '%s'", text_get(&u->files));
	text_release(&u->files);
}

/* What an iteration with full weights reads of earlier ones. Factors carry their history with
 * them. */
static char *previous_solutions(const struct book *b, const struct extract_site *s)
{
	int most = plan_full_weight(b->p) ? plan_past(b->p) : 1;
	struct text list = {0};
	char *said;

	for (int k = b->iteration - 1; k > 0 && k >= b->iteration - most; k--)
		text_add(&list, "%s$W/iter%02d/solution/%s.h5", *text_get(&list) ? "," : "", k,
			 s->name);
	said = xstrdup(text_get(&list));
	text_release(&list);
	return said;
}

static void add_iteration_options(const struct book *b, struct rule *r,
				  const struct extract_site *s, struct text *options)
{
	if (!b->iteration)
		return;
	text_add(options, " --iteration %d", b->iteration);
	if (b->two_sided) {
		char *previous = previous_solutions(b, s);

		rule_needs(r, "%s/solution/%s.h5", b->before, s->name);
		rule_needs(r, "$W/stamps/mats");
		text_add(options, " $(mats_flags) --previous '%s'", previous);
		free(previous);
	}
}

static struct stage_of solution_at(const struct book *b, const struct extract_site *s)
{
	const char *tool = plan_cuts(b->p)          ? "combine-layer"
			   : plan_full_weight(b->p) ? "solve-full-weight"
						    : "solve-layer";

	return (struct stage_of){tool, "solution", s->name, cost_solution(b->p, s)};
}

/* Earlier iterations that a solution's file holds. */
static int earlier(const struct book *b)
{
	int most = plan_past(b->p);

	return b->iteration - 1 > most ? most : b->iteration > 1 ? b->iteration - 1 : 0;
}

void book_add_fit(struct book *b, int i)
{
	const struct extract_site *s = &b->s.extract_site[i];
	struct rule *r = graph_rule(b->g, NULL, "%s/solution/%s.h5", b->pass, s->name);
	struct used used = {.rule = r, .all = true};
	struct text options = {0};

	rule_stage(r, solution_at(b, s));
	rule_bytes(r, sizes_solution(b->p, s, earlier(b)));
	rule_needs(r, "$W/stamps/solve");
	book_needs_adapters(b, r);
	for (int t = 0; t < b->tasks->n; t++)
		rule_needs(r, "%s/grams/%s/%s.h5", b->pass, book_task(b, t), s->name);
	add_iteration_options(b, r, s, &options);
	if (b->p->c.method != SWEEP && b->p->c.sequential_layer_processing &&
	    s->before != NO_SITE) /* files are then used up site by site */
		rule_after(r, "%s/solution/%s.h5", b->pass, b->s.extract_site[s->before].name);
	rule_recipe(r, "$(solve) --site %s --grams '%s/grams/{task}/%s.h5'%s -o $@", s->name,
		    b->pass, s->name, text_get(&options));
	if (releases(b->p))
		used_up(b, i, &used);
	release(&used);
	text_release(&options);
}

/* For methods that use only weights, and for statistics that are given. */
void book_add_combination(struct book *b, const struct extract_site *s)
{
	struct rule *r = graph_rule(b->g, NULL, "$W/solution/%s.h5", s->name);
	char *grams = b->p->given ? xformat(" --grams '$W/given/{task}/grams/%s.h5'", s->name)
				  : xstrdup("");

	rule_stage(r, solution_at(b, s));
	rule_bytes(r, sizes_solution(b->p, s, earlier(b)));
	rule_needs(r, plan_cuts(b->p) ? "$W/stamps/combine" : "$W/stamps/solve");
	book_needs_adapters(b, r);
	for (int t = 0; b->p->given && t < b->tasks->n; t++)
		rule_needs(r, "$W/stamps/given-%s", book_task(b, t));
	rule_recipe(r, "%s --site %s%s -o $@", plan_cuts(b->p) ? "$(combine)" : "$(solve)", s->name,
		    grams);
	free(grams);
}

/* A run may have been killed after a solution, before its files were released. The rule that needs
 * all solutions then releases the rest. Where all files were kept there is nothing to do: none is
 * released yet, and nothing is solved. */
void book_release_rest(const struct book *b, struct rule *r)
{
	struct used used = {.rule = r};
	bool solves = false;

	for (int i = 0; i < b->s.n; i++) {
		char *name = xformat("%s/solution/%s.h5", b->pass, b->s.extract_site[i].name);

		solves |= graph_makes(b->g, name);
		free(name);
	}
	for (int i = 0; i < b->s.n && releases(b->p) && (solves || graph_has_released(b->g)); i++) {
		char *name = xformat("%s/solution/%s.h5", b->pass, b->s.extract_site[i].name);

		if (b->s.extract_site[i].solved && !graph_makes(b->g, name))
			used_up(b, i, &used);
		free(name);
	}
	release(&used);
}

/* Rows, and Grams of shards, have done their work when a task's statistics are written. */
void book_release_handed(const struct book *b, struct rule *r)
{
	struct used used = {.rule = r, .all = true};

	for (int i = 0; i < b->s.n; i++) {
		const struct extract_site *s = &b->s.extract_site[i];

		add_used(b, &used, "", "own", &b->names, b->mark, s);
		if (b->shards > 1 && s->solved)
			add_used(b, &used, "", "grams", &b->names, b->mark, s);
	}
	release(&used);
}
