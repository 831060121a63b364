/* forward.c: see forward.h. */
#include "forward/forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

static int batch_rows(int longest)
{
	return longest > BATCH_ROWS ? longest : BATCH_ROWS;
}

struct ranks forward_ranks(const struct forward *f)
{
	struct ranks r = {{0}};

	for (int i = 0; i < f->nsources; i++)
		delta_source_ranks(&f->source[i], &r);
	return r;
}

/* The residual stream (rows, D). */
static float *stream(struct layout *l, const struct geometry *m, int rows)
{
	return layout_array(l, (size_t)rows * (size_t)m->D * sizeof(float));
}

float *forward_prompts(struct layout *l, const struct geometry *m, size_t rows)
{
	return layout_array(l, rows * prompt_floats(m) * sizeof(float));
}

/* For sequences of up to `longest` tokens, which follow a past of up to `past` rows. */
enum { NO_PAST = -1 };
static void init_work(struct work *w, struct layout *l, const struct forward *f, int stack,
		      int longest, int past, int rank)
{
	int T = past > 0 ? longest + past : longest;

	work_init(w, l, f->model, stack, batch_rows(longest), T, rank);
	if (past != NO_PAST)
		work_add_keys(w, l, &f->model->m, T);
}

static int source_of(const struct forward *f, const int *which, int i)
{
	return f->source_of ? f->source_of[which ? which[i] : i] : 0;
}

/* What a pass stores for later passes, or what it starts from. H is laid out as forward_encode()
 * does. */
struct prompts {
	float *store;                    /* H to be filled; NULL: store nothing */
	const float *past;               /* H to start from; NULL: none */
	int rows, longest;               /* rows of H; longest past */
	const int *off, *len;            /* of the past, for each sequence of the pass */
	const int *before;               /* rows of the past and of the answer so far */
	const struct answers_kept *kept; /* NULL: none */
	const int *kept_off;
};

/* Where block b's keys and values are in H. */
static struct kept kept_at(const struct geometry *m, const float *H, int rows, int b, int row)
{
	size_t width = (size_t)(m->kv_heads * m->HS), all = (size_t)rows * width;
	float *K = (float *)(uintptr_t)H + 2 * (size_t)b * all + (size_t)row * width;

	return H ? (struct kept){K, K + all} : (struct kept){NULL, NULL};
}

static void attach(struct batch *batch, const struct block *b, const struct prompts *p,
		   const struct seqs *s, int first)
{
	const struct geometry *m = &b->model->m;

	if (!p)
		return;
	batch->store = kept_at(m, p->store, p->rows, b->index, s->off[first]);
	batch->past = kept_at(m, p->past, p->rows, b->index, 0);
	batch->past_off = p->past ? p->off + first : NULL;
	batch->past_len = p->past ? p->len + first : NULL;
	batch->before = p->past ? p->before + first : NULL;
	if (!p->kept)
		return;
	batch->answer = kept_at(m, p->kept->store, p->kept->n * p->kept->room, b->index, 0);
	batch->answer_off = p->kept_off + first;
	batch->room = p->kept->room;
}

/* Runs sequences [first, last), which have the same source. */
static void run_sequences(const struct forward *f, const struct block *b, struct work *w,
			  const struct seqs *s, int first, int last, int source, float *H,
			  struct encoder_output *mem, const struct prompts *p)
{
	struct block_deltas d;
	int *off = xarray((size_t)s->n, sizeof(*off));
	struct batch batch;

	block_deltas_load(&d, b, &f->source[source]);
	for (; first < last; first += batch.n) {
		int most = f->batch && f->batch < last - first ? f->batch : last - first;

		batch = seqs_batch(s, first, w->rows, most, off);
		if (mem)
			mem->base = first;
		attach(&batch, b, p, s, first);
		block_run(b, &d, w, &batch, mem, H + (size_t)s->off[first] * (size_t)f->model->m.D,
			  STEP_END);
	}
	block_deltas_release(&d, b);
	free(off);
}

/* which (s->n): the number of each sequence in the encoder's batch; NULL: its own number. */
static void run_block(const struct forward *f, const struct block *b, struct work *w,
		      const struct seqs *s, const int *which, float *H, struct encoder_output *mem,
		      const struct prompts *p)
{
	for (int first = 0, last; first < s->n; first = last) {
		int source = source_of(f, which, first);

		for (last = first + 1; last < s->n && source_of(f, which, last) == source; last++)
			;
		run_sequences(f, b, w, s, first, last, source, H, mem, p);
	}
}

