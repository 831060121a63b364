/* config.c: the settings of one task type: KEY=value overrides, the relations between keys, and the
 * release of memory.
 *
 * It does not look at adapters or models. The code that opens them checks lora_alpha and rank. */
#include "config/config_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/template.h"

/* The key of "KEY=value", in capitals, as in make's command line. Small letters would be variables
 * of the pipeline's own makefiles. */
static const struct config_key *typed_key(const char *assignment, size_t n,
					  const struct config_word *words)
{
	char *raw = xformat("%.*s", (int)(n < 1000 ? n : 1000), assignment), small[64],
	     capitals[64];
	const struct config_key *k;

	config_fold(small, sizeof(small), raw, tolower);
	config_fold(capitals, sizeof(capitals), raw, toupper);
	k = config_key_find(small);
	if (!k || strcmp(raw, capitals) != 0)
		config_fail_typed(raw, words);
	free(raw);
	return k;
}

void config_override(struct config *c, const char *assignment, const struct config_word *words)
{
	const struct where w = {NULL, 0};
	const char *equals = strchr(assignment, '=');
	struct value v = {0};
	const struct config_key *k;
	size_t n;

	if (!equals || equals == assignment)
		config_fail(w, "expected KEY=value, found '%s'", config_shown(assignment).text);
	k = typed_key(assignment, (size_t)(equals - assignment), words);
	n = strlen(++equals);
	if (k->type != CONFIG_TEMPLATE) /* blanks at its ends count */
		equals = config_trimmed(equals, &n);
	config_value_add(&v, equals, n);
	v.null = n == 0 || strcmp(v.item[0], "null") == 0 || strcmp(v.item[0], "~") == 0;
	if (k->type == CONFIG_TASKS && *config_key_line(c, k) > 0) {
		c->file_tasks = c->task_targets;
		c->task_targets = (struct strlist){0};
	}
	config_set_key(c, k, &v, w);
	config_value_release(&v);
}

/* ---- what the user asked for ---- */

bool config_is_on(const struct config *c, const char *key)
{
	char *v = config_value(c, config_key_find(key));
	double x = 0;
	bool on = v && !(text_to_double(v, &x) && x == 0);

	free(v);
	return on;
}

/* Whether a default, as written in the table of keys, equals this value. In a list, all items must
 * equal it. */
static bool is_default(const char *dflt, const char *value)
{
	char *copy = xstrdup(value), *rest = copy, *item;
	bool same = dflt != NULL;

	while (same && (item = strsep(&rest, ","))) {
		double x, y;
		bool a, b;

		if (text_to_double(item, &x) && text_to_double(dflt, &y))
			same = x == y;
		else if (text_to_bool(item, &a) && text_to_bool(dflt, &b))
			same = a == b;
		else
			same = strcmp(item, dflt) == 0;
	}
	free(copy);
	return same;
}

bool config_asked(const struct config *c, const struct config_key *k)
{
	int line = c->line[k - config_keys];
	char *v = config_value(c, k);
	bool required = !k->dflt && !k->none; /* every file has it */
	bool same = v &&
		    (k->type == CONFIG_TEMPLATE ? strcmp(k->dflt, v) == 0 : is_default(k->dflt, v));
	bool asked = v && (line < 0 || (line > 0 && !required && !same));

	free(v);
	return asked && (!k->option || config_is_on(c, k->name));
}

int config_batch(const struct config *c)
{
	return c->if_divide ? c->inner_num : c->samples_num;
}

/* ---- relations between keys ---- */

/* An error about keys that contradict each other. It blames the user's last word: the command line
 * before the file. */
static struct where blame(struct config *c, const char *const *keys)
{
	int last = 0;

	for (int i = 0; keys[i]; i++) {
		int line = *config_key_line(c, config_key_find(keys[i]));

		if (line < 0)
			return (struct where){NULL, 0};
		last = line > last ? line : last;
	}
	return (struct where){c->path, last};
}

static void check_required(struct config *c)
{
	if (!c->task_targets.n)
		die("%s: the section has no task_targets, and none were given (TASK_TARGETS=a,b)",
		    c->path);
}

