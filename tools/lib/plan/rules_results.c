/* rules_results.c: see rules_private.h. */
#include "plan/rules_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/out.h"
#include "plan/sizes.h"

const char *rules_result(const struct plan *p)
{
	if (p->statistics)
		return p->statistics;
	return plan_full_weight(p) ? "$W/model/config.json" : "$W/adapter/adapter_config.json";
}

/* What a person can hand on. */
void book_add_statistics(struct book *b)
{
	const char *task = book_task(b, 0);
	struct rule *r = graph_rule(b->g, NULL, "%s", b->p->statistics);

	rule_target(r, "$W/statistics/%s/adapter_config.json", task);
	rule_target(r, "$W/statistics/%s/adapter_model.safetensors", task);
	rule_stage(r, (struct stage_of){"write-statistics", "statistics", NULL, cost_copy()});
	rule_bytes(r, sizes_adapter(b->p));
	rule_needs(r, "$W/stamps/statistics-%s", task);
	rule_needs(r, "$W/stamps/adapter-%s", task);
	for (int i = 0; i < b->s.n; i++) {
		const struct extract_site *s = &b->s.extract_site[i];
		char *grams = book_grams(b, task, s);

		if (s->solved)
			rule_needs(r, "%s", grams);
		free(grams);
	}
	rule_recipe(r, "$(hand_on) --task %s --adapter $(loras)/%s -o $W/statistics/%s", task, task,
		    task);
	if (b->p->keep == KEEP_NOTHING)
		book_release_handed(b, r);
}

/* The folder of an adapter. Its configuration is written last. */
static struct rule *adapter_rule(const struct book *b, const char *folder)
{
	struct rule *r = graph_rule(b->g, NULL, "$W/%s/adapter_config.json", folder);

	rule_target(r, "$W/%s/adapter_model.safetensors", folder);
	rule_bytes(r, sizes_adapter(b->p));
	rule_needs(r, "$W/stamps/assemble");
	book_needs_solutions(b, r, "$W");
	return r;
}

static struct stage_of assembly(const struct book *b, const char *what)
{
	return (struct stage_of){"assemble-lora", what, NULL, cost_adapter(b->p)};
}

static struct stage_of whole_model(const struct book *b)
{
	return (struct stage_of){"assemble-model", "model", NULL, cost_model(b->p)};
}

static void add_scale(struct book *b)
{
	struct rule *unscaled = adapter_rule(b, "unscaled"),
		    *scale = graph_rule(b->g, NULL, "$W/scale.json");

	rule_stage(unscaled, assembly(b, "adapter before its scale"));
	rule_stage(scale, (struct stage_of){"search-scale", "scale", NULL, cost_scale(b->p)});
	rule_recipe(unscaled, "$(assemble) -o $W/unscaled");
	rule_needs(scale, "$W/stamps/search");
	rule_needs(scale, "$W/unscaled/adapter_config.json");
	for (int t = 0; t < b->tasks->n; t++)
		rule_needs(scale, "$W/samples/%s.h5", book_task(b, t));
	rule_recipe(scale, "$(search) -o $@");
}

/* The result of the solutions: an adapter or (full weights) a model. finish_result adds its recipe
 * later. */
struct rule *book_add_result(struct book *b)
{
	struct rule *r;

	if (plan_full_weight(b->p)) {
		r = graph_rule(b->g, NULL, "$W/model/config.json");
		rule_stage(r, whole_model(b));
		rule_bytes(r, sizes_model(b->p));
		rule_needs(r, "$W/stamps/model");
		book_needs_solutions(b, r, "$W");
		return r;
	}
	if (rules_searches_scale(b->p))
		add_scale(b);
	r = adapter_rule(b, "adapter");
	rule_stage(r, assembly(b, "adapter"));
	if (rules_searches_scale(b->p))
		rule_needs(r, "$W/scale.json");
	return r;
}

void book_finish_result(const struct book *b, struct rule *r)
{
	bool scaled = plan_cuts(b->p) || b->p->c.method == TASK_ARITHMETIC;

	rule_recipe(r, "$(keep_previous)");
	if (plan_full_weight(b->p))
		rule_recipe(r, "$(assemble_model) --solutions $W/solution --sites $(all_sites) -o "
			       "$W/model");
	else if (scaled)
		rule_recipe(r, "$(assemble) %s -o $W/adapter",
			    rules_searches_scale(b->p) ? "--scale-file $W/scale.json"
						       : "--scale $(scale)");
	else
		rule_recipe(r, "$(assemble) -o $W/adapter");
}

/* save: also the full model, beside the adapter. */
void book_add_saved_model(struct book *b)
{
	struct rule *r;

	if (!b->p->c.save || plan_full_weight(b->p))
		return;
	r = graph_rule(b->g, NULL, "$W/model/config.json");
	rule_stage(r, whole_model(b));
	rule_bytes(r, sizes_model(b->p));
	rule_needs(r, "$W/stamps/model");
	rule_needs(r, "$W/adapter/adapter_config.json");
	rule_recipe(r, "$(assemble_model) --adapter $W/adapter -o $W/model");
}

/* The folders of the results, each with a model card; how many. */
static int result_folders(const struct plan *p, const char *folder[2])
{
	folder[0] = plan_full_weight(p) ? "$W/model" : "$W/adapter";
	folder[1] = "$W/model";
	return p->c.save && !plan_full_weight(p) ? 2 : 1;
}

