/* test_operations.c: every operation of the CPU backend against reference.h, without the CUDA
 * double.
 *
 * Shapes are odd, have one row or column, are empty, or are one below and above the tiles of
 * gemm.h. The gaps between and behind the rows of a result must not change. Each operation is
 * called from one place, in the first part of this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/child.h"
#include "backend/be.h"
#include "backend/cpu/gemm.h"
#include "base/die.h"
#include "base/opts.h"
#include "reference.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ------------------------------------------------------------ the calls */

/* Rows of X and Y are followed by gaps of 3 and 2 elements, rows of W by gaps of 1. */
struct linear_case {
	int P, n, k;
	bool transposed, accumulate;
	enum be_precision precision;
};

static void call_linear(const struct linear_case *c, float *Y, const float *X, const float *w)
{
	int ldw = (c->transposed ? c->n : c->k) + 1;
	struct be_weight *W = be->weight_pack(w, c->n, c->k, ldw, c->transposed, c->precision);

	be->linear(Y, c->n + 2, X, c->k + 3, W, c->P, c->accumulate);
	be->weight_free(W);
}

enum { HEADS = 3 };

/* The heads' columns are side by side in Y, and in X; with `same` all heads read the same X. */
struct heads_case {
	int P, n, k;
	bool same, accumulate;
};

static void call_linear_heads(const struct heads_case *c, float *Y, const float *X, float *const *w)
{
	struct be_weight *W[HEADS];

	for (int h = 0; h < HEADS; h++)
		W[h] = be->weight_pack(w[h], c->n, c->k, c->k, false, BE_F32);
	be->linear_heads(Y, HEADS * c->n + 1, c->n, X, HEADS * c->k + 2, c->same ? 0 : c->k, W,
			 HEADS, c->P, c->accumulate);
	for (int h = 0; h < HEADS; h++)
		be->weight_free(W[h]);
}

static const enum be_act acts[] = {BE_RELU, BE_GELU_NEW, BE_SILU};

static double activated(double x, enum be_act act)
{
	return act == BE_RELU ? ref_relu(x) : act == BE_GELU_NEW ? ref_gelu(x) : ref_silu(x);
}

static void call_activate(float *X, const float *G, enum be_act act, size_t n)
{
	be->activate(X, G, act, n);
}

struct feed_case {
	int P, n, k;
	enum be_act act;
	bool gated;
};

static void call_feed_forward(const struct feed_case *c, float *Y, const float *X, float *const *w)
{
	struct be_weight *W[2] = {be->weight_pack(w[0], c->n, c->k, c->k, false, BE_F32),
				  be->weight_pack(w[1], c->n, c->k, c->k, false, BE_F32)};
	float *Z = be->alloc((size_t)c->P * (size_t)c->n * sizeof(float));

	be->feed_forward(Y, Z, X, W[0], c->gated ? W[1] : NULL, c->act, c->P);
	be->free(Z);
	be->weight_free(W[0]);
	be->weight_free(W[1]);
}

enum { MOST_SEQUENCES = 6 };

/* Sequences of len rows, which attend to the first `valid` keys: keys of their own rows, or of mem
 * rows of the encoder's output. */
struct attention_case {
	int n, len[MOST_SEQUENCES], mem[MOST_SEQUENCES], valid[MOST_SEQUENCES];
	bool past; /* before[i] keys precede those of the sequence's own rows */
	int before[MOST_SEQUENCES];
	bool causal, biased;
	int window, T, heads, kv_heads, width, turned;
	float scale, cap;
};

static struct be_ragged packed(int n, const int *len, int *off)
{
	for (int i = 0, row = 0; i < n; row += len[i++])
		off[i] = row;
	return (struct be_ragged){.n = n, .off = off, .len = len};
}

static int sum_of(int n, const int *x)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

/* The row of sequence i's first key. Keys of the past and of all own rows follow each other. */
static int first_key(const struct attention_case *c, int i)
{
	return sum_of(i, c->before) + sum_of(i, c->len);
}

static void call_self_attention(const struct attention_case *c, float *ctx, const float *Q,
				const float *K, const float *V, const float *bias)
{
	int off[MOST_SEQUENCES], key_off[MOST_SEQUENCES], keys[MOST_SEQUENCES];

	for (int i = 0; i < c->n; i++) {
		key_off[i] = first_key(c, i);
		keys[i] = c->before[i] + c->valid[i];
	}
	be->self_attention(ctx, Q, packed(c->n, c->len, off), K, V,
			   (struct be_ragged){.n = c->n, .off = key_off, .len = keys},
			   c->past ? c->before : NULL,
			   &(struct be_attention){.heads = c->heads,
						  .kv_heads = c->kv_heads,
						  .width = c->width,
						  .scale = c->scale,
						  .cap = c->cap,
						  .causal = c->causal,
						  .window = c->window,
						  .bias = c->biased ? bias : NULL,
						  .T = c->T});
}

