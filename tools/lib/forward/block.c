/* block.c: see block.h. */
#include "forward/block.h"

#include <stdlib.h>

#include "base/die.h"

static const struct family_step *step_of(const struct block *b, enum step s)
{
	return &b->model->m.family->stack[b->stack].step[s];
}

static enum step step_next(const struct block *b, enum step s)
{
	return family_next_step(b->model->m.family, b->stack, s);
}

/* What an operation takes as one linear: a fused one's part, or all of another one. */
struct part {
	int slot, number;
};

/* Lists those of a step that the model has, in the table's order; returns how many. */
enum { STEP_PARTS = 3 };
static int parts_of(const struct block *b, enum step step, struct part part[STEP_PARTS])
{
	const struct geometry *m = &b->model->m;
	int n = 0;

	for (int s = 0; s < SLOTS; s++) {
		if (m->family->linear[s].step != step || !slot_exists(m, b->stack, s))
			continue;
		for (int i = 0; part_rows(m, s, i); i++) {
			BUG_IF(n == STEP_PARTS);
			part[n++] = (struct part){s, i};
		}
	}
	return n;
}

struct way way_between(enum step from, enum step to)
{
	return (struct way){.from = from, .to = to};
}

/* Whether x at the next step is given, so that this step is not run. */
static bool is_skipped(const struct block *b, enum step s)
{
	enum step next = step_next(b, s);

	return next < b->way.to && b->way.given[next];
}

static bool slot_needed(const struct block *b, int slot)
{
	enum step s = b->model->m.family->linear[slot].step;

	return slot_exists(&b->model->m, b->stack, slot) && s >= b->way.from && s < b->way.to &&
	       !is_skipped(b, s);
}

/* Most rows of a panel among the linears of the block that read inputs of this width; 0: none. */
static int panel_rows(const struct block *b, int width)
{
	const struct geometry *m = &b->model->m;
	int most = 0;

	for (int s = 0; s < SLOTS; s++)
		for (int i = 0; slot_needed(b, s) && module_d_in(m, s) == width && i < PARTS; i++)
			most = part_rows(m, s, i) > most ? part_rows(m, s, i) : most;
	return most < MODEL_ROWS ? most : MODEL_ROWS;
}

/* Counts what products pack of weights that are read as they are multiplied. Panels of every width
 * are kept for the next product (gemm_pack.c). */
static void count_panels(const struct block *b, struct layout *l)
{
	const struct geometry *m = &b->model->m;
	const int widths[] = {m->D, m->F, m->DI};

	for (int i = 0; i < (m->DI == m->D ? 2 : 3); i++)
		if (panel_rows(b, widths[i]))
			layout_pack(l, NULL, panel_rows(b, widths[i]), widths[i], widths[i], false,
				    b->precision);
}

static void load_slot(struct block *b, struct layout *l, int slot)
{
	const struct geometry *m = &b->model->m;
	const struct module q = {b->stack, b->index, slot};
	bool streamed = b->model->streamed && !slot_of_encoder(m, slot);
	const float *w = l || streamed ? NULL : model_weight(b->model, q);
	enum linear_of of = m->family->linear[slot].of;

	if (of == OF_ENCODER_KEYS)
		b->k_head = delta_pack_heads(l, m, w, true, be_beside(b->precision));
	else if (of == OF_ENCODER_VALUES)
		b->v_head = delta_pack_heads(l, m, w, false, be_beside(b->precision));
	else if (!streamed)
		delta_pack_parts(l, m, slot, w, module_d_in(m, slot), b->precision, b->w[slot]);
	b->bias[slot] = model_linear_bias(b->model, l, q);
}

static void load_norms(struct block *b, struct layout *l)
{
	const struct model *m = b->model;
	enum step from = b->way.from, to = b->way.to;

	for (enum step s = from; s <= to && s < STEP_END; s = step_next(b, s))
		if (step_of(b, s)->norm && !is_skipped(b, s) && !b->way.given[s])
			b->norm[s] = model_norm(m, l, b->stack, b->index, s);
	for (enum step s = from; s < to; s = step_next(b, s))
		b->added_norm[s] = model_added_norm(m, l, b->stack, b->index, s);
	if (from != STEP_SELF || to == STEP_SELF || is_skipped(b, STEP_SELF))
		return;
	for (int keys = 0; keys < 2; keys++)
		b->head_norm[keys] = model_head_norm(m, l, b->stack, b->index, keys);
}

