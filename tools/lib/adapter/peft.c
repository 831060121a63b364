/* peft.c: see peft.h.
 *
 * The rules are PEFT's (checked against PEFT 0.21). The table KEY has every key of
 * adapter_config.json: it is read, or known not to change ΔW, or refused when it is set. */
#include "adapter/peft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/elsewhere.h"
#include "adapter/pattern.h"
#include "base/die.h"
#include "files/checksums.h"
#include "files/jsonx.h"

static const size_t CONFIG_MAX_BYTES =
	1 << 20; /* a rank_pattern with every module of a deep model takes 100 kB */

enum { RANK_MAX = 1 << 16 };

/* Compiles a key's regular expression. */
static struct pattern *pattern_need(const char *path, const char *key, enum pattern_kind kind,
				    const char *text)
{
	const char *why;
	int at;
	struct pattern *p = pattern_compile(text, kind, &why, &at);
	char *where = at ? xformat(" (at character %d)", at) : xstrdup("");
	if (!p)
		die("'%s': %s: cannot use the regular expression '%.200s': %s%s; list the modules "
		    "by name instead",
		    path, key, text, why, where);
	free(where);
	return p;
}

static bool matches(const struct pattern *p, const char *path, const char *module)
{
	enum pattern_answer answer = pattern_match(p, module);
	if (answer == PATTERN_GAVE_UP)
		die("'%s': a regular expression takes more than %d steps on '%s'; simplify it, or "
		    "list the modules by name",
		    path, PATTERN_STEPS, module);
	return answer == PATTERN_YES;
}

enum rule {
	READ,     /* used below */
	HARMLESS, /* does not change ΔW of a trained adapter */
	OFF,      /* refused unless null, false or empty */
};

static const struct {
	const char *key;
	enum rule rule;
	const char *advice; /* OFF: what it would mean for a merge, and what to do */
} KEY[] = {
	{"peft_type", READ, NULL},
	{"r", READ, NULL},
	{"lora_alpha", READ, NULL},
	{"use_rslora", READ, NULL},
	{"rank_pattern", READ, NULL},
	{"alpha_pattern", READ, NULL},
	{"target_modules", READ, NULL},
	{"exclude_modules", READ, NULL},
	{"layers_pattern", READ, NULL},
	{"layers_to_transform", READ, NULL},
	{"base_model_name_or_path", READ, NULL},
	{"revision", READ, NULL},
	{"bias", READ, NULL},
	{"init_lora_weights", READ, NULL},
	{"auto_mapping", HARMLESS, NULL},
	{"inference_mode", HARMLESS, NULL},
	{"peft_version", HARMLESS, NULL},
	{"task_type", HARMLESS, NULL},
	{"lora_dropout", HARMLESS, NULL}, /* used in training only, like merge_weights,
					     velora_config (the backward pass) and runtime_config */
	{"merge_weights", HARMLESS, NULL},
	{"velora_config", HARMLESS, NULL},
	{"runtime_config", HARMLESS, NULL},
	{"corda_config", HARMLESS,
	 NULL}, /* details of an initialisation: init_lora_weights says whether one was used */
	{"eva_config", HARMLESS, NULL},
	{"loftq_config", HARMLESS, NULL},
	{"lora_ga_config", HARMLESS, NULL},
	{"megatron_core", HARMLESS,
	 NULL}, /* the name of a module, only read with megatron_config */
	{"qalora_group_size", HARMLESS, NULL}, /* only read with use_qalora */
	{"ensure_weight_tying", HARMLESS,
	 NULL}, /* concerns the embeddings, whose tensors are refused */
	{"alora_invocation_tokens", OFF,
	 "the adapter works on a part of the tokens only; train without it"},
	{"arrow_config", OFF, "the adapter is routed, not added; train without it"},
	{"enable_lora", OFF,
	 "adapters of merged linears are not supported; train with a current PEFT"},
	{"fan_in_fan_out", OFF,
	 "linears are not stored transposed here; train with fan_in_fan_out=False"},
	{"kasa_config", OFF, "KaSA changes the base model's weights; train without it"},
	{"layer_replication", OFF,
	 "the adapter belongs to a model with other layers; train without it"},
	{"lora_bias", OFF, "biases cannot be merged; train with lora_bias=False"},
	{"megatron_config", OFF,
	 "adapters of Megatron's layers are not supported; train without it"},
	{"modules_to_save", OFF, "whole modules cannot be merged; train without it"},
	{"monteclora_config", OFF, "the adapter is sampled, not fixed; train without it"},
	{"target_parameters", OFF, "only linears can be merged; use target_modules"},
	{"trainable_token_indices", OFF, "trained embeddings cannot be merged; train without it"},
	{"use_bdlora", OFF, "block-diagonal factors are not supported; train without it"},
	{"use_dora", OFF,
	 "DoRA's change of the weight is no product B A; train with use_dora=False"},
	{"use_qalora", OFF, "QA-LoRA pools the inputs; train with use_qalora=False"},
};

