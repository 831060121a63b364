/* rules.c: see rules.h.
 *
 * One function for each kind of file, in the order of the computation. Names of variables in recipes are those of pipeline/main.mk. */
#include "plan/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "plan/schedule.h"

/* Rules as they are put together. */
struct book {
	const struct plan *p;
	const struct strlist *tasks;
	struct graph *g;
	struct schedule s;
	int iteration;              /* 0: none */
	bool two_sided;             /* rows of the merged model count */
	char *pass, *before;        /* folders of this pass, and of that whose solutions its merged side runs with */
	char *merged_tokens;        /* folder of the decoder's tokens on the merged side */
};

static const char *task_name(const struct book *b, int t)
{
	return b->tasks->item[t];
}

/* Task t begins a group of `processes` groups. */
static bool begins_group(const struct book *b, int t, int processes)
{
	int n = b->tasks->n, groups = processes < n ? processes : n;

	for (int i = 0; i < groups; i++)
		if (t == (int)((long)i * n / groups))
			return true;
	return false;
}

/* In a sweep the own side is extracted beside the merged side, so each has half of the processes: the fewer, the fewer times a block's weights are
 * read and packed. */
static int extracting(const struct plan *p)
{
	return p->c.method == SWEEP ? (p->processes + 1) / 2 : p->processes;
}

static bool fits_rows(const struct plan *p)
{
	return p->c.method == SWEEP || p->c.method == JACOBI || p->c.method == REGMEAN;
}

static bool cuts(const struct plan *p)
{
	return p->c.method == TIES || p->c.method == DARE;
}

static bool searches_scale(const struct plan *p)
{
	return (cuts(p) || p->c.method == TASK_ARITHMETIC) && p->c.scale == 0;
}

/* Used files are spent. */
static bool spends(const struct plan *p)
{
	return fits_rows(p) && p->c.sequential_layer_processing && !p->keep_acts;
}

static void needs_solutions(const struct book *b, struct rule *r, const char *folder)
{
	for (int i = 0; i < b->s.n; i++)
		if (b->s.station[i].solved)
			rule_needs(r, "%s/solution/%s.h5", folder, b->s.station[i].name);
}

static void needs_adapters(const struct book *b, struct rule *r)
{
	for (int t = 0; t < b->tasks->n; t++)
		rule_needs(r, "$W/stamps/adapter-%s", task_name(b, t));
}

/* ------------------------------------------------------------ samples, rows, tokens */

static void add_samples(struct book *b)
{
	for (int t = 0; t < b->tasks->n; t++) {
		const char *task = task_name(b, t);
		struct rule *r = graph_rule(b->g, NULL, "$W/samples/%s.h5", task);

		char *rows = plan_task_file(b->p->data, task, "samples.json");

		rule_needs(r, "$W/stamps/draw-%s", task);
		rule_recipe(r, "$(draw) --task %s --train $(data)/%s/train.json%s%s -o $@", task, task, file_exists(rows) ? " --rows " : "",
		            file_exists(rows) ? rows : "");
		free(rows);
	}
}

/* The own side keeps at most two sites ahead of the Grams, so that files do not pile up; in the decoder, whose rows are few, three: so its long
 * step (cross-attention and feed-forward) runs beside the merged side's. (Not ahead of the solutions: so there is something to do beside a
 * solve, and nothing long beside the Grams, which are then shared by all cores.) */
static void keep_near(const struct book *b, struct rule *r, const struct station *s)
{
	int lead = s->before;

	for (int i = s->reads_encoder ? 2 : 1; i > 0 && lead != NO_STATION; i--)
		lead = b->s.station[lead].before;
	if (lead == NO_STATION || !b->p->c.sequential_layer_processing || b->p->c.method == JACOBI)
		return;
	for (int t = 0; t < b->tasks->n; t++)
		rule_after(r, "$W/grams/%s/%s.h5", task_name(b, t), b->s.station[lead].name);
}

