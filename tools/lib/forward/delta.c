/* delta.c: see delta.h. */
#include "forward/delta.h"

#include <stdlib.h>

#include "base/die.h"

/* The rows of head h, of `row` floats each; NULL where the rows are NULL. */
static const float *head_of(const float *W, const struct geometry *m, int h, int row)
{
	return W ? W + (size_t)h * (size_t)m->HS * (size_t)row : NULL;
}

void delta_pack_parts(struct layout *l, const struct geometry *m, int slot, const float *W, int k,
		      enum be_precision p, struct be_weight *part[PARTS])
{
	size_t from = 0;

	for (int i = 0; i < PARTS; i++) {
		int rows = part_rows(m, slot, i);

		part[i] = rows ? layout_pack(l, W ? W + from : NULL, rows, k, k, false, p) : NULL;
		from += (size_t)rows * (size_t)k;
	}
}

static void free_parts(struct be_weight *part[PARTS])
{
	for (int i = 0; i < PARTS; i++)
		be->weight_free(part[i]);
}

struct delta *delta_create(struct layout *l, const struct geometry *m, int slot, const float *A,
			   const float *B, int R, enum be_precision p)
{
	struct delta *d = xcalloc(1, sizeof(*d));
	int d_in = module_d_in(m, slot);

	bool keys = m->family->linear[slot].of == OF_ENCODER_KEYS;

	d->R = R;
	if (keys)
		d->A = layout_pack(l, A, d_in, R, d_in, true, p);
	else
		d->A = layout_pack(l, A, R, d_in, d_in, false, p);
	if (!slot_of_encoder(m, slot)) {
		delta_pack_parts(l, m, slot, B, R, p, d->B);
		return d;
	}
	d->B_head = xcalloc((size_t)m->NH, sizeof(struct be_weight *));
	for (int h = 0; h < m->NH; h++) {
		const float *rows = head_of(B, m, h, R);

		d->B_head[h] = keys ? layout_pack(l, rows, R, m->HS, R, true, p)
				    : layout_pack(l, rows, m->HS, R, R, false, p);
	}
	return d;
}

struct be_weight **delta_pack_heads(struct layout *l, const struct geometry *m, const float *W,
				    bool keys, enum be_precision p)
{
	struct be_weight **head = xcalloc((size_t)m->NH, sizeof(struct be_weight *));

	for (int h = 0; h < m->NH; h++) {
		const float *rows = head_of(W, m, h, m->D);

		head[h] = keys ? layout_pack(l, rows, m->D, m->HS, m->D, true, p)
			       : layout_pack(l, rows, m->HS, m->D, m->D, false, p);
	}
	return head;
}

struct delta *delta_replace(struct layout *l, const struct geometry *m, int slot, const float *W,
			    enum be_precision p)
{
	struct delta *d = xcalloc(1, sizeof(*d));

	if (slot_of_encoder(m, slot))
		d->W_head =
			delta_pack_heads(l, m, W, m->family->linear[slot].of == OF_ENCODER_KEYS, p);
	else
		delta_pack_parts(l, m, slot, W, module_d_in(m, slot), p, d->W);
	return d;
}

static void free_heads(struct be_weight **head, int NH)
{
	for (int h = 0; head && h < NH; h++)
		be->weight_free(head[h]);
	free(head);
}

void delta_free(struct delta *d, const struct geometry *m)
{
	if (!d)
		return;
	be->weight_free(d->A);
	free_parts(d->B);
	free_parts(d->W);
	free_heads(d->W_head, m->NH);
	free_heads(d->B_head, m->NH);
	free(d);
}

/* The floats of A and B, or of W. */
static size_t numbers(const struct geometry *m, int slot, int R)
{
	size_t d_in = (size_t)module_d_in(m, slot), d_out = (size_t)module_d_out(m, slot);

	return R == RANK_WHOLE ? d_in * d_out : (size_t)R * (d_in + d_out);
}

size_t delta_count(struct layout *l, const struct geometry *m, int slot, int R, enum be_precision p)
{
	if (!R)
		return 0;
	struct delta *d = R == RANK_WHOLE ? delta_replace(l, m, slot, NULL, p)
					  : delta_create(l, m, slot, NULL, NULL, R, p);
	delta_free(d, m);
	return numbers(m, slot, R);
}

static struct delta *from_adapter(const struct adapter *a, const struct geometry *m,
				  struct module q, enum be_precision p)
{
	const struct lora *l = adapter_find(a, q);
	struct delta *d;
	float *A, *B;

	if (!l)
		return NULL;
	size_t n = (size_t)l->r * (size_t)module_d_in(m, q.slot);
	A = xarray(numbers(m, q.slot, l->r), sizeof(*A));
	B = A + n;
	lora_read_A(a, l, A);
	lora_read_B(a, l, B);
	for (size_t i = 0; i < n; i++)
		A[i] = (float)(l->scale * (double)A[i]);
	d = delta_create(NULL, m, q.slot, A, B, l->r, p);
	free(A);
	return d;
}

static struct delta *from_pair(const struct geometry *m, struct module q, const struct solution *s,
			       const struct solution_module *k, enum be_precision p)
{
	float *A = xarray(numbers(m, q.slot, k->R), sizeof(*A)),
	      *B = A + (size_t)k->R * (size_t)k->d_in;
	struct delta *d;

	solution_read_float(s, k, "A", 0, (size_t)k->R, A);
	solution_read_float(s, k, "B", 0, (size_t)k->d_out, B);
	d = delta_create(NULL, m, q.slot, A, B, k->R, p);
	free(A);
	return d;
}

static struct delta *from_whole(const struct geometry *m, struct module q, const struct solution *s,
				const struct solution_module *k, enum be_precision p)
{
	float *W = xarray(numbers(m, q.slot, RANK_WHOLE), sizeof(*W));
	struct delta *d;

	solution_read_float(s, k, "W", 0, (size_t)k->d_out, W);
	d = delta_replace(NULL, m, q.slot, W, p);
	free(W);
	return d;
}

static struct delta *from_merged(struct merged *g, const struct geometry *m, struct module q,
				 enum be_precision p)
{
	struct solution *s = merged_find(g, site_of_module(m->family, q));
	char *name = module_name(m, q);
	const struct solution_module *k = s ? solution_find(s, name) : NULL;
	struct delta *d = NULL;

	if (k) {
		solution_expect(s, k, module_d_in(m, q.slot), module_d_out(m, q.slot));
		d = k->R ? from_pair(m, q, s, k, p) : from_whole(m, q, s, k, p);
		solution_rest(s);
	}
	free(name);
	return d;
}

struct delta *delta_load(const struct delta_source *from, const struct geometry *m, struct module q,
			 enum be_precision p)
{
	if (from->adapter)
		return from_adapter(from->adapter, m, q, p);
	if (from->merged)
		return from_merged(from->merged, m, q, p);
	return NULL;
}

void delta_source_ranks(const struct delta_source *from, struct ranks *r)
{
	if (from->adapter)
		ranks_of_adapter(r, from->adapter);
	if (from->merged)
		ranks_add(r, merged_ranks(from->merged));
}
