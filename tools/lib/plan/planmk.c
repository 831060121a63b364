/* planmk.c: see planmk.h. */
#include "plan/planmk.h"

#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/threads.h"
#include "files/out.h"
#include "plan/schedule.h"
#include "base/text.h"

static void put(struct text *mk, const char *name, const char *value)
{
	text_add(mk, "%s := %s\n", name, value);
}

static void put_key(struct text *mk, const struct plan *p, enum config_key_number key)
{
	char *v = config_value(&p->c, &config_keys[key]);

	put(mk, config_keys[key].name, v);
	free(v);
}

static void put_option(struct text *mk, const struct config *c, const struct config_key *k)
{
	char *v = config_value(c, k);

	text_add(mk, " --");
	for (const char *s = k->name; *s; s++)
		text_add(mk, "%c", *s == '_' ? '-' : *s);
	text_add(mk, " %s", v);
	free(v);
}

/* STAGE_flags: one "--key value" per key that the stage's tool takes. */
static void put_flags(struct text *mk, const struct plan *p, enum stage stage)
{
	struct config c = plan_stage_config(p, stage);

	text_add(mk, "%s_flags :=", config_stages[stage].name);
	for (int i = 0; i < CONFIG_KEYS; i++)
		if (config_keys[i].takes >> stage & 1)
			put_option(mk, &c, &config_keys[i]);
	text_add(mk, "\n");
}

/* What the tools that compute are told of the machine; nothing where it is all as by default. */
static void put_memory_flags(struct text *mk, const struct plan *p)
{
	text_add(mk, "memory_flags :=");
	if (p->c.max_memory)
		text_add(mk, " --max-memory %zu", p->c.max_memory);
	if (strcmp(be->name, "cpu"))
		text_add(mk, " --backend %s", be->name);
	text_add(mk, "\n");
}

static void put_all_flags(struct text *mk, const struct plan *p)
{
	for (int stage = 0; stage < STAGE_PLAN; stage++)
		if (stage != STAGE_ASSEMBLE) /* whose options the graph chooses */
			put_flags(mk, p, (enum stage)stage);
	text_add(mk, "mats_pairs := %d\n", plan_past(p));
	put_memory_flags(mk, p);
	put(mk, "sequential", p->c.sequential_layer_processing ? "1" : "");
}

/* Tasks dealt out to so many processes. */
static void put_groups(struct text *mk, const struct strlist *tasks, const char *stage, long processes)
{
	int groups = processes < tasks->n ? (int)processes : tasks->n;

	text_add(mk, "%sgroups :=", stage);
	for (int g = 1; g <= groups; g++)
		text_add(mk, " %d", g);
	for (int t = 0, g = 0; t < tasks->n; t++) {
		for (; t >= (long)g * tasks->n / groups; g++)
			text_add(mk, "\n%sgroup_%d :=", stage, g + 1);
		text_add(mk, " %s", tasks->item[t]);
	}
	text_add(mk, "\n");
}

/* make -jN: the cores are dealt out to the processes, and the tasks too: a stage of a site is as many processes as there are jobs, each for a
 * group of tasks. In a sweep the lora side is extracted beside the merged side, so that each has half of them: the fewer the processes, the
 * fewer times a block's weights are read and packed. */
static void put_jobs(struct text *mk, const struct plan *p, const char *typed)
{
	int cores = threads_default();
	long jobs = 1;

	if (typed && *typed && (!text_to_long(typed, &jobs) || jobs < 1))
		jobs = cores;
	text_add(mk, "threads := %ld\n", cores / jobs > 1 ? cores / jobs : 1);
	put_groups(mk, &p->c.task_targets, "", jobs);
	put_groups(mk, &p->c.task_targets, "extract_", p->c.method == SWEEP ? (jobs + 1) / 2 : jobs);
}

static void put_tasks(struct text *mk, const struct plan *p)
{
	const struct strlist *tasks = &p->c.task_targets;

	text_add(mk, "tasks :=");
	for (int t = 0; t < tasks->n; t++)
		text_add(mk, " %s", tasks->item[t]);
	text_add(mk, "\n");
	for (int t = 0; t < tasks->n; t++) {
		char *rows = plan_task_file(p->data, tasks->item[t], "samples.json");

		if (file_exists(rows))
			text_add(mk, "rows_%s := %s\n", tasks->item[t], rows);
		free(rows);
	}
}

static void put_request(struct text *mk, const struct plan *p)
{
	put(mk, "work", p->work);
	put(mk, "model", p->base);
	put(mk, "loras", p->loras);
	put(mk, "data", p->data);
	put(mk, "bin", p->tools);
	put(mk, "method", method_name(p->c.method));
	put(mk, "features", features_name(p->c.features));
	put_key(mk, p, KEY_max_iter);
	put(mk, "model_name", p->c.model_name ? p->c.model_name : "");
	put_key(mk, p, KEY_scale);
	put_key(mk, p, KEY_save);
	if (plan_dense(p))
		put(mk, "dense", "1");
}

char *planmk_write(const struct plan *p, const char *jobs)
{
	char *path = xformat("%s/plan.mk", p->work);
	struct text mk = {0};

	text_add(&mk, "# Written by plan-pipeline; read by pipeline/main.mk.\n");
	put_request(&mk, p);
	put_tasks(&mk, p);
	put_jobs(&mk, p, jobs);
	schedule_put(p, &mk);
	put_all_flags(&mk, p);
	out_update_text(path, text_get(&mk));
	text_release(&mk);
	return path;
}
