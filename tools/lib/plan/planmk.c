/* planmk.c: see planmk.h. */
#include "plan/planmk.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/shard.h"
#include "base/text.h"
#include "files/out.h"
#include "plan/effects.h"
#include "plan/handed.h"
#include "plan/launch.h"
#include "plan/rules.h"
#include "plan/schedule.h"

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

/* A text as one word of the shell, inside a make variable. */
static void put_quoted(struct text *mk, const char *s)
{
	text_add(mk, "'");
	for (; *s; s++)
		if (*s == '\'')
			text_add(mk, "'\\''");
		else if (*s == '$')
			text_add(mk, "$$");
		else if (*s == '#') /* starts a comment, whatever precedes it */
			text_add(mk, "$(hash)");
		else
			text_add(mk, "%c", *s);
	text_add(mk, "'");
}

static void put_option(struct text *mk, const struct config *c, const struct config_key *k)
{
	char *v = config_value(c, k);

	if (!v) /* not given, and the tool has no default */
		return;
	text_add(mk, " --");
	for (const char *s = k->name; *s; s++)
		text_add(mk, "%c", *s == '_' ? '-' : *s);
	text_add(mk, " ");
	if (k->type == CONFIG_TEMPLATE || k->type == CONFIG_STRING || k->type == CONFIG_NAMES)
		put_quoted(mk, v);
	else
		text_add(mk, "%s", v);
	free(v);
}

/* Whether the stage's tool takes the key. */
static bool takes(const struct plan *p, enum stage stage, int key)
{
	static const int cuts[] = {KEY_merge_rank, KEY_drift, KEY_correct, KEY_correct_rank,
				   KEY_correct_ridge};

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++)
		if (stage == STAGE_SOLVE && key == cuts[i] && plan_full_weight(p))
			return false; /* solve-full-weight cuts nothing, and fits all of W */
	return config_keys[key].takes >> stage & 1;
}

/* STAGE_flags: one "--key value" for each key that the stage's tool takes. */
static void put_flags(struct text *mk, const struct plan *p, enum stage stage)
{
	struct config c = plan_stage_config(p, stage);

	text_add(mk, "%s_flags :=", config_stages[stage].name);
	for (int i = 0; i < CONFIG_KEYS; i++)
		if (takes(p, stage, i))
			put_option(mk, &c, &config_keys[i]);
	text_add(mk, "\n");
}

/* What the computing tools must know about the machine; empty where all is default. */
static void put_memory_flags(struct text *mk, const struct plan *p)
{
	text_add(mk, "memory_flags :=");
	if (p->c.max_memory)
		text_add(mk, " --max-memory %zu", p->c.max_memory);
	if (strcmp(be->name, "cpu"))
		text_add(mk, " --backend %s", be->name);
	text_add(mk, "\n");
}

/* Whether what is merged depends on the key. */
static bool changes_merge(const struct plan *p, const struct config_key *k)
{
	if (k == &config_keys[KEY_max_iter]) /* it is make that counts */
		return effects_counts(p, k);
	for (int stage = 0; stage < STAGE_EVAL; stage++)
		if (plan_stage_depends(p, (enum stage)stage, k))
			return effects_counts(p, k);
	return false;
}

/* --settings '{"key":"value",…}'; takes ownership. */
static void put_settings(struct text *mk, json_t *settings)
{
	char *text = json_dumps(settings, JSON_COMPACT);

	if (!text)
		die("out of memory");
	text_add(mk, "--settings ");
	put_quoted(mk, text);
	text_add(mk, "\n");
	free(text);
	json_decref(settings);
}

/* What a model card says of the settings. The tasks are in its table. The base's name may be a path
 * of this machine. */
static void put_card_flags(struct text *mk, const struct plan *p)
{
	json_t *settings = json_object();

	text_add(mk, "card_flags := ");
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		bool said = k->type != CONFIG_TASKS && i != KEY_model_name && i != KEY_shards &&
			    (changes_merge(p, k) || i == KEY_score || i == KEY_max_new_tokens) &&
			    !(p->given && !handed_agrees(k));
		char *v = said ? config_value(&p->c, k) : NULL;

		if (v)
			json_object_set_new(settings, k->name, json_string(v));
		free(v);
	}
	put_settings(mk, settings);
}

/* What write-statistics and compute-grams need for a task's statistics. */
static void put_statistics_flags(struct text *mk, const struct plan *p)
{
	char *also = strlist_join(&p->also, ",");

	text_add(mk, "also :=%s%s\nhand_on_flags := ", *also ? " " : "", also);
	free(also);
	put_settings(mk, handed_settings(p));
}

static void put_all_flags(struct text *mk, const struct plan *p)
{
	for (int stage = 0; stage < STAGE_PLAN; stage++)
		if (stage != STAGE_ASSEMBLE) /* the graph chooses its options */
			put_flags(mk, p, (enum stage)stage);
	put_memory_flags(mk, p);
	if (p->statistics)
		put_statistics_flags(mk, p);
	else
		put_card_flags(mk, p);
}

