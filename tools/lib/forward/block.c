/* block.c: see block.h. */
#include "forward/block.h"

#include <stdlib.h>

#include "base/die.h"

static enum step step_next(int stack, enum step s)
{
	return stack == 0 && s == STEP_OUT ? STEP_FFN : (enum step)(s + 1);
}

/* The transition that starts at a step uses these linears. */
static bool slot_used(enum slot slot, enum step at)
{
	switch (slot) {
	case SELF_Q:
	case SELF_K:
	case SELF_V: return at == STEP_SELF;
	case SELF_O: return at == STEP_OUT;
	case CROSS_Q:
	case CROSS_K:
	case CROSS_V: return at == STEP_CROSS;
	case CROSS_O: return at == STEP_CROSSOUT;
	case WI:
	case WI_0:
	case WI_1: return at == STEP_FFN;
	case WO: return at == STEP_DOWN;
	default: BUG("slot %d", (int)slot);
	}
}

static bool slot_needed(const struct block *b, enum slot slot)
{
	if (!slot_exists(&b->model->m, b->stack, slot))
		return false;
	for (enum step s = b->from; s < b->to; s = step_next(b->stack, s))
		if (slot_used(slot, s))
			return true;
	return false;
}

/* Which of the block's norms gives x at a step; -1: none. */
static int norm_at(int stack, enum step s)
{
	return s == STEP_SELF ? 0 : s == STEP_CROSS ? 1 : s == STEP_FFN ? 1 + stack : -1;
}

static void load_slot(struct block *b, enum slot slot)
{
	const struct t5 *m = &b->model->m;
	int n = module_d_out(m, slot), k = module_d_in(m, slot);
	const float *w = model_weight(b->model, (struct module){b->stack, b->index, slot});

	if (slot == CROSS_K)
		b->k_head = delta_pack_heads(m, w, true, b->precision);
	else if (slot == CROSS_V)
		b->v_head = delta_pack_heads(m, w, false, b->precision);
	else
		b->w[slot] = be->weight_pack(w, n, k, k, false, b->precision);
}

void block_load(struct block *b, const struct model *model, int stack, int index, enum step from,
		enum step to, enum be_precision p)
{
	BUG_IF(norm_at(stack, from) < 0);
	*b = (struct block){.model = model,
			    .stack = stack,
			    .index = index,
			    .from = from,
			    .to = to,
			    .precision = p};
	for (enum step s = from; s <= to && s < STEP_END; s = step_next(stack, s))
		if (norm_at(stack, s) >= 0)
			b->norm[norm_at(stack, s)] =
				model_norm(model, stack, index, norm_at(stack, s));
	for (int slot = 0; slot < SLOTS; slot++)
		if (slot_needed(b, (enum slot)slot))
			load_slot(b, (enum slot)slot);
}

void block_release(struct block *b)
{
	for (int i = 0; i < 3; i++)
		be->free(b->norm[i]);
	for (int s = 0; s < SLOTS; s++)
		be->weight_free(b->w[s]);
	for (int h = 0; h < b->model->m.NH; h++) {
		if (b->k_head)
			be->weight_free(b->k_head[h]);
		if (b->v_head)
			be->weight_free(b->v_head[h]);
	}
	free(b->k_head);
	free(b->v_head);
	*b = (struct block){.model = NULL};
}

void block_deltas_load(struct block_deltas *d, const struct block *b,
		       const struct delta_source *from)
{
	for (int s = 0; s < SLOTS; s++)
		d->slot[s] = slot_needed(b, (enum slot)s)
				     ? delta_load(from, &b->model->m,
						  (struct module){b->stack, b->index, (enum slot)s},
						  b->precision)
				     : NULL;
}

void block_deltas_release(struct block_deltas *d, const struct block *b)
{
	for (int s = 0; s < SLOTS; s++)
		delta_free(d->slot[s], &b->model->m);
}

static size_t widest(const struct t5 *m)
{
	int w = m->D > m->DI ? m->D : m->DI;

	return (size_t)(w > m->F ? w : m->F);
}

static int cross_rows(int T)
{
	return T > CROSS_ROWS ? T : CROSS_ROWS;
}

/* Rows of x Aᵀ: a batch's, or those of all heads of a piece of cross-attention. */
static size_t thin_rows(const struct t5 *m, int stack, int rows, int T)
{
	int heads = stack ? cross_rows(T) * m->NH : 0;

	return (size_t)(heads > rows ? heads : rows);
}

size_t work_bytes(const struct t5 *m, int stack, int rows, int T, int rank)
{
	size_t cross = (size_t)cross_rows(T) * (size_t)m->NH * (size_t)m->D;

	return sizeof(float) *
	       (4 * (size_t)rows * widest(m) + thin_rows(m, stack, rows, T) * (size_t)rank +
		(stack ? 2 * cross : 0) + (size_t)m->NH * (size_t)(2 * T - 1));
}