/* null, false, "", [] and {} switch a feature off. */
static bool is_off(const json_t *v)
{
	return json_is_null(v) || json_is_false(v) ||
	       (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_object(v) && json_object_size(v) == 0);
}

static void check_keys(const struct peft *p)
{
	const char *key;
	json_t *v;
	json_object_foreach (p->json, key, v) {
		size_t k = 0, n = sizeof(KEY) / sizeof(KEY[0]);
		while (k < n && strcmp(KEY[k].key, key) != 0)
			k++;
		if (is_off(v))
			continue;
		if (k == n)
			die("'%s': the key '%.200s' is not known and is set: it may change what "
			    "the adapter computes; if it does not, remove it",
			    p->path, key);
		if (KEY[k].rule == OFF)
			die("'%s': %s is set: %s", p->path, key, KEY[k].advice);
	}
}

/* Initialisations that subtract something from the base model's weights. Such an adapter is not the
 * difference to the base model that the user has. Names as in PEFT; also with a suffix, such as
 * pissa_niter_16. */
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
			die("'%s': init_lora_weights '%.64s' changed the base model's weights "
			    "before training, so this adapter does not fit the "
			    "original model; save it as a plain LoRA (PEFT: save_pretrained with "
			    "path_initial_model_for_weight_conversion)",
			    p->path, s);
	die("'%s': init_lora_weights: '%.64s' is not known: it may have changed the base model's "
	    "weights",
	    p->path, s);
}

static void check_kind(const struct peft *p)
{
	const char *type = jsonx_string(p->json, p->path, "peft_type");
	const char *bias = jsonx_string_or(p->json, p->path, "bias", "none");
	if (strcmp(type, "LORA") != 0)
		die("'%s': peft_type: expected 'LORA', found '%.64s': only LoRA adapters can be "
		    "merged",
		    p->path, type);
	if (strcmp(bias, "none") != 0)
		die("'%s': bias: expected 'none', found '%.64s': biases cannot be merged; train "
		    "with bias='none'",
		    p->path, bias);
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
			s->pattern =
				pattern_need(p->path, key, PATTERN_WHOLE, json_string_value(v));
		return;
	}
	if (!json_is_array(v))
		die("'%s': %s: expected a list of names or a string", p->path, key);
	json_array_foreach (v, i, item)
		if (!json_is_string(item))
			die("'%s': %s: entry %zu: expected a string", p->path, key, i + 1);
	s->list = v;
}

enum fit { NO_FIT, FIT, FIT_BY_SUFFIX };

/* An entry of a list is a whole name or its last parts; a whole name is tried first. A regular
 * expression must match the whole name. */