static void call_cross_attention(const struct attention_case *c, float *U, const float *Q,
				 const float *M)
{
	int off[MOST_SEQUENCES], at[MOST_SEQUENCES];

	be->cross_attention(U, Q, M, packed(c->n, c->len, off), packed(c->n, c->mem, at), c->valid,
			    c->heads, c->width);
}

static void call_rotate(const struct attention_case *c, float *X, const float *table)
{
	int off[MOST_SEQUENCES];

	be->rotate(X, packed(c->n, c->len, off), c->past ? c->before : NULL, c->heads, c->width,
		   c->turned, table);
}

/* ------------------------------------------------------------ arrays and bounds */

static uint64_t seed = 7;

/* In [-1, 1). */
static float uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(seed >> 40) / 8388608.0f - 1;
}

/* In backend memory; at least one element. */
static float *random_array(size_t n)
{
	float *host = xarray(n + 1, sizeof(*host)), *x = be->alloc((n + 1) * sizeof(*x));

	for (size_t i = 0; i < n + 1; i++)
		host[i] = uniform();
	be->put(x, host, (n + 1) * sizeof(*x));
	free(host);
	return x;
}

static float *copy_of(const float *x, size_t n)
{
	float *copy = be->alloc((n + 1) * sizeof(*copy));

	be->put(copy, x, (n + 1) * sizeof(*copy));
	return copy;
}

/* Errors of an operation, in float32 units (2^-24) of the terms' sizes: the largest that is
 * allowed, and the largest that was found. bfloat16 rounds both operands, each by 2^-9. */
enum op {
	LINEAR,
	LINEAR_16,
	FEED,
	NORM,
	ELEMENTS,
	ROTATE,
	ATTEND,
	GRAM_CHUNKS,
	GRAM_FEW,
	SUM,
	SOLVE,
	OPS
};
static const struct bound {
	const char *name;
	double most;
} bounds[OPS] = {
	[LINEAR] = {"linear, float32", 10},    [LINEAR_16] = {"linear, bfloat16", 0x1p16 + 200},
	[FEED] = {"feed_forward", 12},         [NORM] = {"rmsnorm", 6},
	[ELEMENTS] = {"activate", 6},          [ROTATE] = {"rotate", 3},
	[ATTEND] = {"attention", 30},          [GRAM_CHUNKS] = {"gram, chunks", 16},
	[GRAM_FEW] = {"gram, few rows", 1e-7}, [SUM] = {"logits_reduce, sum", 2},
	[SOLVE] = {"potrf, potrs", 1e-6},
};
static double worst[OPS];

static void within(enum op op, double have, struct exact want)
{
	double e = fabs(have - want.value) / (want.size * 0x1p-24 + 1e-300);

	worst[op] = e > worst[op] || isnan(e) ? e : worst[op];
	if (!(e <= bounds[op].most))
		fail_msg("%s: %.9g, expected %.9g: off by %g units, %g allowed", bounds[op].name,
			 have, want.value, e, bounds[op].most);
}

/* ------------------------------------------------------------ products */

static const float *row(const float *X, int r, int ld)
{
	return X + (size_t)r * (size_t)ld;
}

static struct exact plus(struct exact sum, bool accumulate, float before)
{
	if (!accumulate)
		return sum;
	return (struct exact){sum.value + (double)before, sum.size + fabs((double)before)};
}

static struct exact linear_at(const struct linear_case *c, const float *X, const float *w, int r,
			      int j)
{
	const float *x = row(X, r, c->k + 3);

	return c->transposed ? ref_dot(x, 1, w + j, (size_t)c->n + 1, c->k)
			     : ref_dot(x, 1, row(w, j, c->k + 1), 1, c->k);
}

static void check_linear(const struct linear_case *c)
{
	int ldy = c->n + 2, all = (c->P + 1) * ldy;
	float *X = random_array((size_t)c->P * (size_t)(c->k + 3)),
	      *w = random_array((size_t)(c->n + 1) * (size_t)(c->k + 1)),
	      *Y = random_array((size_t)all), *before = copy_of(Y, (size_t)all);

	call_linear(c, Y, X, w);
	for (int i = 0; i < all; i++) {
		int r = i / ldy, j = i % ldy;

		if (r == c->P || j >= c->n)
			assert_true(Y[i] == before[i]);
		else
			within(c->precision == BE_F32 ? LINEAR : LINEAR_16, (double)Y[i],
			       plus(linear_at(c, X, w, r, j), c->accumulate, before[i]));
	}
	be->free(X), be->free(w), be->free(Y), be->free(before);
}

