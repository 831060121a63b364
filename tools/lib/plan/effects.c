/* effects.c: see effects.h. */
#include "plan/effects.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum {
	FITS = 1 << SWEEP | 1 << JACOBI | 1 << REGMEAN,
	MERGED_SIDE = 1 << SWEEP | 1 << JACOBI,
	CUTS = 1 << TIES | 1 << DARE,
	SCALED = CUTS | 1 << TASK_ARITHMETIC,
	ALL = FITS | SCALED | 1 << AVERAGE,
};

/* Keys that do not always count: in which methods, and with or without (!) which option; why not, in other methods. `option`: 0 is off, and asks for
 * nothing. What is not here counts in every method, or is of the samples and batches, which are no part of a method. */
static const struct effect {
	const char *key;
	int methods;
	const char *option_of, *why;
	bool option;
} effects[] = {
	{"manual_ceof", FITS, NULL, "nothing is fitted", false},
	{"alpha_1", FITS, NULL, "there is no system to regularise", false},
	{"alpha_2", FITS, "!use_camr", "there is no system to regularise", false},
	{"reg_ceof", MERGED_SIDE, NULL, "there are no rows of the merged model", true},
	{"with_pretrain_matrix", FITS, NULL, "W0 plus the merged change is what it gives anyway", true},
	{"use_camr", FITS, NULL, "there is no system to regularise", true},
	{"camr_alpha", FITS, "use_camr", "there is no system to regularise", false},
	{"camr_beta", FITS, "use_camr", "there is no system to regularise", false},
	{"use_dcs", FITS, NULL, "it fits no rows", true},
	{"dcs_sigma", FITS, "use_dcs", "it fits no rows", false},
	{"max_iter", 1 << JACOBI, NULL, "it does not iterate", false},
	{"convergence_threshold", 1 << JACOBI, NULL, "it does not iterate", false},
	{"use_mats", 1 << JACOBI, NULL, "it accelerates the iteration, and this is one pass", true},
	{"mats_history_size", 1 << JACOBI, "use_mats", "it does not iterate", false},
	{"mats_regularization", 1 << JACOBI, "use_mats", "it does not iterate", false},
	{"features", FITS, NULL, "it fits no rows", false},
	{"use_gradient_checkpointing", FITS, NULL, "it keeps no rows", false},
	{"sequential_layer_processing", FITS, NULL, "it keeps no rows", false},
	{"scale", SCALED, NULL, "its result is not scaled", false},
	{"density", CUTS, NULL, "it drops nothing", false},
	{"merge_rank", CUTS, NULL, "its result is not cut", false},
	{"save", ALL, "!with_pretrain_matrix", NULL, true},
};

static int key_number(const char *key)
{
	for (int i = 0; i < config_nkeys; i++)
		if (!strcmp(config_keys[i].name, key))
			return i;
	BUG("no key '%s'", key);
}

static bool is_on(const struct config *c, const char *key)
{
	char *v = config_value(c, key);
	double x = 0;
	bool on = v && !(text_to_double(v, &x) && x == 0);

	free(v);
	return on;
}

/* Whether a default, as the table of keys writes it, is this value; a list: all of its items. */
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
			same = !strcmp(item, dflt);
	}
	free(copy);
	return same;
}

static bool asked_for(const struct config *c, const struct effect *e)
{
	int i = key_number(e->key);
	char *v = config_value(c, e->key);
	bool asked = v && (c->line[i] < 0 || (c->line[i] > 0 && !is_default(config_keys[i].dflt, v)));

	free(v);
	return asked && (!e->option || is_on(c, e->key));
}

/* with_pretrain_matrix is an option that may have no effect itself. */
static bool in_force(const struct plan *p, const char *option)
{
	return strcmp(option, "with_pretrain_matrix") ? is_on(&p->c, option) : plan_dense(p);
}

void effects_say(const struct plan *p)
{
	const struct config *c = &p->c;

	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++) {
		const struct effect *e = &effects[i];
		bool without = e->option_of && *e->option_of == '!';
		const char *of = e->option_of ? e->option_of + without : NULL;

		if (!asked_for(c, e))
			continue;
		if (!(e->methods >> c->method & 1))
			note("%s has no effect in method %s: %s", e->key, method_name(c->method), e->why);
		else if (of && in_force(p, of) == without)
			note("%s has no effect %s %s", e->key, without ? "with" : "without", of);
	}
}
