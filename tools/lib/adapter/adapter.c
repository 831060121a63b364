/* adapter.c: see adapter.h.
 *
 * The config decides which modules an adapter has, and their scales (peft.h). The file must then
 * hold exactly the tensors of these modules. */
#include "adapter/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/copies.h"
#include "adapter/peft.h"
#include "base/die.h"

static const char PREFIX[] = "base_model.model.";

static int by_site(const void *a, const void *b)
{
	const struct lora *p = a, *q = b;
	int order = site_compare(p->site, q->site);
	/* The site `encoder-output` has k and v of every decoder block. */
	return order ? order : module_compare(&p->module, &q->module);
}

static void refuse_embedding(const struct peft *p, const char *name)
{
	if (!p->target.all && peft_targets(p, name))
		die("'%s': target_modules targets the embedding '%s', which cannot be merged; "
		    "train the linears alone",
		    p->path, name);
}

/* A targeted embedding without factors in the file would be ignored silently. "all-linear" targets
 * none. */
static void refuse_embeddings(const struct peft *p, const struct family *f)
{
	refuse_embedding(p, "lm_head");
	for (int i = 0; i < INPUT_NAMES && f->input[i]; i++) {
		size_t n = strlen(f->input[i]) - strlen(".weight");
		char *name = xformat("%.*s", (int)n, f->input[i]);
		refuse_embedding(p, name);
		free(name);
	}
}

/* Lists the targeted modules with their ranks and scales, in order. */
static void list_targets(struct adapter *a, const struct geometry *m, const struct peft *p)
{
	a->lora = xcalloc(((size_t)m->L[0] + (size_t)m->L[1]) * SLOTS, sizeof(*a->lora));
	for (int stack = 0; stack < 2; stack++) {
		for (int i = 0; i < m->L[stack] * SLOTS; i++) {
			struct module q = {.stack = stack, .block = i / SLOTS, .slot = (i % SLOTS)};
			if (!slot_exists(m, stack, q.slot))
				continue;
			char *name = module_name(m, q);
			if (peft_targets(p, name)) {
				struct lora *l = &a->lora[a->n++];
				double alpha = peft_alpha(p, name);
				l->module = q;
				l->site = site_of_module(m->family, q);
				l->r = peft_rank(p, name);
				l->scale = alpha / (p->rslora ? sqrt(l->r) : l->r);
			}
			free(name);
		}
	}
	refuse_embeddings(p, m->family);
	if (a->n == 0)
		die("'%s': target_modules names no linear of the base model (%s of its "
		    "blocks)%s",
		    p->path, m->family->linears,
		    p->layers.to_transform ? " in the blocks of layers_to_transform" : "");
	qsort(a->lora, (size_t)a->n, sizeof(*a->lora), by_site);
}

/* Names the kind of a tensor that is no lora_A or lora_B of a linear in a block. */
static _Noreturn void die_stray(const char *file, const char *name)
{
	static const struct {
		const char *part, *what;
	} KNOWN[] = {
		{"lora_magnitude_vector", "belongs to DoRA; train with use_dora=False"},
		{"modules_to_save",
		 "is a whole trained module (modules_to_save); train without it"},
		{"lora_embedding_", "adapts an embedding; only linears can be merged, train "
				    "without it in target_modules"},
		{"bias", "is a bias; train with bias='none' and lora_bias=False"},
		{"base_layer", "is a weight of the base model; save the adapter with "
			       "save_embedding_layers=False"},
	};
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++)
		if (strstr(name, KNOWN[i].part))
			die("'%s': tensor '%s' %s", file, name, KNOWN[i].what);
	die("'%s': tensor '%s' is taken by no module: expected names %sMODULE.lora_A.weight and "
	    "lora_B.weight",
	    file, name, PREFIX);
}

/* The module's name in a tensor's name, allocated. NULL: the tensor is no lora_A or lora_B. */
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

static _Noreturn void die_no_linear(const char *file, const char *tensor, const char *name,
				    const struct geometry *m)
{
	char *blocks = m->family->nstacks == 2
			       ? xformat("%d encoder and %d decoder blocks, feed-forward with %s",
					 m->L[0], m->L[1], m->gated ? "wi_0 and wi_1" : "wi")
			       : xformat("%d layers", m->L[0]);
	die("'%s': tensor '%s': the base model has no linear '%s' (it has %s): an adapter of "
	    "another model?",
	    file, tensor, name, blocks);
}

/* Every tensor must belong to a targeted module. Names in a file are unique, so afterwards only
 * missing tensors remain to be checked. */