void work_init(struct work *w, const struct model *model, int stack, int rows, int T, int rank)
{
	const struct t5 *m = &model->m;
	size_t wide = (size_t)rows * widest(m), cross;

	*w = (struct work){
		.rows = rows, .T = T, .rank = rank, .cross_rows = cross_rows(T), .wide = (int)wide};
	w->a = be->alloc(wide * sizeof(float));
	w->y = be->alloc(3 * wide * sizeof(float));
	w->x = w->a;
	w->u = be->alloc(thin_rows(m, stack, rows, T) * (size_t)rank * sizeof(float));
	w->bias = model_bias(model, stack, T);
	if (stack == 0)
		return;
	cross = (size_t)w->cross_rows * (size_t)m->NH * (size_t)m->D * sizeof(float);
	w->Q = be->alloc(cross);
	w->U = be->alloc(cross);
}

void work_release(struct work *w)
{
	be->free(w->a);
	be->free(w->y);
	be->free(w->u);
	be->free(w->bias);
	be->free(w->Q);
	be->free(w->U);
	*w = (struct work){0};
}

/* A slot's weight: the base model's, or one with ΔW in it. */
static struct be_weight *weight_of(const struct block *b, const struct block_deltas *d,
				   enum slot slot)
{
	return d->slot[slot] && d->slot[slot]->W ? d->slot[slot]->W : b->w[slot];
}

/* A slot's ΔW in factors; NULL: it has none, or it is in its weight. */
static const struct delta *factors_of(const struct block_deltas *d, enum slot slot)
{
	return d->slot[slot] && !d->slot[slot]->W ? d->slot[slot] : NULL;
}

/* Y (P, d_out) += (X Aᵀ) Bᵀ, where ΔW is in factors. */
static void add_delta(const struct block *b, const struct block_deltas *d, struct work *w,
		      enum slot slot, float *Y, const float *X, int P)
{
	int k = module_d_in(&b->model->m, slot), n = module_d_out(&b->model->m, slot);
	const struct delta *delta = factors_of(d, slot);

	if (!delta)
		return;
	BUG_IF(delta->R > w->rank);
	be->linear(w->u, delta->R, X, k, delta->A, P, false);
	be->linear(Y, n, w->u, delta->R, delta->B, P, true);
}

/* Y (P, d_out) = X Wᵀ + (X Aᵀ) Bᵀ, added to Y if accumulate. */
static void project(const struct block *b, const struct block_deltas *d, struct work *w,
		    enum slot slot, float *Y, const float *X, int P, bool accumulate)
{
	be->linear(Y, module_d_out(&b->model->m, slot), X, module_d_in(&b->model->m, slot),
		   weight_of(b, d, slot), P, accumulate);
	add_delta(b, d, w, slot, Y, X, P);
}

static void attend_self(const struct block *b, const struct block_deltas *d, struct work *w,
			const struct batch *s)
{
	const struct t5 *m = &b->model->m;
	struct be_ragged seq = {s->n, s->off, s->len};
	struct be_weight *const qkv[] = {weight_of(b, d, SELF_Q), weight_of(b, d, SELF_K),
					 weight_of(b, d, SELF_V)};
	float *q = w->y, *k = q + w->wide, *v = k + w->wide;

	be->linear_heads(q, m->DI, w->wide, w->x, m->D, 0, qkv, 3, s->rows, false);
	add_delta(b, d, w, SELF_Q, q, w->x, s->rows);
	add_delta(b, d, w, SELF_K, k, w->x, s->rows);
	add_delta(b, d, w, SELF_V, v, w->x, s->rows);
	be->self_attention(w->x, q, k, v, seq, s->valid, b->stack == 1, w->bias, w->T, m->NH,
			   m->HS);
}

/* Rows [row, row+P) of the queries against memory rows M, already fetched; result in the same rows
 * of ctx (P, DI). */
static void attend_encoder_output(const struct block *b, const struct block_deltas *d,
				  struct work *w, float *ctx, const float *q, int P, const float *M,
				  struct be_ragged query, struct be_ragged rows, const int *valid)
{
	const struct t5 *m = &b->model->m;
	const struct delta *dk = d->slot[CROSS_K], *dv = d->slot[CROSS_V];
	int ld = m->NH * m->D, NH = m->NH;
	struct be_weight *const *k = dk && dk->W_head ? dk->W_head : b->k_head,
				*const *v = dv && dv->W_head ? dv->W_head : b->v_head;

