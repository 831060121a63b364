/* peft.c: see peft.h.
 *
 * Decided as PEFT decides it (checked against PEFT 0.21). Every key of adapter_config.json is in the table KEY: read, known not to
 * change ΔW, or refused when it is set. */
#include "adapter/peft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "adapter/pattern.h"

static const size_t CONFIG_MAX_BYTES = 1 << 20; /* a rank_pattern that lists every module of a deep model takes 100 kB */

enum { RANK_MAX = 1 << 16 };

/* A key's regular expression. */
static struct pattern *pattern_need(const char *path, const char *key, enum pattern_kind kind, const char *text)
{
	const char *why;
	int at;
	struct pattern *p = pattern_compile(text, kind, &why, &at);
	if (!p)
		die("'%s': %s: cannot use the regular expression '%.200s': %s (at character %d); list the modules by name instead", path, key,
		    text, why, at);
	return p;
}

enum rule {
	READ,     /* taken into account below */
	HARMLESS, /* does not change ΔW once the adapter is trained */
	OFF,      /* refused unless null, false or empty */
};

static const struct {
	const char *key;
	enum rule rule;
	const char *advice; /* OFF: what it means for a merge, and what to do */
} KEY[] = {
	{"peft_type", READ, NULL},
	{"r", READ, NULL},
	{"lora_alpha", READ, NULL},
	{"use_rslora", READ, NULL},
	{"rank_pattern", READ, NULL},
	{"alpha_pattern", READ, NULL},
	{"target_modules", READ, NULL},
	{"exclude_modules", READ, NULL},
	{"bias", READ, NULL},
	{"init_lora_weights", READ, NULL},
	{"auto_mapping", HARMLESS, NULL},
	{"base_model_name_or_path", HARMLESS, NULL},
	{"inference_mode", HARMLESS, NULL},
	{"peft_version", HARMLESS, NULL},
	{"revision", HARMLESS, NULL},
	{"task_type", HARMLESS, NULL},
	{"lora_dropout", HARMLESS, NULL}, /* training only, as merge_weights, velora_config (the backward pass) and runtime_config */
	{"merge_weights", HARMLESS, NULL},
	{"velora_config", HARMLESS, NULL},
	{"runtime_config", HARMLESS, NULL},
	{"corda_config", HARMLESS, NULL}, /* details of an initialisation: init_lora_weights says whether it was used */
	{"eva_config", HARMLESS, NULL},
	{"loftq_config", HARMLESS, NULL},
	{"lora_ga_config", HARMLESS, NULL},
	{"megatron_core", HARMLESS, NULL},     /* the name of a module, read with megatron_config only */
	{"qalora_group_size", HARMLESS, NULL}, /* read with use_qalora only */
	{"ensure_weight_tying", HARMLESS, NULL}, /* concerns the embeddings, whose tensors are refused */
	{"alora_invocation_tokens", OFF, "the adapter works on a part of the tokens only; train without it"},
	{"arrow_config", OFF, "the adapter is routed, not added; train without it"},
	{"enable_lora", OFF, "adapters of merged linears are not supported; train with a current PEFT"},
	{"fan_in_fan_out", OFF, "T5's linears are not stored transposed; train with fan_in_fan_out=False"},
	{"kasa_config", OFF, "KaSA changes the base model's weights; train without it"},
	{"layer_replication", OFF, "the adapter belongs to a model with other layers; train without it"},
	{"layers_pattern", OFF, "name the modules in target_modules instead"},
	{"layers_to_transform", OFF, "name the modules in target_modules instead"},
	{"lora_bias", OFF, "biases cannot be merged; train with lora_bias=False"},
	{"megatron_config", OFF, "adapters of Megatron's layers are not supported; train without it"},
	{"modules_to_save", OFF, "whole modules cannot be merged; train without it"},
	{"monteclora_config", OFF, "the adapter is sampled, not fixed; train without it"},
	{"target_parameters", OFF, "only linears can be merged; use target_modules"},
	{"trainable_token_indices", OFF, "trained embeddings cannot be merged; train without it"},
	{"use_bdlora", OFF, "block-diagonal factors are not supported; train without it"},
	{"use_dora", OFF, "DoRA's change of the weight is no product B A; train with use_dora=False"},
	{"use_qalora", OFF, "QA-LoRA pools the inputs; train with use_qalora=False"},
};

/* null, false, "", [] and {} leave a feature off. */
static bool is_off(const json_t *v)
{
	return json_is_null(v) || json_is_false(v) || (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0) || (json_is_object(v) && json_object_size(v) == 0);
}

static void check_keys(const struct peft *p)
{
	const char *key;
	json_t *v;
	json_object_foreach(p->json, key, v) {
		size_t k = 0, n = sizeof(KEY) / sizeof(KEY[0]);
		while (k < n && strcmp(KEY[k].key, key) != 0)
			k++;
		if (is_off(v))
			continue;
		if (k == n)
			die("'%s': the key '%.200s' is not known and is set: it may change what the adapter computes; if it does not, remove it",
			    p->path, key);
		if (KEY[k].rule == OFF)
			die("'%s': %s is set: %s", p->path, key, KEY[k].advice);
	}
}

/* Initialisations that subtract something from the base model's weights: the adapter alone is not the difference to the base model
 * that the user has. Names as in PEFT; pissa also as pissa_niter_16. */
