/* handed.c: see handed.h. */
#include "plan/handed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/targets.h"
#include "base/die.h"
#include "files/out.h"
#include "merge/statistics.h"
#include "plan/effects.h"
#include "plan/request.h"

/* ------------------------------------------------------------ settings */

void handed_check_config(const struct config *c)
{
	if (c->use_dcs)
		die("use_dcs weighs a task's rows by the adapters of all tasks, so one task's "
		    "statistics cannot have it: USE_DCS=0");
}

static bool is_of(const struct config_key *k, enum stage stage)
{
	return k->changes >> stage & 1;
}

/* Keys that a task's rows depend on. Without gradient checkpointing only the states differ, and
 * shards only share the rows out. */
static bool shapes_rows(const struct plan *p, const struct config_key *k)
{
	bool rows = is_of(k, STAGE_DRAW) || is_of(k, STAGE_EXTRACT) || is_of(k, STAGE_GRAMS) ||
		    (p->c.answers == GENERATED && plan_stage_depends(p, STAGE_TOKENS, k));

	return rows && k != &config_keys[KEY_use_gradient_checkpointing] &&
	       k != &config_keys[KEY_shards] && effects_counts(p, k);
}

json_t *handed_settings(const struct plan *p)
{
	struct config c = plan_stage_config(p, STAGE_TOKENS);
	json_t *o = json_object();

	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		char *v = shapes_rows(p, k) ? config_value(&c, k) : NULL;

		if (v)
			json_object_set_new(o, k->name, json_string(v));
		free(v);
	}
	return o;
}

bool handed_agrees(const struct config_key *k)
{
	return !is_of(k, STAGE_DRAW) || k == &config_keys[KEY_samples_num] ||
	       k == &config_keys[KEY_max_length];
}

static void check_setting(const struct statistics *s, const json_t *settings, const char *name)
{
	statistics_expect_setting(s, name, json_string_value(json_object_get(settings, name)));
}

/* The features come first, because others follow from them. */
static void check_settings(const struct plan *p, const struct statistics *s)
{
	json_t *settings = handed_settings(p);

	check_setting(s, settings, config_keys[KEY_features].name);
	for (int i = 0; i < CONFIG_KEYS; i++)
		if (handed_agrees(&config_keys[i]))
			check_setting(s, settings, config_keys[i].name);
	json_decref(settings);
}

/* ------------------------------------------------------------ the folders */

static void check_method(const struct config *c)
{
	if (c->method != REGMEAN)
		die("STATISTICS is for METHOD=regmean: %s %s", method_name(c->method),
		    config_keys[KEY_alpha_1].methods >> c->method & 1
			    ? "also needs rows of the merged model, and so the texts"
			    : "uses no statistics");
	handed_check_config(c);
}

/* The tasks of the merge are those of the statistics. */
static void check_tasks(const struct strlist *tasks, const struct strlist *found)
{
	bool same = tasks->n == found->n;

	for (int t = 0; t < tasks->n; t++)
		same = same && strlist_find(found, tasks->item[t]) >= 0;
	if (!same)
		die("task_targets are %s, but STATISTICS are of %s: expected one folder for each "
		    "task: TASK_TARGETS=%s",
		    strlist_join(tasks, ","), strlist_join(found, ","), strlist_join(found, ","));
}

struct statistics **handed_open(const struct config *c, const char *list)
{
	struct strlist dirs = strlist_split(list, "STATISTICS"), found = {0};
	struct statistics **given = xcalloc((size_t)dirs.n, sizeof(*given)),
			  **ordered = xcalloc((size_t)dirs.n, sizeof(*ordered));

	check_method(c);
	for (int i = 0; i < dirs.n; i++) {
		char *dir = request_plain(dirs.item[i], "STATISTICS");

		given[i] = statistics_open(dir);
		if (!config_plain_name(statistics_task(given[i])))
			die("'%s': task: expected the name of a task", given[i]->path);
		if (strlist_find(&found, statistics_task(given[i])) >= 0)
			die("STATISTICS: '%s' is of task '%s', as a folder before it", dir,
			    statistics_task(given[i]));
		strlist_add(&found, statistics_task(given[i]));
		free(dir);
	}
	check_tasks(&c->task_targets, &found);
	for (int t = 0; t < dirs.n; t++)
		ordered[t] = given[strlist_find(&found, c->task_targets.item[t])];
	free(given);
	strlist_release(&dirs);
	strlist_release(&found);
	return ordered;
}

