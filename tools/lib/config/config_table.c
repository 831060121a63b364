/* config_table.c: the keys: one table says all there is to say of a key; reading, checking, printing and the help go
 * through it. Defaults are texts in that table and are read by the same code as a user's values, so a default cannot be
 * out of its own range. */
#include "config/config_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const config_methods[] = {"sweep", "jacobi", "regmean", "average", "task-arithmetic", "ties", "dare"};
const char *const config_features[] = {"tokens", "reference"};
const int config_nmethods = sizeof(config_methods) / sizeof(*config_methods);
const int config_nfeatures = sizeof(config_features) / sizeof(*config_features);

#define AT(field) offsetof(struct config, field), 0
#define LIST(field) offsetof(struct config, field), offsetof(struct config, field##_n)
#define PER_ADAPTER "as each adapter_config.json says"

const struct config_key config_keys[] = {
	/* name, type, where, min, max, default, none, help */
	{"seed", CONFIG_LONG, AT(seed), 0, 4294967295.0, "42", NULL,
	 "seed of everything random; stands at the top of the file, before the sections"},
	{"model_name", CONFIG_STRING, AT(model_name), 0, 0, NULL, NULL,
	 "name of the base model, as the merged adapter_config.json is to give it"},
	{"task_targets", CONFIG_TASKS, AT(task_targets), 0, 0, NULL, NULL, "the tasks to merge, in this order"},
	{"lora_alpha", CONFIG_NUMBERS, LIST(lora_alpha), 0, 1e9, NULL, PER_ADAPTER,
	 "the adapters' lora_alpha; one that contradicts an adapter_config.json is an error"},
	{"rank", CONFIG_INT, AT(rank), 0, 65536, "0", PER_ADAPTER,
	 "the adapters' rank (0: " PER_ADAPTER "); one that contradicts an adapter_config.json is an error"},
	{"manual_ceof", CONFIG_NUMBERS, LIST(manual_ceof), 0, 1e9, "1", NULL, "weight of each task's error in the fit"},
	{"max_length", CONFIG_INT, AT(max_length), 1, 8192, "100", NULL, "tokens kept of a text, the final </s> among them"},
	{"alpha_1", CONFIG_FLOAT, AT(alpha_1), 0, 1e6, "8e-5", NULL, "ridge on X'Xm, as a share of its Frobenius norm"},
	{"alpha_2", CONFIG_FLOAT, AT(alpha_2), 0, 1e6, "8e-5", NULL, "ridge on Xm'Xm, as a share of its Frobenius norm"},
	{"reg_ceof", CONFIG_FLOAT, AT(reg_ceof), 0, 1, "0", NULL, "share of X mixed into Xm: 0 none, 1 Xm = X"},
	{"samples_num", CONFIG_INT, AT(samples_num), 1, 1000000, "60", NULL, "calibration samples per task"},
	{"inner_num", CONFIG_INT, AT(inner_num), 1, 1000000, "3", NULL, "samples in one forward batch, if they are of the greatest length: of shorter ones more"},
	{"outer_num", CONFIG_INT, AT(outer_num), 1, 1000000, "20", NULL,
	 "forward batches; inner_num x outer_num = samples_num when if_divide"},
	{"select_long", CONFIG_SWITCH, AT(select_long), 0, 0, "1", NULL, "draw samples among the longest texts"},
	{"if_balance", CONFIG_BOOL, AT(if_balance), 0, 0, "True", NULL, "draw equal numbers of samples per label"},
	{"if_divide", CONFIG_BOOL, AT(if_divide), 0, 0, "True", NULL,
	 "run the samples in outer_num batches of inner_num; False: all in one"},
	{"shuffle", CONFIG_BOOL, AT(shuffle), 0, 0, "True", NULL, "shuffle the training rows before drawing"},
	{"with_pretrain_matrix", CONFIG_BOOL, AT(with_pretrain_matrix), 0, 0, "0", NULL,
	 "fit the whole weight W0 + dW rather than dW; the result is a full model"},
	{"max_iter", CONFIG_INT, AT(max_iter), 1, 1000, "24", NULL, "most iterations (method jacobi)"},
	{"convergence_threshold", CONFIG_FLOAT, AT(convergence_threshold), 0, 1, "1e-5", NULL,
	 "stop when the relative change of an iteration is below this (method jacobi)"},
	{"per_device_eval_batch_size", CONFIG_INT, AT(per_device_eval_batch_size), 1, 65536, "8", NULL,
	 "rows per batch in the evaluation"},
	{"save", CONFIG_BOOL, AT(save), 0, 0, "0", NULL, "write the merged full model beside the adapter"},
	{"use_mats", CONFIG_BOOL, AT(use_mats), 0, 0, "True", NULL, "Anderson acceleration of the iteration (method jacobi)"},
	{"mats_history_size", CONFIG_INT, AT(mats_history_size), 1, 64, "3", NULL, "differences that MATS looks back on"},
	{"mats_regularization", CONFIG_FLOAT, AT(mats_regularization), 0, 1e6, "1e-5", NULL,
	 "ridge of the MATS least-squares problem"},
	{"use_camr", CONFIG_BOOL, AT(use_camr), 0, 0, "False", NULL, "ridge by coordinate (CAMR) instead of alpha_2's"},
	{"camr_alpha", CONFIG_FLOAT, AT(camr_alpha), 0, 1e6, "8e-5", NULL, "CAMR: the part that varies by coordinate"},
	{"camr_beta", CONFIG_FLOAT, AT(camr_beta), 0, 1e6, "1e-6", NULL, "CAMR: the part that is the same for all"},
	{"use_dcs", CONFIG_BOOL, AT(use_dcs), 0, 0, "False", NULL,
	 "weigh rows by how much the adapters disagree on them (DCS)"},
	{"dcs_sigma", CONFIG_FLOAT, AT(dcs_sigma), 0, 1e6, "0.5", NULL, "DCS: how steeply disagreement lowers a row's weight"},
	{"use_fp16", CONFIG_BOOL, AT(use_fp16), 0, 0, "False", NULL,
	 "16-bit rows on disk, and 16-bit products where the hardware has them"},
	{"use_gradient_checkpointing", CONFIG_BOOL, AT(use_gradient_checkpointing), 0, 0, "True", NULL,
	 "keep only the rows at block boundaries and recompute what lies between"},
	{"sequential_layer_processing", CONFIG_BOOL, AT(sequential_layer_processing), 0, 0, "True", NULL,
	 "one site at a time"},
	{"method", CONFIG_METHOD, AT(method), 0, 0, "sweep", NULL, "how to merge"},
	{"features", CONFIG_FEATURES, AT(features), 0, 0, NULL, "reference for method jacobi, tokens otherwise",
	 "which rows count: real tokens only, or pads and last decode steps as published"},
	{"max_new_tokens", CONFIG_INT, AT(max_new_tokens), 1, 512, "3", NULL, "tokens generated per row at most"},
	{"scale", CONFIG_FLOAT, AT(scale), 0, 100, "0", "the best on the calibration rows",
	 "factor of the merged change (methods task-arithmetic, ties, dare); 0: the best of 0.1, 0.2 … 1 on the calibration rows"},
	{"density", CONFIG_FLOAT, AT(density), 1e-6, 1, "0.2", NULL, "share of each change's entries that is kept (methods ties, dare)"},
	{"merge_rank", CONFIG_INT, AT(merge_rank), 0, 65536, "0", "the adapters' ranks together",
	 "rank that the result is cut to (methods ties, dare; 0: the adapters' ranks together)"},
	{"model_dir", CONFIG_STRING, AT(model_dir), 0, 0, NULL, "MODEL= on the command line", "folder of the base model"},
	{"lora_dir", CONFIG_STRING, AT(lora_dir), 0, 0, NULL, "LORAS= on the command line",
	 "folder of the adapters, one folder per task"},
	{"data_dir", CONFIG_STRING, AT(data_dir), 0, 0, NULL, "DATA= on the command line",
	 "folder of the data, one folder per task"},
	{"max_memory", CONFIG_BYTES, AT(max_memory), 0, 0, "0", "no limit",
	 "memory that a process may plan for, e.g. 256M (0: no limit)"},
};
enum { KEYS = sizeof(config_keys) / sizeof(*config_keys) };
const int config_nkeys = KEYS;
_Static_assert((int)KEYS <= (int)CONFIG_MAX_KEYS, "struct config has too few line[]");