void block_load(struct block *b, struct layout *l, const struct model *model, int stack, int index,
		struct way way, enum be_precision p)
{
	*b = (struct block){
		.model = model, .stack = stack, .index = index, .way = way, .precision = p};
	BUG_IF(!step_of(b, way.from)->norm);
	load_norms(b, l);
	for (int slot = 0; slot < SLOTS; slot++)
		if (slot_needed(b, slot))
			load_slot(b, l, slot);
	if (l && model->streamed)
		count_panels(b, l);
}

void block_release(struct block *b)
{
	for (int s = 0; s < STEP_END; s++) {
		be->free(b->norm[s]);
		be->free(b->added_norm[s]);
	}
	for (int s = 0; s < SLOTS; s++) {
		for (int i = 0; i < PARTS; i++)
			be->weight_free(b->w[s][i]);
		be->free(b->bias[s]);
	}
	for (int i = 0; i < 2; i++)
		be->free(b->head_norm[i]);
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
		d->slot[s] = slot_needed(b, s) ? delta_load(from, &b->model->m,
							    (struct module){b->stack, b->index, s},
							    be_beside(b->precision))
					       : NULL;
}

void block_deltas_release(struct block_deltas *d, const struct block *b)
{
	for (int s = 0; s < SLOTS; s++)
		delta_free(d->slot[s], &b->model->m);
}

/* The ΔW are read one after the other, so only the largest read buffer counts. */
void block_deltas_count(struct layout *l, const struct block *b, const struct ranks *r)
{
	size_t most = 0;

	for (int s = 0; s < SLOTS; s++) {
		size_t n = slot_needed(b, s) ? delta_count(l, &b->model->m, s, r->R[s],
							   be_beside(b->precision))
					     : 0;
		most = n > most ? n : most;
	}
	layout_host(l, most * sizeof(float));
}

static void widen(struct be_sizes *s, int n, int k)
{
	s->n = n > s->n ? n : s->n;
	s->k = k > s->k ? k : s->k;
}

struct be_sizes block_sizes(const struct geometry *m, int stack, int T, int keys, int rank,
			    enum be_precision p)
{
	struct be_sizes s = {.p = p, .NH = m->NH, .T = T, .keys = keys > T ? keys : T};

	widen(&s, rank, rank);
	for (int slot = 0; slot < SLOTS; slot++)
		for (int i = 0; slot_exists(m, stack, slot) && i < PARTS; i++)
			widen(&s, part_rows(m, slot, i), module_d_in(m, slot));
	if (m->family->stack[stack].reads_encoder) /* q̃ = Wkᵀ q, over the width of a head */
		widen(&s, m->D, m->HS);
	return s;
}

static size_t widest(const struct geometry *m)
{
	int w = m->D > m->DI ? m->D : m->DI;

	return (size_t)(w > m->F ? w : m->F);
}

static int cross_rows(int T)
{
	return T > CROSS_ROWS ? T : CROSS_ROWS;
}

/* Most rows of x Aᵀ: those of a batch, or of all heads in one piece of cross-attention. */
static size_t thin_rows(const struct geometry *m, int stack, int rows, int T)
{
	int heads = m->family->stack[stack].reads_encoder ? cross_rows(T) * m->NH : 0;

	return (size_t)(heads > rows ? heads : rows);
}

void work_init(struct work *w, struct layout *l, const struct model *model, int stack, int rows,
	       int T, int rank)
{
	const struct geometry *m = &model->m;
	size_t wide = (size_t)rows * widest(m), cross;

	*w = (struct work){
		.rows = rows, .T = T, .rank = rank, .cross_rows = cross_rows(T), .wide = (int)wide};
	w->a = layout_array(l, wide * sizeof(float));
	w->y = layout_array(l, 3 * wide * sizeof(float));
	w->x = w->a;
	w->u = layout_array(l, thin_rows(m, stack, rows, T) * (size_t)rank * sizeof(float));
	w->bias = model_bias(model, l, stack, T);
	w->turns = model_turns(model, l, T);
	if (!m->family->stack[stack].reads_encoder)
		return;
	cross = (size_t)w->cross_rows * (size_t)m->NH * (size_t)m->D * sizeof(float);
	w->Q = layout_array(l, cross);
	w->U = layout_array(l, cross);
}

