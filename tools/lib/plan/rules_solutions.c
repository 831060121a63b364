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

void book_add_grams(struct book *b, const struct extract_site *s)
{
	char *iteration = b->iteration ? xformat(" --iteration %d", b->iteration - 1) : xstrdup("");
	char *merged = b->two_sided
			       ? xformat(" --merged '%s/merged/{task}/%s.h5'", b->pass, s->name)
			       : xstrdup("");
	bool handed = takes_norms(b, s);
	char *norms = handed ? xformat(" --norms '$W/norms/{task}/%s.h5'", s->name) : xstrdup("");

	char kind[24], *grams = book_grams(b, "{task}", s);

	for (int t = 0; t < b->tasks->n; t++) {
		const char *task = book_task(b, t);
		char *target = book_grams(b, task, s);
		struct rule *r;

		if (book_begins_group(b, t, b->p->processes))
			graph_group(b->g);
		r = graph_rule(b->g, task, "%s", target);
		free(target);
		rule_stage(r,
			   (struct stage_of){"compute-grams", "Grams", s->name,
					     cost_grams(b->p, s, b->two_sided ? 2 : 1, handed, t)});
		rule_bytes(r, sizes_grams(b->p, s, t));
		rule_needs(r, "$W/stamps/grams");
		if (b->p->statistics)
			rule_needs(r, "$W/stamps/statistics-%s", task);
		else
			rule_needs(r, "$W/stamps/modules-%s",
				   site_kind(b->p->model->m.family, s->site, kind));
		rule_needs(r, "$W/stamps/adapter-%s", task);
		rule_needs(r, "$W/own/%s/%s.h5", task, s->name);
		if (b->two_sided)
			rule_needs(r, "%s/merged/%s/%s.h5", b->pass, task, s->name);
		if (handed) /* they follow from what the own rows follow from */
			rule_reads(r, "$W/norms/%s/%s.h5", task, s->name);
		rule_recipe(r,
			    "$(grams) --site %s --task {tasks}%s --own '$W/own/{task}/%s.h5'%s%s "
			    "-o '%s'",
			    s->name, iteration, s->name, merged, norms, grams);
	}
	free(grams);
	free(norms);
	free(merged);
	free(iteration);
}

/* Files that a rule releases: those of the rule's own iteration, or of the tasks' own side. */
struct used {
	struct rule *rule;
	struct text files; /* for release-files */
	bool all;          /* false: only where some task's file is not released yet */
};

/* Adds FOLDER KIND/{task}/SITE.h5 of WORK. */
static void add_used(const struct book *b, struct used *u, const char *folder, const char *kind,
		     const struct extract_site *s)
{
	bool left = u->all;

	for (int t = 0; !left && t < b->tasks->n; t++) {
		char *name = xformat("$W/%s%s/%s/%s.h5", folder, kind, book_task(b, t), s->name);

		left = !graph_is_released(b->g, name);
		free(name);
	}
	if (!left)
		return;
	text_add(&u->files, "%s%s%s/{task}/%s.h5", *text_get(&u->files) ? "," : "", folder, kind,
		 s->name);
	for (int t = 0; t < b->tasks->n; t++)
		rule_releases(u->rule, "$W/%s%s/%s/%s.h5", folder, kind, book_task(b, t), s->name);
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
			add_used(b, u, "", "own", &b->s.extract_site[j]);
		if (b->two_sided)
			add_used(b, u, folder, "merged", &b->s.extract_site[j]);
	}
	if (!keeps_grams(b))
		add_used(b, u, folder, "grams", &b->s.extract_site[i]);
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
