/* keys.h: the settings by number, and as options of the tools. Type, range, default and help of
 * such an option come from keys.def. */
#ifndef KEYS_H
#define KEYS_H

#include "base/opts.h"

enum config_key_number {
#define KEY(name, ...) KEY_##name,
#include "config/keys.def"
#undef KEY
	CONFIG_KEYS
};

/* As the option tables take them: features has its usual default, and a list of numbers is a
 * text. */
extern const struct opt_key config_options[CONFIG_KEYS];

/* A row of a tool's option table: reads key `name` into the tool's `variable`, as in
 * KEY_OPTION(alpha_1, fit.alpha_1). The second form has its own words for --help. */
#define KEY_OPTION(name, variable) KEY_OPTION_AS(name, variable, NULL)
#define KEY_OPTION_AS(key_name, var, words)                                            \
	{                                                                              \
		.type = OPT_KEY,                                                       \
		.value = &(struct opt_keyed){&config_options[KEY_##key_name], &(var)}, \
		.help = (words)                                                        \
	}

/* Stages of the pipeline that use settings. */
enum stage {
	STAGE_DRAW,
	STAGE_EXTRACT,
	STAGE_TOKENS,
	STAGE_GRAMS,
	STAGE_SOLVE,
	STAGE_MATS,
	STAGE_COMBINE,
	STAGE_SEARCH,
	STAGE_ASSEMBLE,
	STAGE_CONVERGE,
	STAGE_EVAL,
	STAGE_PLAN, /* decides what runs at all: plan-pipeline and make's graph */
	STAGES
};
struct config_stage {
	const char *name; /* name of its flags in plan.mk and of its stamp */
	const char *tool;
};
extern const struct config_stage config_stages[STAGES];

#endif
