/* stamps.c: see stamps.h. */
#include "plan/stamps.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/corrected.h"
#include "adapter/targets.h"
#include "backend/be.h"
#include "base/die.h"
#include "base/text.h"
#include "files/digest.h"
#include "files/out.h"
#include "merge/statistics.h"
#include "model/tokenizer/tokenizer.h"
#include "plan/handed.h"

/* One stamp while it is written. */
struct stamp {
	const struct plan *p;
	struct digest_cache *digests;
	struct changes *changes;
	bool write;
	bool alone; /* there is no earlier text: every digest is as good as another */
	struct text text;
};

static void add_file(struct stamp *s, const char *what, const char *path)
{
	uint64_t digest = s->alone ? 0 : digest_file(s->digests, path);

	text_add(&s->text, "%s %016llx\n", what, (unsigned long long)digest);
}

static void add_task_file(struct stamp *s, const char *what, const char *folder, const char *task,
			  const char *file)
{
	char *path = plan_task_file(folder, task, file);

	add_file(s, what, path);
	free(path);
}

/* Under its name, because equal bytes are other rows in another form. */
static void add_rows_file(struct stamp *s, const char *path)
{
	add_file(s, strrchr(path, '/') + 1, path);
}

static void add_base_file(struct stamp *s, const char *what, const char *file)
{
	char *path = xformat("%s/%s", s->p->base, file);

	add_file(s, what, path);
	free(path);
}

/* All files that can change a text's ids. The stamp also changes when one of them appears or
 * disappears. */
static void add_tokenizer(struct stamp *s)
{
	for (const char *const *name = tokenizer_names; *name; name++) {
		char *path = xformat("%s/%s", s->p->base, *name);

		if (file_exists(path))
			add_file(s, *name, path);
		free(path);
	}
}

static void add_tool(struct stamp *s, const char *name)
{
	char *path = xformat("%s/%s", s->p->tools, name);

	add_file(s, name, path);
	free(path);
}

static void add_keys(struct stamp *s, enum stage stage)
{
	struct config c = plan_stage_config(s->p, stage);

	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		char *v;

		if (!plan_stage_depends(s->p, stage, k))
			continue;
		v = config_value(&c, k);
		text_add(&s->text, "%s %s\n", k->name, v ? v : "");
		free(v);
	}
}

/* What geometry_load() reads. */
static void add_configs(struct stamp *s)
{
	char *generation = xformat("%s/generation_config.json", s->p->base);

	add_base_file(s, "config.json", "config.json");
	if (file_exists(generation))
		add_file(s, "generation_config.json", generation);
	free(generation);
}

/* The config files, and each file of weights once. */
static void add_model(struct stamp *s)
{
	const struct st *st = s->p->model->st;
	const char *first = NULL, *last = NULL;

	add_configs(s);
	for (int i = 0; i < st_count(st); i++) {
		const char *file = st_file(st, st_at(st, i));

		if (!first || (strcmp(file, last) && strcmp(file, first)))
			add_file(s, "weights", file);
		first = first ? first : file;
		last = file;
	}
}

static void write_stamp(struct stamp *s, const char *fmt, const char *name)
{
	char *file = xformat(fmt, name), *path = xformat("%s/stamps/%s", s->p->work, file);

	if (changes_add(s->changes, path, file, text_get(&s->text)) && s->write)
		out_write_text(path, text_get(&s->text));
	text_release(&s->text);
	free(file);
	free(path);
}

static bool has_task_file(const char *folder, const char *task, const char *file)
{
	char *path = plan_task_file(folder, task, file);
	bool there = file_exists(path);

	free(path);
	return there;
}

static void stamp_draw(struct stamp *s, const char *task)
{
	const char *data = s->p->data;
	char *train = plan_rows_file(data, task, "train");

	add_tool(s, "draw-samples");
	add_rows_file(s, train);
	if (has_task_file(data, task, "samples.json"))
		add_task_file(s, "samples", data, task, "samples.json");
	add_tokenizer(s);
	add_base_file(s, "config.json", "config.json");
	add_keys(s, STAGE_DRAW);
	write_stamp(s, "draw-%s", task);
	free(train);
}

