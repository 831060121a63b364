/* model.c: see model.h. */
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "model/kind.h"

static const char *const stack_name[] = {"encoder", "decoder"};

static char *norm_name(const struct t5 *m, int stack, int block, int which)
{
	if (block == m->L[stack])
		return xformat("%s.final_layer_norm.weight", stack_name[stack]);
	return xformat("%s.block.%d.layer.%d.layer_norm.weight", stack_name[stack], block, which);
}

static char *bias_name(int stack)
{
	return xformat("%s.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
		       stack_name[stack]);
}

static const struct st_tensor *need(const struct model *model, char *name, int rows, int cols)
{
	const struct st_tensor *t = st_need(model->st, name, (size_t)rows, (size_t)cols);

	free(name);
	return t;
}

static const struct st_tensor *need_weight(const struct model *model, struct module q)
{
	char *module = module_name(&model->m, q), *name = xformat("%s.weight", module);

	free(module);
	return need(model, name, module_d_out(&model->m, q.slot), module_d_in(&model->m, q.slot));
}

static void check_stack(const struct model *model, int stack)
{
	const struct t5 *m = &model->m;

	need(model, bias_name(stack), m->buckets, m->NH);
	need(model, norm_name(m, stack, m->L[stack], 0), m->D, 0);
	for (int b = 0; b < m->L[stack]; b++) {
		for (int which = 0; which < 2 + stack; which++)
			need(model, norm_name(m, stack, b, which), m->D, 0);
		for (int s = 0; s < SLOTS; s++)
			if (slot_exists(m, stack, (enum slot)s))
				need_weight(model, (struct module){stack, b, (enum slot)s});
	}
}

/* transformers leaves out blocks that the config does not count. */
static void check_no_more_blocks(const struct model *model, int stack)
{
	char *more = xformat("%s.block.%d.", stack_name[stack], model->m.L[stack]);

	for (int i = 0; i < st_count(model->st); i++) {
		const struct st_tensor *t = st_at(model->st, i);

		if (strncmp(t->name, more, strlen(more)) == 0)
			die("'%s': tensor '%s' is of a block that config.json does not count: "
			    "num_layers and num_decoder_layers are %d and %d; "
			    "correct config.json, or take the block's tensors out",
			    st_file(model->st, t), t->name, model->m.L[0], model->m.L[1]);
	}
	free(more);
}

struct model *model_open(const char *dir)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->dir = xstrdup(dir);
	model->m = t5_load(dir);
	model->st = st_open(dir);
	kind_check_tensors(model->st);
	model->embedding = embedding_find(model->st, &model->m, dir);
	check_stack(model, 0);
	check_stack(model, 1);
	check_no_more_blocks(model, 0);
	check_no_more_blocks(model, 1);
	model->weight = xarray(
		(size_t)model->m.D * (size_t)(model->m.F > model->m.DI ? model->m.F : model->m.DI),
		sizeof(*model->weight));
	return model;
}

void model_close(struct model *model)
{
	if (!model)
		return;
	st_close(model->st);
	free(model->weight);
	free(model->dir);
	free(model);
}

void model_note(const struct model *model)
{
	embedding_note(&model->embedding, &model->m, model->dir);
	decoding_note(&model->m.decoding, model->dir);
}

void model_check_copies(const struct model *model)
{
	embedding_check_twins(&model->embedding, model->st, 0, (size_t)model->m.V);
}

void model_embed(const struct model *model, const int *ids, int n, float *X)
{
	size_t D = (size_t)model->m.D;

	for (int i = 0; i < n; i++) {
		if (ids[i] < 0 || ids[i] >= model->m.V)
			die("%s: token id %d is outside the vocabulary of %d", model->dir, ids[i],
			    model->m.V);
		embedding_check_twins(&model->embedding, model->st, (size_t)ids[i], 1);
		st_read(model->st, model->embedding.input, (size_t)ids[i] * D, D,
			X + (size_t)i * D);
	}
}

/* Distance key − query to bucket. */
static int bucket_of(const struct t5 *m, int stack, int distance)
{
	int n = m->buckets, base = 0, exact, far;

	if (stack == 0) {
		n /= 2;
		base = distance > 0 ? n : 0;
		distance = abs(distance);
	} else {
		distance = distance < 0 ? -distance : 0;
	}
	exact = n / 2;
	if (distance < exact)
		return base + distance;
	/* float32 as in the published models' code, so that distances on a bucket's edge fall the
	 * same way. */
	far = exact + (int)(logf((float)distance / (float)exact) /
			    (float)log((double)m->max_distance / exact) * (float)(n - exact));
	return base + (far < n - 1 ? far : n - 1);
}

float *model_bias(const struct model *model, int stack, int T)
{
	const struct t5 *m = &model->m;
	int width = 2 * T - 1;
	float *table = xarray((size_t)m->buckets * (size_t)m->NH, sizeof(*table));
	float *host = xarray((size_t)m->NH * (size_t)width, sizeof(*host)), *bias;
	const struct st_tensor *t = need(model, bias_name(stack), m->buckets, m->NH);

	st_read(model->st, t, 0, (size_t)m->buckets * (size_t)m->NH, table);
	for (int d = 1 - T; d < T; d++)
		for (int h = 0; h < m->NH; h++)
			host[h * width + d + T - 1] = table[bucket_of(m, stack, d) * m->NH + h];
	bias = be->alloc((size_t)m->NH * (size_t)width * sizeof(*bias));
	be->put(bias, host, (size_t)m->NH * (size_t)width * sizeof(*bias));
	free(table);
	free(host);
	return bias;
}

float *model_norm(const struct model *model, int stack, int block, int which)
{
	size_t D = (size_t)model->m.D;
	float *host = xarray(D, sizeof(*host)), *norm = be->alloc(D * sizeof(*norm));

	st_read(model->st, need(model, norm_name(&model->m, stack, block, which), model->m.D, 0), 0,
		D, host);
	be->put(norm, host, D * sizeof(*norm));
	free(host);
	return norm;
}

const float *model_weight(const struct model *model, struct module q)
{
	size_t n = (size_t)module_d_out(&model->m, q.slot) * (size_t)module_d_in(&model->m, q.slot);

	st_read(model->st, need_weight(model, q), 0, n, model->weight);
	return model->weight;
}
