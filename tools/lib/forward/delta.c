/* delta.c: see delta.h. */
#include "forward/delta.h"

#include <stdlib.h>

#include "base/die.h"

struct delta *delta_create(const struct geometry *m, int slot, const float *A, const float *B,
			   int R, enum be_precision p)
{
	struct delta *d = xcalloc(1, sizeof(*d));
	int d_in = module_d_in(m, slot), d_out = module_d_out(m, slot);

	bool keys = m->family->linear[slot].of == OF_ENCODER_KEYS;

	d->R = R;
	if (keys)
		d->A = be->weight_pack(A, d_in, R, d_in, true, p);
	else
		d->A = be->weight_pack(A, R, d_in, d_in, false, p);
	if (!slot_of_encoder(m, slot)) {
		d->B = be->weight_pack(B, d_out, R, R, false, p);
		return d;
	}
	d->B_head = xcalloc((size_t)m->NH, sizeof(struct be_weight *));
	for (int h = 0; h < m->NH; h++) {
		const float *rows = B + (size_t)h * (size_t)m->HS * (size_t)R;

		d->B_head[h] = keys ? be->weight_pack(rows, R, m->HS, R, true, p)
				    : be->weight_pack(rows, m->HS, R, R, false, p);
	}
	return d;
}

struct be_weight **delta_pack_heads(const struct geometry *m, const float *W, bool keys,
				    enum be_precision p)
{
	struct be_weight **head = xcalloc((size_t)m->NH, sizeof(struct be_weight *));

	for (int h = 0; h < m->NH; h++) {
		const float *rows = W + (size_t)h * (size_t)m->HS * (size_t)m->D;

		head[h] = keys ? be->weight_pack(rows, m->D, m->HS, m->D, true, p)
			       : be->weight_pack(rows, m->HS, m->D, m->D, false, p);
	}
	return head;
}

struct delta *delta_replace(const struct geometry *m, int slot, const float *W, enum be_precision p)
{
	struct delta *d = xcalloc(1, sizeof(*d));
	int d_in = module_d_in(m, slot);

	if (slot_of_encoder(m, slot))
		d->W_head =
			delta_pack_heads(m, W, m->family->linear[slot].of == OF_ENCODER_KEYS, p);
	else
		d->W = be->weight_pack(W, module_d_out(m, slot), d_in, d_in, false, p);
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
	be->weight_free(d->B);
	be->weight_free(d->W);
	free_heads(d->W_head, m->NH);
	free_heads(d->B_head, m->NH);
	free(d);
}

static struct delta *from_adapter(const struct adapter *a, const struct geometry *m,
				  struct module q, enum be_precision p)
{
	const struct lora *l = adapter_find(a, q);
	size_t d_in = (size_t)module_d_in(m, q.slot), d_out = (size_t)module_d_out(m, q.slot);
	struct delta *d;
	float *A, *B;

	if (!l)
		return NULL;
	A = xarray((size_t)l->r * d_in, sizeof(*A));
	B = xarray((size_t)l->r * d_out, sizeof(*B));
	lora_read_A(a, l, A);
	lora_read_B(a, l, B);
	for (size_t i = 0; i < (size_t)l->r * d_in; i++)
		A[i] = (float)(l->scale * (double)A[i]);
	d = delta_create(m, q.slot, A, B, l->r, p);
	free(A);
	free(B);
	return d;
}

static struct delta *from_solutions(const struct delta_source *from, const struct geometry *m,
				    struct module q, enum be_precision p)
{
	char site[32], *path, *name, *a, *b, *w;
	struct delta *d = NULL;
	struct h5 *f;

	site_name(m->family, site_of_module(m->family, q), site);
	if (strlist_find(from->sites, site) < 0)
		return NULL;
	path = xformat("%s/%s.h5", from->solutions, site);
	name = module_name(m, q);
	a = xformat("/modules/%s/A", name);
	b = xformat("/modules/%s/B", name);
	w = xformat("/modules/%s/W", name);
	f = h5_open(path, "iteris-solution", 1);
	h5_expect_string(f, "site", site);
	if (h5_has(f, a)) {
		size_t R, d_in;
		float *A, *B;

		h5_shape(f, a, &R, &d_in);
		h5_expect_shape(f, a, R, (size_t)module_d_in(m, q.slot));
		h5_expect_shape(f, b, (size_t)module_d_out(m, q.slot), R);
		A = xarray(R * d_in, sizeof(*A));
		B = xarray(R * (size_t)module_d_out(m, q.slot), sizeof(*B));
		h5_read_float(f, a, 0, R, A);
		h5_read_float(f, b, 0, (size_t)module_d_out(m, q.slot), B);
		d = delta_create(m, q.slot, A, B, (int)R, p);
		free(A);
		free(B);
	}
	if (h5_has(f, w)) {
		size_t d_in = (size_t)module_d_in(m, q.slot),
		       d_out = (size_t)module_d_out(m, q.slot);
		float *W = xarray(d_out * d_in, sizeof(*W));

		h5_expect_shape(f, w, d_out, d_in);
		h5_read_float(f, w, 0, d_out, W);
		d = delta_replace(m, q.slot, W, p);
		free(W);
	}
	h5_close(f);
	free(path);
	free(name);
	free(a);
	free(b);
	free(w);
	return d;
}

struct delta *delta_load(const struct delta_source *from, const struct geometry *m, struct module q,
			 enum be_precision p)
{
	if (from->adapter)
		return from_adapter(from->adapter, m, q, p);
	if (from->solutions)
		return from_solutions(from, m, q, p);
	return NULL;
}

struct rank_scan {
	struct h5 *f;
	int largest;
};

static void scan_rank(const char *name, void *arg)
{
	struct rank_scan *s = arg;
	char *group = xformat("/modules/%s", name);
	int R = (int)h5_get_int(s->f, group, "R");

	s->largest = R > s->largest ? R : s->largest;
	free(group);
}

int delta_largest_rank(struct h5 *solution)
{
	struct rank_scan s = {solution, 1};

	h5_each(solution, "/modules", scan_rank, &s);
	return s.largest;
}

int delta_source_rank(const struct delta_source *from)
{
	int rank = 1;

	for (int i = 0; from->adapter && i < from->adapter->n; i++)
		rank = from->adapter->lora[i].r > rank ? from->adapter->lora[i].r : rank;
	for (int i = 0; from->solutions && i < from->sites->n; i++) {
		char *path = xformat("%s/%s.h5", from->solutions, from->sites->item[i]);
		struct h5 *f = h5_open(path, "iteris-solution", 1);
		int here = delta_largest_rank(f);

		rank = here > rank ? here : rank;
		h5_close(f);
		free(path);
	}
	return rank;
}
