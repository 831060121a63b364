/* test_block.c: a block against T5's formula in float64, on the demo's weights: the input of the
 * linears at every step, with and without an adapter. Keys and values of the encoder's output are
 * formed here, which block.c never does. It also tests what a batch must not change. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../backend/reference.h"
#include "base/die.h"
#include "base/opts.h"
#include "case.h"
#include "forward/block.h"
#include "model/t5.h"

/* Sequences of the batch: their rows; rows of the encoder's output, all of them and without
 * pads. */
enum { SEQS = 3, ROWS = 12, MEMORY_ROWS = 14, LONGEST = 7 };
static const int off[SEQS] = {0, 4, 5}, len[SEQS] = {4, 1, 7}, valid[SEQS] = {3, 1, 7};
static const int memory_off[SEQS] = {0, 5, 11}, memory_len[SEQS] = {5, 6, 3},
		 memory_valid[SEQS] = {5, 4, 3};

static struct model *model;
static struct adapter *adapter;
static const struct geometry *m;
static float *memory; /* (MEMORY_ROWS, D) */

static float *random_rows(int rows)
{
	float *x = be->alloc((size_t)(rows * m->D) * sizeof(*x));

	for (int i = 0; i < rows * m->D; i++)
		x[i] = (float)(drand48() * 2 - 1);
	return x;
}

/* ------------------------------------------------------------ the formula */

struct exact_block {
	int stack, index;
	const struct adapter *adapter; /* or NULL */
	double *h;                     /* (ROWS, D) */
	double *x[STEP_END];           /* the linears' input at each step */
};

static double *zeros(int n)
{
	return xcalloc((size_t)n, sizeof(double));
}

/* W0 + s B A, (d_out, d_in). */
static double *weight(const struct exact_block *b, int slot)
{
	struct module q = {b->stack, b->index, slot};
	int n = module_d_out(m, slot), k = module_d_in(m, slot);
	const float *w = model_weight(model, q);
	const struct lora *l = b->adapter ? adapter_find(b->adapter, q) : NULL;
	double *W = zeros(n * k);

	for (int i = 0; i < n * k; i++)
		W[i] = (double)w[i];
	if (l) {
		float *A = xarray((size_t)(l->r * k), sizeof(*A)),
		      *B = xarray((size_t)(l->r * n), sizeof(*B));

		lora_read_A(b->adapter, l, A);
		lora_read_B(b->adapter, l, B);
		for (int i = 0; i < n * k; i++)
			W[i] += l->scale *
				ref_dot(B + i / k * l->r, 1, A + i % k, (size_t)k, l->r).value;
		free(A), free(B);
	}
	return W;
}

/* y (rows, d_out) += x Wᵀ of the block's linear. */
static void project(const struct exact_block *b, int slot, double *y, const double *x, int rows)
{
	int n = module_d_out(m, slot), k = module_d_in(m, slot);
	double *W = weight(b, slot);

	for (int r = 0; r < rows; r++)
		for (int i = 0; i < n; i++)
			for (int j = 0; j < k; j++)
				y[r * n + i] += W[i * k + j] * x[r * k + j];
	free(W);
}

static void normalise(struct exact_block *b, enum step step)
{
	float *g = model_norm(model, NULL, b->stack, b->index, step);

	b->x[step] = zeros(ROWS * m->D);
	for (int r = 0; r < ROWS; r++) {
		const double *h = b->h + r * m->D;
		double sum = 0;

		for (int j = 0; j < m->D; j++)
			sum += h[j] * h[j];
		for (int j = 0; j < m->D; j++)
			b->x[step][r * m->D + j] =
				h[j] / sqrt(sum / m->D + (double)m->eps) * (double)g[j];
	}
	be->free(g);
}

/* One head of one query over n keys and values of leading dimension DI; bias by key, or NULL. */
static void attend(double *ctx, const double *q, const double *K, const double *V, int n,
		   const float *bias)
{
	double p[MEMORY_ROWS], total = 0;

	for (int j = 0; j < n; j++) {
		double score = bias ? (double)bias[j] : 0;

		for (int e = 0; e < m->HS; e++)
			score += q[e] * K[j * m->DI + e];
		p[j] = exp(score);
		total += p[j];
	}
	for (int j = 0; j < n; j++)
		for (int e = 0; e < m->HS; e++)
			ctx[e] += p[j] / total * V[j * m->DI + e];
}

static void attend_self(struct exact_block *b)
{
	double *q = zeros(ROWS * m->DI), *k = zeros(ROWS * m->DI), *v = zeros(ROWS * m->DI);
	float *bias = model_bias(model, NULL, b->stack, LONGEST);

	project(b, SELF_Q, q, b->x[STEP_SELF], ROWS);
	project(b, SELF_K, k, b->x[STEP_SELF], ROWS);
	project(b, SELF_V, v, b->x[STEP_SELF], ROWS);
	b->x[STEP_OUT] = zeros(ROWS * m->DI);
	for (int s = 0; s < SEQS; s++)
		for (int i = 0; i < len[s]; i++)
			for (int h = 0; h < m->NH; h++) {
				int keys = b->stack == 1 && i + 1 < valid[s] ? i + 1 : valid[s];
				int row = (off[s] + i) * m->DI + h * m->HS,
				    key = off[s] * m->DI + h * m->HS;

				attend(b->x[STEP_OUT] + row, q + row, k + key, v + key, keys,
				       bias + h * (2 * LONGEST - 1) + LONGEST - 1 - i);
			}
	be->free(bias);
	free(q), free(k), free(v);
}