/* One row, column or input; nothing; and sizes around a tile of rows and a panel of outputs. */
static const int products[][3] = {{7, 5, 3},
				  {1, 9, 4},
				  {9, 1, 4},
				  {9, 4, 1},
				  {1, 1, 1},
				  {0, 3, 4},
				  {3, 5, 97},
				  {GEMM_STEP + 1, 11, 6},
				  {GEMM_TILE - 1, GEMM_PANEL - 1, 5},
				  {GEMM_TILE + 1, GEMM_PANEL + 1, 7},
				  {2 * GEMM_TILE + 5, 3, 33},
				  {2, 2 * GEMM_PANEL + 3, 19},
				  {5, 3, 1031}};

static void test_linear(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(products); i++)
		for (int kind = 0; kind < 4; kind++)
			check_linear(&(struct linear_case){.P = products[i][0],
							   .n = products[i][1],
							   .k = products[i][2],
							   .transposed = kind & 1,
							   .accumulate = kind & 2,
							   .precision = BE_F32});
}

static void test_linear_16(void **state)
{
	(void)state;
	if (be->fast16() != BE_BF16) {
		print_message("skipped: this CPU has no bfloat16 products\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(products); i++)
		check_linear(&(struct linear_case){.P = products[i][0],
						   .n = products[i][1],
						   .k = products[i][2],
						   .accumulate = i % 2,
						   .precision = BE_BF16});
}

static void check_heads(const struct heads_case *c)
{
	int ldx = HEADS * c->k + 2, ldy = HEADS * c->n + 1, all = (c->P + 1) * ldy;
	float *X = random_array((size_t)c->P * (size_t)ldx), *w[HEADS],
	      *Y = random_array((size_t)all), *before = copy_of(Y, (size_t)all);

	for (int h = 0; h < HEADS; h++)
		w[h] = random_array((size_t)c->n * (size_t)c->k);
	call_linear_heads(c, Y, X, w);
	for (int i = 0; i < all; i++) {
		int r = i / ldy, h = i % ldy / c->n, j = i % ldy % c->n;

		if (r == c->P || h == HEADS)
			assert_true(Y[i] == before[i]);
		else
			within(LINEAR, (double)Y[i],
			       plus(ref_dot(row(X, r, ldx) + (c->same ? 0 : h * c->k), 1,
					    row(w[h], j, c->k), 1, c->k),
				    c->accumulate, before[i]));
	}
	for (int h = 0; h < HEADS; h++)
		be->free(w[h]);
	be->free(X), be->free(Y), be->free(before);
}

static void test_linear_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(products); i++)
		for (int kind = 0; kind < 4; kind++)
			check_heads(&(struct heads_case){.P = products[i][0],
							 .n = products[i][1],
							 .k = products[i][2],
							 .same = kind & 1,
							 .accumulate = kind & 2});
}

/* A product of two sums, and the activation of one. The activation's slope is at most 1.13. */
static struct exact fed(const struct feed_case *c, struct exact a, struct exact b)
{
	double y = activated(a.value, c->act);

	if (!c->gated)
		return (struct exact){y, 1.13 * a.size};
	return (struct exact){y * b.value, 1.13 * a.size * fabs(b.value) + fabs(y) * b.size};
}

static void check_feed_forward(const struct feed_case *c)
{
	size_t all = (size_t)c->P * (size_t)c->n;
	float *X = random_array((size_t)c->P * (size_t)c->k), *Y = random_array(all),
	      *w[2] = {random_array((size_t)c->n * (size_t)c->k),
		       random_array((size_t)c->n * (size_t)c->k)};
	float behind = Y[all];

	call_feed_forward(c, Y, X, w);
	assert_true(Y[all] == behind);
	for (size_t i = 0; i < all; i++) {
		const float *x = row(X, (int)i / c->n, c->k);
		int j = (int)i % c->n;

		within(FEED, (double)Y[i],
		       fed(c, ref_dot(x, 1, row(w[0], j, c->k), 1, c->k),
			   ref_dot(x, 1, row(w[1], j, c->k), 1, c->k)));
	}
	be->free(X), be->free(Y), be->free(w[0]), be->free(w[1]);
}

static void test_feed_forward(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(products); i++)
		for (int kind = 0; kind < 2 * (int)COUNT(acts); kind++)
			check_feed_forward(&(struct feed_case){.P = products[i][0],
							       .n = products[i][1],
							       .k = products[i][2],
							       .act = acts[kind / 2],
							       .gated = kind % 2});
}

/* ------------------------------------------------------------ rows and elements */

