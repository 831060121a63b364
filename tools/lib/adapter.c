/* adapter.c: see adapter.h.
 *
 * Which modules an adapter has and how they scale is decided as PEFT decides it (checked against PEFT 0.21); the file must then hold
 * exactly the tensors that follow. Every key of adapter_config.json is in the table KEY: read, known not to change ΔW, or refused when
 * it is set. */
#include "adapter.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"
#include "jsonx.h"
#include "pattern.h"
#include "site.h"

static const size_t CONFIG_MAX_BYTES = 1 << 20; /* a rank_pattern that lists every module of a deep model takes 100 kB */

enum { RANK_MAX = 1 << 16 };

/* ---- adapter_config.json ---- */

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

/* target_modules or exclude_modules. */
struct names {
	bool all;                /* "all-linear" */
	struct pattern *pattern; /* or NULL */
	const json_t *list;      /* or NULL */
};

/* One entry of rank_pattern or alpha_pattern. */
struct override {
	struct pattern *pattern;
	double value;
};

struct overrides {
	size_t n;
	struct override *item;
};

struct peft {
	char *path;
	json_t *json;
	int r;
	double alpha;
	bool rslora;
	struct names target, exclude;
	struct overrides rank, alphas;
};

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

static void names_read(struct names *s, const struct peft *p, const char *key)
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
static bool names_match(const struct names *s, const char *name)
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

static void overrides_read(struct overrides *s, const struct peft *p, const char *key)
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
		struct override *item = &s->item[s->n++];
		if (!json_is_number(v))
			die("'%s': %s: '%.200s': expected a number", p->path, key, pattern);
		item->value = json_number_value(v);
		item->pattern = pattern_need(p->path, key, PATTERN_TAIL, pattern);
	}
}

/* The first that matches, in the file's order; else the default. */
static double overrides_get(const struct overrides *s, const char *name, double dflt)
{
	for (size_t i = 0; i < s->n; i++)
		if (pattern_matches(s->item[i].pattern, name))
			return s->item[i].value;
	return dflt;
}

static void overrides_release(struct overrides *s)
{
	for (size_t i = 0; i < s->n; i++)
		pattern_free(s->item[i].pattern);
	free(s->item);
}

static void peft_read(struct peft *p, const char *dir)
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

static void peft_release(struct peft *p)
{
	pattern_free(p->target.pattern);
	pattern_free(p->exclude.pattern);
	overrides_release(&p->rank);
	overrides_release(&p->alphas);
	json_decref(p->json);
	free(p->path);
}

static bool peft_targets(const struct peft *p, const char *module)
{
	return names_match(&p->target, module) && !names_match(&p->exclude, module);
}

/* ---- Modules and tensors ---- */

static const char PREFIX[] = "base_model.model.";

static int by_site(const void *a, const void *b)
{
	const struct module *x = &((const struct lora *)a)->module, *y = &((const struct lora *)b)->module;
	int order = site_compare(site_of_module(*x), site_of_module(*y));
	if (order)
		return order;
	/* The memory site has k and v of every decoder block. */
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

/* The targeted modules with their ranks and scales, in order. */
static void list_targets(struct adapter *a, const struct t5 *m, const struct peft *p)
{
	a->lora = xcalloc(((size_t)m->L[0] + (size_t)m->L[1]) * SLOTS, sizeof(*a->lora));
	for (int stack = 0; stack < 2; stack++) {
		for (int i = 0; i < m->L[stack] * SLOTS; i++) {
			struct module q = {.stack = stack, .block = i / SLOTS, .slot = (enum slot)(i % SLOTS)};
			if (!slot_exists(m, stack, q.slot))
				continue;
			char *name = module_name(m, q);
			if (peft_targets(p, name)) {
				struct lora *l = &a->lora[a->n++];
				double alpha = overrides_get(&p->alphas, name, p->alpha);
				l->module = q;
				l->r = (int)overrides_get(&p->rank, name, p->r);
				l->scale = alpha / (p->rslora ? sqrt(l->r) : l->r);
			}
			free(name);
		}
	}
	if (a->n == 0)
		die("'%s': target_modules names no linear of the base model (q, k, v, o, wi, wi_0, wi_1, wo of its blocks)", p->path);
	qsort(a->lora, (size_t)a->n, sizeof(*a->lora), by_site);
}

/* A tensor that is no lora_A or lora_B of a linear of the blocks: which kind it is. */
static _Noreturn void die_stray(const char *file, const char *name)
{
	static const struct {
		const char *part, *what;
	} KNOWN[] = {
		{"lora_magnitude_vector", "belongs to DoRA; train with use_dora=False"},
		{"modules_to_save", "is a whole trained module (modules_to_save); train without it"},
		{"lora_embedding_", "adapts an embedding; only linears can be merged, train without it in target_modules"},
		{"bias", "is a bias; train with bias='none' and lora_bias=False"},
		{"base_layer", "is a weight of the base model; save the adapter with save_embedding_layers=False"},
	};
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++)
		if (strstr(name, KNOWN[i].part))
			die("'%s': tensor '%s' %s", file, name, KNOWN[i].what);
	die("'%s': tensor '%s' is taken by no module: expected names %sMODULE.lora_A.weight and lora_B.weight", file, name, PREFIX);
}