static bool all_equal(const double *x, int n)
{
	for (int i = 1; i < n; i++)
		if (x[i] != x[0])
			return false;
	return true;
}

/* The file's list belongs to the file's tasks. Where the command line names other tasks, each takes
 * its number along. A single number stays valid for all. */
static void by_name(struct config *c, const struct config_key *k, double **numbers, int *n)
{
	const struct strlist *tasks = &c->task_targets, *file = &c->file_tasks;
	double *own = xarray((size_t)tasks->n, sizeof(*own));
	bool same = all_equal(*numbers, *n);

	for (int t = 0; t < tasks->n; t++) {
		int i = same ? 0 : *n == file->n ? strlist_find(file, tasks->item[t]) : -1;

		if (i < 0)
			config_fail((struct where){NULL, 0},
				    "%s: %s has a value for each of its own tasks (line %d) and "
				    "none for '%s': give one value for all or one per task",
				    k->name, c->path, *config_key_line(c, k), tasks->item[t]);
		own[t] = (*numbers)[i];
	}
	free(*numbers);
	*numbers = own;
	*n = tasks->n;
}

/* A single number counts for all tasks. A list must have one number per task. */
static void check_numbers(struct config *c, const char *key)
{
	const struct config_key *k = config_key_find(key);
	double **numbers = config_field(c, k->offset);
	int *n = config_field(c, k->count), N = c->task_targets.n;
	const char *keys[] = {key, "task_targets", NULL};

	if (!*numbers)
		return;
	if (*config_key_line(c, k) > 0 && *n && c->file_tasks.n)
		by_name(c, k, numbers, n);
	if (*n && *n != N)
		config_fail(blame(c, keys),
			    "%s has %d value%s and task_targets %d task%s (one number without "
			    "brackets counts for all)",
			    k->name, *n, *n == 1 ? "" : "s", N, N == 1 ? "" : "s");
	if (*n)
		return;
	*numbers = xrealloc(*numbers, (size_t)N * sizeof(**numbers));
	for (int i = 1; i < N; i++)
		(*numbers)[i] = (*numbers)[0];
	*n = N;
}

static void check_weights(struct config *c)
{
	const char *keys[] = {"manual_ceof", NULL};

	for (int i = 0; i < c->manual_ceof_n; i++)
		if (c->manual_ceof[i] != 0)
			return;
	config_fail(blame(c, keys), "manual_ceof is 0 for every task: nothing would be fitted");
}

/* The negation of a task is of its change alone: W0 − ΔW is no model of the task. So these fit no
 * such model's outputs. */
static void check_signs(struct config *c)
{
	const char *fits = c->with_pretrain_matrix ? "with_pretrain_matrix"
			   : c->drift              ? "drift"
			   : c->correct.n          ? "correct"
						   : NULL,
		   *keys[] = {"manual_ceof", fits, NULL};

	for (int i = 0; i < c->manual_ceof_n && fits; i++)
		if (c->manual_ceof[i] < 0)
			config_fail(blame(c, keys),
				    "manual_ceof is %g for task '%s', and %s fits whole weights, "
				    "which cannot be negated: leave one of them out",
				    c->manual_ceof[i], c->task_targets.item[i], fits);
}

static void check_shards(struct config *c)
{
	const char *keys[] = {"shards", "use_dcs", NULL};
	bool counts = config_keys[KEY_shards].methods >> c->method & 1;

	if (counts && c->shards > 1 && c->use_dcs)
		config_fail(blame(c, keys),
			    "shards is %d, but use_dcs weighs a row among all rows of its task, so "
			    "they cannot be cut: take shards 1, or leave use_dcs out",
			    c->shards);
}

/* How strongly a key was asked for: 2 typed, 1 in the file, 0 not given. */
static int said(struct config *c, const char *key)
{
	int line = *config_key_line(c, config_key_find(key));

	return line < 0 ? 2 : line > 0;
}

/* samples_num samples go in outer_num batches of inner_num; the last batch may be smaller. The keys
 * that were asked for most strongly stay, and the others follow. */