/* A word of LAUNCH: quoted if it has a character that make or the shell would read. */
static void put_word(struct text *mk, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_+=.,:@%/";

	if (word[strspn(word, plain)])
		put_quoted(mk, word);
	else
		text_add(mk, "%s", word);
}

/* STAGE_launch: LAUNCH for this stage. Without LAUNCH there is none. */
static void put_stage_launch(struct text *mk, const struct plan *p, enum stage stage)
{
	char *words = launch_words(p, stage), *rest = words, *word;

	if (!words)
		return;
	text_add(mk, "%s_launch :=", config_stages[stage].name);
	while ((word = strtok_r(rest, " ", &rest))) {
		text_add(mk, " ");
		put_word(mk, word);
	}
	text_add(mk, "\n");
	free(words);
}

static void put_launch(struct text *mk, const struct plan *p)
{
	if (!p->launch)
		return;
	text_add(mk, "wait := %d\n", LAUNCH_WAIT);
	for (int stage = 0; stage < STAGES; stage++)
		put_stage_launch(mk, p, (enum stage)stage);
}

static void put_tasks(struct text *mk, const struct plan *p)
{
	const struct strlist *tasks = &p->c.task_targets;
	struct schedule s = schedule_make(p);
	struct strlist names = shard_names(tasks, plan_shards(p));

	text_add(mk, "tasks :=");
	for (int t = 0; t < tasks->n; t++)
		text_add(mk, " %s", tasks->item[t]);
	text_add(mk, "\nshards := %d\nnames :=", plan_shards(p));
	for (int i = 0; i < names.n; i++)
		text_add(mk, " %s", names.item[i]);
	text_add(mk, "\nsites :=");
	for (int i = 0; i < s.n; i++)
		if (s.extract_site[i].solved)
			text_add(mk, " %s", s.extract_site[i].name);
	text_add(mk, "\nextract_sites :=");
	for (int i = 0; i < s.n; i++)
		text_add(mk, " %s", s.extract_site[i].name);
	text_add(mk, "\n");
	strlist_release(&names);
	schedule_release(&s);
}

static void put_request(struct text *mk, const struct plan *p)
{
	put(mk, "hash", "\\#");
	put(mk, "W", p->work);
	put(mk, "R", p->reference);
	put(mk, "model", p->base);
	put(mk, "loras", p->given ? "$W/given" : p->loras);
	put(mk, "data", p->data ? p->data : "");
	put(mk, "bin", p->tools);
	put(mk, "method", method_name(p->c.method));
	put(mk, "features", features_name(p->c.features));
	put_key(mk, p, KEY_max_iter);
	put(mk, "model_name", p->c.model_name ? p->c.model_name : "");
	put_key(mk, p, KEY_scale);
	put_key(mk, p, KEY_save);
	if (plan_full_weight(p))
		put(mk, "full_weight", "1");
	put(mk, "result", rules_result(p));
	put(mk, "pass", "$W");
}

/* The cores are shared out among the processes that make runs side by side. */
static void put_threads(struct text *mk, const struct plan *p)
{
	text_add(mk, "threads := %d\n", plan_threads(p));
}

static void put_rules(struct text *mk, const struct plan *p, int iteration,
		      const struct changes *changed)
{
	struct graph *g = rules_open(p, iteration, changed);

	graph_text(g, mk);
	graph_close(g);
}

char *planmk_write(const struct plan *p, const struct changes *changed)
{
	char *path = xformat("%s/%s", p->work, p->statistics ? "statistics.mk" : "plan.mk");
	struct text mk = {0};

	text_add(&mk, "# Written by plan-pipeline; read by pipeline/main.mk.\n");
	put_request(&mk, p);
	put_tasks(&mk, p);
	put_threads(&mk, p);
	put_all_flags(&mk, p);
	put_launch(&mk, p);
	put_rules(&mk, p, 0, changed);
	out_update_text(path, text_get(&mk));
	text_release(&mk);
	return path;
}

char *planmk_write_iteration(const struct plan *p, int iteration)
{
	char *path = xformat("%s/iter%02d/plan.mk", p->work, iteration);
	const struct changes none = {0};
	struct text mk = {0};

	text_add(&mk,
		 "# Iteration %d: written by plan-pipeline; read by pipeline/main.mk after "
		 "WORK/plan.mk.\n",
		 iteration);
	text_add(&mk, "iteration := %d\npass := $W/iter%02d\n", iteration, iteration);
	if (iteration > 1)
		text_add(&mk, "before := $W/iter%02d\n", iteration - 1);
	put_rules(&mk, p, iteration, &none);
	out_update_text(path, text_get(&mk));
	text_release(&mk);
	return path;
}
