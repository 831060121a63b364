/* effects.c: see effects.h. */
#include "plan/effects.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* with_pretrain_matrix is an option that may itself have no effect. So are scale and drift. */
static bool in_force(const struct plan *p, const char *option)
{
	if (strcmp(option, "with_pretrain_matrix") == 0)
		return plan_full_weight(p);
	if (strcmp(option, "drift") == 0)
		return plan_drifts(p);
	return (config_key_find(option)->methods >> p->c.method & 1) && config_is_on(&p->c, option);
}

/* The first of the options ("use_camr", "!scale !if_balance") that is not as the key requires
 * (allocated); NULL: all are. */
static char *unmet_option(const struct plan *p, const struct config_key *k)
{
	char *copy = xstrdup(k->with ? k->with : ""), *save = NULL, *unmet = NULL;

	for (char *word = strtok_r(copy, " ", &save); word && !unmet;
	     word = strtok_r(NULL, " ", &save)) {
		bool without = *word == '!';

		if (in_force(p, word + without) == without)
			unmet = xstrdup(word);
	}
	free(copy);
	return unmet;
}

bool effects_counts(const struct plan *p, const struct config_key *k)
{
	char *unmet = unmet_option(p, k);
	bool counts = (k->methods >> p->c.method & 1) && !unmet;

	free(unmet);
	return counts;
}

/* Says the option that keeps the key from having an effect; false: none does. */
static bool say_options(const struct plan *p, const struct config_key *k)
{
	char *unmet = unmet_option(p, k);
	bool without = unmet && *unmet == '!';

	if (unmet)
		note("%s has no effect %s %s", k->name, without ? "with" : "without",
		     unmet + without);
	bool said = unmet != NULL;

	free(unmet);
	return said;
}

/* Keys of the draw that have no effect where every task brings the rows to use. */
static void say_rows(const struct plan *p, const struct config_key *k)
{
	bool drawn = k->takes & 1u << STAGE_DRAW && !(k->takes & ~(1u << STAGE_DRAW)) &&
		     k != config_key_find("samples_num");

	if (drawn && p->given)
		note("%s has no effect: the statistics are of rows that were drawn", k->name);
	else if (drawn && plan_rows_given(p) == p->c.task_targets.n)
		note("%s has no effect: every task brings its samples.json", k->name);
}

void effects_say(const struct plan *p)
{
	const struct config *c = &p->c;

	for (int i = 0; i < CONFIG_KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		char *list = config_method_list(k->methods);

		if (config_asked(c, k)) {
			if (!(k->methods >> c->method & 1))
				note("%s has no effect in method %s: it counts in %s", k->name,
				     method_name(c->method), list);
			else if (!say_options(p, k))
				say_rows(p, k);
		}
		free(list);
	}
}