static void attend_cross(struct exact_block *b)
{
	double *q = zeros(ROWS * m->DI), *k = zeros(MEMORY_ROWS * m->DI),
	       *v = zeros(MEMORY_ROWS * m->DI), *e = zeros(MEMORY_ROWS * m->D);

	for (int i = 0; i < MEMORY_ROWS * m->D; i++)
		e[i] = (double)memory[i];
	project(b, CROSS_Q, q, b->x[STEP_CROSS], ROWS);
	project(b, CROSS_K, k, e, MEMORY_ROWS);
	project(b, CROSS_V, v, e, MEMORY_ROWS);
	b->x[STEP_CROSSOUT] = zeros(ROWS * m->DI);
	for (int s = 0; s < SEQS; s++)
		for (int i = 0; i < len[s] * m->NH; i++) {
			int row = (off[s] + i / m->NH) * m->DI + i % m->NH * m->HS,
			    key = memory_off[s] * m->DI + i % m->NH * m->HS;

			attend(b->x[STEP_CROSSOUT] + row, q + row, k + key, v + key,
			       memory_valid[s], NULL);
		}
	free(q), free(k), free(v), free(e);
}

/* The demo is gated, with gelu_new. */
static void feed_forward(struct exact_block *b)
{
	double *gate = zeros(ROWS * m->F), *y = b->x[STEP_DOWN] = zeros(ROWS * m->F);

	project(b, WI_0, y, b->x[STEP_FFN], ROWS);
	project(b, WI_1, gate, b->x[STEP_FFN], ROWS);
	for (int i = 0; i < ROWS * m->F; i++)
		y[i] = ref_gelu(y[i]) * gate[i];
	free(gate);
}

static void run_exactly(struct exact_block *b)
{
	normalise(b, STEP_SELF);
	attend_self(b);
	project(b, SELF_O, b->h, b->x[STEP_OUT], ROWS);
	if (b->stack == 1) {
		normalise(b, STEP_CROSS);
		attend_cross(b);
		project(b, CROSS_O, b->h, b->x[STEP_CROSSOUT], ROWS);
	}
	normalise(b, STEP_FFN);
	feed_forward(b);
	project(b, WO, b->h, b->x[STEP_DOWN], ROWS);
}

/* ------------------------------------------------------------ the block */

/* Fewer rows than all sequences have, so there are two calls. */
enum { MOST_FETCHED = 11 };

static const float *fetch(void *arg, int first, int n, int *at)
{
	int rows = 0;

	(void)arg;
	for (int i = 0; i < n; i++) {
		at[i] = rows;
		rows += memory_len[first + i];
	}
	assert_true(rows <= MOST_FETCHED || n == 1);
	return memory + memory_off[first] * m->D;
}

struct running {
	struct block block;
	struct block_deltas deltas;
	struct work work;
};

static void start(struct running *r, int stack, int index, enum step from,
		  const struct adapter *with)
{
	const struct delta_source source = {.adapter = with};
	struct ranks ranks = {{0}};

	block_load(&r->block, NULL, model, stack, index, way_between(from, STEP_END), BE_F32);
	block_deltas_load(&r->deltas, &r->block, &source);
	delta_source_ranks(&source, &ranks);
	work_init(&r->work, NULL, model, stack, ROWS, LONGEST, ranks_largest(&ranks));
}

/* Sequences [first, first+n). Their rows in h begin at row off[first]. */
static void run_to(struct running *r, float *h, enum step to, int first, int n)
{
	int at[SEQS];
	struct batch batch = {.n = n, .off = at, .len = len + first, .valid = valid + first};
	struct encoder_output output = {.fetch = fetch,
					.len = memory_len,
					.valid = memory_valid,
					.base = first,
					.max_rows = MOST_FETCHED};

	for (int i = 0; i < n; i++) {
		at[i] = off[first + i] - off[first];
		batch.rows += len[first + i];
	}
	block_run(&r->block, &r->deltas, &r->work, &batch, &output, h, to);
}

static void finish(struct running *r)
{
	block_deltas_release(&r->deltas, &r->block);
	block_release(&r->block);
	work_release(&r->work);
}

static void close_to(const char *what, enum step step, const float *have, const double *want, int n)
{
	double difference = 0, norm = 0;

	for (int i = 0; i < n; i++) {
		difference += ((double)have[i] - want[i]) * ((double)have[i] - want[i]);
		norm += want[i] * want[i];
	}
	if (!(sqrt(difference) <= 2e-6 * sqrt(norm)))
		fail_msg("%s, step %d: off by %g", what, (int)step, sqrt(difference / norm));
}