static void settle_batches(struct config *c)
{
	int samples = said(c, "samples_num"), inner = said(c, "inner_num"),
	    outer = said(c, "outer_num");
	int most = samples > inner ? samples : inner, S = c->samples_num, I = c->inner_num;

	most = outer > most ? outer : most;
	if (most == 0 || (samples == most && inner == most && outer == most))
		return;
	if (outer == most && inner < most)
		c->inner_num = (S - 1) / c->outer_num + 1;
	else if (outer == most &&
		 (long)I * c->outer_num <= (long)config_key_find("samples_num")->max)
		c->samples_num = I * c->outer_num;
	else if (outer < most)
		c->outer_num = (S - 1) / I + 1;
}

static void check_batches(struct config *c)
{
	const char *keys[] = {"samples_num", "inner_num", "outer_num", "if_divide", NULL};

	if (!c->if_divide)
		return;
	settle_batches(c);
	if ((c->samples_num - 1) / c->inner_num + 1 == c->outer_num)
		return;
	config_fail(blame(c, keys),
		    "inner_num x outer_num must be samples_num when if_divide: %d x %d is not %d",
		    c->inner_num, c->outer_num, c->samples_num);
}

/* Published features use the rows of a generation's last step. */
static void settle_features(struct config *c)
{
	const char *keys[] = {"features", "answers", NULL};

	if (!*config_key_line(c, &config_keys[KEY_features]))
		c->features = c->method == JACOBI && c->answers == GENERATED ? REFERENCE : TOKENS;
	else if (c->features == REFERENCE && c->answers == GIVEN)
		config_fail(blame(c, keys),
			    "features: reference is of generated answers, and answers is given: "
			    "take features: tokens");
}

/* Whether a template has a place for the key. */
static bool has_place(const char *text, const char *key)
{
	struct template t;
	char *wrong = template_parse(&t, text);
	bool has = !wrong && template_key(&t, key) >= 0;

	free(wrong);
	template_release(&t);
	return has;
}

/* A key of the rows is its whole template, unless the template says more. `needed`: the template
 * must contain it, asked for or not. */
static void settle_template(struct config *c, enum config_key_number key_number,
			    enum config_key_number template_number, bool needed)
{
	const struct config_key *k = &config_keys[key_number], *t = &config_keys[template_number];
	const char *keys[] = {k->name, t->name, NULL}, *key = *(char **)config_field(c, k->offset);
	char **text = config_field(c, t->offset), *alone = xformat("{%s}", key);

	if (!has_place(alone, key))
		config_fail(blame(c, keys),
			    "%s: a key with a brace in it has no place in a "
			    "template: rename the column",
			    k->name);
	if (!config_asked(c, t)) {
		free(*text);
		*text = alone;
		return;
	}
	if ((needed || config_asked(c, k)) && !has_place(*text, key))
		config_fail(blame(c, keys), "%s is '%s', and %s has no {%s}", k->name,
			    config_shown(key).text, t->name, config_shown(key).text);
	free(alone);
}

void config_check(struct config *c)
{
	check_required(c);
	check_numbers(c, "lora_alpha");
	check_numbers(c, "manual_ceof");
	strlist_release(&c->file_tasks);
	check_weights(c);
	check_shards(c);
	check_signs(c);
	check_batches(c);
	settle_features(c);
	settle_template(c, KEY_text_key, KEY_prompt, false);
	settle_template(c, KEY_label_key, KEY_answer, c->label_names != NULL);
}

void config_release(struct config *c)
{
	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->type == CONFIG_STRING || k->type == CONFIG_TEMPLATE ||
		    k->type == CONFIG_NAMES)
			free(*(char **)config_field(c, k->offset));
		else if (k->type == CONFIG_NUMBERS)
			free(*(double **)config_field(c, k->offset));
		else if (k->type == CONFIG_LINEARS)
			strlist_release(config_field(c, k->offset));
	}
	strlist_release(&c->task_targets);
	strlist_release(&c->file_tasks);
	free(c->path);
	*c = (struct config){0};
}