void work_add_keys(struct work *w, struct layout *l, const struct geometry *m, int T)
{
	w->key_rows = T > KEY_ROWS ? T : KEY_ROWS;
	w->keys = layout_array(l, 2 * (size_t)w->key_rows * (size_t)(m->kv_heads * m->HS) *
					  sizeof(float));
}

void work_release(struct work *w)
{
	be->free(w->a);
	be->free(w->y);
	be->free(w->u);
	be->free(w->bias);
	be->free(w->turns);
	be->free(w->keys);
	be->free(w->Q);
	be->free(w->U);
	*w = (struct work){0};
}

/* A part's weight: the base model's, or a full weight that replaces it. NULL: it is read as it is
 * multiplied. */
static struct be_weight *weight_of(const struct block *b, const struct block_deltas *d,
				   struct part p)
{
	const struct delta *delta = d->slot[p.slot];

	return delta && delta->W[p.number] ? delta->W[p.number] : b->w[p.slot][p.number];
}

/* Y (P, rows) = X Wᵀ, or added to Y, with W from the file panel by panel. */
static void product_streamed(const struct block *b, struct part p, float *Y, const float *X, int P,
			     bool accumulate)
{
	const struct geometry *m = &b->model->m;
	const struct module q = {b->stack, b->index, p.slot};
	int rows = part_rows(m, p.slot, p.number), k = module_d_in(m, p.slot), row0 = 0;

	for (int i = 0; i < p.number; i++)
		row0 += part_rows(m, p.slot, i);
	for (int row = 0; row < rows; row += MODEL_ROWS) {
		int n = rows - row < MODEL_ROWS ? rows - row : MODEL_ROWS;
		const float *w = model_weight_rows(b->model, q, row0 + row, n);
		struct be_weight *W = be->weight_pack(w, n, k, k, false, b->precision);

		be->linear(Y + row, rows, X, k, W, P, accumulate);
		be->weight_free(W);
	}
}

/* Y (P, rows) = X Wᵀ, or added to Y. */
static void product(const struct block *b, const struct block_deltas *d, struct part p, float *Y,
		    const float *X, int P, bool accumulate)
{
	const struct geometry *m = &b->model->m;
	const struct be_weight *W = weight_of(b, d, p);

	if (W)
		be->linear(Y, part_rows(m, p.slot, p.number), X, module_d_in(m, p.slot), W, P,
			   accumulate);
	else
		product_streamed(b, p, Y, X, P, accumulate);
}

/* A slot's ΔW as factors. NULL: there is none, or the weight already has it. */
static const struct delta *factors_of(const struct block_deltas *d, int slot)
{
	return d->slot[slot] && !d->slot[slot]->W[0] ? d->slot[slot] : NULL;
}

/* Y (P, rows) += (X Aᵀ) Bᵀ, where ΔW is given as factors. */
static void add_delta(const struct block *b, const struct block_deltas *d, struct work *w,
		      struct part p, float *Y, const float *X, int P)
{
	const struct geometry *m = &b->model->m;
	const struct delta *delta = factors_of(d, p.slot);

	if (!delta)
		return;
	BUG_IF(delta->R > w->rank);
	be->linear(w->u, delta->R, X, module_d_in(m, p.slot), delta->A, P, false);
	be->linear(Y, part_rows(m, p.slot, p.number), w->u, delta->R, delta->B[p.number], P, true);
}

static void add_bias(const struct block *b, struct part p, float *Y, int P)
{
	const struct geometry *m = &b->model->m;
	const float *bias = b->bias[p.slot];

	if (!bias)
		return;
	for (int i = 0; i < p.number; i++)
		bias += part_rows(m, p.slot, i);
	be->add_row(Y, bias, P, part_rows(m, p.slot, p.number));
}

/* Whether the caller wants to see what this linear gives. */
static bool is_shown(const struct block *b, const struct work *w, int slot)
{
	const struct outputs *o = &w->batch->outputs;

	return o->take && b->model->m.family->linear[slot].step == o->at;
}

static void show(const struct block *b, const struct work *w, struct part p, const float *Y)
{
	const struct outputs *o = &w->batch->outputs;

	if (is_shown(b, w, p.slot))
		o->take(o->arg, p.slot, p.number, Y, part_rows(&b->model->m, p.slot, p.number));
}

/* Y (P, rows) = X Wᵀ + (X Aᵀ) Bᵀ + bias. */
static void project(const struct block *b, const struct block_deltas *d, struct work *w,
		    struct part p, float *Y, const float *X, int P)
{
	product(b, d, p, Y, X, P, false);
	add_delta(b, d, w, p, Y, X, P);
	show(b, w, p, Y);
	add_bias(b, p, Y, P);
}

