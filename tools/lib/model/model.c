/* model.c: see model.h. */
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "model/kind.h"

struct weight_buffer {
	float *data; /* NULL: nothing was read yet */
	size_t room;
};

/* The tensor of this name; the block's number replaces %d. cols 0: a vector. */
static const struct st_tensor *need(const struct model *model, const char *name, int block,
				    int rows, int cols)
{
	char *whole = name_of_block(name, block);
	const struct st_tensor *t = st_need(model->st, whole, (size_t)rows, (size_t)cols);

	free(whole);
	return t;
}

static const struct st_tensor *need_weight(const struct model *model, struct module q)
{
	char *module = module_name(&model->m, q), *name = xformat("%s.weight", module);
	const struct st_tensor *t = need(model, name, q.block, module_d_out(&model->m, q.slot),
					 module_d_in(&model->m, q.slot));

	free(name);
	free(module);
	return t;
}

static bool is_biased(const struct geometry *m, int slot)
{
	return m->biased >> slot & 1;
}

/* The file must hold a bias exactly where config.json says so. */
static void check_bias(const struct model *model, struct module q)
{
	char *module = module_name(&model->m, q), *name = xformat("%s.bias", module);
	const struct st_tensor *t = st_find(model->st, name);

	if (is_biased(&model->m, q.slot))
		st_need(model->st, name, (size_t)module_d_out(&model->m, q.slot), 0);
	else if (t)
		die("'%s': tensor '%s': config.json says that this linear has no bias; correct "
		    "it, or take the tensor out",
		    st_file(model->st, t), name);
	free(name);
	free(module);
}

static void check_block(const struct model *model, int stack, int block)
{
	const struct family_stack *f = &model->m.family->stack[stack];

	for (int s = 0; s < STEP_END; s++) {
		if (f->step[s].norm)
			need(model, f->step[s].norm, block, model->m.D, 0);
		if (f->added_norm[s])
			need(model, f->added_norm[s], block, model->m.D, 0);
	}
	for (int i = 0; i < 2 && model->m.head_norms; i++)
		need(model, f->head_norm[i], block, model->m.HS, 0);
	for (int s = 0; s < SLOTS; s++)
		if (slot_exists(&model->m, stack, s)) {
			need_weight(model, (struct module){stack, block, s});
			check_bias(model, (struct module){stack, block, s});
		}
}

static void check_stack(const struct model *model, int stack)
{
	const struct geometry *m = &model->m;
	const struct family_stack *f = &m->family->stack[stack];

	if (f->bias)
		need(model, f->bias, 0, m->buckets, m->NH);
	need(model, f->norm, 0, m->D, 0);
	for (int b = 0; b < m->L[stack]; b++)
		check_block(model, stack, b);
}

/* transformers ignores blocks that the config does not count. */
static void check_no_more_blocks(const struct model *model, int stack)
{
	char *more = name_of_block(model->m.family->stack[stack].block, model->m.L[stack]);

	for (int i = 0; i < st_count(model->st); i++) {
		const struct st_tensor *t = st_at(model->st, i);

		if (strncmp(t->name, more, strlen(more)) == 0 && model->m.family->nstacks == 1)
			die("'%s': tensor '%s' is of a block that config.json does not count: "
			    "num_hidden_layers is %d; correct config.json, or take the block's "
			    "tensors out",
			    st_file(model->st, t), t->name, model->m.L[0]);
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
	model->m = geometry_load(dir);
	model->st = st_open(dir);
	kind_check_tensors(model->st, model->m.family);
	model->embedding = embedding_find(model->st, &model->m, dir);
	for (int stack = 0; stack < model->m.family->nstacks; stack++)
		check_stack(model, stack);
	for (int stack = 0; stack < model->m.family->nstacks; stack++)
		check_no_more_blocks(model, stack);
	model->buffer = xcalloc(1, sizeof(*model->buffer));
	return model;
}

/* The rows of a linear that are read at a time. */
static int rows_at_once(const struct geometry *m, int slot, bool streamed)
{
	int rows = module_d_out(m, slot);

	return streamed && !slot_of_encoder(m, slot) && rows > MODEL_ROWS ? MODEL_ROWS : rows;
}

size_t model_weight_floats(const struct geometry *m, bool streamed)
{
	size_t most = 0;

	for (int stack = 0; stack < m->family->nstacks; stack++)
		for (int s = 0; s < SLOTS; s++) {
			if (!slot_exists(m, stack, s))
				continue;
			size_t n = (size_t)rows_at_once(m, s, streamed) * (size_t)module_d_in(m, s);
			most = n > most ? n : most;
		}
	return most;
}

void model_close(struct model *model)
{
	if (!model)
		return;
	st_close(model->st);
	free(model->buffer->data);
	free(model->buffer);
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
	for (size_t i = 0; i < (size_t)n * D; i++)
		X[i] *= model->m.embedding_scale;
}

/* The bucket of a distance, key − query. */
static int bucket_of(const struct geometry *m, int stack, int distance)
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
	/* In float32, as in the code of the published models: a distance at a bucket's edge then
	 * falls into the same bucket. */
	far = exact + (int)(logf((float)distance / (float)exact) /
			    (float)log((double)m->max_distance / exact) * (float)(n - exact));
	return base + (far < n - 1 ? far : n - 1);
}