/* The module's name within a tensor's name, allocated; NULL when it is no lora_A or lora_B. */
static char *module_of_tensor(const char *name)
{
	static const char tail[] = ".lora_A.weight";
	size_t n = strlen(name), head = sizeof(PREFIX) - 1, k = sizeof(tail) - 1;
	if (n <= head + k || strncmp(name, PREFIX, head) != 0)
		return NULL;
	if (strcmp(name + n - k, tail) != 0 && strcmp(name + n - k, ".lora_B.weight") != 0)
		return NULL;
	char *module = xstrdup(name + head);
	module[n - head - k] = '\0';
	return module;
}

/* Every tensor belongs to a targeted module. As names in a file are unique, what is left to check is that none is missing. */
static void check_tensor_names(const struct adapter *a, const struct t5 *m, const struct peft *p)
{
	for (int i = 0; i < st_count(a->file); i++) {
		const struct st_tensor *t = st_at(a->file, i);
		const char *file = st_file(a->file, t);
		char *name = module_of_tensor(t->name);
		struct module q;
		if (!name)
			die_stray(file, t->name);
		if (strcmp(name, "lm_head") == 0)
			die("'%s': tensor '%s' adapts the output embedding, which cannot be merged; train without lm_head in target_modules", file,
			    t->name);
		if (!module_parse(m, name, &q))
			die("'%s': tensor '%s': the base model has no linear '%s' (it has %d encoder and %d decoder blocks, feed-forward with %s): "
			    "an adapter of another model?", file, t->name, name, m->L[0], m->L[1], m->gated ? "wi_0 and wi_1" : "wi");
		if (!adapter_find(a, q))
			die("'%s': tensor '%s' is taken by no module: target_modules and exclude_modules of '%s' leave '%s' out", file, t->name,
			    p->path, name);
		free(name);
	}
}

/* One factor of module `name`: A (r, width) for 'A', B (width, r) for 'B'. */
static const struct st_tensor *need_factor(const struct adapter *a, const struct peft *p, const char *name, char which, int r, int width)
{
	char *tensor = xformat("%s%s.lora_%c.weight", PREFIX, name, which);
	const struct st_tensor *t = st_find(a->file, tensor);
	size_t want[2] = {(size_t)(which == 'A' ? r : width), (size_t)(which == 'A' ? width : r)};
	int rank_at = which == 'A' ? 0 : 1;
	if (!t)
		die("'%s/adapter_model.safetensors': missing tensor '%s': target_modules of '%s' targets this module of the base model", a->dir,
		    tensor, p->path);
	if (t->dtype == ST_OTHER)
		die("'%s': tensor '%s': expected F32, F16 or BF16", st_file(a->file, t), tensor);
	if (t->ndim != 2)
		die("'%s': tensor '%s': expected 2 dimensions, found %d", st_file(a->file, t), tensor, t->ndim);
	if (t->dim[!rank_at] != want[!rank_at])
		die("'%s': tensor '%s': expected shape (%zu, %zu) for this base model, found (%zu, %zu): an adapter of another model?",
		    st_file(a->file, t), tensor, want[0], want[1], t->dim[0], t->dim[1]);
	if (t->dim[rank_at] != want[rank_at])
		die("'%s': tensor '%s' has rank %zu, but r and rank_pattern of '%s' say %d", st_file(a->file, t), tensor, t->dim[rank_at],
		    p->path, r);
	free(tensor);
	return t;
}

static void find_tensors(struct adapter *a, const struct t5 *m, const struct peft *p)
{
	for (int i = 0; i < a->n; i++) {
		struct lora *l = &a->lora[i];
		char *name = module_name(m, l->module);
		l->A = need_factor(a, p, name, 'A', l->r, module_d_in(m, l->module.slot));
		l->B = need_factor(a, p, name, 'B', l->r, module_d_out(m, l->module.slot));
		free(name);
	}
}

struct adapter *adapter_open(const char *dir, const struct t5 *m)
{
	struct adapter *a = xcalloc(1, sizeof(*a));
	struct peft p;
	a->dir = xstrdup(dir);
	peft_read(&p, dir);
	a->r = p.r;
	a->alpha = p.alpha;
	list_targets(a, m, &p);

	char *file = xformat("%s/adapter_model.safetensors", dir);
	a->file = st_open(file);
	free(file);
	check_tensor_names(a, m, &p);
	find_tensors(a, m, &p);
	peft_release(&p);
	return a;
}

void adapter_close(struct adapter *a)
{
	if (!a)
		return;
	st_close(a->file);
	free(a->lora);
	free(a->dir);
	free(a);
}

const struct lora *adapter_find(const struct adapter *a, struct module q)
{
	struct lora key = {.module = q};
	return bsearch(&key, a->lora, (size_t)a->n, sizeof(*a->lora), by_site);
}

void lora_read_A(const struct adapter *a, const struct lora *l, float *A)
{
	st_read(a->file, l->A, 0, l->A->dim[0] * l->A->dim[1], A);
}

void lora_read_B(const struct adapter *a, const struct lora *l, float *B)
{
	st_read(a->file, l->B, 0, l->B->dim[0] * l->B->dim[1], B);
}
