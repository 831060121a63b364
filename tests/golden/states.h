/* states.h: the residual stream after every block of both stacks, and the logits, as in the golden
 * files and the oracle.
 *
 * It runs the tools' own blocks (lib/forward/block.h) over all sequences at once, and keeps host
 * copies of what the tools do not keep. */
#ifndef STATES_H
#define STATES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "forward/forward.h"

enum { STATES_MOST = 64 };

struct states {
	int L[2], rows[2], D, V;
	float *at[2][STATES_MOST + 1]; /* [stack][b], b = 1 … L: (rows, D) after b blocks;
					  [stack][0]: the stack's normed output */
	float *logits;                 /* (rows[1], V) */
};

struct states_output {
	const float *H;
	const struct seqs *enc;
};

static inline const float *states_fetch(void *arg, int first, int n, int *off)
{
	struct states_output *m = arg;

	memcpy(off, m->enc->off + first, sizeof(int) * (size_t)n);
	return m->H;
}

static inline int states_rank(const struct delta_source *s)
{
	int rank = 1;

	for (int i = 0; s->adapter && i < s->adapter->n; i++)
		rank = s->adapter->lora[i].r > rank ? s->adapter->lora[i].r : rank;
	return rank;
}

static inline float *states_copy(const float *H, size_t n)
{
	float *host = xarray(n, sizeof(*host));

	be->get(host, H, n * sizeof(*host));
	return host;
}

/* Runs one stack over all sequences. At the end H (rows, D) is its normed output. */
static inline void states_stack(struct states *st, const struct forward *f, int stack,
				const struct seqs *s, float *H, struct encoder_output *mem)
{
	const struct geometry *m = &f->model->m;
	size_t n = (size_t)s->rows * (size_t)m->D;
	struct batch batch = {
		.n = s->n, .off = s->off, .len = s->len, .valid = s->valid, .rows = s->rows};
	float *host = xarray(n, sizeof(*host)), *norm;
	struct work w;

	BUG_IF(m->L[stack] > STATES_MOST);
	st->L[stack] = m->L[stack];
	st->rows[stack] = s->rows;
	model_embed(f->model, s->ids, s->rows, host);
	be->put(H, host, n * sizeof(*host));
	free(host);
	work_init(&w, NULL, f->model, stack, s->rows, s->longest, states_rank(f->source));
	for (int b = 0; b < m->L[stack]; b++) {
		struct block block;
		struct block_deltas d;

		block_load(&block, NULL, f->model, stack, b, way_between(STEP_SELF, STEP_END),
			   f->precision);
		block_deltas_load(&d, &block, f->source);
		block_run(&block, &d, &w, &batch, mem, H, STEP_END);
		st->at[stack][b + 1] = states_copy(H, n);
		block_deltas_release(&d, &block);
		block_release(&block);
	}
	norm = model_final_norm(f->model, NULL, stack);
	be->rmsnorm(H, H, norm, s->rows, m->D, m->eps);
	st->at[stack][0] = states_copy(H, n);
	be->free(norm);
	work_release(&w);
}

static inline void states_head(struct states *st, const struct forward *f, const float *X, int rows)
{
	const struct geometry *m = &f->model->m;
	size_t n = (size_t)m->V * (size_t)m->D, out = (size_t)rows * (size_t)m->V;
	float *w = xarray(n, sizeof(*w)), *Y = be->alloc(out * sizeof(*Y));
	struct be_weight *head;

	st_read(f->model->st, f->model->embedding.head, 0, n, w);
	head = be->weight_pack(w, m->V, m->D, m->D, false, f->precision);
	be->linear(Y, m->V, X, m->D, head, rows, false);
	st->logits = states_copy(Y, out);
	for (size_t i = 0; m->scaled && i < out; i++)
		st->logits[i] /= sqrtf((float)m->D);
	be->weight_free(head);
	be->free(Y);
	free(w);
}

static inline void states_run(struct states *st, const struct forward *f, const struct seqs *enc,
			      const struct seqs *dec)
{
	size_t D = (size_t)f->model->m.D;
	float *H = be->alloc((size_t)enc->rows * D * sizeof(*H)),
	      *X = be->alloc((size_t)dec->rows * D * sizeof(*X));
	struct states_output arg = {H, enc};
	struct encoder_output mem = {&arg, states_fetch, enc->len, enc->valid, 0, enc->rows};

	*st = (struct states){.D = f->model->m.D, .V = f->model->m.V};
	states_stack(st, f, 0, enc, H, NULL);
	states_stack(st, f, 1, dec, X, &mem);
	states_head(st, f, X, dec->rows);
	be->free(H);
	be->free(X);
}

static inline void states_release(struct states *st)
{
	for (int stack = 0; stack < 2; stack++)
		for (int b = 0; b <= STATES_MOST; b++)
			free(st->at[stack][b]);
	free(st->logits);
	*st = (struct states){0};
}

#endif
