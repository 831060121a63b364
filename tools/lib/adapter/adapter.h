/* adapter.h: a PEFT LoRA adapter folder (adapter_config.json, adapter_model.safetensors).
 *
 * ΔW = s B A, A (r, d_in), B (d_out, r), s = lora_alpha / r, or lora_alpha / sqrt(r) with
 * use_rslora. rank_pattern and alpha_pattern give r and alpha per module; as in PEFT, the first key
 * counts that matches `(.*\.)?(key)$`.
 *
 * target_modules can be:
 * - a list of names or suffixes, of which layers_to_transform and layers_pattern keep some
 *   blocks;
 * - one regular expression, which must match the whole name;
 * - "all-linear";
 * - absent or null: the family's default (T5: q and v).
 *
 * Refused, naming adapter, key and what to do:
 * - another peft_type, DoRA, bias, lora_bias, modules_to_save, fan_in_fan_out, layer_replication,
 *   target_parameters, trainable_token_indices;
 * - a tensor that belongs to no module, and a targeted module without tensors;
 * - a rank in the file that differs from the config, or a shape that does not fit the base model;
 * - weights only in .bin files.
 *
 * The file may also hold embeddings (PEFT: save_embedding_layers). copies_check() (copies.h)
 * compares them with the base's. */
#ifndef ADAPTER_H
#define ADAPTER_H

#include "model/model.h"
#include "model/site.h"

struct lora {
	struct module module;
	struct site site;
	int r;
	double scale; /* s */
	const struct st_tensor *A, *B;
};

struct adapter {
	const struct family *family; /* the base model's */
	char *dir;
	struct st *file;
	int n;
	struct lora *lora;     /* in site order, then slot order */
	int r;                 /* r of the config */
	double alpha;          /* lora_alpha of the config */
	char *base, *revision; /* the base model's name and revision in the config; NULL: none */
};

struct adapter *adapter_open(const char *dir, const struct geometry *m);
void adapter_close(struct adapter *a);                                     /* NULL is fine */
const struct lora *adapter_find(const struct adapter *a, struct module q); /* NULL: not targeted */
/* The sum of the ranks of its modules at a site. */
int adapter_site_rank(const struct adapter *a, struct site s);
void lora_read_A(const struct adapter *a, const struct lora *l, float *A); /* (r, d_in), unscaled */
void lora_read_B(const struct adapter *a, const struct lora *l,
		 float *B); /* (d_out, r), unscaled */

#endif
