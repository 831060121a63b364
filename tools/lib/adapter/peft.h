/* peft.h: reads adapter_config.json as PEFT's LoRA does: the targeted modules, with rank and alpha
 * of each. */
#ifndef PEFT_H
#define PEFT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "model/family.h"

/* target_modules or exclude_modules. */
struct peft_names {
	bool all;                /* "all-linear" */
	struct pattern *pattern; /* or NULL */
	const json_t *list;      /* or NULL */
};

/* layers_to_transform and layers_pattern. Of the modules that a list in target_modules names by a
 * suffix, only those in these blocks are targeted. */
struct peft_layers {
	const json_t *to_transform; /* an integer or a list of them; NULL: every block */
	size_t n;
	struct pattern **pattern; /* the first one that matches gives the block's number */
};

/* One entry of rank_pattern or alpha_pattern. */
struct peft_override {
	struct pattern *pattern;
	double value;
};

struct peft_overrides {
	size_t n;
	struct peft_override *item;
};

struct peft {
	char *path;
	json_t *json;
	int r;
	double alpha;
	bool rslora;
	char *base, *revision; /* the base model's name, without a slash at its end, and its
				  revision; NULL: none, or the default */
	struct peft_names target, exclude;
	struct peft_layers layers;
	struct peft_overrides rank, alphas;
};

/* Reads the config in the folder `dir`. die(), naming file, key and what to do, where something
 * cannot be merged, or where the adapter is in a sub-folder. */
void peft_read(struct peft *p, const char *dir, const struct family *f);
void peft_release(struct peft *p);

/* For a module, by its name in the base model ("encoder.block.0.layer.0.SelfAttention.q"). */
bool peft_targets(const struct peft *p, const char *module);
int peft_rank(const struct peft *p, const char *module);     /* rank_pattern's, else r */
double peft_alpha(const struct peft *p, const char *module); /* alpha_pattern's, else lora_alpha */

#endif