static void check_step(const struct exact_block *b, enum step to, const float *h0)
{
	size_t bytes = (size_t)(ROWS * m->D) * sizeof(float);
	float *h = be->alloc(bytes);
	struct running r;

	be->put(h, h0, bytes);
	start(&r, b->stack, b->index, STEP_SELF, b->adapter);
	run_to(&r, h, to, 0, SEQS);
	if (to == STEP_END)
		close_to("h", to, h, b->h, ROWS * m->D);
	else
		close_to("x", to, r.work.x, b->x[to],
			 ROWS * site_width(m, (struct site){b->stack, b->index, to}));
	finish(&r);
	be->free(h);
}

static void check_block(int stack, int index, const struct adapter *with)
{
	float *h0 = random_rows(ROWS);
	struct exact_block b = {
		.stack = stack, .index = index, .adapter = with, .h = zeros(ROWS * m->D)};

	for (int i = 0; i < ROWS * m->D; i++)
		b.h[i] = (double)h0[i];
	run_exactly(&b);
	for (int to = STEP_SELF; to <= STEP_END; to++)
		if (to == STEP_END || b.x[to])
			check_step(&b, (enum step)to, h0);
	for (int to = STEP_SELF; to < STEP_END; to++)
		free(b.x[to]);
	free(b.h);
	be->free(h0);
}

static void test_encoder(void **state)
{
	(void)state;
	check_block(0, 1, NULL);
	check_block(0, 2, adapter);
}

static void test_decoder(void **state)
{
	(void)state;
	check_block(1, 0, NULL);
	check_block(1, 1, adapter);
}

/* Weights that are read as they are multiplied: the same bits, with ΔW and without. */
static void test_streamed(void **state)
{
	size_t bytes = (size_t)(ROWS * m->D) * sizeof(float);
	float *h0 = random_rows(ROWS), *h[2] = {be->alloc(bytes), be->alloc(bytes)};

	(void)state;
	for (int stack = 0; stack < 2; stack++)
		for (int with = 0; with < 2; with++) {
			for (int streamed = 0; streamed < 2; streamed++) {
				struct running r;

				model->streamed = streamed;
				be->copy(h[streamed], h0, (size_t)(ROWS * m->D));
				start(&r, stack, 1, STEP_SELF, with ? adapter : NULL);
				assert_true((r.block.w[SELF_Q][0] == NULL) == streamed);
				run_to(&r, h[streamed], STEP_END, 0, SEQS);
				finish(&r);
			}
			assert_memory_equal(h[0], h[1], bytes);
		}
	model->streamed = false;
	be->free(h0), be->free(h[0]), be->free(h[1]);
}

/* Started from the stream at a later norm, the rest of the block gives the same bits. */
static void test_later_start(void **state)
{
	static const enum step from[] = {STEP_CROSS, STEP_FFN};
	size_t bytes = (size_t)(ROWS * m->D) * sizeof(float);
	(void)state;
	for (size_t i = 0; i < COUNT(from); i++) {
		float *h = random_rows(ROWS), *later = be->alloc(bytes);
		struct running r;

		start(&r, 1, 0, STEP_SELF, adapter);
		be->put(later, h, bytes);
		run_to(&r, later, from[i], 0, SEQS);
		run_to(&r, h, STEP_END, 0, SEQS);
		finish(&r);
		start(&r, 1, 0, from[i], adapter);
		run_to(&r, later, STEP_END, 0, SEQS);
		finish(&r);
		assert_memory_equal(h, later, bytes);
		be->free(h), be->free(later);
	}
}

/* A sequence alone gives the same bits. */
static void test_alone(void **state)
{
	size_t row = (size_t)m->D * sizeof(float);
	(void)state;
	for (int stack = 0; stack < 2; stack++) {
		float *h = random_rows(ROWS), *all = be->alloc(ROWS * row);
		struct running r;

		be->put(all, h, ROWS * row);
		start(&r, stack, 0, STEP_SELF, adapter);
		run_to(&r, all, STEP_END, 0, SEQS);
		for (int s = 0; s < SEQS; s++) {
			float *one = h + off[s] * m->D;

			run_to(&r, one, STEP_END, s, 1);
			assert_memory_equal(one, all + off[s] * m->D, (size_t)len[s] * row);
		}
		finish(&r);
		be->free(h), be->free(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encoder),     cmocka_unit_test(test_decoder),
		cmocka_unit_test(test_later_start), cmocka_unit_test(test_streamed),
		cmocka_unit_test(test_alone),
	};
	int failed;

	prog_name = "test_block";
	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	model = model_open("data/demo/model");
	m = &model->m;
	adapter = adapter_open("data/demo/loras/tec", m);
	memory = random_rows(MEMORY_ROWS);
	failed = cmocka_run_group_tests_name("block", tests, NULL, NULL);
	be->free(memory);
	adapter_close(adapter);
	model_close(model);
	return failed;
}