void book_add_cards(struct book *b)
{
	const char *folder[2];
	int n = result_folders(b->p, folder);

	for (int i = 0; i < n; i++) {
		struct rule *r = graph_rule(b->g, NULL, "%s/README.md", folder[i]);

		rule_apart(r);
		rule_stage(r, (struct stage_of){"write-card", "card", NULL, cost_copy()});
		rule_needs(r, "%s", i ? "$W/model/config.json" : rules_result(b->p));
		rule_recipe(r, "$(card) -o %s", folder[i]);
	}
}

/* The cards again, now with numbers. */
static void renew_cards(struct book *b, struct rule *r)
{
	const char *folder[2];
	int n = result_folders(b->p, folder);

	for (int i = 0; i < n; i++) {
		rule_after(r, "%s/README.md", folder[i]);
		rule_recipe(r, "$(card) -o %s", folder[i]);
	}
}

/* ------------------------------------------------------------ the evaluation */

/* The stamp will have another text than its copy in REFERENCE. */
static bool stamp_differs(const struct book *b, const char *name, const char *of)
{
	char *stamp = xformat("%s%s", name, of), *path = xformat("%s/stamps/%s", b->p->work, stamp),
	     *name_of_copy = xformat("$R/stamps/%s", stamp), *copy = graph_path(b->g, name_of_copy),
	     *there = out_read_text(copy), *old = out_read_text(path);
	const char *now = changes_text(b->changed, stamp);

	now = now ? now : old;
	bool differs = there && now && strcmp(there, now) != 0;

	free(old), free(there), free(copy), free(name_of_copy), free(path), free(stamp);
	return differs;
}

/* Several merges may share REFERENCE. Its files use stamps of their own, whose times change only
 * with their text. */
static void add_reference_stamp(struct book *b, const char *name, const char *of)
{
	struct rule *r = graph_rule(b->g, NULL, "$R/stamps/%s%s", name, of);

	rule_apart(r);
	rule_stage(r, (struct stage_of){"copy-output", "copy of a stamp", NULL, cost_copy()});
	rule_copies(r, stamp_differs(b, name, of));
	rule_needs(r, "$W/stamps/%s%s", name, of);
	rule_recipe(r, "$(copy_stamp)");
}

static struct rule *evaluation(struct book *b, const char *folder, const char *predictions,
			       const char *task, const char *stamps)
{
	struct rule *r = graph_rule(b->g, NULL, "%s/%s.json", folder, task);

	rule_apart(r);
	rule_stage(r, (struct stage_of){"eval-emotion", "evaluation", NULL,
					cost_evaluation(b->p, task)});
	rule_target(r, "%s/%s.jsonl", predictions, task);
	rule_bytes(r, sizes_evaluation(b->p, task));
	rule_needs(r, "%s/eval", stamps);
	rule_needs(r, "%s/test-%s", stamps, task);
	return r;
}

static void add_evaluations(struct book *b, const char *task)
{
	char *path = plan_rows_file(b->p->data, task, "test");
	const char *test = strrchr(path, '/') + 1;
	struct rule *r = evaluation(b, "$W/eval", "$W/predictions", task, "$W/stamps");

	rule_needs(r, "%s", rules_result(b->p));
	rule_recipe(r,
		    "$(evaluate) --task %s --test $(data)/%s/%s --name 'merge $(method)' %s "
		    "--predictions $W/predictions/%s.jsonl -o $W/eval/%s.json",
		    task, task, test,
		    plan_full_weight(b->p) ? "--model $W/model"
					   : "--model $(model) --adapter $W/adapter",
		    task, task);
	r = evaluation(b, "$R/base", "$R/base", task, "$R/stamps");
	rule_recipe(r,
		    "$(evaluate) --task %s --test $(data)/%s/%s --name base --model "
		    "$(model) --predictions $R/base/%s.jsonl -o $R/base/%s.json",
		    task, task, test, task, task);
	for (int a = 0; a < b->tasks->n; a++) {
		const char *name = book_task(b, a);
		char *folder = xformat("$R/adapters/%s", name);

		r = evaluation(b, folder, folder, task, "$R/stamps");
		rule_needs(r, "$R/stamps/adapter-%s", name);
		rule_recipe(r,
			    "$(evaluate) --task %s --test $(data)/%s/%s --name 'adapter %s' "
			    "--model $(model) --adapter $(loras)/%s --predictions %s/%s.jsonl "
			    "-o %s/%s.json",
			    task, task, test, name, name, folder, task, folder, task);
		free(folder);
	}
	free(path);
}

void book_add_table(struct book *b)
{
	struct rule *r;

	add_reference_stamp(b, "eval", "");
	for (int t = 0; t < b->tasks->n; t++) {
		add_reference_stamp(b, "test-", book_task(b, t));
		add_reference_stamp(b, "adapter-", book_task(b, t));
	}
	for (int t = 0; t < b->tasks->n; t++)
		add_evaluations(b, book_task(b, t));
	r = graph_rule(b->g, NULL, "$W/eval.tsv");
	rule_apart(r);
	rule_stage(r, (struct stage_of){"report-eval", "table", NULL, cost_copy()});
	for (int t = 0; t < b->tasks->n; t++) {
		rule_needs(r, "$W/eval/%s.json", book_task(b, t));
		rule_needs(r, "$R/base/%s.json", book_task(b, t));
		for (int a = 0; a < b->tasks->n; a++)
			if (a == t || b->p->matrix)
				rule_needs(r, "$R/adapters/%s/%s.json", book_task(b, a),
					   book_task(b, t));
	}
	rule_recipe(r, "$(report) -o $@ >/dev/null");
	renew_cards(b, r);
}