static void check_rmsnorm(int P, int D, float eps, bool in_place)
{
	size_t all = (size_t)P * (size_t)D;
	float *X = random_array(all), *g = random_array((size_t)D), *x = copy_of(X, all),
	      *Y = in_place ? x : random_array(all), behind = Y[all];

	be->rmsnorm(Y, x, g, P, D, eps);
	assert_true(Y[all] == behind);
	for (size_t i = 0; i < all; i++) {
		const float *r = row(X, (int)i / D, D);
		double want =
			(double)X[i] * ref_rms_factor(r, D, (double)eps) * (double)g[(int)i % D];

		within(NORM, (double)Y[i], (struct exact){want, fabs(want)});
	}
	if (!in_place)
		be->free(Y);
	be->free(X), be->free(g), be->free(x);
}

static void test_rmsnorm(void **state)
{
	static const int shapes[][2] = {{5, 7},  {1, 300}, {4, 1},   {0, 5},
					{3, 16}, {2, 17},  {3, 2816}};
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++)
		for (int kind = 0; kind < 4; kind++)
			check_rmsnorm(shapes[i][0], shapes[i][1], kind & 1 ? 1e-6f : 0.5f,
				      kind & 2);
}

/* Around one piece of be_cpu.c, which has 4096 elements. */
static const size_t lengths[] = {0, 1, 15, 257, 4095, 4097, 9000};

/* Operations that round once, or not at all. */
static void check_exact(size_t n)
{
	float *X = random_array(n), *Y = random_array(n), *y = copy_of(Y, n);

	be->add(y, X, n);
	for (size_t i = 0; i < n; i++)
		assert_true(y[i] == Y[i] + X[i]);
	assert_true(y[n] == Y[n]);
	be->put(y, Y, n * sizeof(*y));
	be->scale(y, 0.3f, n);
	for (size_t i = 0; i < n; i++)
		assert_true(y[i] == 0.3f * Y[i]);
	assert_true(y[n] == Y[n]);
	be->copy(y, X, n);
	for (size_t i = 0; i < n; i++)
		assert_true(y[i] == X[i]);
	assert_true(y[n] == Y[n]);
	be->free(X), be->free(Y), be->free(y);
}

static void check_add_row(int P, int n)
{
	size_t all = (size_t)P * (size_t)n;
	float *Y = random_array(all), *b = random_array((size_t)n), *y = copy_of(Y, all);

	be->add_row(y, b, P, n);
	for (size_t i = 0; i < all; i++)
		assert_true(y[i] == Y[i] + b[i % (size_t)n]);
	assert_true(y[all] == Y[all]);
	be->free(Y), be->free(b), be->free(y);
}

static void test_add_row(void **state)
{
	static const int shapes[][2] = {{0, 5}, {1, 300}, {7, 131}, {300, 1}};
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++)
		check_add_row(shapes[i][0], shapes[i][1]);
}

static void check_squares(int P, int n)
{
	size_t rows = (size_t)P, all = rows * (size_t)n;
	float *Y = random_array(all), *y = copy_of(Y, all);
	double *sum = be->alloc((rows + 1) * sizeof(*sum)),
	       *have = malloc((rows + 1) * sizeof(*have));

	be->squares(sum, y, P, n);
	be->get(have, sum, (rows + 1) * sizeof(*have));
	assert_true(have[P] == 0);
	for (int p = 0; p < P; p++) {
		double want = 0;

		for (int i = 0; i < n; i++)
			want += (double)Y[p * n + i] * (double)Y[p * n + i];
		assert_true(fabs(have[p] - want) <= 1e-13 * want);
	}
	be->free(Y), be->free(y), be->free(sum);
	free(have);
}

static void test_squares(void **state)
{
	static const int shapes[][2] = {{0, 5}, {1, 3000}, {7, 131}, {300, 1}};
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++)
		check_squares(shapes[i][0], shapes[i][1]);
}

static void check_activate(size_t n, enum be_act act, bool gated)
{
	float *X = random_array(n), *G = random_array(n), *x;

	be->scale(X, 6, n);
	x = copy_of(X, n);
	call_activate(x, gated ? G : NULL, act, n);
	assert_true(x[n] == X[n]);
	for (size_t i = 0; i < n; i++) {
		double factor = gated ? (double)G[i] : 1;

		within(ELEMENTS, (double)x[i],
		       (struct exact){activated((double)X[i], act) * factor,
				      fabs((double)X[i] * factor)});
	}
	be->free(X), be->free(G), be->free(x);
}

/* Scores on both sides of the cap. */
static void check_softcap(size_t n)
{
	float *X = random_array(n), *x;

	be->scale(X, 40, n);
	x = copy_of(X, n);
	be->softcap(x, 15, n);
	assert_true(x[n] == X[n]);
	for (size_t i = 0; i < n; i++) {
		double want = ref_softcap((double)X[i], 15);

		within(ELEMENTS, (double)x[i], (struct exact){want, fabs(want)});
	}
	be->free(X), be->free(x);
}