static enum fit names_fit(const struct peft_names *s, const char *path, const char *name)
{
	size_t i, n = strlen(name);
	const json_t *item;
	enum fit fit = NO_FIT;
	if (s->all)
		return FIT;
	if (s->pattern)
		return matches(s->pattern, path, name) ? FIT : NO_FIT;
	json_array_foreach (s->list, i, item) {
		size_t k = json_string_length(item);
		if (k > n || strcmp(name + n - k, json_string_value(item)) != 0)
			continue;
		if (k == n)
			return FIT;
		if (name[n - k - 1] == '.')
			fit = FIT_BY_SUFFIX;
	}
	return fit;
}

/* Where target_modules is absent or null: PEFT's choice for the family. */
static void default_targets(struct peft *p, const struct family *f)
{
	const json_t *v = json_object_get(p->json, "target_modules");
	if (v && !json_is_null(v))
		return;
	if (!f->targets[0])
		die("'%s': target_modules is absent, and PEFT has no default for this kind of "
		    "model; name the linears that were trained",
		    p->path);
	json_object_set_new(p->json, "target_modules",
			    json_pack("[s, s]", f->targets[0], f->targets[1]));
}

/* ---- layers_to_transform ---- */

static void need_integers(const char *path, const json_t *v)
{
	size_t i;
	const json_t *item;
	if (!json_is_integer(v) && !json_is_array(v))
		die("'%s': layers_to_transform: expected an integer or a list of integers", path);
	json_array_foreach (v, i, item)
		if (!json_is_integer(item))
			die("'%s': layers_to_transform: entry %zu: expected an integer", path,
			    i + 1);
}

/* A text or a list of texts. NULL or off: the first number in a module's name counts. */
static void layer_patterns_read(struct peft_layers *s, const char *path, const json_t *v)
{
	bool any = !v || is_off(v);
	s->n = !any && json_is_array(v) ? json_array_size(v) : 1;
	s->pattern = xcalloc(s->n, sizeof(*s->pattern));
	for (size_t i = 0; i < s->n; i++) {
		const json_t *item = json_is_array(v) && !any ? json_array_get(v, i) : v;
		if (!any && !json_is_string(item))
			die("'%s': layers_pattern: expected a text or a list of texts", path);
		s->pattern[i] = any ? pattern_need(path, "layers_pattern", PATTERN_ANY_LAYER, "")
				    : pattern_need(path, "layers_pattern", PATTERN_LAYER,
						   json_string_value(item));
	}
}

static void layers_read(struct peft_layers *s, const struct peft *p)
{
	const json_t *layers = json_object_get(p->json, "layers_to_transform"),
		     *pattern = json_object_get(p->json, "layers_pattern");
	bool given = layers && !json_is_null(layers);
	if (given && json_is_string(json_object_get(p->json, "target_modules")))
		die("'%s': layers_to_transform is set, and target_modules is a text: PEFT takes "
		    "layers_to_transform with a list of names only",
		    p->path);
	if (!given && pattern && !is_off(pattern))
		die("'%s': layers_pattern is set without layers_to_transform, which PEFT refuses; "
		    "say which layers, or remove it",
		    p->path);
	if (!given)
		return;
	need_integers(p->path, layers);
	if (json_is_array(layers) && json_array_size(layers) == 0)
		return;
	s->to_transform = layers;
	layer_patterns_read(s, p->path, pattern);
}

/* The number of the block that contains `module`, or -1. */
static long layer_of(const struct peft_layers *s, const char *path, const char *module)
{
	for (size_t i = 0; i < s->n; i++)
		if (matches(s->pattern[i], path, module))
			return pattern_index(s->pattern[i], module);
	return -1;
}

static bool layers_have(const struct peft_layers *s, const char *path, const char *module)
{
	size_t i;
	const json_t *item;
	long layer;
	if (!s->to_transform)
		return true;
	layer = layer_of(s, path, module);
	if (layer < 0 || json_is_integer(s->to_transform))
		return layer >= 0 && json_integer_value(s->to_transform) == layer;
	json_array_foreach (s->to_transform, i, item)
		if (json_integer_value(item) == layer)
			return true;
	return false;
}

static void layers_release(struct peft_layers *s)
{
	for (size_t i = 0; i < s->n; i++)
		pattern_free(s->pattern[i]);
	free(s->pattern);
}

