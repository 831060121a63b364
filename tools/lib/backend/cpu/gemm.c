/* gemm.c: see gemm.h. A product consists of (tile, panel) pairs, which the threads share.
 *
 * The kernels need dense tiles. A tile of X that is not dense is gathered. Y's tile is computed
 * densely, then stored or added. */
#include "backend/cpu/gemm.h"

#include <stdlib.h>
#include <string.h>

#include "backend/cpu/gemm_private.h"
#include "backend/cpu/int8.h"
#include "backend/simd.h"
#include "base/die.h"
#include "base/threads.h"

static int tiles_of(int P)
{
	return (P + GEMM_TILE - 1) / GEMM_TILE;
}

/* The rows of a product; those of head h are at X + h·step. Zeros fill the last tile. */
struct gemm_input {
	const float *X;
	int ldx, step, P, k;
	int tail; /* rows of the last tile with its zeros */
	/* bfloat16 and integers: all rows, dense (once where step is 0), in cells of this size. */
	const void *converted;
	size_t cell;
	const struct int8_steps *steps; /* integers: of the rows */
};

/* The rows of a tile, dense. */
struct tile {
	const void *x;
	const struct int8_steps *steps; /* integers: of the rows */
};

static int tile_rows(int P, int tile)
{
	int left = P - tile * GEMM_TILE;

	return left < GEMM_TILE ? left : GEMM_TILE;
}

static size_t made_up_rows(const struct gemm_input *in)
{
	return (size_t)(tiles_of(in->P) - 1) * GEMM_TILE + (size_t)in->tail;
}

/* Time of a product with the weight's n rows, in one thread. bfloat16 is only used on processors
 * that have units for it. */
static double product_ns(const struct be_weight *W, int P)
{
	static const double faster[] = {[BE_F32] = 1, [BE_BF16] = 8, [BE_INT8] = 2};

	return (double)P * W->n * W->k / (faster[W->precision] * PRODUCTS_PER_NS);
}

/* Rows of X as bfloat16, dense, head after head. */
static const uint16_t *bf16_rows(const struct gemm_input *in, int heads)
{
	size_t row = (size_t)in->k, rows = made_up_rows(in);
	uint16_t *all = gemm_scratch(4, (size_t)heads * rows * row * sizeof(*all));

#pragma omp parallel for collapse(2) num_threads(threads_for(0.2 * heads * (double)(rows * row))) \
	schedule(static)
	for (int h = 0; h < heads; h++)
		for (size_t i = 0; i < rows; i++) {
			uint16_t *to = all + ((size_t)h * rows + i) * row;

			if (i < (size_t)in->P)
				simd_to_bf16(to,
					     in->X + (size_t)h * (size_t)in->step +
						     i * (size_t)in->ldx,
					     row);
			else
				memset(to, 0, row * sizeof(*to));
		}
	return all;
}

/* Rows of X as integers, dense, head after head, and their steps. */
static const uint8_t *int8_rows(const struct gemm_input *in, int heads,
				const struct int8_steps **steps)
{
	size_t row = (size_t)in->k, rows = made_up_rows(in);
	uint8_t *all = gemm_scratch(4, (size_t)heads * rows * row);
	struct int8_steps *s = gemm_scratch(5, (size_t)heads * rows * sizeof(*s));

#pragma omp parallel for collapse(2) num_threads(threads_for(0.4 * heads * (double)(rows * row))) \
	schedule(static)
	for (int h = 0; h < heads; h++)
		for (size_t i = 0; i < rows; i++) {
			size_t at = (size_t)h * rows + i;

			if (i < (size_t)in->P)
				s[at] = int8_input(all + at * row,
						   in->X + (size_t)h * (size_t)in->step +
							   i * (size_t)in->ldx,
						   row);
			else
				memset(all + at * row, 0, row);
		}
	*steps = s;
	return all;
}

static struct gemm_input input_of(const float *X, int ldx, int step, int heads, int P,
				  const struct be_weight *W)
{
	struct gemm_input in = {
		.X = X, .ldx = ldx, .step = step, .P = P, .k = W->k, .tail = GEMM_TILE};

	if (P <= 0)
		return in;
	in.tail = gemm_tile_height(W, tile_rows(P, tiles_of(P) - 1));
	if (W->precision == BE_BF16) {
		in.converted = bf16_rows(&in, step ? heads : 1);
		in.cell = sizeof(uint16_t);
	} else if (W->precision == BE_INT8) {
		in.converted = int8_rows(&in, step ? heads : 1, &in.steps);
		in.cell = sizeof(uint8_t);
	}
	return in;
}

static int tile_height(const struct gemm_input *in, int tile)
{
	return tile == tiles_of(in->P) - 1 ? in->tail : GEMM_TILE;
}

/* A dense tile: X itself if it is dense, else a copy. */
static const float *dense_tile(const struct gemm_input *in, const float *x, int tile)
{
	size_t row = sizeof(float) * (size_t)in->k;
	int rows = tile_rows(in->P, tile), height = tile_height(in, tile);
	float *xs;

	if (in->ldx == in->k && rows == height)
		return x;
	xs = gemm_scratch(1, row * GEMM_TILE);
	for (int i = 0; i < rows; i++)
		memcpy(xs + (size_t)i * (size_t)in->k, x + (size_t)i * (size_t)in->ldx, row);
	memset(xs + (size_t)rows * (size_t)in->k, 0, row * (size_t)(height - rows));
	return xs;
}