static void test_elements(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		check_exact(lengths[i]);
		check_softcap(lengths[i]);
		for (int kind = 0; kind < 2 * (int)COUNT(acts); kind++)
			check_activate(lengths[i], acts[kind / 2], kind % 2);
	}
}

/* ------------------------------------------------------------ attention */

/* Row i of sequence s, head h, against the reference. Several heads may share keys and values. */
static void check_self_row(const struct attention_case *c, const float *ctx, const float *Q,
			   const float *K, const float *V, const float *bias, int s, int i, int h)
{
	int first = sum_of(s, c->len), ld = c->heads * c->width, at = h * c->width;
	int own = c->causal && i + 1 < c->valid[s] ? i + 1 : c->valid[s], end = c->before[s] + own,
	    start = c->window && end > c->window ? end - c->window : 0,
	    key = first_key(c, s) + start;
	int ld_kv = c->kv_heads * c->width, at_kv = h * c->kv_heads / c->heads * c->width;
	const float *b = row(bias, h, 2 * c->T - 1) + c->T - 1 - c->before[s] - i;
	struct ref_attention a = {.K = row(K, key, ld_kv) + at_kv,
				  .V = row(V, key, ld_kv) + at_kv,
				  .ld = (size_t)ld_kv,
				  .keys = end - start,
				  .width = c->width,
				  .scale = (double)c->scale,
				  .cap = (double)c->cap,
				  .bias = c->biased ? b + start : NULL};

	for (int e = 0; e < c->width; e++)
		within(ATTEND, (double)row(ctx, first + i, ld)[at + e],
		       ref_attend(&a, row(Q, first + i, ld) + at, e));
}

static void check_self(const struct attention_case *c)
{
	int rows = sum_of(c->n, c->len);
	size_t all = (size_t)(rows * c->heads * c->width),
	       all_kv = (size_t)(first_key(c, c->n) * c->kv_heads * c->width);
	float *Q = random_array(all), *K = random_array(all_kv), *V = random_array(all_kv),
	      *ctx = random_array(all), *bias = random_array((size_t)(c->heads * (2 * c->T - 1))),
	      behind = ctx[all];

	call_self_attention(c, ctx, Q, K, V, bias);
	assert_true(ctx[all] == behind);
	for (int s = 0; s < c->n; s++)
		for (int i = 0; i < c->len[s]; i++)
			for (int h = 0; h < c->heads; h++)
				check_self_row(c, ctx, Q, K, V, bias, s, i, h);
	be->free(Q), be->free(K), be->free(V), be->free(ctx), be->free(bias);
}

static void check_cross(const struct attention_case *c)
{
	int D = c->width, rows = sum_of(c->n, c->len) * c->heads;
	size_t all = (size_t)rows * (size_t)D;
	float *Q = random_array(all), *U = random_array(all),
	      *M = random_array((size_t)sum_of(c->n, c->mem) * (size_t)D), behind = U[all];

	call_cross_attention(c, U, Q, M);
	assert_true(U[all] == behind);
	for (int s = 0, r = 0; s < c->n; s++) {
		const float *m = row(M, sum_of(s, c->mem), D);
		struct ref_attention a = {.K = m,
					  .V = m,
					  .ld = (size_t)D,
					  .keys = c->valid[s],
					  .width = D,
					  .scale = 1};

		for (int end = r + c->len[s] * c->heads; r < end; r++)
			for (int e = 0; e < D; e++)
				within(ATTEND, (double)row(U, r, D)[e],
				       ref_attend(&a, row(Q, r, D), e));
	}
	be->free(Q), be->free(U), be->free(M);
}

/* Ragged sequences: of one row, of none, the longest first and last; all keys and one key; a T
 * beyond every length; one head, one element. */
static const struct attention_case attention[] = {
	{.n = 1,
	 .len = {1},
	 .mem = {1},
	 .valid = {1},
	 .biased = true,
	 .T = 1,
	 .heads = 1,
	 .kv_heads = 1,
	 .width = 1,
	 .scale = 1},
	{.n = 4,
	 .len = {4, 9, 1, 6},
	 .mem = {5, 9, 1, 8},
	 .valid = {3, 9, 1, 6},
	 .biased = true,
	 .T = 9,
	 .heads = 3,
	 .kv_heads = 3,
	 .width = 5,
	 .scale = 1},
	{.n = 6,
	 .len = {0, 37, 2, 0, 1, 3},
	 .mem = {4, 40, 2, 1, 30, 7},
	 .valid = {1, 33, 1, 1, 1, 3},
	 .T = 41,
	 .heads = 6,
	 .kv_heads = 2,
	 .width = 16,
	 .scale = 0.25f},
	{.n = 2,
	 .len = {130, 65},
	 .mem = {130, 65},
	 .valid = {130, 64},
	 .biased = true,
	 .T = 130,
	 .heads = 2,
	 .kv_heads = 1,
	 .width = 33,
	 .scale = 0.5f},
	{.n = 0, .T = 3, .heads = 2, .kv_heads = 2, .width = 4, .scale = 1},
};