/* What both sides read at a station, in `side`; the recipe's options for it (allocated). */
static char *inputs(const struct book *b, struct rule *r, const struct station *s, const char *side, const char *tokens, const char *task)
{
	struct text options = {0};
	char *said;

	rule_needs(r, "$W/samples/%s.h5", task);
	if (s->from != NO_STATION) {
		rule_needs(r, "%s/%s/%s.h5", side, task, b->s.station[s->from].name);
		text_add(&options, " --from '%s/{task}/%s.h5'", side, b->s.station[s->from].name);
	}
	if (s->reads_encoder) {
		rule_needs(r, "%s/%s.h5", tokens, task);
		rule_needs(r, "%s/%s/memory.h5", side, task);
		text_add(&options, " --tokens '%s/{task}.h5' --memory '%s/{task}/memory.h5'", tokens, side);
	}
	said = xstrdup(text_get(&options));
	text_release(&options);
	return said;
}

static void add_own_rows(struct book *b, const struct station *s)
{
	for (int t = 0; t < b->tasks->n; t++) {
		struct rule *r;
		char *options;

		if (begins_group(b, t, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, task_name(b, t), "$W/lora/%s/%s.h5", task_name(b, t), s->name);
		rule_needs(r, "$W/stamps/extract");
		rule_needs(r, "$W/stamps/adapter-%s", task_name(b, t));
		options = inputs(b, r, s, "$W/lora", "$W/tokens", task_name(b, t));
		keep_near(b, r, s);
		rule_recipe(r, "$(extract_own) --site %s --task {tasks}%s -o '$W/lora/{task}/%s.h5'", s->name, options, s->name);
		free(options);
	}
}

static void add_own_tokens(struct book *b)
{
	for (int t = 0; t < b->tasks->n; t++) {
		struct rule *r;

		if (begins_group(b, t, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, task_name(b, t), "$W/tokens/%s.h5", task_name(b, t));
		rule_needs(r, "$W/stamps/tokens");
		rule_needs(r, "$W/stamps/adapter-%s", task_name(b, t));
		rule_needs(r, "$W/samples/%s.h5", task_name(b, t));
		rule_needs(r, "$W/lora/%s/memory.h5", task_name(b, t));
		rule_recipe(r, "$(generate_own) --task {tasks} --memory '$W/lora/{task}/memory.h5' -o '$W/tokens/{task}.h5'");
	}
}

/* A sweep's merged side runs with the solutions before the station. In an iteration, where a stack begins it needs the whole merged model of the
 * iteration before. */
static void needs_merged_model(const struct book *b, struct rule *r, const struct station *s)
{
	if (b->iteration && s->from == NO_STATION)
		needs_solutions(b, r, b->before);
	else if (!b->iteration && s->before != NO_STATION)
		rule_needs(r, "$W/solution/%s.h5", b->s.station[s->before].name);
}

static void add_merged_rows(struct book *b, const struct station *s)
{
	char *side = xformat("%s/merged", b->pass);

	for (int t = 0; t < b->tasks->n; t++) {
		struct rule *r;
		char *options;

		if (begins_group(b, t, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, task_name(b, t), "%s/%s/%s.h5", side, task_name(b, t), s->name);
		rule_needs(r, "$W/stamps/extract");
		options = inputs(b, r, s, side, b->merged_tokens, task_name(b, t));
		needs_merged_model(b, r, s);
		rule_recipe(r, "$(extract_merged) --site %s --task {tasks} --solutions %s/solution%s -o '%s/{task}/%s.h5'", s->name, b->before, options,
		            side, s->name);
		free(options);
	}
	free(side);
}

static void add_merged_tokens(struct book *b)
{
	for (int t = 0; t < b->tasks->n; t++) {
		struct rule *r;

		if (begins_group(b, t, extracting(b->p)))
			graph_group(b->g);
		r = graph_rule(b->g, task_name(b, t), "%s/tokens/%s.h5", b->pass, task_name(b, t));
		rule_needs(r, "$W/stamps/tokens");
		rule_needs(r, "$W/samples/%s.h5", task_name(b, t));
		rule_needs(r, "%s/merged/%s/memory.h5", b->pass, task_name(b, t));
		rule_recipe(r, "$(generate_merged) --task {tasks} --solutions %s/solution --memory '%s/merged/{task}/memory.h5' -o '%s/tokens/{task}.h5'",
		            b->before, b->pass, b->pass);
	}
}

/* ------------------------------------------------------------ Grams and solutions */

static void add_grams(struct book *b, const struct station *s)
{
	char *iteration = b->iteration ? xformat(" --iteration %d", b->iteration - 1) : xstrdup("");
	char *merged = b->two_sided ? xformat(" --merged '%s/merged/{task}/%s.h5'", b->pass, s->name) : xstrdup("");

	for (int t = 0; t < b->tasks->n; t++) {
		const char *task = task_name(b, t);
		struct rule *r;

		if (begins_group(b, t, b->p->processes))
			graph_group(b->g);
		r = graph_rule(b->g, task, "%s/grams/%s/%s.h5", b->pass, task, s->name);
		rule_needs(r, "$W/stamps/grams");
		rule_needs(r, "$W/stamps/adapter-%s", task);
		rule_needs(r, "$W/lora/%s/%s.h5", task, s->name);
		if (b->two_sided)
			rule_needs(r, "%s/merged/%s/%s.h5", b->pass, task, s->name);
		rule_recipe(r, "$(grams) --site %s --task {tasks}%s --lora '$W/lora/{task}/%s.h5'%s -o '%s/grams/{task}/%s.h5'", s->name, iteration, s->name,
		            merged, b->pass, s->name);
	}
	free(merged);
	free(iteration);
}

/* FOLDER KIND/{task}/STATION.h5 to a list of files in WORK; without `all` only if some task's is not spent yet. */
static void add_used(const struct book *b, struct text *files, bool all, const char *folder, const char *kind, const struct station *s)
{
	bool left = all;

	for (int t = 0; !left && t < b->tasks->n; t++) {
		char *name = xformat("$W/%s%s/%s/%s.h5", folder, kind, task_name(b, t), s->name);

		left = !graph_is_spent(b->g, name);
		free(name);
	}
	if (left)
		text_add(files, "%s%s%s/{task}/%s.h5", *text_get(files) ? "," : "", folder, kind, s->name);
}

/* The files that nothing needs once station i is solved. An iteration's own rows stay: the next one needs them. */
static void used_up(const struct book *b, int i, bool all, struct text *files)
{
	char *folder = b->iteration ? xformat("iter%02d/", b->iteration) : xstrdup("");

	for (int j = 0; j < b->s.n; j++) {
		if (b->s.station[j].last_user != i)
			continue;
		if (!b->iteration)
			add_used(b, files, all, "", "lora", &b->s.station[j]);
		if (b->two_sided)
			add_used(b, files, all, folder, "merged", &b->s.station[j]);
	}
	add_used(b, files, all, folder, "grams", &b->s.station[i]);
	free(folder);
}

static void spend(struct rule *r, const struct text *files)
{
	if (*text_get(files))
		rule_recipe(r, "$(spend) --files '%s'", text_get(files));
}

/* What a whole weight's iteration looks back on; factors have their history with them. */
static char *previous_solutions(const struct book *b, const struct station *s)
{
	int most = plan_dense(b->p) ? plan_past(b->p) : 1;
	struct text list = {0};
	char *said;

	for (int k = b->iteration - 1; k > 0 && k >= b->iteration - most; k--)
		text_add(&list, "%s$W/iter%02d/solution/%s.h5", *text_get(&list) ? "," : "", k, s->name);
	said = xstrdup(text_get(&list));
	text_release(&list);
	return said;
}

static void add_iteration_options(const struct book *b, struct rule *r, const struct station *s, struct text *options)
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

static void add_fit(struct book *b, int i)
{
	const struct station *s = &b->s.station[i];
	struct rule *r = graph_rule(b->g, NULL, "%s/solution/%s.h5", b->pass, s->name);
	struct text options = {0}, files = {0};

	rule_needs(r, "$W/stamps/solve");
	needs_adapters(b, r);
	for (int t = 0; t < b->tasks->n; t++)
		rule_needs(r, "%s/grams/%s/%s.h5", b->pass, task_name(b, t), s->name);
	add_iteration_options(b, r, s, &options);
	if (b->p->c.method != SWEEP && b->p->c.sequential_layer_processing && s->before != NO_STATION) /* so that files are used up one site after the other */
		rule_after(r, "%s/solution/%s.h5", b->pass, b->s.station[s->before].name);
	rule_recipe(r, "$(solve) --site %s --grams '%s/grams/{task}/%s.h5'%s -o $@", s->name, b->pass, s->name, text_get(&options));
	if (spends(b->p)) {
		used_up(b, i, true, &files);
		spend(r, &files);
	}
	text_release(&files);
	text_release(&options);
}

/* The methods that look at weights alone. */
static void add_combination(struct book *b, const struct station *s)
{
	struct rule *r = graph_rule(b->g, NULL, "$W/solution/%s.h5", s->name);

	rule_needs(r, cuts(b->p) ? "$W/stamps/combine" : "$W/stamps/solve");
	needs_adapters(b, r);
	rule_recipe(r, "%s --site %s -o $@", cuts(b->p) ? "$(combine)" : "$(solve)", s->name);
}

/* A run that was killed between a solution and its files' turn: whoever needs the last of the solutions spends what is left. (Not where all was kept:
 * nothing is spent yet, and nothing is solved.) */
static void spend_rest(const struct book *b, struct rule *r)
{
	struct text files = {0};
	bool solves = false;

	for (int i = 0; i < b->s.n; i++) {
		char *name = xformat("%s/solution/%s.h5", b->pass, b->s.station[i].name);

		solves |= graph_makes(b->g, name);
		free(name);
	}
	for (int i = 0; i < b->s.n && spends(b->p) && (solves || graph_spends(b->g)); i++) {
		char *name = xformat("%s/solution/%s.h5", b->pass, b->s.station[i].name);

		if (b->s.station[i].solved && !graph_makes(b->g, name))
			used_up(b, i, false, &files);
		free(name);
	}
	spend(r, &files);
	text_release(&files);
}

/* ------------------------------------------------------------ results */

const char *rules_result(const struct plan *p)
{
	return plan_dense(p) ? "$W/model/config.json" : "$W/adapter/adapter_config.json";
}

/* The folder of an adapter: its configuration is written last. */
static struct rule *adapter_rule(const struct book *b, const char *folder)
{
	struct rule *r = graph_rule(b->g, NULL, "$W/%s/adapter_config.json", folder);

	rule_target(r, "$W/%s/adapter_model.safetensors", folder);
	rule_needs(r, "$W/stamps/assemble");
	needs_solutions(b, r, "$W");
	return r;
}

static void add_scale(struct book *b)
{
	struct rule *unscaled = adapter_rule(b, "unscaled"), *scale = graph_rule(b->g, NULL, "$W/scale.json");

	rule_recipe(unscaled, "$(assemble) -o $W/unscaled");
	rule_needs(scale, "$W/stamps/search");
	rule_needs(scale, "$W/unscaled/adapter_config.json");
	for (int t = 0; t < b->tasks->n; t++)
		rule_needs(scale, "$W/samples/%s.h5", task_name(b, t));
	rule_recipe(scale, "$(search) -o $@");
}

/* The solutions as an adapter or (whole weights) a model. Its recipe comes later (finish_result). */
static struct rule *add_result(struct book *b)
{
	struct rule *r;

	if (plan_dense(b->p)) {
		r = graph_rule(b->g, NULL, "$W/model/config.json");
		rule_needs(r, "$W/stamps/model");
		needs_solutions(b, r, "$W");
		return r;
	}
	if (searches_scale(b->p))
		add_scale(b);
	r = adapter_rule(b, "adapter");
	if (searches_scale(b->p))
		rule_needs(r, "$W/scale.json");
	return r;
}

static void finish_result(const struct book *b, struct rule *r)
{
	bool scaled = cuts(b->p) || b->p->c.method == TASK_ARITHMETIC;

	rule_recipe(r, "$(keep_previous)");
	if (plan_dense(b->p))
		rule_recipe(r, "$(assemble_model) --solutions $W/solution --sites $(all_sites) -o $W/model");
	else if (scaled)
		rule_recipe(r, "$(assemble) %s -o $W/adapter", searches_scale(b->p) ? "--scale-file $W/scale.json" : "--scale $(scale)");
	else
		rule_recipe(r, "$(assemble) -o $W/adapter");
}

/* save: the full model beside the adapter. */
static void add_saved_model(struct book *b)
{
	struct rule *r;

	if (!b->p->c.save || plan_dense(b->p))
		return;
	r = graph_rule(b->g, NULL, "$W/model/config.json");
	rule_needs(r, "$W/stamps/model");
	rule_needs(r, "$W/adapter/adapter_config.json");
	rule_recipe(r, "$(assemble_model) --adapter $W/adapter -o $W/model");
}

/* ------------------------------------------------------------ the evaluation */

/* REFERENCE may be shared by several merges: its files go by stamps of its own, whose times change only with their text. */
static void add_reference_stamp(struct book *b, const char *name, const char *of)
{
	struct rule *r = graph_rule(b->g, NULL, "$R/stamps/%s%s", name, of);

	rule_apart(r);
	rule_needs(r, "$W/stamps/%s%s", name, of);
	rule_recipe(r, "$(copy_stamp)");
}

static struct rule *evaluation(struct book *b, const char *folder, const char *predictions, const char *task, const char *stamps)
{
	struct rule *r = graph_rule(b->g, NULL, "%s/%s.json", folder, task);

	rule_apart(r);
	rule_target(r, "%s/%s.jsonl", predictions, task);
	rule_needs(r, "%s/eval", stamps);
	rule_needs(r, "%s/test-%s", stamps, task);
	return r;
}

static void add_evaluations(struct book *b, const char *task)
{
	struct rule *r = evaluation(b, "$W/eval", "$W/predictions", task, "$W/stamps");

	rule_needs(r, "%s", rules_result(b->p));
	rule_recipe(r, "$(evaluate) --task %s --test $(data)/%s/test.json --name 'merge $(method)' %s --predictions $W/predictions/%s.jsonl -o $W/eval/%s.json",
	            task, task, plan_dense(b->p) ? "--model $W/model" : "--model $(model) --adapter $W/adapter", task, task);
	r = evaluation(b, "$R/base", "$R/base", task, "$R/stamps");
	rule_recipe(r, "$(evaluate) --task %s --test $(data)/%s/test.json --name base --model $(model) --predictions $R/base/%s.jsonl -o $R/base/%s.json", task,
	            task, task, task);
	for (int a = 0; a < b->tasks->n; a++) {
		const char *name = task_name(b, a);
		char *folder = xformat("$R/adapters/%s", name);

		r = evaluation(b, folder, folder, task, "$R/stamps");
		rule_needs(r, "$R/stamps/adapter-%s", name);
		rule_recipe(r,
		            "$(evaluate) --task %s --test $(data)/%s/test.json --name 'adapter %s' --model $(model) --adapter $(loras)/%s --predictions %s/%s.jsonl "
		            "-o %s/%s.json", task, task, name, name, folder, task, folder, task);
		free(folder);
	}
}

static void add_table(struct book *b)
{
	struct rule *r;

	add_reference_stamp(b, "eval", "");
	for (int t = 0; t < b->tasks->n; t++) {
		add_reference_stamp(b, "test-", task_name(b, t));
		add_reference_stamp(b, "adapter-", task_name(b, t));
	}
	for (int t = 0; t < b->tasks->n; t++)
		add_evaluations(b, task_name(b, t));
	r = graph_rule(b->g, NULL, "$W/eval.tsv");
	rule_apart(r);
	for (int t = 0; t < b->tasks->n; t++) {
		rule_needs(r, "$W/eval/%s.json", task_name(b, t));
		rule_needs(r, "$R/base/%s.json", task_name(b, t));
		for (int a = 0; a < b->tasks->n; a++)
			if (a == t || b->p->matrix)
				rule_needs(r, "$R/adapters/%s/%s.json", task_name(b, a), task_name(b, t));
	}
	rule_recipe(r, "$(report) -o $@ >/dev/null");
}

/* ------------------------------------------------------------ passes */

static void add_pass(struct book *b, bool own, bool fit)
{
	for (int i = 0; i < b->s.n; i++) {
		const struct station *s = &b->s.station[i];
		bool memory = site_is_memory(s->site);

		if (own)
			add_own_rows(b, s);
		if (own && memory)
			add_own_tokens(b);
		if (fit && b->two_sided)
			add_merged_rows(b, s);
		if (fit && b->iteration && b->two_sided && memory && b->p->c.features == REFERENCE)
			add_merged_tokens(b);
		if (fit && s->solved) {
			add_grams(b, s);
			add_fit(b, i);
		}
	}
}

/* Before graph_look(), the rules; after it what depends on what it found. */
static void add_one_pass(struct book *b)
{
	const struct plan *p = b->p;
	struct rule *result = NULL;

	if (fits_rows(p) || searches_scale(p))
		add_samples(b);
	if (fits_rows(p))
		add_pass(b, true, p->c.method != JACOBI);
	else
		for (int i = 0; i < b->s.n; i++)
			if (b->s.station[i].solved)
				add_combination(b, &b->s.station[i]);
	if (p->c.method != JACOBI)
		result = add_result(b);
	add_saved_model(b);
	add_table(b);
	graph_look(b->g);
	if (result) {
		spend_rest(b, result);
		finish_result(b, result);
	}
}

/* The number of the line that fits, 0 without one. */
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

/* WORK/convergence says which iteration's solutions WORK/solution has. */
static int copied_iteration(const struct plan *p)
{
	char *path = xformat("%s/convergence", p->work);
	int k = read_number(path, "iteration %d");

	free(path);
	return k;
}

/* The last iteration's solutions are the merge's. */
static void add_copies(struct book *b)
{
	struct rule *convergence = graph_rule(b->g, NULL, "$W/convergence");

	rule_needs(convergence, "%s/convergence", b->pass);
	rule_recipe(convergence, "$(copy) --from %s/convergence -o $@", b->pass);
	if (copied_iteration(b->p) != b->iteration)
		rule_always(convergence);
	for (int i = 0; i < b->s.n; i++) {
		struct rule *r;

		if (!b->s.station[i].solved)
			continue;
		r = graph_rule(b->g, NULL, "$W/solution/%s.h5", b->s.station[i].name);
		rule_needs(r, "%s/solution/%s.h5", b->pass, b->s.station[i].name);
		rule_needs(r, "$W/convergence");
		rule_recipe(r, "$(copy) --from %s/solution/%s.h5 -o $@", b->pass, b->s.station[i].name);
	}
}

static void add_iteration(struct book *b)
{
	struct rule *convergence, *result;

	graph_mute(b->g, true); /* they stand in WORK/plan.mk */
	add_samples(b);
	add_pass(b, true, false);
	graph_mute(b->g, false);
	add_pass(b, false, true);
	convergence = graph_rule(b->g, NULL, "%s/convergence", b->pass);
	rule_needs(convergence, "$W/stamps/converge");
	needs_solutions(b, convergence, b->pass);
	add_copies(b);
	result = add_result(b);
	graph_mute(b->g, true);
	add_saved_model(b);
	graph_look(b->g);
	spend_rest(b, convergence);
	rule_recipe(convergence, "$(converge) --solutions %s/solution --iteration %d -o $@", b->pass, b->iteration);
	finish_result(b, result);
}

/* Jacobi goes on from iteration to iteration until one has converged. */
static bool is_last(const struct plan *p, int iteration)
{
	char *path = xformat("%s/iter%02d/convergence", p->work, iteration);
	bool last = iteration == p->c.max_iter || read_number(path, "converged %d") == 1;

	free(path);
	return last;
}

static struct book open_book(const struct plan *p, int iteration)
{
	struct book b = {.p = p, .tasks = &p->c.task_targets, .s = schedule_make(p), .iteration = iteration};

	b.g = graph_open(p->work, p->reference);
	b.two_sided = p->c.method == SWEEP || iteration > 1;
	b.pass = iteration ? xformat("$W/iter%02d", iteration) : xstrdup("$W");
	b.before = iteration ? xformat("$W/iter%02d", iteration - 1) : xstrdup("$W");
	b.merged_tokens = iteration && p->c.features == REFERENCE ? xformat("%s/tokens", b.pass) : xstrdup("$W/tokens");
	return b;
}

struct graph *rules_open(const struct plan *p, int iteration, const struct changes *changed)
{
	struct book b = open_book(p, iteration);

	for (int i = 0; i < changed->n; i++) {
		char *name = xformat("$W/stamps/%s", changed->stamp[i]);

		graph_changed(b.g, name);
		free(name);
	}
	if (iteration)
		add_iteration(&b);
	else
		add_one_pass(&b);
	schedule_release(&b.s);
	free(b.merged_tokens);
	free(b.before);
	free(b.pass);
	return b.g;
}

struct todo rules_todo(const struct plan *p, const struct changes *changed)
{
	bool iterates = p->c.method == JACOBI, last = !iterates;
	struct todo todo = {0};

	for (int k = iterates; k == 0 || !last; k++) {
		struct graph *g = rules_open(p, k, changed);
		char *convergence = xformat("$W/iter%02d/convergence", k);
		bool runs = graph_makes(g, convergence);

		last = last || runs || is_last(p, k);
		todo = (struct todo){last ? graph_processes(g) : 0, runs ? k : 0, runs || graph_makes(g, rules_result(p))};
		free(convergence);
		graph_close(g);
	}
	return todo;
}
