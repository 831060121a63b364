/* write-card: the model card of a merged adapter or full model, README.md in its folder.
 *
 * What was merged is read from the adapters, what was kept from the evaluation, where all its
 * results are there: so the card is written after a merge, and again after its evaluation. No path
 * of this machine goes into it: a base model that is a folder is named by the folder's last
 * name. */
#include <stdlib.h>
#include <string.h>

#include "adapter/peft.h"
#include "base/die.h"
#include "files/exists.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "files/start.h"
#include "model/geometry.h"
#include "plan/hub.h"
#include "report/card.h"

static const char *model_dir, *tasks_arg, *adapter_arg, *settings_arg, *evaluation, *reference,
	*folder;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder: config.json"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "the merged tasks, in order"},
	{"adapter", 0, OPT_STRING, &adapter_arg, true, 0, 0, "PATH",
	 "the merged adapters, {task} for the task"},
	{"settings", 0, OPT_STRING, &settings_arg, true, 0, 0, "JSON",
	 "the merge's settings: an object of texts"},
	{"evaluation", 0, OPT_STRING, &evaluation, false, 0, 0, "DIR",
	 "the merge's results, if any"},
	{"reference", 0, OPT_STRING, &reference, false, 0, 0, "DIR",
	 "folder with base/ and adapters/, the results beside them"},
	{"output", 'o', OPT_STRING, &folder, true, 0, 0, "DIR",
	 "folder of the merged adapter or model; README.md is written into it"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "write-card",
	.summary = "write the model card of a merge",
	.opts = options,
	.example = "write-card --model model --tasks tec,isear --adapter 'loras/{task}' --settings "
		   "'{\"method\": \"sweep\"}' --evaluation work/eval --reference work/eval "
		   "-o work/adapter",
};

/* ------------------------------------------------------------ the adapters */

/* target_modules as PEFT has it: a list, a pattern or all-linear; or nothing. */
static char *targets_of(const struct peft *p)
{
	const json_t *targets = json_object_get(p->json, "target_modules");
	struct text list = {0};
	if (json_is_string(targets))
		return xstrdup(json_string_value(targets));
	for (size_t i = 0; i < json_array_size(targets); i++)
		text_add(&list, "%s%s", i ? ", " : "",
			 json_string_value(json_array_get(targets, i)));
	return list.s ? list.s : xstrdup("as PEFT has it for the model");
}

/* The base model's name, as the first adapter that has one gives it, goes to *base (allocated). */
static struct card_adapter *read_adapters(const struct strlist *tasks, const struct geometry *m,
					  char **base)
{
	struct card_adapter *a = xcalloc((size_t)tasks->n, sizeof *a);
	for (int t = 0; t < tasks->n; t++) {
		char *dir = path_for_task(adapter_arg, tasks->item[t], tasks->n, "--adapter");
		struct peft p;
		peft_read(&p, dir, m->family);
		a[t] = (struct card_adapter){tasks->item[t], p.r, p.alpha, targets_of(&p)};
		if (!*base && p.base)
			*base = xstrdup(p.base);
		peft_release(&p);
		free(dir);
	}
	return a;
}

/* ------------------------------------------------------------ the base model's name */

/* The last name of a path (allocated). */
static char *last_name(const char *path)
{
	size_t end = strlen(path);
	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t begin = end;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	return xformat("%.*s", (int)(end - begin), path + begin);
}

/* A name on the hub stays; of a path only the last name is left. */
static char *public_name(const char *base)
{
	const char *given = base && *base ? base : model_dir;
	return hub_looks_like(given) ? xstrdup(given) : last_name(given);
}

/* ------------------------------------------------------------ the evaluation */

/* The results of all tasks in a folder, which {task} in its name stands for; NULL: some are not
 * there. */
static struct score *read_scores(const char *dir, const struct strlist *tasks)
{
	struct score *s = xcalloc((size_t)tasks->n, sizeof *s);
	bool all = true;
	for (int t = 0; t < tasks->n; t++) {
		char *of = path_for_task(dir, tasks->item[t], 1, "--reference");
		s[t] = score_read(of, tasks->item[t], false);
		all = all && s[t].there;
		free(of);
	}
	if (all)
		return s;
	free(s);
	return NULL;
}

static void read_evaluation(struct card *c, const struct strlist *tasks)
{
	if (!evaluation || !reference)
		return;
	char *base = xformat("%s/base", reference), *own = xformat("%s/adapters/{task}", reference);
	c->merged = read_scores(evaluation, tasks);
	c->alone = read_scores(base, tasks);
	c->own = read_scores(own, tasks);
	if (!c->alone || !c->own)
		c->merged = NULL;
	free(base);
	free(own);
}

/* ------------------------------------------------------------ the card */

static json_t *read_settings(void)
{
	const char *key;
	json_t *o = json_loads(settings_arg, JSON_REJECT_DUPLICATES, NULL), *v;
	if (!json_is_object(o))
		die_usage("--settings '%s': expected a JSON object of texts", settings_arg);
	json_object_foreach (o, key, v)
		if (!json_is_string(v) || key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")])
			die_usage("--settings: '%s': expected a text under the name of a setting",
				  key);
	return o;
}

/* The ranks of the modules that have one of their own. */
static void read_pattern(struct card *c, json_t *config, const char *path)
{
	json_t *ranks = json_object_get(config, "rank_pattern"), *v;
	const char *name;
	json_object_foreach (ranks, name, v) {
		int rank = (int)jsonx_int(ranks, path, name, 1, 1 << 24);
		c->least = rank < c->least ? rank : c->least;
		c->most = rank > c->most ? rank : c->most;
	}
}

/* What the merged adapter's config says; *base: the name there, over the adapters'. */
static void read_result(struct card *c, char **base)
{
	char *path = xformat("%s/adapter_config.json", folder);
	c->full_model = !file_exists(path);
	if (!c->full_model) {
		json_t *config = jsonx_load(path, 1 << 20);
		const char *name = jsonx_string_or(config, path, "base_model_name_or_path", NULL);
		c->rank = c->least = c->most = (int)jsonx_int(config, path, "r", 1, 1 << 24);
		read_pattern(c, config, path);
		if (name) {
			free(*base);
			*base = xstrdup(name);
		}
		json_decref(config);
	}
	free(path);
}

static void write_card(const struct card *c)
{
	char *path = xformat("%s/README.md", folder);
	struct text text = {0};
	card_write(&text, c);
	out_write_text(path, text.s);
	tool_done("%s: %d task%s, %s", path, c->n, c->n == 1 ? "" : "s",
		  c->merged ? "evaluated" : "not evaluated");
	text_release(&text);
	free(path);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	struct strlist tasks = strlist_split(tasks_arg, "--tasks");
	struct geometry m = geometry_load(model_dir);
	char *base = NULL;
	struct card_adapter *adapter = read_adapters(&tasks, &m, &base);
	json_t *settings = read_settings();
	struct card c = {.causal = strcmp(m.family->task_type, "CAUSAL_LM") == 0,
			 .n = tasks.n,
			 .adapter = adapter,
			 .settings = settings};
	read_result(&c, &base);
	char *name = public_name(base);
	c.base = name;
	c.on_hub = base && hub_looks_like(base);
	read_evaluation(&c, &tasks);
	write_card(&c);
	for (int t = 0; t < tasks.n; t++)
		free(adapter[t].targets);
	free(adapter);
	free(base);
	free(name);
	json_decref(settings);
	strlist_release(&tasks);
	return 0;
}