/* h (P, D) += X Wᵀ + (X Aᵀ) Bᵀ + bias. Y (P, D): workspace, for what is shown. The terms are added
 * to h one after the other, so that h has the same bits whether or not they are shown. */
static void project_onto(const struct block *b, const struct block_deltas *d, struct work *w,
			 struct part p, float *h, float *Y, const float *X, int P)
{
	bool shown = is_shown(b, w, p.slot);

	if (shown) {
		product(b, d, p, Y, X, P, false);
		be->add(h, Y, (size_t)P * (size_t)b->model->m.D);
		add_delta(b, d, w, p, Y, X, P);
		show(b, w, p, Y);
	} else {
		product(b, d, p, h, X, P, true);
	}
	add_delta(b, d, w, p, h, X, P);
	add_bias(b, p, h, P);
}

/* Applies n linears of the same shape to w->x. Result i goes to Y + i·wide. */
static void project_alike(const struct block *b, const struct block_deltas *d, struct work *w,
			  const struct part *part, int n, float *Y)
{
	const struct geometry *m = &b->model->m;
	struct be_weight *W[STEP_PARTS];
	bool held = true;

	for (int i = 0; i < n; i++) {
		W[i] = weight_of(b, d, part[i]);
		held = held && W[i];
	}
	if (held)
		be->linear_heads(Y, part_rows(m, part->slot, part->number), w->wide, w->x, m->D, 0,
				 W, n, w->batch->rows, false);
	for (int i = 0; i < n; i++) {
		float *y = Y + (size_t)i * (size_t)w->wide;

		if (!held)
			product(b, d, part[i], y, w->x, w->batch->rows, false);
		add_delta(b, d, w, part[i], y, w->x, w->batch->rows);
		show(b, w, part[i], y);
		add_bias(b, part[i], y, w->batch->rows);
	}
}

/* Queries, keys and values of w->x, at w->y. */
static void project_heads(const struct block *b, const struct block_deltas *d, struct work *w,
			  const struct part part[STEP_PARTS])
{
	const struct geometry *m = &b->model->m;
	int alike = m->kv_heads == m->NH ? 3 : 1;

	project_alike(b, d, w, part, alike, w->y);
	if (alike < 3)
		project_alike(b, d, w, part + alike, 3 - alike, w->y + alike * w->wide);
}

/* Norms and rotates every head. */
static void place_heads(const struct block *b, struct work *w, float *X, int heads,
			const float *norm)
{
	const struct geometry *m = &b->model->m;
	const struct batch *s = w->batch;

	if (norm)
		be->rmsnorm(X, X, norm, s->rows * heads, m->HS, m->eps);
	if (w->turns)
		be->rotate(X, (struct be_ragged){s->n, s->off, s->len}, s->before, heads, m->HS,
			   m->rope.width, w->turns);
}

static struct be_attention attention_of(const struct block *b, const struct work *w)
{
	const struct geometry *m = &b->model->m;

	return (struct be_attention){.heads = m->NH,
				     .kv_heads = m->kv_heads,
				     .width = m->HS,
				     .scale = m->attention_scale,
				     .cap = m->attention_cap,
				     .causal = m->family->stack[b->stack].causal,
				     .window = block_slides(m, b->index) ? m->window : 0,
				     .bias = w->bias,
				     .T = w->T};
}

/* Copies n rows of keys and values. */
static void copy_rows(struct kept to, int to_row, struct kept from, int from_row, int n,
		      size_t width)
{
	size_t a = (size_t)to_row * width, b = (size_t)from_row * width;

	be->copy(to.K + a, from.K + b, (size_t)n * width);
	be->copy(to.V + a, from.V + b, (size_t)n * width);
}

/* Puts sequence i's past rows, the rows of its answer and its own rows one after the other into
 * w->keys, from row `at` on. own: the batch's rows. */
static void join_past(const struct block *b, struct work *w, struct kept own, int i, int at)
{
	const struct batch *s = w->batch;
	size_t width = (size_t)(b->model->m.kv_heads * b->model->m.HS);
	struct kept to = {w->keys, w->keys + (size_t)w->key_rows * width};
	int answer = s->before[i] - s->past_len[i];

	copy_rows(to, at, s->past, s->past_off[i], s->past_len[i], width);
	if (answer)
		copy_rows(to, at + s->past_len[i], s->answer, s->answer_off[i], answer, width);
	copy_rows(to, at + s->before[i], own, s->off[i], s->len[i], width);
}