static struct tile input_tile(const struct gemm_input *in, int head, int tile)
{
	size_t row = (size_t)tile * GEMM_TILE, h = (size_t)head,
	       at = (in->step ? h : 0) * made_up_rows(in) + row;

	if (in->converted)
		return (struct tile){(const char *)in->converted + at * (size_t)in->k * in->cell,
				     in->steps ? in->steps + at : NULL};
	return (struct tile){
		dense_tile(in, in->X + h * (size_t)in->step + row * (size_t)in->ldx, tile), NULL};
}

static void store_tile(float *y, int ldy, const float *tile, int rows, int n, bool accumulate)
{
	for (int i = 0; i < rows; i++) {
		if (accumulate)
			simd_add(y + (size_t)i * (size_t)ldy, tile + (size_t)i * (size_t)n,
				 (size_t)n);
		else
			memcpy(y + (size_t)i * (size_t)ldy, tile + (size_t)i * (size_t)n,
			       sizeof(float) * (size_t)n);
	}
}

/* The kernels of a product, by [last tile][last panel]. They are made before the threads start. */
struct kernels {
	const struct gemm_kernel *of[2][2];
};

static struct kernels kernels_of(const struct gemm_input *in, const struct be_weight *W)
{
	struct kernels use;

	for (int tail = 0; tail < 2; tail++)
		for (int last = 0; last < 2; last++)
			use.of[tail][last] = gemm_kernel(tail ? in->tail : GEMM_TILE,
							 W->panel[last ? W->npanels - 1 : 0].n,
							 W->k, W->precision);
	return use;
}

/* One tile of one panel of the product, dense, in scratch piece `which`. */
static float *run_panel(const struct kernels *use, const struct be_weight *W, int panel,
			const struct gemm_input *in, int tile, struct tile x, int which)
{
	const struct panel *p = &W->panel[panel];
	const struct gemm_kernel *kernel =
		use->of[tile == tiles_of(in->P) - 1][panel == W->npanels - 1];
	size_t n = (size_t)p->n, first = (size_t)panel * GEMM_PANEL;
	float *y = gemm_scratch(which, sizeof(float) * GEMM_TILE * n);
	int32_t *dot;

	if (W->precision != BE_INT8) {
		gemm_kernel_run(kernel, y, x.x, p->packed);
		return y;
	}
	dot = gemm_scratch(6, sizeof(*dot) * GEMM_TILE * n);
	gemm_kernel_run(kernel, dot, x.x, p->packed);
	for (size_t i = 0; i < (size_t)tile_rows(in->P, tile); i++)
		int8_products(y + i * n, dot + i * n, x.steps[i], W->step + first, W->sum + first,
			      n);
	return y;
}

/* The place of a panel's tile in Y. */
static float *at_tile(float *Y, int ldy, int tile, int panel)
{
	return Y + (size_t)tile * GEMM_TILE * (size_t)ldy + (size_t)panel * GEMM_PANEL;
}

void gemm_linear_heads(float *Y, int ldy, int step_y, const float *X, int ldx, int step_x,
		       struct be_weight *const *W, int heads, int P, bool accumulate)
{
	const struct gemm_input in = input_of(X, ldx, step_x, heads, P, W[0]);
	const struct kernels use = kernels_of(&in, W[0]);

#pragma omp parallel for collapse(3) num_threads(threads_for(heads *product_ns(W[0], P))) \
	schedule(dynamic)
	for (int h = 0; h < heads; h++)
		for (int j = 0; j < W[0]->npanels; j++)
			for (int i = 0; i < tiles_of(P); i++) {
				const float *tile =
					run_panel(&use, W[h], j, &in, i, input_tile(&in, h, i), 2);

				store_tile(at_tile(Y + (size_t)h * (size_t)step_y, ldy, i, j), ldy,
					   tile, tile_rows(P, i), W[h]->panel[j].n, accumulate);
			}
}

void gemm_activate(enum be_act act, float *x, const float *g, size_t n)
{
	static void (*const function[])(float *, const float *, size_t) = {
		[BE_RELU] = simd_relu, [BE_GELU_NEW] = simd_gelu, [BE_SILU] = simd_silu};

	function[act](x, g, n);
}

/* The activation is applied while the tiles are in the cache. */
void gemm_feed_forward(float *Y, float *Z, const float *X, const struct be_weight *W0,
		       const struct be_weight *W1, enum be_act act, int P)
{
	const struct gemm_input in = input_of(X, W0->k, 0, 1, P, W0);
	const struct kernels use = kernels_of(&in, W0);

	(void)Z;
#pragma omp parallel for collapse(2) num_threads(threads_for((W1 ? 2 : 1) * product_ns(W0, P))) \
	schedule(dynamic)
	for (int j = 0; j < W0->npanels; j++)
		for (int i = 0; i < tiles_of(P); i++) {
			int rows = tile_rows(P, i), n = W0->panel[j].n;
			struct tile x = input_tile(&in, 0, i);
			float *tile = run_panel(&use, W0, j, &in, i, x, 2),
			      *gate = W1 ? run_panel(&use, W1, j, &in, i, x, 3) : NULL;

			gemm_activate(act, tile, gate, (size_t)rows * (size_t)n);
			store_tile(at_tile(Y, W0->n, i, j), W0->n, tile, rows, n, false);
		}
}

void gemm_linear(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W, int P,
		 bool accumulate)
{
	gemm_linear_heads(Y, ldy, 0, X, ldx, 0, (struct be_weight *const *)&W, 1, P, accumulate);
}