static void add_past(struct attention_case *c)
{
	static const int before[MOST_SEQUENCES] = {3, 0, 17, 1, 8, 2};

	c->past = true;
	memcpy(c->before, before, (size_t)c->n * sizeof(*before));
	c->T += 17;
}

static void test_self_attention(void **state)
{
	static const int windows[] = {0, 1, 3, 1000};
	(void)state;
	for (size_t i = 0; i < COUNT(attention); i++)
		for (int past = 0; past < 2; past++) {
			struct attention_case c = attention[i];

			if (past)
				add_past(&c);
			c.causal = false;
			check_self(&c);
			c.causal = true;
			for (size_t k = 0; k < COUNT(windows); k++) {
				c.window = windows[k];
				check_self(&c);
			}
			c.cap = 0.4f;
			check_self(&c);
		}
}

static void test_cross_attention(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(attention); i++)
		check_cross(&attention[i]);
}

/* Element i of a row: of its head's turned part, halves a and b, a cos − b sin and b cos + a sin.
 */
static struct exact rotated(const struct attention_case *c, const float *x, const float *turn,
			    int i)
{
	int j = i % c->width, half = c->turned / 2;

	if (j >= c->turned)
		return (struct exact){(double)x[i], 0};
	double u = (double)x[i] * (double)turn[j % half],
	       v = (double)x[j < half ? i + half : i - half] * (double)turn[j % half + half];
	return (struct exact){j < half ? u - v : u + v, fabs(u) + fabs(v)};
}

/* Angles of any size at position p. */
static void check_rotate(const struct attention_case *c)
{
	int ld = c->heads * c->width, rows = sum_of(c->n, c->len);
	size_t all = (size_t)(rows * ld);
	float *X = random_array(all), *x = copy_of(X, all),
	      *table = random_array((size_t)(c->T * c->turned));

	call_rotate(c, x, table);
	assert_true(x[all] == X[all]);
	for (int s = 0, r = 0; s < c->n; s++)
		for (int p = 0; p < c->len[s]; p++, r++)
			for (int i = 0; i < ld; i++)
				within(ROTATE, (double)row(x, r, ld)[i],
				       rotated(c, row(X, r, ld),
					       row(table, c->before[s] + p, c->turned), i));
	be->free(X), be->free(x), be->free(table);
}

static void test_rotate(void **state)
{
	static const struct attention_case odd = {
		.n = 3, .len = {5, 0, 70}, .T = 71, .heads = 3, .width = 34, .turned = 34};
	struct attention_case later = odd;
	(void)state;
	for (size_t i = 0; i < COUNT(attention); i++) {
		struct attention_case c = attention[i];

		c.turned = c.width;
		if (c.width % 2 == 0)
			check_rotate(&c);
	}
	check_rotate(&odd);
	add_past(&later);
	check_rotate(&later);
	later.turned = 6;
	check_rotate(&later);
}

/* A sequence gives the same bits alone and among others, with one thread and with two. */
static void test_attention_bits(void **state)
{
	const struct attention_case *all = &attention[3];
	int ld = all->heads * all->width, ld_kv = all->kv_heads * all->width,
	    rows = sum_of(all->n, all->len);
	size_t size = (size_t)(rows * ld);
	float *Q = random_array(size), *K = random_array(size),
	      *bias = random_array((size_t)(all->heads * (2 * all->T - 1))),
	      *ctx = be->alloc(size * sizeof(float)), *one = be->alloc(size * sizeof(float));
	(void)state;
	threads_use(2);
	call_self_attention(all, ctx, Q, K, K, bias);
	threads_use(1);
	for (int s = 0, first = 0; s < all->n; first += all->len[s++]) {
		struct attention_case alone = *all;
		const float *k = row(K, first, ld_kv);

		alone.n = 1;
		alone.len[0] = all->len[s];
		alone.valid[0] = all->valid[s];
		call_self_attention(&alone, one, row(Q, first, ld), k, k, bias);
		assert_memory_equal(one, row(ctx, first, ld),
				    (size_t)(all->len[s] * ld) * sizeof(float));
	}
	be->free(Q), be->free(K), be->free(bias), be->free(ctx), be->free(one);
}