/* Adds the batch's own keys and values to the answers. */
static void keep_answers(const struct block *b, const struct batch *s, struct kept own)
{
	size_t width = (size_t)(b->model->m.kv_heads * b->model->m.HS);

	for (int i = 0; i < s->n; i++) {
		int kept = s->before[i] - s->past_len[i], room = s->room - kept,
		    n = s->len[i] < room ? s->len[i] : room;

		if (n > 0)
			copy_rows(s->answer, s->answer_off[i] + kept, own, s->off[i], n, width);
	}
}

/* Attention that includes the past, for as many sequences at once as w->keys can hold. */
static void attend_past(const struct block *b, struct work *w, const float *q, struct kept own)
{
	const struct batch *s = w->batch;
	const struct be_attention a = attention_of(b, w);
	size_t values = (size_t)w->key_rows * (size_t)(a.kv_heads * a.width);
	int *off = xarray((size_t)s->n, sizeof(*off)), *len = xarray((size_t)s->n, sizeof(*len));

	for (int first = 0, i = 0; first < s->n; first = i) {
		for (int rows = 0; i < s->n; rows += len[i++]) {
			off[i] = rows;
			len[i] = s->before[i] + s->len[i];
			if (i > first && rows + len[i] > w->key_rows)
				break;
			BUG_IF(len[i] > w->key_rows);
			join_past(b, w, own, i, rows);
		}
		be->self_attention(w->x, q,
				   (struct be_ragged){i - first, s->off + first, s->len + first},
				   w->keys, w->keys + values,
				   (struct be_ragged){i - first, off + first, len + first},
				   s->before + first, &a);
	}
	free(off);
	free(len);
}

static void self_attention(const struct block *b, const struct block_deltas *d, struct work *w,
			   const struct part part[STEP_PARTS])
{
	const struct geometry *m = &b->model->m;
	const struct batch *s = w->batch;
	const struct be_attention a = attention_of(b, w);
	float *q = w->y, *k = q + w->wide, *v = k + w->wide;
	const struct kept own = {k, v};

	project_heads(b, d, w, part);
	place_heads(b, w, q, m->NH, b->head_norm[0]);
	place_heads(b, w, k, m->kv_heads, b->head_norm[1]);
	if (s->store.K)
		copy_rows(s->store, 0, own, 0, s->rows, (size_t)(m->kv_heads * m->HS));
	if (s->past.K)
		attend_past(b, w, q, own);
	else
		be->self_attention(w->x, q, (struct be_ragged){s->n, s->off, s->len}, k, v,
				   (struct be_ragged){s->n, s->off, s->valid}, NULL, &a);
	if (s->answer.K)
		keep_answers(b, s, own);
}

/* Query rows [row, row+P) against rows M of the encoder's output, already fetched. The result goes
 * to the same rows of ctx (P, DI). */
static void attend_encoder_output(const struct block *b, const struct delta *dk,
				  const struct delta *dv, struct work *w, float *ctx,
				  const float *q, int P, const float *M, struct be_ragged query,
				  struct be_ragged rows, const int *valid)
{
	const struct geometry *m = &b->model->m;
	int ld = m->NH * m->D, NH = m->NH;
	struct be_weight *const *k = dk && dk->W_head ? dk->W_head : b->k_head,
				*const *v = dv && dv->W_head ? dv->W_head : b->v_head;