/* ---- rank_pattern and alpha_pattern ---- */

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
	json_object_foreach ((json_t *)o, pattern, v) {
		struct peft_override *item = &s->item[s->n++];
		if (!json_is_number(v))
			die("'%s': %s: '%.200s': expected a number", p->path, key, pattern);
		item->value = json_number_value(v);
		item->pattern = pattern_need(p->path, key, PATTERN_TAIL, pattern);
	}
}

/* The first entry that matches, in the file's order; if none does, the default. */
static double overrides_get(const struct peft_overrides *s, const char *path, const char *name,
			    double dflt)
{
	for (size_t i = 0; i < s->n; i++)
		if (matches(s->item[i].pattern, path, name))
			return s->item[i].value;
	return dflt;
}

static void overrides_release(struct peft_overrides *s)
{
	for (size_t i = 0; i < s->n; i++)
		pattern_free(s->item[i].pattern);
	free(s->item);
}

/* The base model's name and revision. A slash at the end of a path is ignored; main is the default
 * revision. */
static void base_read(struct peft *p)
{
	const char *name = jsonx_string_or(p->json, p->path, "base_model_name_or_path", "");
	const char *revision = jsonx_string_or(p->json, p->path, "revision", "");
	size_t n = strlen(name);
	while (n > 1 && name[n - 1] == '/')
		n--;
	if (n > 0)
		p->base = xformat("%.*s", (int)n, name);
	if (*revision && strcmp(revision, "main") != 0)
		p->revision = xstrdup(revision);
}

void peft_read(struct peft *p, const char *dir, const struct family *f)
{
	memset(p, 0, sizeof(*p));
	p->path = xformat("%s/adapter_config.json", dir);
	checksums_expect(p->path);
	elsewhere_check(dir);
	p->json = jsonx_load(p->path, CONFIG_MAX_BYTES);
	if (!json_is_object(p->json))
		die("'%s': expected a JSON object", p->path);
	check_kind(p);
	p->r = (int)jsonx_int(p->json, p->path, "r", 1, RANK_MAX);
	p->alpha = jsonx_number(p->json, p->path, "lora_alpha");
	p->rslora = jsonx_bool_or(p->json, p->path, "use_rslora", false);
	base_read(p);
	default_targets(p, f);
	layers_read(&p->layers, p);
	names_read(&p->target, p, "target_modules");
	names_read(&p->exclude, p, "exclude_modules");
	/* PEFT reads "all-linear" as a shorthand only in target_modules. Elsewhere it is a pattern
	 * that matches no module. */
	p->exclude.all = false;
	overrides_read(&p->rank, p, "rank_pattern");
	overrides_read(&p->alphas, p, "alpha_pattern");
	for (size_t i = 0; i < p->rank.n; i++) {
		double r = p->rank.item[i].value;
		if (!(r >= 1 && r <= RANK_MAX && r == floor(r)))
			die("'%s': rank_pattern: expected whole numbers from 1 to %d, found %g",
			    p->path, RANK_MAX, r);
	}
}

void peft_release(struct peft *p)
{
	pattern_free(p->target.pattern);
	pattern_free(p->exclude.pattern);
	layers_release(&p->layers);
	overrides_release(&p->rank);
	overrides_release(&p->alphas);
	json_decref(p->json);
	free(p->base);
	free(p->revision);
	free(p->path);
}

bool peft_targets(const struct peft *p, const char *module)
{
	enum fit fit;
	if (names_fit(&p->exclude, p->path, module))
		return false;
	fit = names_fit(&p->target, p->path, module);
	return fit == FIT || (fit == FIT_BY_SUFFIX && layers_have(&p->layers, p->path, module));
}

int peft_rank(const struct peft *p, const char *module)
{
	return (int)overrides_get(&p->rank, p->path, module, p->r);
}

double peft_alpha(const struct peft *p, const char *module)
{
	return overrides_get(&p->alphas, p->path, module, p->alpha);
}