/* ------------------------------------------------------------ Grams, logits, solves */

static void check_gram(int P, int m, int n, bool symmetric)
{
	float *X = random_array((size_t)(P * m)),
	      *Y = symmetric ? X : random_array((size_t)(P * n));
	double *G = be->alloc((size_t)(m * n + 1) * sizeof(*G));

	for (int i = 0; i <= m * n; i++)
		G[i] = i / n + i % n;
	be->gram(G, X, Y, P, m, n, 0, m);
	if (symmetric)
		be->mirror(G, m);
	assert_true(G[m * n] == m);
	for (int i = 0; i < m * n; i++) {
		struct exact want = ref_dot(X + i / n, (size_t)m, Y + i % n, (size_t)n, P);

		want.value += i / n + i % n;
		want.size += i / n + i % n;
		within(P <= GRAM_F64_ROWS ? GRAM_FEW : GRAM_CHUNKS, G[i], want);
		assert_true(!symmetric || G[i] == G[i % n * n + i / n]);
	}
	if (!symmetric)
		be->free(Y);
	be->free(X), be->free(G);
}

static void test_gram(void **state)
{
	static const int rows[] = {
		0, 1, 5, GRAM_F64_ROWS, GRAM_F64_ROWS + 1, GRAM_CHUNK + 1, 2 * GRAM_CHUNK + 77};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_gram(rows[i], 9, 9, true);
		check_gram(rows[i], 4, 11, false);
		check_gram(rows[i], 11, 1, false);
	}
	check_gram(3, 300, 300, true); /* beyond mirror's squares and gram's tiles */
	check_gram(GRAM_F64_ROWS + 1, GEMM_TILE + 1, GEMM_PANEL + 1, false);
}

/* Around mirror's squares of 64. Above the diagonal is whatever gram left there. */
static void test_mirror(void **state)
{
	static const int sizes[] = {0, 1, 2, 63, 64, 65, 130};
	(void)state;
	for (size_t k = 0; k < COUNT(sizes); k++) {
		int m = sizes[k];
		double *G = be->alloc((size_t)(m * m) * sizeof(*G));

		for (int i = 0; i < m * m; i++)
			G[i] = i % m > i / m ? NAN : i;
		be->mirror(G, m);
		for (int i = 0; i < m * m; i++)
			assert_true(G[i] == (i % m > i / m ? i % m * m + i / m : i));
		be->free(G);
	}
}

/* The logits of row i, in pieces, and the result that logits_reduce must give. */
static void check_logits(const struct be_logits *have, const float *x, int V)
{
	int best = 0;
	float second = -INFINITY;
	double sum = 0;

	for (int j = 1; j < V; j++)
		best = x[j] > x[best] ? j : best;
	for (int j = 0; j < V; j++) {
		second = j != best && x[j] > second ? x[j] : second;
		sum += exp((double)x[j] - (double)x[best]);
	}
	assert_int_equal(have->id, best);
	assert_true(have->top == x[best] && have->second == second);
	assert_true(have->want < 0 || have->logit == x[have->want]);
	within(SUM, have->sum, (struct exact){sum, sum});
}

static void reduce_in_pieces(struct be_logits *rows, const float *L, int P, int V, int piece)
{
	for (int id0 = 0; id0 < V; id0 += piece) {
		int n = V - id0 < piece ? V - id0 : piece;
		float *logits = be->alloc((size_t)(P * n) * sizeof(float));

		for (int i = 0; i < P; i++)
			be->put(logits + i * n, L + i * V + id0, (size_t)n * sizeof(float));
		be->logits_reduce(rows, logits, P, n, id0);
		be->free(logits);
	}
}

/* Ties across two pieces and within one give the lower id. The sum restarts when a later piece has
 * the largest logit. */
static void test_logits_reduce(void **state)
{
	enum { P = 5, V = 301 };
	static const int pieces[] = {1, 7, 130, V};
	float *L = random_array(P * V);
	(void)state;
	L[1 * V + 40] = L[1 * V + 200] = 3;
	L[2 * V + 33] = L[2 * V + 1] = 4;
	L[3 * V + V - 1] = 50;
	L[4 * V + 9] = -INFINITY;
	for (size_t k = 0; k < COUNT(pieces); k++) {
		struct be_logits *rows = be->alloc(P * sizeof(*rows));

		for (int i = 0; i < P; i++)
			rows[i] = (struct be_logits){.top = -INFINITY,
						     .second = -INFINITY,
						     .id = -1,
						     .want = i == 4 ? -1 : 70 * i};
		reduce_in_pieces(rows, L, P, V, pieces[k]);
		for (int i = 0; i < P; i++)
			check_logits(&rows[i], L + i * V, V);
		be->free(rows);
	}
	be->free(L);
}

