/* config.h: the settings of one task type: a section of the YAML file, then KEY=value overrides.
 *
 * A file is a map of `seed:` and one section per task type. Keys are checked against one table,
 * config_keys[] (keys.def). An unknown key is an error that names file, line and the nearest known
 * key. A key given twice, a wrong type and a value out of range are errors too.
 * True/False/yes/no/1/0 all read as booleans.
 *
 * An error in the file is die(), "FILE:LINE: message". An error in an override is die_usage(),
 * "command line: message". Only the requested section is checked. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "config/keys.h"

enum method { SWEEP, JACOBI, REGMEAN, AVERAGE, TASK_ARITHMETIC, TIES, DARE };
enum features { TOKENS, REFERENCE };
enum answers_from { GENERATED, GIVEN };
enum score_kind { FIRST_TOKEN, LIKELIHOOD, EXACT, SCORE_KINDS };

/* One member per key (keys.def), with the key's type.
 * - lora_alpha (per task): NULL means "as in each adapter_config.json"; so does rank 0.
 * - manual_ceof: per task.
 * - max_memory: 0 is no limit.
 * - folders, model_name: NULL until given.
 * - task_targets: plain file names, all different.
 * - correct: plain words, all different; empty: none.
 * - score: bits 1 << enum score_kind.
 * - prompt, answer: templates without line ends (template.h).
 * - label_names: one line of JSON, {"0":"anger"}. */
struct config {
#define FIELD_BOOL(name) bool name;
#define FIELD_SWITCH(name) bool name;
#define FIELD_INT(name) int name;
#define FIELD_LONG(name) long name;
#define FIELD_FLOAT(name) double name;
#define FIELD_BYTES(name) size_t name;
#define FIELD_RANK(name) struct rank_limit name;
#define FIELD_STRING(name) char *name;
#define FIELD_METHOD(name) enum method name;
#define FIELD_FEATURES(name) enum features name;
#define FIELD_ANSWERS(name) enum answers_from name;
#define FIELD_SCORES(name) unsigned name;
#define FIELD_TEMPLATE(name) char *name;
#define FIELD_NAMES(name) char *name;
#define FIELD_NUMBERS(name)                                                                       \
	double *name;                                                                             \
	int name##_n; /* numbers in the list; 0, until config_check(): one number that counts for \
			 all tasks */
#define FIELD_TASKS(name) struct strlist name;
#define FIELD_LINEARS(name) struct strlist name;
#define KEY(name, type, ...) FIELD_##type(name)
#include "config/keys.def"
#undef KEY
	/* For config*.c. line: where each key's value comes from: 0 the default, -1 the command
	 * line, else the line of the file. file_tasks: the file's own tasks, where the command line
	 * names others. */
	int line[CONFIG_KEYS];
	char *path;
	struct strlist file_tasks;
};

enum config_type {
	CONFIG_BOOL,
	CONFIG_SWITCH, /* a boolean that the seed's files write as an integer: any number but 0 is
			  true */
	CONFIG_INT,
	CONFIG_LONG,
	CONFIG_FLOAT,
	CONFIG_BYTES, /* 300000000, 256M, 1.5G */
	CONFIG_RANK,  /* 16, auto:0.99 */
	CONFIG_STRING,
	CONFIG_METHOD,
	CONFIG_FEATURES,
	CONFIG_ANSWERS,
	CONFIG_SCORES,   /* a set of at least one name */
	CONFIG_TEMPLATE, /* a text with places for the texts of a row (template.h) */
	CONFIG_NAMES,    /* words for numbers: a list, or a map */
	CONFIG_NUMBERS,  /* one number per task, or one for all */
	CONFIG_TASKS,    /* names of tasks */
	CONFIG_LINEARS   /* names of linears, or none */
};

/* One key: all that the reader, the plan, the messages, `make help` and config/README.md know about
 * it. */
struct config_key {
	const char *name; /* as in the file; in capitals on the command line */
	enum config_type type;
	size_t offset, count; /* in struct config: of the value and, for CONFIG_NUMBERS, of the
				 list's length */
	double min, max;      /* numbers only */
	const char *dflt;     /* as text; NULL: none, or the key is required */
	const char *none;     /* meaning of an empty value or null, in words; NULL: an error */
	unsigned methods;     /* bits 1 << enum method: the methods that use it */
	bool option;          /* 0 is off, and asks for nothing */
	const char *with; /* "use_camr", "!scale !if_balance": what must be on or (!) off for it to
			     count; NULL: nothing */
	unsigned takes;   /* bits 1 << enum stage: stages whose tool has it as an option */
	unsigned changes; /* stages whose result depends on it */
	const char *help;
};

extern const struct config_key config_keys[CONFIG_KEYS];
/* The values that a key can have, in words: "an integer from 1 to 512", "sweep, jacobi, …"
 * (allocated). */
char *config_key_values(const struct config_key *k);

/* A word that may be typed instead of a key, and what it then means. */
struct config_word {
	const char *typed, *meant;
};

/* Reads section `task_type` of `path` into c, over the defaults. task_type must be a plain name,
 * because it becomes a folder. die() on any error. */
void config_load(struct config *c, const char *path, const char *task_type);
/* One override "KEY=value" from the command line: the key in capitals, lists in YAML flow style or
 * comma-separated. `words`: other words that a wrong key may have been meant for; ends with {0}. */
void config_override(struct config *c, const char *assignment, const struct config_word *words);
/* Call it after all overrides. Checks required keys, and keys that contradict each other: die(), or
 * die_usage() where the command line is to blame. A typed value has precedence over the file, and
 * the file over the defaults.
 * - samples_num, inner_num, outer_num: those that are not given follow from the others. With
 *   if_divide the samples go in batches; the last one may be smaller.
 * - A list of numbers in the file belongs to the names of the file's tasks. A single number is
 *   used for all tasks.
 * - The default of features depends on the method: reference for jacobi with generated answers,
 *   else tokens. reference with given answers is an error.
 * - text_key and label_key make up prompt and answer where these are not asked for. Else each must
 *   stand in its template. */
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
/* "key: value" for every key, one per line, in table order (allocated). Equal settings give equal
 * text, however they were written. A missing value is null. Call it after config_check(). */
char *config_text(const struct config *c);
/* One key's value as a tool's option takes it (allocated): 1 or 0, numbers as in config_text(),
 * lists with commas, strings unchanged. NULL: not given. */
char *config_value(const struct config *c, const struct config_key *k);
const struct config_key *config_key_find(const char *name); /* NULL: there is none */
/* config/README.md: all keys as a Markdown table, on standard output. */
void config_print_markdown(void);
/* Whether s is safe as the name of a file or folder: [A-Za-z0-9._-]+, no dot in front, at most 100
 * letters. */
bool config_plain_name(const char *s);

/* The bits of a list written by config_value(), such as "first-token,exact". 0: it has an unknown
 * name. */
unsigned config_score_set(const char *text);

const char *method_name(enum method m);
const char *features_name(enum features f);

#endif
