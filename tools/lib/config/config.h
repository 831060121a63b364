/* config.h: the settings of one task type: the YAML file's section, then KEY=value overrides.
 *
 * A file is a map `seed:` + one section per task type. Keys are checked against one table, config_keys[] (name, type,
 * range, default, help); an unknown key is an error that names file, line and the nearest known key; so is a key given
 * twice, a wrong type, a value out of range. True/False/yes/no/1/0 all read as booleans. A malformed file is die(),
 * "FILE:LINE: message"; a bad override is die_usage(), "command line: message". Only the section asked for is checked. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/opts.h"

enum method { SWEEP, JACOBI, REGMEAN, AVERAGE, TASK_ARITHMETIC, TIES, DARE };
enum features { TOKENS, REFERENCE };
enum { CONFIG_MAX_KEYS = 48 };

struct config {
	long seed;
	char *model_name;            /* required; NULL until given */
	struct strlist task_targets; /* required; plain file names, all different */
	double *lora_alpha;  /* per task, or NULL: as each adapter_config.json says. A scalar counts for all tasks */
	int rank;            /* 0: as each adapter_config.json says */
	double *manual_ceof; /* per task, default 1 */
	int max_length;
	double alpha_1, alpha_2, reg_ceof;
	int samples_num, inner_num, outer_num;
	bool select_long, if_balance, if_divide, shuffle;
	bool with_pretrain_matrix;
	int max_iter;
	double convergence_threshold;
	int per_device_eval_batch_size;
	bool save;
	bool use_mats; int mats_history_size; double mats_regularization;
	bool use_camr; double camr_alpha, camr_beta;
	bool use_dcs; double dcs_sigma;
	bool use_fp16, use_gradient_checkpointing, sequential_layer_processing;
	/* ours */
	enum method method;
	enum features features;
	int max_new_tokens;
	double scale;   /* of the weight-only methods' ΔW; 0: searched for */
	double density; /* share of entries that ties and dare keep */
	int merge_rank; /* of ties' and dare's result; 0: the adapters' ranks together */
	char *model_dir, *lora_dir, *data_dir; /* NULL: not given */
	size_t max_memory; /* 0: no limit */
	/* For config*.c: how many numbers the lists hold (0: one number that counts for all tasks, until config_check()), and
	 * where each key's value comes from: 0 the default, -1 the command line, else the line of the file. */
	int lora_alpha_n, manual_ceof_n;
	char *path;
	int line[CONFIG_MAX_KEYS];
};

enum config_type {
	CONFIG_BOOL,
	CONFIG_SWITCH,   /* a boolean that the seed's files write as an integer: any non-zero number is true */
	CONFIG_INT,
	CONFIG_LONG,
	CONFIG_FLOAT,
	CONFIG_BYTES,    /* 300000000, 256M, 1.5G */
	CONFIG_STRING,
	CONFIG_METHOD,
	CONFIG_FEATURES,
	CONFIG_NUMBERS,  /* one number per task, or one for all */
	CONFIG_TASKS     /* names of tasks */
};

/* One key: everything that the reader, the messages, `make help` and the README know of it. */
struct config_key {
	const char *name; /* as in the file; in capitals on the command line */
	enum config_type type;
	size_t offset, count; /* in struct config: the value; CONFIG_NUMBERS: and the length of the list */
	double min, max;      /* numbers only */
	const char *dflt;     /* as text; NULL: required, or nothing */
	const char *none;     /* what an empty value or null means, in words; NULL: it is an error */
	const char *help;
};

extern const struct config_key config_keys[]; /* (config_nkeys) */
extern const int config_nkeys;
/* The values that a key takes, in words: "an integer from 1 to 512", "sweep, jacobi, …" (allocated). */
char *config_key_values(const struct config_key *k);

/* Reads section `task_type` (a plain name: it becomes a folder) of `path` into c, over the defaults. die() on any error. */
void config_load(struct config *c, const char *path, const char *task_type);
/* One override "KEY=value" (key in any case; lists as in YAML flow style or comma-separated), from the command line. */
void config_override(struct config *c, const char *assignment);
/* After all overrides: required keys, and relations between keys: inner_num × outer_num = samples_num when if_divide, lists
 * as long as task_targets (a single number is spread over all tasks), features' default by method (reference for jacobi,
 * tokens otherwise). die(), or die_usage() where the command line is to blame. */
void config_check(struct config *c);
void config_release(struct config *c);
/* "key: value" for every key, one a line, in table order (allocated); equal settings give equal text, however they were
 * written. What is not given reads null. After config_check(). */
char *config_text(const struct config *c);
/* One key's value as a tool's option takes it (allocated): 1 or 0, numbers as in config_text(), lists joined by commas,
 * strings as they are. NULL: not given. */
char *config_value(const struct config *c, const char *key);
/* [A-Za-z0-9._-]+, no dot in front, at most 100 letters: safe as the name of a file or folder. */
bool config_plain_name(const char *s);

const char *method_name(enum method m);
const char *features_name(enum features f);

#endif