/* The two files of task t's adapter. */
static void add_adapter(struct stamp *s, int t)
{
	char *dir = plan_adapter_dir(s->p, t), *config = xformat("%s/adapter_config.json", dir),
	     *weights = xformat("%s/adapter_model.safetensors", dir);

	add_file(s, "config", config);
	add_file(s, "weights", weights);
	free(weights);
	free(config);
	free(dir);
}

static void stamp_adapter(struct stamp *s, int t)
{
	add_adapter(s, t);
	write_stamp(s, "adapter-%s", s->p->c.task_targets.item[t]);
}

/* Statistics that are merged: statistics.json has the digests of all their files. */
static void stamp_given(struct stamp *s, int t)
{
	add_file(s, "statistics", s->p->given[t]->path);
	write_stamp(s, "given-%s", s->p->c.task_targets.item[t]);
}

static void stamp_test(struct stamp *s, const char *task)
{
	char *test = plan_rows_file(s->p->data, task, "test");

	if (file_exists(test)) {
		add_rows_file(s, test);
		write_stamp(s, "test-%s", task);
	}
	free(test);
}

/* Whether a tool's results depend on the backend. */
static bool computes(const char *tool_name)
{
	static const char *const tools[] = {"extract-acts", "generate-tokens",   "compute-grams",
					    "solve-layer",  "solve-full-weight", "search-scale",
					    "eval-emotion"};

	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++)
		if (!strcmp(tool_name, tools[i]))
			return true;
	return false;
}

/* What a stage depends on: its tool, the model if it reads it, and keys of the config. */
static void add_stage(struct stamp *s, enum stage stage, const char *tool_name, bool model)
{
	add_tool(s, tool_name);
	if (model)
		add_model(s);
	add_keys(s, stage);
	if (strcmp(be->name, "cpu") && computes(tool_name))
		text_add(&s->text, "backend %s\n", be->name);
}

static void stamp_stage(struct stamp *s, enum stage stage, bool model)
{
	bool full = plan_full_weight(s->p) && (stage == STAGE_SOLVE || stage == STAGE_MATS);

	add_stage(s, stage, full ? "solve-full-weight" : config_stages[stage].tool, model);
	write_stamp(s, "%s", config_stages[stage].name);
}

/* The weights of DCS depend on all adapters. Without it, a task's Grams do not depend on the
 * others' weights. */
static void stamp_grams(struct stamp *s)
{
	const struct plan *p = s->p;

	add_stage(s, STAGE_GRAMS, config_stages[STAGE_GRAMS].tool, true);
	for (int t = 0; t < p->c.task_targets.n && p->c.use_dcs; t++)
		add_adapter(s, t);
	write_stamp(s, "%s", "grams");
}

/* What adds the Grams of shards. */
static void stamp_sum(struct stamp *s)
{
	add_tool(s, "add-grams");
	write_stamp(s, "%s", "sum");
}

/* Adds a module's name to a digest of a set, so that the order does not count. */
static uint64_t add_name(const struct plan *p, struct module q, uint64_t set)
{
	char *name = module_name(&p->model->m, q);
	uint64_t digest = digest_bytes(0, name, strlen(name));

	free(name);
	return set + digest;
}

/* Gram files hold every module of their site that any adapter targets. One stamp for each kind of
 * site: a task that targets more of one kind leaves the Grams of the others as they are. */
static void stamp_modules(struct stamp *s, const char *kind)
{
	const struct plan *p = s->p;
	const struct family *f = p->model->m.family;
	uint64_t set = 0;
	char buf[24];

	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++) {
			const struct lora *l = &p->adapter[t]->lora[i];

			if (strcmp(site_kind(f, l->site, buf), kind) == 0 &&
			    !module_targeted(p->adapter, t, l->module))
				set = add_name(p, l->module, set);
		}
	text_add(&s->text, "targets %016llx\n", (unsigned long long)set);
	write_stamp(s, "modules-%s", kind);
}