/* Runs all blocks. Where the backend can, it loads the next block while one is computed. */
static void run_blocks(const struct forward *f, int stack, struct work *w, const struct seqs *s,
		       const int *which, float *H, struct encoder_output *mem,
		       const struct prompts *p)
{
	int L = f->model->m.L[stack];
	struct block b[2];

	block_load(&b[0], NULL, f->model, stack, 0, way_between(STEP_SELF, STEP_END), f->precision);
	for (int i = 0; i < L; i++) {
		struct block *next = i + 1 < L ? &b[(i + 1) % 2] : NULL;

		run_block(f, &b[i % 2], w, s, which, H, mem, p);
		if (next && be->ahead)
			block_load(next, NULL, f->model, stack, i + 1,
				   way_between(STEP_SELF, STEP_END), f->precision);
		block_release(&b[i % 2]);
		if (next && !be->ahead)
			block_load(next, NULL, f->model, stack, i + 1,
				   way_between(STEP_SELF, STEP_END), f->precision);
	}
}

/* Writes embeddings to H (rows, D), in pieces through the host. */
static void embed(const struct forward *f, const struct seqs *s, float *H)
{
	size_t D = (size_t)f->model->m.D;
	float *host = xarray(BATCH_ROWS * D, sizeof(*host));

	for (int row = 0; row < s->rows; row += BATCH_ROWS) {
		int n = s->rows - row < BATCH_ROWS ? s->rows - row : BATCH_ROWS;

		model_embed(f->model, s->ids + row, n, host);
		be->put(H + (size_t)row * D, host, (size_t)n * D * sizeof(float));
	}
	free(host);
}

/* Runs a whole stack, final norm included. mem: the encoder's output, for a decoder that reads it.
 * p: what the pass stores or starts from, or NULL. */
static void run_stack(const struct forward *f, int stack, const struct seqs *s, const int *which,
		      float *H, struct encoder_output *mem, const struct prompts *p)
{
	const struct geometry *m = &f->model->m;
	size_t D = (size_t)m->D;
	const struct ranks r = forward_ranks(f);
	struct work w;
	float *norm;

	embed(f, s, H);
	init_work(&w, NULL, f, stack, s->longest, p && p->past ? p->longest : NO_PAST,
		  ranks_largest(&r));
	run_blocks(f, stack, &w, s, which, H, mem, p);
	norm = model_final_norm(f->model, NULL, stack);
	for (int row = 0; row < s->rows; row += w.rows) {
		int n = s->rows - row < w.rows ? s->rows - row : w.rows;

		be->rmsnorm(H + (size_t)row * D, H + (size_t)row * D, norm, n, m->D, m->eps);
	}
	be->free(norm);
	work_release(&w);
}

/* Stores a single stack's keys and values; its residual stream is dropped. */
static void keep_prompts(const struct forward *f, const struct seqs *s, float *H)
{
	float *X = stream(NULL, &f->model->m, s->rows);

	run_stack(f, 0, s, NULL, X, NULL, &(struct prompts){.store = H, .rows = s->rows});
	be->free(X);
}

void forward_encode(const struct forward *f, const struct seqs *s, float *H)
{
	if (f->model->m.family->nstacks == 1)
		keep_prompts(f, s, H);
	else
		run_stack(f, 0, s, NULL, H, NULL, NULL);
}

/* Arrays of the product with the output embedding, for `rows` rows. */
struct head {
	float *w;                      /* (head_rows, D) of the embedding */
	float *logits;                 /* (BATCH_ROWS, head_rows) */
	struct be_logits *scan, *host; /* (rows) */
};

static int head_rows(const struct geometry *m)
{
	return m->V < HEAD_ROWS ? m->V : HEAD_ROWS;
}

static void head_init(struct head *h, struct layout *l, const struct geometry *m, int rows)
{
	size_t most = (size_t)head_rows(m), scan = (size_t)rows * sizeof(struct be_logits);

	h->host = layout_host(l, scan);
	h->scan = layout_array(l, scan);
	h->w = layout_host(l, most * (size_t)m->D * sizeof(float));
	h->logits = layout_array(l, BATCH_ROWS * most * sizeof(float));
}

