/* forward.c: see forward.h. */
#include "forward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

enum { HEAD_ROWS = 2048 }; /* of the output embedding, packed at a time */

static int batch_rows(int longest)
{
	return longest > BATCH_ROWS ? longest : BATCH_ROWS;
}

static int largest_rank(const struct forward *f)
{
	int rank = 1;

	for (int i = 0; i < f->nsources; i++) {
		int r = delta_source_rank(&f->source[i]);

		rank = r > rank ? r : rank;
	}
	return rank;
}

size_t forward_bytes(const struct forward *f, int longest)
{
	const struct t5 *m = &f->model->m;
	size_t D = (size_t)m->D, DI = (size_t)m->DI, F = (size_t)m->F, widest = F > DI ? F : DI;
	size_t block = D * (8 * DI + (m->gated ? 3 : 2) * F) * (f->precision == BE_BF16 ? 2 : 4);
	size_t head = 2 * HEAD_ROWS * D * sizeof(float) + BATCH_ROWS * HEAD_ROWS * sizeof(float);
	size_t work = work_bytes(m, 1, batch_rows(longest), longest, largest_rank(f));

	return (block > head ? block : head) + work + widest * D * sizeof(float);
}

static int source_of(const struct forward *f, const int *which, int i)
{
	return f->source_of ? f->source_of[which ? which[i] : i] : 0;
}

/* Sequences [first, last) are of one source. */
static void run_sequences(const struct forward *f, const struct block *b, struct work *w, const struct seqs *s, int first, int last, int source,
                          float *H, struct memory *mem)
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
		block_run(b, &d, w, &batch, mem, H + (size_t)s->off[first] * (size_t)f->model->m.D, STEP_END);
	}
	block_deltas_release(&d, b);
	free(off);
}

/* which (s->n): the encoder's number of each sequence; NULL: its own. */
static void run_block(const struct forward *f, int stack, int index, struct work *w, const struct seqs *s, const int *which, float *H,
                      struct memory *mem)
{
	struct block b;

	block_load(&b, f->model, stack, index, STEP_SELF, STEP_END, f->precision);
	for (int first = 0, last; first < s->n; first = last) {
		int source = source_of(f, which, first);

		for (last = first + 1; last < s->n && source_of(f, which, last) == source; last++)
			;
		run_sequences(f, &b, w, s, first, last, source, H, mem);
	}
	block_release(&b);
}

/* Embeddings into H (rows, D), in pieces through the host. */
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

/* A whole stack; for the decoder with the memory to attend to. The final norm is part of it. */
static void run_stack(const struct forward *f, int stack, const struct seqs *s, const int *which, float *H, struct memory *mem)
{
	const struct t5 *m = &f->model->m;
	size_t D = (size_t)m->D;
	struct work w;
	float *norm;

	embed(f, s, H);
	work_init(&w, f->model, stack, batch_rows(s->longest), s->longest, largest_rank(f));
	for (int b = 0; b < m->L[stack]; b++)
		run_block(f, stack, b, &w, s, which, H, mem);
	norm = model_norm(f->model, stack, m->L[stack], 0);
	for (int row = 0; row < s->rows; row += w.rows) {
		int n = s->rows - row < w.rows ? s->rows - row : w.rows;

		be->rmsnorm(H + (size_t)row * D, H + (size_t)row * D, norm, n, m->D, m->eps);
	}
	be->free(norm);
	work_release(&w);
}

void forward_encode(const struct forward *f, const struct seqs *s, float *H)
{
	run_stack(f, 0, s, NULL, H, NULL);
}

/* Running figures of one row's softmax over the vocabulary. */
struct head_row {
	double max, sum; /* Σ exp(logit − max) */
	float target;
};

static void head_scan(const float *logits, int n, int id0, int target, struct head_row *r, struct prediction *p)
{
	double old = r->max;

	for (int j = 0; j < n; j++) {
		if (logits[j] > p->top) {
			p->second = p->top;
			p->top = logits[j];
			p->id = id0 + j;
		} else if (logits[j] > p->second) {
			p->second = logits[j];
		}
	}
	r->max = p->top;
	r->sum *= exp(old - r->max);
	for (int j = 0; j < n; j++)
		r->sum += (double)expf(logits[j] - p->top);
	if (target >= id0 && target < id0 + n)
		r->target = logits[target - id0];
}