static void stamp_all_modules(struct stamp *s)
{
	const struct plan *p = s->p;
	struct strlist done = {0};
	char kind[24];

	for (int i = 0; i < p->nsites; i++) {
		site_kind(p->model->m.family, p->site[i], kind);
		if (strlist_find(&done, kind) < 0) {
			strlist_add(&done, kind);
			stamp_modules(s, kind);
		}
	}
	strlist_release(&done);
}

struct set {
	const struct plan *p;
	uint64_t digest;
};

static void add_also(struct module q, void *arg)
{
	struct set *set = arg;

	if (!adapter_find(set->p->adapter[0], q))
		set->digest = add_name(set->p, q, set->digest);
}

/* The modules and settings of a task's statistics. */
static void stamp_statistics(struct stamp *s)
{
	struct set set = {s->p, 0};
	json_t *settings = handed_settings(s->p), *v;
	const char *key;

	for (int i = 0; i < s->p->adapter[0]->n; i++)
		set.digest = add_name(s->p, s->p->adapter[0]->lora[i].module, set.digest);
	linears_each(&s->p->model->m, &s->p->also, add_also, &set);
	add_tool(s, "write-statistics");
	text_add(&s->text, "targets %016llx\n", (unsigned long long)set.digest);
	json_object_foreach (settings, key, v)
		text_add(&s->text, "%s %s\n", key, json_string_value(v));
	write_stamp(s, "statistics-%s", s->p->c.task_targets.item[0]);
	json_decref(settings);
}

/* Everything between the samples and the rows and tokens that are fitted. */
static void stamp_rows(struct stamp *s)
{
	stamp_stage(s, STAGE_EXTRACT, true);
	stamp_stage(s, STAGE_TOKENS, true);
	stamp_grams(s);
	if (plan_shards(s->p) > 1)
		stamp_sum(s);
	if (s->p->statistics)
		stamp_statistics(s);
	else
		stamp_all_modules(s);
}

static void stamp_solutions(struct stamp *s)
{
	stamp_stage(s, STAGE_SOLVE,
		    plan_full_weight(s->p) || plan_drifts(s->p) || s->p->ncorrected > 0);
	stamp_stage(s, STAGE_COMBINE, false);
	stamp_stage(s, STAGE_SEARCH, true);
	stamp_stage(s, STAGE_ASSEMBLE, false);
	stamp_stage(s, STAGE_MATS, false);
	stamp_stage(s, STAGE_CONVERGE, false);
	add_tokenizer(s);
	stamp_stage(s, STAGE_EVAL, true);
	add_tool(s, "assemble-model");
	add_model(s);
	write_stamp(s, "%s", "model");
}

/* Neither WORK nor REFERENCE holds a stamp. A large model then takes seconds to plan. */
static bool is_first(const struct plan *p)
{
	char *work = xformat("%s/stamps", p->work), *reference = xformat("%s/stamps", p->reference);
	bool first = !file_exists(work) &&
		     (strncmp(p->reference, "$W/", 3) == 0 ? !file_exists(p->work)
							   : !file_exists(reference));

	free(reference);
	free(work);
	return first;
}

void stamps_compare(const struct plan *p, bool write, struct changes *changes)
{
	char *cache = xformat("%s/stamps/digests", p->work);
	struct stamp s = {.p = p,
			  .digests = digest_cache_open(cache),
			  .changes = changes,
			  .write = write,
			  .alone = !write && is_first(p)};

	if (p->given)
		handed_check(p, s.digests);
	else
		stamp_rows(&s);
	if (!p->statistics)
		stamp_solutions(&s);
	for (int t = 0; t < p->c.task_targets.n; t++) {
		if (plan_samples(p))
			stamp_draw(&s, p->c.task_targets.item[t]);
		stamp_adapter(&s, t);
		if (p->given)
			stamp_given(&s, t);
		if (p->data && !p->statistics)
			stamp_test(&s, p->c.task_targets.item[t]);
	}
	digest_cache_close(s.digests, write);
	free(cache);
}