static void head_release(struct head *h)
{
	free(h->w);
	be->free(h->logits);
	be->free(h->scan);
	free(h->host);
}

/* Packs n rows of h->w. */
static struct be_weight *head_pack(const struct head *h, struct layout *l, const struct forward *f,
				   int n)
{
	int D = f->model->m.D;

	return layout_pack(l, h->w, n, D, D, false, be_beside(f->precision));
}

/* The output embedding in pieces of HEAD_ROWS tokens, each applied to all rows of X (rows, D). */
static void scan_head(const struct forward *f, const struct head *h, const float *X, int rows)
{
	const struct geometry *m = &f->model->m;
	const struct st_tensor *t = f->model->embedding.head;
	size_t D = (size_t)m->D;

	for (int id0 = 0; id0 < m->V; id0 += HEAD_ROWS) {
		int n = m->V - id0 < HEAD_ROWS ? m->V - id0 : HEAD_ROWS;
		struct be_weight *packed;

		st_read(f->model->st, t, (size_t)id0 * D, (size_t)n * D, h->w);
		packed = head_pack(h, NULL, f, n);
		for (int row = 0; row < rows; row += BATCH_ROWS) {
			int P = rows - row < BATCH_ROWS ? rows - row : BATCH_ROWS;

			be->linear(h->logits, n, X + (size_t)row * D, m->D, packed, P, false);
			if (m->logit_cap > 0)
				be->softcap(h->logits, m->logit_cap, (size_t)P * (size_t)n);
			be->logits_reduce(h->scan + row, h->logits, P, n, id0);
		}
		be->weight_free(packed);
	}
}

static void run_head(const struct forward *f, const float *X, int rows, const int *target,
		     struct prediction *out)
{
	size_t bytes = (size_t)rows * sizeof(struct be_logits);
	struct head h;

	head_init(&h, NULL, &f->model->m, rows);
	for (int i = 0; i < rows; i++)
		h.host[i] = (struct be_logits){.top = -INFINITY,
					       .second = -INFINITY,
					       .id = -1,
					       .want = target ? target[i] : -1};
	be->put(h.scan, h.host, bytes);
	scan_head(f, &h, X, rows);
	be->get(h.host, h.scan, bytes);
	for (int i = 0; i < rows; i++) {
		const struct be_logits *r = &h.host[i];

		out[i] = (struct prediction){.id = r->id, .top = r->top, .second = r->second};
		if (r->want >= 0)
			out[i].nll = log(r->sum) + (double)r->top - (double)r->logit;
	}
	head_release(&h);
}

/* The encoder's output in one piece: fetching a sequence only means finding it. */
struct resident {
	const float *H;
	const int *off; /* first row, per decoder sequence */
};

static const float *resident_fetch(void *arg, int first, int n, int *off)
{
	struct resident *r = arg;

	for (int i = 0; i < n; i++)
		off[i] = r->off[first + i];
	return r->H;
}

/* Where a config asks for it (the first T5), the output is scaled by D^-0.5 before the head. */
static void scale_output(const struct forward *f, float *X, int rows)
{
	if (f->model->m.scaled)
		be->scale(X, 1.0f / sqrtf((float)f->model->m.D),
			  (size_t)rows * (size_t)f->model->m.D);
}

/* A decoder that reads the encoder's output; the result goes to X (dec->rows, D). */
static void decode_reading(const struct forward *f, const struct seqs *enc, const float *H,
			   const struct seqs *dec, const int *which, float *X)
{
	size_t bytes = sizeof(int) * (size_t)dec->n;
	int *off = xmalloc(bytes), *len = xmalloc(bytes), *valid = xmalloc(bytes);
	struct resident resident = {H, off};
	struct encoder_output mem = {&resident, resident_fetch, len, valid, 0, enc->rows};

	for (int i = 0; i < dec->n; i++) {
		off[i] = enc->off[which[i]];
		len[i] = enc->len[which[i]];
		valid[i] = enc->valid[which[i]];
	}
	run_stack(f, 1, dec, which, X, &mem, NULL);
	free(off);
	free(len);
	free(valid);
}

/* A single stack on the tokens that follow the prompts; each prompt's last token is computed
 * here. */
