/* config.h: the settings of one task type: the YAML file's section, then KEY=value overrides.
 *
 * A file is a map `seed:` + one section per task type. Keys are checked against one table,
 * config_keys[] (keys.def); an unknown key is an error that names file, line and the nearest known
 * key; so is a key given twice, a wrong type, a value out of range. True/False/yes/no/1/0 all read
 * as booleans. A malformed file is die(), "FILE:LINE: message"; a bad override is die_usage(),
 * "command line: message". Only the section asked for is checked. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "config/keys.h"

enum method { SWEEP, JACOBI, REGMEAN, AVERAGE, TASK_ARITHMETIC, TIES, DARE };
enum features { TOKENS, REFERENCE };
enum answers_from { GENERATED, GIVEN };
enum score_kind { FIRST_TOKEN, LIKELIHOOD, EXACT, SCORE_KINDS };

/* One member per key (keys.def), by its type. lora_alpha, per task, is NULL for "as each
 * adapter_config.json says", rank 0 likewise; manual_ceof is per task; max_memory 0 is no limit;
 * folders and model_name are NULL until given; task_targets are plain file names, all different;
 * score has bits 1 << enum score_kind; prompt and answer are templates without line ends
 * (template.h). */
struct config {
#define FIELD_BOOL(name) bool name;
#define FIELD_SWITCH(name) bool name;
#define FIELD_INT(name) int name;
#define FIELD_LONG(name) long name;
#define FIELD_FLOAT(name) double name;
#define FIELD_BYTES(name) size_t name;
#define FIELD_STRING(name) char *name;
#define FIELD_METHOD(name) enum method name;
#define FIELD_FEATURES(name) enum features name;
#define FIELD_ANSWERS(name) enum answers_from name;
#define FIELD_SCORES(name) unsigned name;
#define FIELD_TEMPLATE(name) char *name;
#define FIELD_NUMBERS(name)                                                                       \
	double *name;                                                                             \
	int name##_n; /* numbers in the list; 0, until config_check(): one number that counts for \
			 all tasks */
#define FIELD_TASKS(name) struct strlist name;
#define KEY(name, type, ...) FIELD_##type(name)
#include "config/keys.def"
#undef KEY
	/* For config*.c: where each key's value comes from: 0 the default, -1 the command line,
	 * else the line of the file; and the file's own tasks, where the command line names others.
	 */
	int line[CONFIG_KEYS];
	char *path;
	struct strlist file_tasks;
};

enum config_type {
	CONFIG_BOOL,
	CONFIG_SWITCH, /* a boolean that the seed's files write as an integer: any non-zero number
			  is true */
	CONFIG_INT,
	CONFIG_LONG,
	CONFIG_FLOAT,
	CONFIG_BYTES, /* 300000000, 256M, 1.5G */
	CONFIG_STRING,
	CONFIG_METHOD,
	CONFIG_FEATURES,
	CONFIG_ANSWERS,
	CONFIG_SCORES,   /* a set of names, one at least */
	CONFIG_TEMPLATE, /* a text with places for texts of a row (template.h) */
	CONFIG_NUMBERS,  /* one number per task, or one for all */
	CONFIG_TASKS     /* names of tasks */
};

/* One key: everything that the reader, the plan, the messages, `make help` and config/README.md
 * know of it. */
struct config_key {
	const char *name; /* as in the file; in capitals on the command line */
	enum config_type type;
	size_t offset,
		count; /* in struct config: the value; CONFIG_NUMBERS: and the length of the list */
	double min, max;  /* numbers only */
	const char *dflt; /* as text; NULL: required, or nothing */
	const char *none; /* what an empty value or null means, in words; NULL: it is an error */
	unsigned methods; /* bits 1 << enum method: where it counts */
	bool option;      /* 0 is off, and asks for nothing */
	bool refused;     /* asked for in a method in which it does not count: an error */
	const char *with; /* "use_camr", "!scale !if_balance": what must be on or (!) off for it to
			     count; NULL: nothing */
	unsigned takes;   /* bits 1 << enum stage: whose tool has it as an option */
	unsigned changes; /* whose result depends on it */
	const char *help;
};

extern const struct config_key config_keys[CONFIG_KEYS];
/* The values that a key takes, in words: "an integer from 1 to 512", "sweep, jacobi, …"
 * (allocated). */
char *config_key_values(const struct config_key *k);

/* A word that may be typed as a key, and what it then stands for. */
struct config_word {
	const char *typed, *meant;
};

/* Reads section `task_type` (a plain name: it becomes a folder) of `path` into c, over the
 * defaults. die() on any error. */
void config_load(struct config *c, const char *path, const char *task_type);
/* One override "KEY=value" (the key in capitals; lists as in YAML flow style or comma-separated),
 * from the command line. `words`: what a wrong key may have been meant for besides the keys; ends
 * with {0}. */
void config_override(struct config *c, const char *assignment, const struct config_word *words);
/* After all overrides. Required keys, and keys that do not fit each other: die(), or die_usage()
 * where the command line is to blame. What was typed wins over the file, and the file over the
 * defaults: of samples_num, inner_num and outer_num (samples in batches, the last of which may be
 * smaller, when if_divide) those that were not given follow from the others; a file's list of
 * numbers counts by the names of the file's tasks; one number is spread over all tasks. features'
 * default goes by the method (reference for jacobi where answers are generated, tokens otherwise);
 * reference with answers given is an error. */
void config_check(struct config *c);
void config_release(struct config *c);

/* Whether the user asked for this key: typed it, or gave it another value than its default in the
 * file. An option that is off asks for nothing. */
bool config_asked(const struct config *c, const struct config_key *k);
bool config_is_on(const struct config *c, const char *key); /* neither 0 nor False */
/* Samples in one forward batch. */
int config_batch(const struct config *c);
/* "sweep, jacobi and regmean" (allocated). */
char *config_method_list(unsigned methods);
/* "key: value" for every key, one a line, in table order (allocated); equal settings give equal
 * text, however they were written. What is not given reads null. After config_check(). */
char *config_text(const struct config *c);
/* One key's value as a tool's option takes it (allocated): 1 or 0, numbers as in config_text(),
 * lists joined by commas, strings as they are. NULL: not given. */
char *config_value(const struct config *c, const struct config_key *k);
const struct config_key *config_key_find(const char *name); /* NULL: there is none */
/* config/README.md: all keys as a Markdown table, on standard output. */
void config_print_markdown(void);
/* [A-Za-z0-9._-]+, no dot in front, at most 100 letters: safe as the name of a file or folder. */
bool config_plain_name(const char *s);

/* The bits of a list as config_value() writes it, "first-token,exact"; 0: some name is none. */
unsigned config_score_set(const char *text);

const char *method_name(enum method m);
const char *features_name(enum features f);

#endif
