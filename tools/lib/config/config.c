/* config.c: the settings of one task type: KEY=value overrides, the relations between keys, and what is freed after use.
 *
 * It does not look at adapters or models: whether lora_alpha and rank contradict them is for who opens them. */
#include "config/config_private.h"

#include <stdlib.h>
#include <string.h>

void config_override(struct config *c, const char *assignment)
{
	const struct where w = {NULL, 0};
	const char *equals = strchr(assignment, '=');
	char name[64], *raw;
	struct value v = {0};
	const struct config_key *k;
	size_t n;

	if (!equals)
		config_fail(w, "expected KEY=value, found '%s'", config_shown(assignment).text);
	raw = xcalloc((size_t)(equals - assignment) + 1, 1);
	memcpy(raw, assignment, (size_t)(equals - assignment));
	config_lower(name, sizeof(name), raw);
	k = config_key_find(name);
	if (!k)
		config_fail_unknown(w, raw);
	n = strlen(equals + 1);
	equals = config_trimmed(equals + 1, &n);
	config_value_add(&v, equals, n);
	v.null = n == 0 || strcmp(v.item[0], "null") == 0 || strcmp(v.item[0], "~") == 0;
	config_set_key(c, k, &v, w);
	config_value_release(&v);
	free(raw);
}

/* ---- relations between keys ---- */

/* Keys that contradict each other: the user's last word among them is to blame, the command line before the file. */
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
	if (!c->model_name)
		die("%s: the section has no model_name, and none was given (MODEL_NAME=)", c->path);
	if (!c->task_targets.n)
		die("%s: the section has no task_targets, and none were given (TASK_TARGETS=a,b)", c->path);
}

/* One number counts for all tasks; a list must have one per task. */
static void check_numbers(struct config *c, const char *key)
{
	const struct config_key *k = config_key_find(key);
	double **numbers = config_field(c, k->offset);
	int *n = config_field(c, k->count), N = c->task_targets.n;
	const char *keys[] = {key, "task_targets", NULL};

	if (!*numbers)
		return;
	if (*n && *n != N)
		config_fail(blame(c, keys), "%s has %d value%s and task_targets %d task%s (one number without brackets counts for all)",
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
		if (c->manual_ceof[i] > 0)
			return;
	config_fail(blame(c, keys), "manual_ceof is 0 for every task: nothing would be fitted");
}

static void check_batches(struct config *c)
{
	const char *keys[] = {"samples_num", "inner_num", "outer_num", "if_divide", NULL};

	if (!c->if_divide || (long)c->inner_num * c->outer_num == c->samples_num)
		return;
	config_fail(blame(c, keys), "inner_num x outer_num must be samples_num when if_divide: %d x %d is not %d", c->inner_num,
	            c->outer_num, c->samples_num);
}

void config_check(struct config *c)
{
	check_required(c);
	check_numbers(c, "lora_alpha");
	check_numbers(c, "manual_ceof");
	check_weights(c);
	check_batches(c);
	if (!*config_key_line(c, config_key_find("features")))
		c->features = c->method == JACOBI ? REFERENCE : TOKENS;
}

void config_release(struct config *c)
{
	for (int i = 0; i < config_nkeys; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->type == CONFIG_STRING)
			free(*(char **)config_field(c, k->offset));
		else if (k->type == CONFIG_NUMBERS)
			free(*(double **)config_field(c, k->offset));
	}
	strlist_release(&c->task_targets);
	free(c->path);
	*c = (struct config){0};
}
