/* config_table.c: the keys as tables, made from keys.def. Reading, checking, printing and the help
 * all use them. Defaults are texts, read by the same code as a user's values, so a default cannot
 * be outside its range. */
#include "config/config_private.h"

#include <stdlib.h>
#include <string.h>

const char *const config_methods[] = {"sweep",           "jacobi", "regmean", "average",
				      "task-arithmetic", "ties",   "dare"};
const char *const config_features[] = {"tokens", "reference"};
const char *const config_answers[] = {"generated", "given"};
const char *const config_scores[SCORE_KINDS] = {"first-token", "likelihood", "exact"};
const int config_nmethods = sizeof(config_methods) / sizeof(*config_methods);
const int config_nfeatures = sizeof(config_features) / sizeof(*config_features);
const int config_nanswers = sizeof(config_answers) / sizeof(*config_answers);

#define PER_ADAPTER "as each adapter_config.json says"

/* Groups of methods, and the marks beside them. */
enum {
	FITS = 1 << SWEEP | 1 << JACOBI | 1 << REGMEAN,
	MERGED_SIDE = 1 << SWEEP | 1 << JACOBI,
	ITERATES = 1 << JACOBI,
	CUTS = 1 << TIES | 1 << DARE,
	SCALED = CUTS | 1 << TASK_ARITHMETIC,
	SAMPLES = FITS | SCALED,
	EVERY = SAMPLES | 1 << AVERAGE,
	OPTION = 1 << 16
};

#define COUNT_BOOL(name) 0
#define COUNT_SWITCH(name) 0
#define COUNT_INT(name) 0
#define COUNT_LONG(name) 0
#define COUNT_FLOAT(name) 0
#define COUNT_BYTES(name) 0
#define COUNT_RANK(name) 0
#define COUNT_STRING(name) 0
#define COUNT_METHOD(name) 0
#define COUNT_FEATURES(name) 0
#define COUNT_ANSWERS(name) 0
#define COUNT_SCORES(name) 0
#define COUNT_TEMPLATE(name) 0
#define COUNT_NAMES(name) 0
#define COUNT_NUMBERS(name) offsetof(struct config, name##_n)
#define COUNT_TASKS(name) 0
#define COUNT_LINEARS(name) 0
#define S(stage) (1u << STAGE_##stage)

const struct config_key config_keys[CONFIG_KEYS] = {
#define KEY(key, kind, low, high, value, nothing, where, options, stages, results, words) \
	{.name = #key,                                                                    \
	 .type = CONFIG_##kind,                                                           \
	 .offset = offsetof(struct config, key),                                          \
	 .count = COUNT_##kind(key),                                                      \
	 .min = low,                                                                      \
	 .max = high,                                                                     \
	 .dflt = value,                                                                   \
	 .none = nothing,                                                                 \
	 .methods = (unsigned)(where) & (unsigned)EVERY,                                  \
	 .option = ((where)&OPTION) != 0,                                                 \
	 .with = options,                                                                 \
	 .takes = stages,                                                                 \
	 .changes = results,                                                              \
	 .help = words},
#include "config/keys.def"
#undef KEY
};

#define OPT_SWITCH OPT_BOOL
#define OPT_METHOD OPT_STRING
#define OPT_FEATURES OPT_STRING
#define OPT_ANSWERS OPT_STRING
#define OPT_SCORES OPT_STRING
#define OPT_TEMPLATE OPT_STRING
#define OPT_NAMES OPT_STRING
#define OPT_NUMBERS OPT_STRING
#define OPT_TASKS OPT_STRING
#define OPT_LINEARS OPT_STRING