/* The output embedding in pieces of HEAD_ROWS tokens, each for all rows of X (rows, D). */
static void run_head(const struct forward *f, const float *X, int rows, const int *target, struct prediction *out)
{
	const struct t5 *m = &f->model->m;
	const struct st_tensor *t = model_head(f->model);
	size_t D = (size_t)m->D;
	struct head_row *state = xcalloc((size_t)rows, sizeof(*state));
	float *w = xarray(HEAD_ROWS * D, sizeof(*w)), *host = xarray((size_t)BATCH_ROWS * HEAD_ROWS, sizeof(*host));
	float *logits = be->alloc((size_t)BATCH_ROWS * HEAD_ROWS * sizeof(float));

	for (int i = 0; i < rows; i++) {
		out[i] = (struct prediction){.id = -1, .top = -INFINITY, .second = -INFINITY};
		state[i].max = -INFINITY;
	}
	for (int id0 = 0; id0 < m->V; id0 += HEAD_ROWS) {
		int n = m->V - id0 < HEAD_ROWS ? m->V - id0 : HEAD_ROWS;
		struct be_weight *head;

		st_read(f->model->st, t, (size_t)id0 * D, (size_t)n * D, w);
		head = be->weight_pack(w, n, m->D, m->D, false, f->precision);
		for (int row = 0; row < rows; row += BATCH_ROWS) {
			int P = rows - row < BATCH_ROWS ? rows - row : BATCH_ROWS;

			be->linear(logits, n, X + (size_t)row * D, m->D, head, P, false);
			be->get(host, logits, (size_t)P * (size_t)n * sizeof(float));
#pragma omp parallel for schedule(static)
			for (int i = 0; i < P; i++)
				head_scan(host + (size_t)i * (size_t)n, n, id0, target ? target[row + i] : -1, &state[row + i], &out[row + i]);
		}
		be->weight_free(head);
	}
	for (int i = 0; i < rows; i++)
		if (target && target[i] >= 0)
			out[i].nll = log(state[i].sum) + state[i].max - (double)state[i].target;
	free(state);
	free(w);
	free(host);
	be->free(logits);
}

/* Memory that lies in one piece: nothing to fetch, only to find. */
struct resident {
	const float *H;
	const int *off; /* per decoder sequence */
};

static const float *resident_fetch(void *arg, int first, int n, int *off)
{
	struct resident *r = arg;

	for (int i = 0; i < n; i++)
		off[i] = r->off[first + i];
	return r->H;
}

/* Tied: the hidden state is scaled by D^-0.5 before the shared embedding (as T5's code does). */
static void scale_tied(const struct forward *f, float *X, int rows)
{
	size_t n = (size_t)rows * (size_t)f->model->m.D;
	float scale = 1.0f / sqrtf((float)f->model->m.D), *host;

	if (!f->model->m.tied)
		return;
	host = xarray(n, sizeof(*host));
	be->get(host, X, n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		host[i] *= scale;
	be->put(X, host, n * sizeof(float));
	free(host);
}

void forward_decode(const struct forward *f, const struct seqs *enc, const float *H, const struct seqs *dec, const int *which,
                    const int *target, struct prediction *out)
{
	size_t bytes = sizeof(int) * (size_t)dec->n;
	int *off = xmalloc(bytes), *len = xmalloc(bytes), *valid = xmalloc(bytes);
	struct resident resident = {H, off};
	struct memory mem = {&resident, resident_fetch, len, valid, 0, enc->rows};
	float *X = be->alloc((size_t)dec->rows * (size_t)f->model->m.D * sizeof(float));

	for (int i = 0; i < dec->n; i++) {
		off[i] = enc->off[which[i]];
		len[i] = enc->len[which[i]];
		valid[i] = enc->valid[which[i]];
	}
	run_stack(f, 1, dec, which, X, &mem);
	scale_tied(f, X, dec->rows);
	run_head(f, X, dec->rows, target, out);
	be->free(X);
	free(off);
	free(len);
	free(valid);
}