static void link_task(const char *folder, const char *task, const char *dir)
{
	char target[PATH_MAX], old[PATH_MAX], *path = xformat("%s/%s", folder, task),
					      *tmp = xformat("%s/.%s.tmp-0-0", folder, task);
	ssize_t n = readlink(path, old, sizeof(old) - 1);

	if (!realpath(dir, target))
		die("cannot find '%s': %s", dir, strerror(errno));
	old[n < 0 ? 0 : n] = 0;
	if (strcmp(old, target) != 0) {
		remove(tmp);
		if (symlink(target, tmp) || rename(tmp, path))
			die("cannot make the link '%s': %s", path, strerror(errno));
	}
	free(tmp);
	free(path);
}

void handed_link(const struct plan *p)
{
	char *folder = xformat("%s/given", p->work);

	make_folder(folder);
	for (int t = 0; p->given && t < p->c.task_targets.n; t++)
		link_task(folder, p->c.task_targets.item[t], p->given[t]->dir);
	free(folder);
}

/* ------------------------------------------------------------ modules */

/* The last parts of the names of all modules of the merge, each once: q,v (allocated). */
static char *all_linears(const struct plan *p)
{
	struct strlist ends = {0};

	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++) {
			char *name = module_name(&p->model->m, p->adapter[t]->lora[i].module);
			const char *dot = strrchr(name, '.'), *end = dot ? dot + 1 : name;

			if (strlist_find(&ends, end) < 0)
				strlist_add(&ends, end);
			free(name);
		}
	char *said = strlist_join(&ends, ",");
	strlist_release(&ends);
	return said;
}

static void check_module(const struct plan *p, int t, int other, const struct lora *l)
{
	char *module = module_name(&p->model->m, l->module), site[24];
	const char *task = p->c.task_targets.item[t];

	site_name(p->model->m.family, l->site, site);
	if (!statistics_has(p->given[t], site, module))
		die("statistics '%s' have no %s (site %s), which the adapter of task '%s' targets: "
		    "who has the texts of '%s' makes them again by: make statistics TASK=%s "
		    "TARGETS=%s",
		    p->given[t]->dir, module, site, p->c.task_targets.item[other], task, task,
		    all_linears(p));
	free(module);
}

/* Whether there is such a linear. */
static void note_it(struct module q, void *arg)
{
	(void)q;
	*(bool *)arg = true;
}

static void check_also(const struct plan *p)
{
	for (int i = 0; i < p->also.n; i++) {
		const struct strlist one = {1, &p->also.item[i]};
		bool found = false;

		linears_each(&p->model->m, &one, note_it, &found);
		if (!found)
			die_usage("TARGETS: '%s' names no linear of the model: expected ends of "
				  "names: %s",
				  p->also.item[i], p->model->m.family->linears);
	}
}

void handed_check_modules(const struct plan *p)
{
	int n = p->c.task_targets.n;

	check_also(p);
	for (int t = 0; p->given && t < n; t++)
		for (int u = 0; u < n; u++)
			for (int i = 0; i < p->adapter[u]->n; i++)
				check_module(p, t, u, &p->adapter[u]->lora[i]);
}

/* ------------------------------------------------------------ files */

static void check_adapter(const struct plan *p, int t, struct digest_cache *digests)
{
	char *dir = xformat("%s/%s", p->loras, p->c.task_targets.item[t]);
	json_t *files = statistics_adapter(digests, dir);

	statistics_expect_files(p->given[t], "adapter", files, "adapter", dir);
	json_decref(files);
	free(dir);
}

void handed_check(const struct plan *p, struct digest_cache *digests)
{
	json_t *model = statistics_model(digests, p->base);

	for (int t = 0; t < p->c.task_targets.n; t++) {
		statistics_expect_files(p->given[t], "model", model, "base model", p->base);
		if (p->loras)
			check_adapter(p, t, digests);
		check_settings(p, p->given[t]);
		statistics_check_files(p->given[t], digests);
	}
	json_decref(model);
}