float *model_bias(const struct model *model, struct layout *l, int stack, int T)
{
	const struct geometry *m = &model->m;
	int width = 2 * T - 1;

	if (!m->family->stack[stack].bias)
		return NULL;
	float *bias = layout_array(l, (size_t)m->NH * (size_t)width * sizeof(*bias));
	if (l)
		return NULL;
	float *table = xarray((size_t)m->buckets * (size_t)m->NH, sizeof(*table));
	float *host = xarray((size_t)m->NH * (size_t)width, sizeof(*host));
	const struct st_tensor *t = need(model, m->family->stack[stack].bias, 0, m->buckets, m->NH);

	st_read(model->st, t, 0, (size_t)m->buckets * (size_t)m->NH, table);
	for (int d = 1 - T; d < T; d++)
		for (int h = 0; h < m->NH; h++)
			host[h * width + d + T - 1] = table[bucket_of(m, stack, d) * m->NH + h];
	be->put(bias, host, (size_t)m->NH * (size_t)width * sizeof(*bias));
	free(table);
	free(host);
	return bias;
}

float *model_turns(const struct model *model, struct layout *l, int T)
{
	const struct geometry *m = &model->m;
	size_t bytes = (size_t)T * (size_t)m->rope.width * sizeof(float);

	if (m->rope.kind == ROPE_NONE)
		return NULL;
	float *table = layout_array(l, bytes);
	if (l)
		return NULL;
	if (m->rope.longest && T > m->rope.longest)
		die("a text has %d tokens, but '%s/config.json' counts max_position_embeddings %d, "
		    "and its rotation (rope_type dynamic) is another one for longer texts; choose "
		    "a smaller max_length",
		    T, model->dir, m->rope.longest);
	float *host = xmalloc(bytes);
	rope_table(&m->rope, T, host);
	be->put(table, host, bytes);
	free(host);
	return table;
}

/* A vector (n) plus `offset`, in backend memory. */
static float *read_vector(const struct model *model, struct layout *l, const char *name, int block,
			  int n, float offset)
{
	size_t bytes = (size_t)n * sizeof(float);
	float *norm = layout_array(l, bytes);
	if (l)
		return NULL;
	float *host = xmalloc(bytes);

	st_read(model->st, need(model, name, block, n, 0), 0, (size_t)n, host);
	for (int i = 0; i < n; i++)
		host[i] += offset;
	be->put(norm, host, bytes);
	free(host);
	return norm;
}

static float *read_norm(const struct model *model, struct layout *l, const char *name, int block,
			int n)
{
	return read_vector(model, l, name, block, n, model->m.family->norm_offset);
}

float *model_norm(const struct model *model, struct layout *l, int stack, int block, enum step step)
{
	return read_norm(model, l, model->m.family->stack[stack].step[step].norm, block,
			 model->m.D);
}

float *model_added_norm(const struct model *model, struct layout *l, int stack, int block,
			enum step step)
{
	const char *name = model->m.family->stack[stack].added_norm[step];

	return name ? read_norm(model, l, name, block, model->m.D) : NULL;
}

float *model_head_norm(const struct model *model, struct layout *l, int stack, int block, bool keys)
{
	if (!model->m.head_norms)
		return NULL;
	return read_norm(model, l, model->m.family->stack[stack].head_norm[keys], block,
			 model->m.HS);
}

float *model_linear_bias(const struct model *model, struct layout *l, struct module q)
{
	char *module, *name;
	float *bias;

	if (!is_biased(&model->m, q.slot))
		return NULL;
	module = module_name(&model->m, q);
	name = xformat("%s.bias", module);
	bias = read_vector(model, l, name, q.block, module_d_out(&model->m, q.slot), 0);
	free(name);
	free(module);
	return bias;
}

float *model_final_norm(const struct model *model, struct layout *l, int stack)
{
	return read_norm(model, l, model->m.family->stack[stack].norm, 0, model->m.D);
}

const float *model_weight_rows(const struct model *model, struct module q, int row0, int n)
{
	struct weight_buffer *b = model->buffer;
	size_t k = (size_t)module_d_in(&model->m, q.slot), count = (size_t)n * k;

	if (!b->data) {
		b->room = model_weight_floats(&model->m, model->streamed);
		b->data = xarray(b->room, sizeof(*b->data));
	}
	BUG_IF(count > b->room);
	st_read(model->st, need_weight(model, q), (size_t)row0 * k, count, b->data);
	return b->data;
}

const float *model_weight(const struct model *model, struct module q)
{
	return model_weight_rows(model, q, 0, module_d_out(&model->m, q.slot));
}