/* S = B Bᵀ / d + I: the condition is about 3. */
static double *positive(int d)
{
	float *B = random_array((size_t)(d * d));
	double *S = xcalloc((size_t)(d * d + 1), sizeof(*S));

	for (int i = 0; i < d * d; i++)
		S[i] = ref_dot(row(B, i / d, d), 1, row(B, i % d, d), 1, d).value / d +
		       (i / d == i % d);
	be->free(B);
	return S;
}

/* X S⁻¹ S = X. */
static void check_solve(int d, int r)
{
	double *S = positive(d), *kept = xcalloc((size_t)(d * d + 1), sizeof(*kept)),
	       *X = xcalloc((size_t)(r * d + 1), sizeof(*X));
	float *want = random_array((size_t)(r * d));

	memcpy(kept, S, (size_t)(d * d) * sizeof(*S));
	for (int i = 0; i < r * d; i++)
		for (int e = 0; e < d; e++)
			X[i] += (double)row(want, i / d, d)[e] * S[e * d + i % d];
	assert_int_equal(be->potrf(S, d), 0);
	be->potrs(X, S, d, r);
	for (int i = 0; i < r * d; i++)
		within(SOLVE, X[i], (struct exact){(double)want[i], 1});
	for (int i = 0; i < d; i++)
		for (int j = i + 1; j < d; j++)
			assert_true(S[i * d + j] == kept[i * d + j]);
	be->free(want);
	free(S), free(kept), free(X);
}

static void test_solve(void **state)
{
	static const int shapes[][2] = {{5, 2}, {3, 7}, {1, 4},  {6, 1},
					{4, 0}, {0, 3}, {37, 5}, {129, 40}};
	double S[] = {4, 0, 0, 2, 1, 0, 0, 0, 1};
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++)
		check_solve(shapes[i][0], shapes[i][1]);
	assert_int_equal(be->potrf(S, 3), 2); /* 1 − (2/2)² = 0 */
}

/* ------------------------------------------------------------ memory, and the choice */

static void test_memory(void **state)
{
	struct be_sizes sizes = {.n = 100, .k = 100, .NH = 2, .T = 9, .keys = 9, .gram_m = 50};
	float x[] = {1, 2, 3}, y[3];
	(void)state;
	for (size_t n = 0; n < 200; n += 7) {
		unsigned char *p = be->alloc(n);

		assert_int_equal((uintptr_t)p % 64, 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
		be->free(p);
	}
	float *device = be->alloc(sizeof(x));
	be->put(device, x, sizeof(x));
	be->put(device + 1, x, sizeof(*x));
	be->put(device, NULL, 0);
	be->get(y, device, sizeof(x));
	assert_true(y[0] == 1 && y[1] == 1 && y[2] == 3);
	be->free(device);
	be->free(NULL);
	be->weight_free(NULL);
	/* Its memory is the process's own, which other code plans. */
	assert_int_equal(be->array_bytes(1000) + be->weight_bytes(10, 10, BE_F32) +
				 be->work_bytes(&sizes) + be->memory().in_use + be->memory().peak,
			 0);
}

static void select_backend(void *name)
{
	be_select(&(struct common_opts){.backend = name, .threads = 1});
}

static void test_choice(void **state)
{
	struct child c = child_run(select_backend, "gpu");
	(void)state;
	assert_int_equal(c.code, EXIT_USAGE);
	assert_true(child_said(&c, "unknown backend 'gpu': expected cpu or cuda"));
	c = child_run(select_backend, "cuda");
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "backend 'cuda': this build has the CPU backend only"));
	assert_string_equal(be->name, "cpu");
}

static int say_worst(void **state)
{
	(void)state;
	for (int i = 0; i < OPS; i++)
		print_message("# %-18s %8.3g of at most %g units of 2^-24\n", bounds[i].name,
			      worst[i], bounds[i].most);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_linear_16),
		cmocka_unit_test(test_linear_heads),
		cmocka_unit_test(test_feed_forward),
		cmocka_unit_test(test_rmsnorm),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_add_row),
		cmocka_unit_test(test_squares),
		cmocka_unit_test(test_rotate),
		cmocka_unit_test(test_self_attention),
		cmocka_unit_test(test_cross_attention),
		cmocka_unit_test(test_attention_bits),
		cmocka_unit_test(test_gram),
		cmocka_unit_test(test_mirror),
		cmocka_unit_test(test_logits_reduce),
		cmocka_unit_test(test_solve),
	};

	prog_name = "test_operations";
	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	return cmocka_run_group_tests_name("operations", tests, NULL, say_worst);
}