static void decode_behind(const struct forward *f, const struct seqs *enc, const float *H,
			  const struct seqs *dec, const int *which, const struct answers_kept *kept,
			  float *X)
{
	size_t bytes = sizeof(int) * (size_t)dec->n;
	int *off = xmalloc(bytes), *len = xmalloc(bytes), *before = xmalloc(bytes),
	    *kept_off = xmalloc(bytes), *ids = xmalloc(sizeof(int) * (size_t)dec->rows);
	struct prompts p = {.past = H,
			    .rows = enc->rows,
			    .off = off,
			    .len = len,
			    .before = before,
			    .kept = kept,
			    .kept_off = kept_off};
	struct seqs s = *dec;

	memcpy(ids, dec->ids, sizeof(int) * (size_t)dec->rows);
	s.ids = ids;
	for (int i = 0; i < dec->n; i++) {
		off[i] = enc->off[which[i]];
		len[i] = enc->len[which[i]] - 1;
		before[i] = len[i] + (kept ? kept->len[which[i]] : 0);
		kept_off[i] = kept ? which[i] * kept->room : 0;
		p.longest = before[i] > p.longest ? before[i] : p.longest;
		if (dec->len[i] && ids[dec->off[i]] < 0)
			ids[dec->off[i]] = enc->ids[off[i] + len[i]];
	}
	run_stack(f, 0, &s, which, X, NULL, &p);
	free(off);
	free(len);
	free(before);
	free(kept_off);
	free(ids);
}

void forward_decode(const struct forward *f, const struct seqs *enc, const float *H,
		    const struct seqs *dec, const int *which, const int *target,
		    const struct answers_kept *kept, struct prediction *out)
{
	float *X = stream(NULL, &f->model->m, dec->rows);

	BUG_IF(kept && (f->model->m.family->nstacks == 2 || !H));
	if (f->model->m.family->nstacks == 2)
		decode_reading(f, enc, H, dec, which, X);
	else if (H)
		decode_behind(f, enc, H, dec, which, kept, X);
	else
		run_stack(f, 0, dec, which, X, NULL, NULL);
	scale_output(f, X, dec->rows);
	run_head(f, X, dec->rows, target, out);
	be->free(X);
}

/* ------------------------------------------------------------ planning */

/* A pass through a stack, without its rows. Only one block's ΔW are loaded at a time. */
static struct layout pass_layout(const struct forward *f, const struct ranks *r, int stack,
				 int longest, int past)
{
	struct layout l = {0};
	struct block b;
	struct work w;
	int blocks = be->ahead && f->model->m.L[stack] > 1 ? 2 : 1;

	init_work(&w, &l, f, stack, longest, past, ranks_largest(r));
	for (int i = 0; i < blocks; i++) {
		block_load(&b, &l, f->model, stack, i, way_between(STEP_SELF, STEP_END),
			   f->precision);
		if (i == 0)
			block_deltas_count(&l, &b, r);
		block_release(&b);
	}
	return l;
}

static struct layout head_layout(const struct forward *f, int rows)
{
	struct layout l = {0};
	struct head h;

	head_init(&h, &l, &f->model->m, rows);
	head_pack(&h, &l, f, head_rows(&f->model->m));
	return l;
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

static struct be_sizes pass_sizes(const struct forward *f, const struct ranks *r, int T)
{
	const struct geometry *m = &f->model->m;
	struct be_sizes s =
		block_sizes(m, m->family->nstacks - 1, T, T, ranks_largest(r), f->precision);

	s.n = larger(s.n, head_rows(m));
	return s;
}

struct layout forward_layout(const struct forward *f, const struct ranks *r, const struct passes *n)
{
	const struct geometry *m = &f->model->m;
	bool single = m->family->nstacks == 1;
	int last = m->family->nstacks - 1;
	const struct be_sizes sizes =
		pass_sizes(f, r, single ? n->T[0] + n->T[1] : larger(n->T[0], n->T[1]));
	struct layout prompts = pass_layout(f, r, 0, n->T[0], NO_PAST),
		      answers = pass_layout(f, r, last, n->T[1], single ? n->T[0] : NO_PAST), l;

	if (single) { /* an encoder's stream becomes H */
		stream(&prompts, m, n->rows[0]);
		forward_prompts(&answers, m, (size_t)n->rows[1]); /* what is kept of the answers */
	}
	answers = layout_larger(answers, head_layout(f, n->rows[1]));
	stream(&answers, m, n->rows[1]);
	l = layout_larger(prompts, answers);
	forward_prompts(&l, m, (size_t)n->rows[0]);
	layout_operations(&l, &sizes);
	return l;
}