static void check_tensor_names(const struct adapter *a, const struct geometry *m,
			       const struct peft *p)
{
	for (int i = 0; i < st_count(a->file); i++) {
		const struct st_tensor *t = st_at(a->file, i);
		const char *file = st_file(a->file, t);
		char *name = module_of_tensor(t->name);
		struct module q;
		if (copy_of(t->name, m->family))
			continue;
		if (!name)
			die_stray(file, t->name);
		if (strcmp(name, "lm_head") == 0)
			die("'%s': tensor '%s' adapts the output embedding, which cannot be "
			    "merged; train without lm_head in target_modules",
			    file, t->name);
		if (!module_parse(m, name, &q))
			die_no_linear(file, t->name, name, m);
		if (!adapter_find(a, q))
			die("'%s': tensor '%s' is taken by no module: target_modules%s and "
			    "exclude_modules of '%s' leave '%s' out",
			    file, t->name, p->layers.to_transform ? ", layers_to_transform" : "",
			    p->path, name);
		free(name);
	}
}

/* One factor of module `name`: A (r, width) for 'A', B (width, r) for 'B'. */
static const struct st_tensor *need_factor(const struct adapter *a, const struct peft *p,
					   const char *name, char which, int r, int width)
{
	char *tensor = xformat("%s%s.lora_%c.weight", PREFIX, name, which);
	const struct st_tensor *t = st_find(a->file, tensor);
	size_t want[2] = {(size_t)(which == 'A' ? r : width), (size_t)(which == 'A' ? width : r)};
	int rank_at = which == 'A' ? 0 : 1;
	if (!t)
		die("'%s/adapter_model.safetensors': missing tensor '%s': target_modules of '%s' "
		    "targets this module of the base model",
		    a->dir, tensor, p->path);
	if (t->dtype == ST_OTHER)
		die("'%s': tensor '%s': expected F32, F16 or BF16", st_file(a->file, t), tensor);
	if (t->ndim != 2)
		die("'%s': tensor '%s': expected 2 dimensions, found %d", st_file(a->file, t),
		    tensor, t->ndim);
	if (t->dim[!rank_at] != want[!rank_at])
		die("'%s': tensor '%s': expected shape (%zu, %zu) for this base model, found (%zu, "
		    "%zu): an adapter of another model?",
		    st_file(a->file, t), tensor, want[0], want[1], t->dim[0], t->dim[1]);
	if (t->dim[rank_at] != want[rank_at])
		die("'%s': tensor '%s' has rank %zu, but r and rank_pattern of '%s' say %d",
		    st_file(a->file, t), tensor, t->dim[rank_at], p->path, r);
	free(tensor);
	return t;
}

static void find_tensors(struct adapter *a, const struct geometry *m, const struct peft *p)
{
	for (int i = 0; i < a->n; i++) {
		struct lora *l = &a->lora[i];
		char *name = module_name(m, l->module);
		l->A = need_factor(a, p, name, 'A', l->r, module_d_in(m, l->module.slot));
		l->B = need_factor(a, p, name, 'B', l->r, module_d_out(m, l->module.slot));
		free(name);
	}
}

struct adapter *adapter_open(const char *dir, const struct geometry *m)
{
	struct adapter *a = xcalloc(1, sizeof(*a));
	struct peft p;
	a->family = m->family;
	a->dir = xstrdup(dir);
	peft_read(&p, dir, m->family);
	a->r = p.r;
	a->alpha = p.alpha;
	a->base = p.base ? xstrdup(p.base) : NULL;
	a->revision = p.revision ? xstrdup(p.revision) : NULL;
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
	free(a->base);
	free(a->revision);
	free(a->dir);
	free(a);
}

const struct lora *adapter_find(const struct adapter *a, struct module q)
{
	struct lora key = {.module = q, .site = site_of_module(a->family, q)};
	return bsearch(&key, a->lora, (size_t)a->n, sizeof(*a->lora), by_site);
}

int adapter_site_rank(const struct adapter *a, struct site s)
{
	int R = 0;

	for (int i = 0; i < a->n; i++)
		if (site_compare(a->lora[i].site, s) == 0)
			R += a->lora[i].r;
	return R;
}

void lora_read_A(const struct adapter *a, const struct lora *l, float *A)
{
	st_read(a->file, l->A, 0, l->A->dim[0] * l->A->dim[1], A);
}

void lora_read_B(const struct adapter *a, const struct lora *l, float *B)
{
	st_read(a->file, l->B, 0, l->B->dim[0] * l->B->dim[1], B);
}