const struct opt_key config_options[CONFIG_KEYS] = {
#define KEY(key, kind, low, high, value, nothing, where, options, stages, results, words) \
	{#key, OPT_##kind, low, high, CONFIG_##kind == CONFIG_FEATURES ? "tokens" : value, words},
#include "config/keys.def"
#undef KEY
};

const struct config_stage config_stages[STAGES] = {
	[STAGE_DRAW] = {"draw", "draw-samples"},
	[STAGE_EXTRACT] = {"extract", "extract-acts"},
	[STAGE_TOKENS] = {"tokens", "generate-tokens"},
	[STAGE_GRAMS] = {"grams", "compute-grams"},
	[STAGE_SOLVE] = {"solve", "solve-layer"},
	[STAGE_MATS] = {"mats", "solve-layer"},
	[STAGE_COMBINE] = {"combine", "combine-layer"},
	[STAGE_SEARCH] = {"search", "search-scale"},
	[STAGE_ASSEMBLE] = {"assemble", "assemble-lora"},
	[STAGE_CONVERGE] = {"converge", "check-convergence"},
	[STAGE_EVAL] = {"eval", "eval-emotion"},
	[STAGE_PLAN] = {"plan", "plan-pipeline"},
};

void *config_field(struct config *c, size_t offset)
{
	return (char *)c + offset;
}

const struct config_key *config_key_find(const char *name)
{
	for (int i = 0; i < CONFIG_KEYS; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

int *config_key_line(struct config *c, const struct config_key *k)
{
	return &c->line[k - config_keys];
}

void config_fold(char *dst, size_t size, const char *s, int (*letter)(int))
{
	size_t n = 0;

	for (; s[n] && n + 1 < size; n++)
		dst[n] = (char)letter((unsigned char)s[n]);
	dst[n] = 0;
}

static char *joined(const char *const *names, int n, const char *last)
{
	char *all = xstrdup(names[0]), *longer;

	for (int i = 1; i < n; i++, all = longer) {
		longer = xformat("%s%s%s", all, i + 1 < n ? ", " : last, names[i]);
		free(all);
	}
	return all;
}

char *config_method_list(unsigned methods)
{
	const char *names[sizeof(config_methods) / sizeof(*config_methods)];
	int n = 0;

	for (int m = 0; m < config_nmethods; m++)
		if (methods >> m & 1)
			names[n++] = config_methods[m];
	return joined(names, n, " and ");
}

char *config_key_values(const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_BOOL: return xstrdup("True or False");
	case CONFIG_SWITCH: return xstrdup("True, False or a number (0: False)");
	case CONFIG_INT:
	case CONFIG_LONG: return xformat("an integer from %.0f to %.0f", k->min, k->max);
	case CONFIG_FLOAT: return xformat("a number from %g to %g", k->min, k->max);
	case CONFIG_BYTES: return xstrdup("a size such as 300000000, 256M or 1.5G");
	case CONFIG_RANK:
		return xformat("an integer from %.0f to %.0f, or " RANK_LIMIT_SHARE, k->min,
			       k->max);
	case CONFIG_STRING: return xstrdup("a text");
	case CONFIG_METHOD: return joined(config_methods, config_nmethods, " or ");
	case CONFIG_FEATURES: return joined(config_features, config_nfeatures, " or ");
	case CONFIG_ANSWERS: return joined(config_answers, config_nanswers, " or ");
	case CONFIG_SCORES: return joined(config_scores, SCORE_KINDS, " and ");
	case CONFIG_TEMPLATE: return xstrdup("a text with {key} for a row's text");
	case CONFIG_NAMES:
		return xstrdup("a list of words for 0, 1, …, or in the file a map {3: joy}");
	case CONFIG_NUMBERS:
		return xformat("numbers from %g to %g, one per task or one for all", k->min,
			       k->max);
	case CONFIG_TASKS: return xstrdup("a list of task names");
	case CONFIG_LINEARS: return xstrdup("a list of linears, by the last parts of their names");
	}
	BUG("key type %d", (int)k->type);
}

const char *method_name(enum method m)
{
	BUG_IF((int)m < 0 || (int)m >= config_nmethods);
	return config_methods[m];
}

const char *features_name(enum features f)
{
	BUG_IF((int)f < 0 || (int)f >= config_nfeatures);
	return config_features[f];
}

unsigned config_score_bit(const char *text)
{
	for (int i = 0; i < SCORE_KINDS; i++)
		if (strcmp(config_scores[i], text) == 0)
			return 1u << i;
	return 0;
}

unsigned config_score_set(const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *item;
	unsigned set = 0, bit = 1;

	while (bit && (item = strsep(&rest, ",")))
		set |= bit = config_score_bit(item);
	free(copy);
	return bit ? set : 0;
}

bool config_plain_name(const char *s)
{
	size_t n = strspn(s, CONFIG_NAME_LETTERS);

	return n > 0 && n <= CONFIG_MAX_NAME && s[n] == 0 && s[0] != '.';
}