void *config_field(struct config *c, size_t offset)
{
	return (char *)c + offset;
}

const struct config_key *config_key_find(const char *name)
{
	for (int i = 0; i < config_nkeys; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

int *config_key_line(struct config *c, const struct config_key *k)
{
	return &c->line[k - config_keys];
}

void config_lower(char *dst, size_t size, const char *s)
{
	size_t n = 0;

	for (; s[n] && n + 1 < size; n++)
		dst[n] = (char)tolower((unsigned char)s[n]);
	dst[n] = 0;
}

static char *joined(const char *const *names, int n)
{
	char *all = xstrdup(names[0]), *longer;

	for (int i = 1; i < n; i++, all = longer) {
		longer = xformat("%s%s%s", all, i + 1 < n ? ", " : " or ", names[i]);
		free(all);
	}
	return all;
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
	case CONFIG_STRING: return xstrdup("a text");
	case CONFIG_METHOD: return joined(config_methods, config_nmethods);
	case CONFIG_FEATURES: return joined(config_features, config_nfeatures);
	case CONFIG_NUMBERS: return xformat("numbers from %g to %g, one per task or one for all", k->min, k->max);
	case CONFIG_TASKS: return xstrdup("a list of task names");
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

bool config_plain_name(const char *s)
{
	size_t n = strspn(s, CONFIG_NAME_LETTERS);

	return n > 0 && n <= CONFIG_MAX_NAME && s[n] == 0 && s[0] != '.';
}