static void check_initialisation(const struct peft *p)
{
	static const char *const plain[] = {"gaussian", "eva", "orthogonal", "mica"};
	static const char *const changing[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};
	const json_t *v = json_object_get(p->json, "init_lora_weights");
	if (!v || json_is_null(v) || json_is_boolean(v))
		return;
	const char *s = jsonx_string(p->json, p->path, "init_lora_weights");
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (strcmp(s, plain[i]) == 0)
			return;
	for (size_t i = 0; i < sizeof(changing) / sizeof(*changing); i++)
		if (strncmp(s, changing[i], strlen(changing[i])) == 0)
			die("'%s': init_lora_weights '%.64s' changed the base model's weights before training, so this adapter does not fit the "
			    "original model; save it as a plain LoRA (PEFT: save_pretrained with path_initial_model_for_weight_conversion)",
			    p->path, s);
	die("'%s': init_lora_weights: '%.64s' is not known: it may have changed the base model's weights", p->path, s);
}

static void check_kind(const struct peft *p)
{
	const char *type = jsonx_string(p->json, p->path, "peft_type");
	const char *bias = jsonx_string_or(p->json, p->path, "bias", "none");
	if (strcmp(type, "LORA") != 0)
		die("'%s': peft_type: expected 'LORA', found '%.64s': only LoRA adapters can be merged", p->path, type);
	if (strcmp(bias, "none") != 0)
		die("'%s': bias: expected 'none', found '%.64s': biases cannot be merged; train with bias='none'", p->path, bias);
	check_keys(p);
	check_initialisation(p);
}

static void names_read(struct peft_names *s, const struct peft *p, const char *key)
{
	const json_t *v = json_object_get(p->json, key), *item;
	size_t i;
	if (!v || json_is_null(v))
		return;
	if (json_is_string(v)) {
		s->all = strcasecmp(json_string_value(v), "all-linear") == 0;
		if (!s->all)
			s->pattern = pattern_need(p->path, key, PATTERN_WHOLE, json_string_value(v));
		return;
	}
	if (!json_is_array(v))
		die("'%s': %s: expected a list of names or a string", p->path, key);
	json_array_foreach(v, i, item)
		if (!json_is_string(item))
			die("'%s': %s: entry %zu: expected a string", p->path, key, i + 1);
	s->list = v;
}

/* A list's entry is a whole name or its last parts; a regular expression takes the whole name. */
static bool names_match(const struct peft_names *s, const char *name)
{
	size_t i, n = strlen(name);
	const json_t *item;
	if (s->all)
		return true;
	if (s->pattern)
		return pattern_matches(s->pattern, name);
	json_array_foreach(s->list, i, item) {
		size_t k = json_string_length(item);
		if (k <= n && strcmp(name + n - k, json_string_value(item)) == 0 && (k == n || name[n - k - 1] == '.'))
			return true;
	}
	return false;
}

static void overrides_read(struct peft_overrides *s, const struct peft *p, const char *key)
{
	const json_t *o = json_object_get(p->json, key);
	const char *pattern;
	json_t *v;
	if (!o || json_is_null(o))
		return;
	if (!json_is_object(o))
		die("'%s': %s: expected an object of patterns and numbers", p->path, key);
	s->item = xcalloc(json_object_size(o) + 1, sizeof(*s->item));
	json_object_foreach((json_t *)o, pattern, v) {
		struct peft_override *item = &s->item[s->n++];
		if (!json_is_number(v))
			die("'%s': %s: '%.200s': expected a number", p->path, key, pattern);
		item->value = json_number_value(v);
		item->pattern = pattern_need(p->path, key, PATTERN_TAIL, pattern);
	}
}

/* The first that matches, in the file's order; else the default. */
static double overrides_get(const struct peft_overrides *s, const char *name, double dflt)
{
	for (size_t i = 0; i < s->n; i++)
		if (pattern_matches(s->item[i].pattern, name))
			return s->item[i].value;
	return dflt;
}

static void overrides_release(struct peft_overrides *s)
{
	for (size_t i = 0; i < s->n; i++)
		pattern_free(s->item[i].pattern);
	free(s->item);
}

void peft_read(struct peft *p, const char *dir)
{
	memset(p, 0, sizeof(*p));
	p->path = xformat("%s/adapter_config.json", dir);
	p->json = jsonx_load(p->path, CONFIG_MAX_BYTES);
	if (!json_is_object(p->json))
		die("'%s': expected a JSON object", p->path);
	check_kind(p);
	p->r = (int)jsonx_int(p->json, p->path, "r", 1, RANK_MAX);
	p->alpha = jsonx_number(p->json, p->path, "lora_alpha");
	p->rslora = jsonx_bool_or(p->json, p->path, "use_rslora", false);
	names_read(&p->target, p, "target_modules");
	names_read(&p->exclude, p, "exclude_modules");
	/* PEFT takes "all-linear" as a shorthand in target_modules only; elsewhere it is a pattern that no module's name matches. */
	p->exclude.all = false;
	overrides_read(&p->rank, p, "rank_pattern");
	overrides_read(&p->alphas, p, "alpha_pattern");
	for (size_t i = 0; i < p->rank.n; i++) {
		double r = p->rank.item[i].value;
		if (!(r >= 1 && r <= RANK_MAX && r == floor(r)))
			die("'%s': rank_pattern: expected whole numbers from 1 to %d, found %g", p->path, RANK_MAX, r);
	}
}

void peft_release(struct peft *p)
{
	pattern_free(p->target.pattern);
	pattern_free(p->exclude.pattern);
	overrides_release(&p->rank);
	overrides_release(&p->alphas);
	json_decref(p->json);
	free(p->path);
}

bool peft_targets(const struct peft *p, const char *module)
{
	return names_match(&p->target, module) && !names_match(&p->exclude, module);
}

int peft_rank(const struct peft *p, const char *module)
{
	return (int)overrides_get(&p->rank, module, p->r);
}

double peft_alpha(const struct peft *p, const char *module)
{
	return overrides_get(&p->alphas, module, p->alpha);
}