	be->linear_heads(w->Q, ld, m->D, q, m->DI, m->HS, k, NH, P, false);
	if (dk && !dk->W_head) { /* rows of (P, NH) are rows like any other */
		be->linear_heads(w->u, NH * dk->R, dk->R, q, m->DI, m->HS, dk->B_head, NH, P,
				 false);
		be->linear(w->Q, m->D, w->u, dk->R, dk->A, P * NH, true);
	}
	be->cross_attention(w->U, w->Q, M, query, rows, valid, NH, m->D);
	be->linear_heads(ctx, m->DI, m->HS, w->U, ld, m->D, v, NH, P, false);
	if (dv && !dv->W_head) {
		be->linear(w->u, dv->R, w->U, m->D, dv->A, P * NH, false);
		be->linear_heads(ctx, m->DI, m->HS, w->u, NH * dv->R, dv->R, dv->B_head, NH, P,
				 true);
	}
}

/* How many sequences from `first` on fit the cross-attention's working rows and one fetch of
 * memory. */
static int cross_group(const struct work *w, const struct batch *s,
		       const struct encoder_output *mem, int first)
{
	int n = 0, rows = 0, held = 0;

	while (first + n < s->n) {
		rows += s->len[first + n];
		held += mem->len[mem->base + first + n];
		if (n > 0 && (rows > w->cross_rows || held > mem->max_rows))
			break;
		n++;
	}
	return n;
}

static void attend_cross(const struct block *b, const struct block_deltas *d, struct work *w,
			 const struct batch *s, const struct encoder_output *mem)
{
	const struct t5 *m = &b->model->m;
	int *off = xarray((size_t)s->n, sizeof(*off)),
	    *query_off = xarray((size_t)s->n, sizeof(*query_off));

	project(b, d, w, CROSS_Q, w->y, w->x, s->rows, false);
	for (int first = 0, n; first < s->n; first += n) {
		int row = s->off[first] - s->off[0], P = 0;
		const float *M;

		n = cross_group(w, s, mem, first);
		for (int i = 0; i < n; i++) {
			query_off[i] = P;
			P += s->len[first + i];
		}
		if (!P)
			continue;
		M = mem->fetch(mem->arg, mem->base + first, n, off);
		attend_encoder_output(b, d, w, w->x + (size_t)row * (size_t)m->DI,
				      w->y + (size_t)row * (size_t)m->DI, P, M,
				      (struct be_ragged){n, query_off, s->len + first},
				      (struct be_ragged){n, off, mem->len + mem->base + first},
				      mem->valid + mem->base + first);
	}
	free(off);
	free(query_off);
}

static void feed_forward(const struct block *b, const struct block_deltas *d, struct work *w, int P)
{
	const struct t5 *m = &b->model->m;
	enum slot in = m->gated ? WI_0 : WI;
	float *gate = w->y + w->wide;

	if (factors_of(d, in) || factors_of(d, WI_1)) {
		project(b, d, w, in, w->y, w->x, P, false);
		if (m->gated)
			project(b, d, w, WI_1, gate, w->x, P, false);
		be->activate(w->y, m->gated ? gate : NULL, m->gelu, (size_t)P * (size_t)m->F);
	} else {
		be->feed_forward(w->y, gate, w->x, weight_of(b, d, in),
				 m->gated ? weight_of(b, d, WI_1) : NULL, m->gelu, P);
	}
	w->x = w->y;
}

void block_run(const struct block *b, const struct block_deltas *d, struct work *w,
	       const struct batch *s, const struct encoder_output *mem, float *h, enum step to)
{
	const struct t5 *m = &b->model->m;
	enum step at = b->from;

	BUG_IF(s->rows > w->rows || to > b->to);
	w->x = w->a;
	be->rmsnorm(w->x, h, b->norm[norm_at(b->stack, at)], s->rows, m->D, m->eps);
	while (at < to) {
		switch (at) {
		case STEP_SELF: attend_self(b, d, w, s); break;
		case STEP_OUT: project(b, d, w, SELF_O, h, w->x, s->rows, true); break;
		case STEP_CROSS: attend_cross(b, d, w, s, mem); break;
		case STEP_CROSSOUT: project(b, d, w, CROSS_O, h, w->x, s->rows, true); break;
		case STEP_FFN: feed_forward(b, d, w, s->rows); break;
		case STEP_DOWN: project(b, d, w, WO, h, w->x, s->rows, true); break;
		default: BUG("step %d", (int)at);
		}
		at = step_next(b->stack, at);
		if (at < STEP_END && norm_at(b->stack, at) >= 0)
			be->rmsnorm(w->x, h, b->norm[norm_at(b->stack, at)], s->rows, m->D, m->eps);
	}
}