	be->linear_heads(w->Q, ld, m->D, q, m->DI, m->HS, k, NH, P, false);
	if (dk && !dk->W_head) { /* rows of (P, NH) are treated as plain rows */
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

/* How many sequences from `first` on fit the working rows and one fetch of the encoder's output. */
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

static void cross_attention(const struct block *b, const struct block_deltas *d, struct work *w,
			    const struct part part[STEP_PARTS], const struct encoder_output *mem)
{
	const struct geometry *m = &b->model->m;
	const struct batch *s = w->batch;
	int *off = xarray((size_t)s->n, sizeof(*off)),
	    *query_off = xarray((size_t)s->n, sizeof(*query_off));

	project(b, d, w, part[0], w->y, w->x, s->rows);
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
		attend_encoder_output(b, d->slot[part[1].slot], d->slot[part[2].slot], w,
				      w->x + (size_t)row * (size_t)m->DI,
				      w->y + (size_t)row * (size_t)m->DI, P, M,
				      (struct be_ragged){n, query_off, s->len + first},
				      (struct be_ragged){n, off, mem->len + mem->base + first},
				      mem->valid + mem->base + first);
	}
	free(off);
	free(query_off);
}

/* Whether a linear is no single product with a weight in memory: it adds factors of ΔW or a bias,
 * its weight is read as it is multiplied, or its output is shown. */
static bool apart(const struct block *b, const struct block_deltas *d, const struct work *w,
		  struct part p)
{
	return factors_of(d, p.slot) || b->bias[p.slot] || !weight_of(b, d, p) ||
	       is_shown(b, w, p.slot);
}

/* n linears. With two, the activated result of the first is multiplied by the second. */
static void feed_forward(const struct block *b, const struct block_deltas *d, struct work *w,
			 const struct part *part, int n)
{
	const struct geometry *m = &b->model->m;
	int P = w->batch->rows;
	float *gate = n > 1 ? w->y + w->wide : NULL;

	if (apart(b, d, w, part[0]) || (gate && apart(b, d, w, part[1]))) {
		project(b, d, w, part[0], w->y, w->x, P);
		if (gate)
			project(b, d, w, part[1], gate, w->x, P);
		be->activate(w->y, gate, m->act, (size_t)P * (size_t)m->F);
	} else {
		be->feed_forward(w->y, gate, w->x, weight_of(b, d, part[0]),
				 gate ? weight_of(b, d, part[1]) : NULL, m->act, P);
	}
	w->x = w->y;
}

/* h += y, y = x Wᵀ or its norm. */
static void add_projection(const struct block *b, const struct block_deltas *d, struct work *w,
			   struct part p, float *h, const float *norm)
{
	const struct geometry *m = &b->model->m;
	int P = w->batch->rows;
	float *y = w->y + w->wide; /* x may be at w->y */

	if (!norm) {
		project_onto(b, d, w, p, h, y, w->x, P);
		return;
	}
	project(b, d, w, p, y, w->x, P);
	be->rmsnorm(y, y, norm, P, m->D, m->eps);
	be->add(h, y, (size_t)P * (size_t)m->D);
}

static void run_step(const struct block *b, const struct block_deltas *d, struct work *w,
		     const struct encoder_output *mem, float *h, enum step at)
{
	struct part part[STEP_PARTS];
	int n = parts_of(b, at, part);

	switch (step_of(b, at)->operation) {
	case SELF_ATTENTION: self_attention(b, d, w, part); break;
	case ADD_PROJECTION: add_projection(b, d, w, part[0], h, b->added_norm[at]); break;
	case CROSS_ATTENTION: cross_attention(b, d, w, part, mem); break;
	case FEED_FORWARD: feed_forward(b, d, w, part, n); break;
	default: BUG("step %d", (int)at);
	}
}

/* x = norm(h), where the step has a norm. */
static void enter_step(const struct block *b, struct work *w, const float *h, enum step at)
{
	const struct geometry *m = &b->model->m;

	if (at < STEP_END && b->norm[at])
		be->rmsnorm(w->x, h, b->norm[at], w->batch->rows, m->D, m->eps);
}

void block_run(const struct block *b, const struct block_deltas *d, struct work *w,
	       const struct batch *s, const struct encoder_output *mem, float *h, enum step to)
{
	BUG_IF(s->rows > w->rows || to > b->way.to);
	w->batch = s;
	w->x = b->way.given[b->way.from] ? s->given.fetch(s->given.arg, b->way.from) : w->a;
	enter_step(b, w, h, b->way.from);
	for (enum step at = b->way.from; at < to;) {
		bool skipped = is_skipped(b, at);

		if (!skipped)
			run_step(b, d, w, mem, h, at);
		at = step_next(b, at);
		if (skipped)
			w->x = s->given.fetch(s->given.arg, at);
		else
			enter_step(b, w, h, at);
	}
}

size_t prompt_floats(const struct geometry *m)
{
	return m->family->nstacks == 2 ? (size_t)m->D
				       : 2 * (size_t)m->L[0] * (size_t)(m->kv_heads * m->HS);
}

size_t prompt_peak(const struct geometry *m)
{
	return prompt_floats(m) + (m->family->nstacks == 2 ? 0 : (size_t)m->D);
}
