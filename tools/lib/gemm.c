/* gemm.c: see gemm.h. oneDNN's C API, version 2: matmul primitives over packed panels.
 *
 * The fast kernels want dense tiles (with other strides oneDNN falls back to one of half the speed and another weight
 * layout): a tile of X that is not dense is gathered, and Y's tile is computed densely, then stored or added.
 * Primitives use scratch memory that the caller owns (one piece per thread): only so may threads share a primitive. */
#include "gemm.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"
#include "simd.h"

#define CHECK(call) check((call), #call)

struct panel {
	int n;
	void *data;
	size_t bytes;
	dnnl_memory_t packed; /* over data */
};

struct be_weight {
	int n, k, npanels;
	enum be_precision precision;
	struct panel *panel;
};

/* A compiled product of one shape: (GEMM_TILE, k) × packed (k, n), both dense. */
struct kernel {
	int n, k;
	enum be_precision precision;
	dnnl_primitive_t primitive;
	dnnl_memory_desc_t src, dst, weights, scratch;
	struct kernel *next;
};

static dnnl_engine_t engine;
static struct kernel *kernels;

static void check(dnnl_status_t status, const char *what)
{
	if (status == dnnl_out_of_memory)
		die("out of memory in oneDNN");
	if (status != dnnl_success)
		BUG("%s: oneDNN status %d", what, (int)status);
}

static dnnl_engine_t the_engine(void)
{
	if (!engine)
		CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
	return engine;
}

enum be_precision gemm_fast16(void)
{
	/* Without AVX512_BF16 oneDNN emulates bfloat16 products, slower than float32. */
	dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

	return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16 ? BE_BF16 : BE_F32;
}

static void matrix_desc(dnnl_memory_desc_t *md, int rows, int cols, long row_stride, long col_stride, dnnl_data_type_t type)
{
	dnnl_dims_t dims = {rows, cols}, strides = {row_stride, col_stride};

	CHECK(dnnl_memory_desc_init_by_strides(md, 2, dims, type, strides));
}

static dnnl_data_type_t type_of(enum be_precision p)
{
	return p == BE_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* A single-threaded kernel: oneDNN takes the number of threads at creation into its plan. */
static struct kernel *kernel_create(int n, int k, enum be_precision p)
{
	struct kernel *g = xcalloc(1, sizeof(*g));
	dnnl_memory_desc_t any;
	dnnl_dims_t wdims = {k, n};
	dnnl_matmul_desc_t desc;
	dnnl_primitive_attr_t attr;
	dnnl_primitive_desc_t pd;
	int threads = omp_get_max_threads();

	omp_set_num_threads(1);
	*g = (struct kernel){.n = n, .k = k, .precision = p};
	matrix_desc(&g->src, GEMM_TILE, k, k, 1, type_of(p));
	matrix_desc(&g->dst, GEMM_TILE, n, n, 1, dnnl_f32);
	CHECK(dnnl_memory_desc_init_by_tag(&any, 2, wdims, type_of(p), dnnl_format_tag_any));
	CHECK(dnnl_matmul_desc_init(&desc, &g->src, &any, NULL, &g->dst));
	CHECK(dnnl_primitive_attr_create(&attr));
	CHECK(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
	CHECK(dnnl_primitive_desc_create(&pd, &desc, attr, the_engine(), NULL));
	g->weights = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	g->scratch = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
	CHECK(dnnl_primitive_create(&g->primitive, pd));
	CHECK(dnnl_primitive_desc_destroy(pd));
	CHECK(dnnl_primitive_attr_destroy(attr));
	omp_set_num_threads(threads);
	return g;
}

static struct kernel *kernel_get(int n, int k, enum be_precision p)
{
	struct kernel *g;

	for (g = kernels; g; g = g->next)
		if (g->n == n && g->k == k && g->precision == p)
			return g;
	g = kernel_create(n, k, p);
	g->next = kernels;
	kernels = g;
	return g;
}

/* Panels of one block have the sizes of the next block's: what is released is kept for it. (Through malloc it would be mapped, cleared and
 * unmapped for every block, a tenth of the time of a pass with few rows.) */
struct spare {
	size_t bytes;
	struct spare *next;
};

static struct spare *spares;

static void *panel_alloc(size_t bytes)
{
	void *p;

	for (struct spare **at = &spares; *at; at = &(*at)->next)
		if ((*at)->bytes == bytes) {
			p = *at;
			*at = (*at)->next;
			return p;
		}
	p = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (!p)
		die("out of memory: %zu bytes of packed weights", bytes);
	return p;
}

static void panel_free(struct panel *panel)
{
	struct spare *s = panel->data;

	dnnl_memory_destroy(panel->packed);
	*s = (struct spare){panel->bytes, spares};
	spares = s;
}

static void panel_init(struct panel *panel, int n, int k, enum be_precision p)
{
	const dnnl_memory_desc_t *want = &kernel_get(n, k, p)->weights;

	*panel = (struct panel){.n = n, .bytes = dnnl_memory_desc_get_size(want)};
	panel->data = panel_alloc(panel->bytes);
	CHECK(dnnl_memory_create(&panel->packed, want, the_engine(), panel->data));
}

static void panel_pack(const struct panel *panel, const float *w, int k, int ld, bool transposed)
{
	const dnnl_memory_desc_t *want;
	dnnl_memory_desc_t plain;
	dnnl_memory_t from;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t reorder;
	dnnl_stream_t stream;

	matrix_desc(&plain, k, panel->n, transposed ? ld : 1, transposed ? 1 : ld, dnnl_f32);
	CHECK(dnnl_memory_get_memory_desc(panel->packed, &want));
	CHECK(dnnl_memory_create(&from, &plain, the_engine(), (void *)(uintptr_t)w));
	CHECK(dnnl_reorder_primitive_desc_create(&pd, &plain, the_engine(), want, the_engine(), NULL));
	CHECK(dnnl_primitive_create(&reorder, pd));
	CHECK(dnnl_stream_create(&stream, the_engine(), dnnl_stream_default_flags));
	dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, panel->packed}};
	CHECK(dnnl_primitive_execute(reorder, stream, 2, args));
	CHECK(dnnl_stream_wait(stream));
	dnnl_stream_destroy(stream);
	dnnl_primitive_destroy(reorder);
	dnnl_primitive_desc_destroy(pd);
	dnnl_memory_destroy(from);
}

struct be_weight *gemm_pack(const float *w, int n, int k, int ld, bool transposed, enum be_precision p)
{
	struct be_weight *W = xcalloc(1, sizeof(*W));

	BUG_IF(n < 1 || k < 1);
	*W = (struct be_weight){.n = n, .k = k, .precision = p, .npanels = (n + GEMM_PANEL - 1) / GEMM_PANEL};
	W->panel = xcalloc((size_t)W->npanels, sizeof(*W->panel));
	for (int i = 0; i < W->npanels; i++)
		panel_init(&W->panel[i], n - i * GEMM_PANEL < GEMM_PANEL ? n - i * GEMM_PANEL : GEMM_PANEL, k, p);
#pragma omp parallel for schedule(dynamic)
	for (int i = 0; i < W->npanels; i++) {
		size_t first = (size_t)i * GEMM_PANEL;

		panel_pack(&W->panel[i], transposed ? w + first : w + first * (size_t)ld, k, ld, transposed);
	}
	return W;
}

void gemm_weight_free(struct be_weight *W)
{
	if (!W)
		return;
	for (int i = 0; i < W->npanels; i++)
		panel_free(&W->panel[i]);
	free(W->panel);
	free(W);
}

/* Per-thread scratch, kept between calls: [0] the primitive's own, [1] a gathered tile of X, [2] a tile of Y, [3] its gate's. */
static void *scratch(int which, size_t bytes)
{
	static _Thread_local struct { void *p; size_t bytes; } kept[4];

	if (bytes > kept[which].bytes) {
		free(kept[which].p);
		kept[which].p = aligned_alloc(64, (bytes + 63) / 64 * 64);
		if (!kept[which].p)
			die("out of memory: %zu bytes of scratch", bytes);
		kept[which].bytes = bytes;
	}
	return kept[which].p;
}

/* One (tile, panel) product; x: float32 or bfloat16 by the kernel's precision. */
static void kernel_run(const struct kernel *g, float *y, const void *x, dnnl_memory_t packed)
{
	dnnl_memory_t src, dst, pad;
	dnnl_stream_t stream;
	void *own = scratch(0, dnnl_memory_desc_get_size(&g->scratch) + 64);

	CHECK(dnnl_memory_create(&src, &g->src, engine, (void *)(uintptr_t)x));
	CHECK(dnnl_memory_create(&dst, &g->dst, engine, y));
	CHECK(dnnl_memory_create(&pad, &g->scratch, engine, own));
	CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
	dnnl_exec_arg_t args[] = {
		{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, dst}, {DNNL_ARG_SCRATCHPAD, pad}};
	CHECK(dnnl_primitive_execute(g->primitive, stream, 4, args));
	CHECK(dnnl_stream_wait(stream));
	dnnl_stream_destroy(stream);
	dnnl_memory_destroy(src);
	dnnl_memory_destroy(dst);
	dnnl_memory_destroy(pad);
}

/* Rows of X as bfloat16, dense, made up to whole tiles by zeros; head after head. */
static const uint16_t *bf16_rows(const float *X, int ldx, int step, int heads, int P, int k)
{
	static uint16_t *kept;
	static size_t kept_bytes;
	size_t row = (size_t)k, rows = (size_t)(P + GEMM_TILE - 1) / GEMM_TILE * GEMM_TILE, bytes = (size_t)heads * rows * row * sizeof(*kept);

	if (bytes > kept_bytes) {
		free(kept);
		kept = aligned_alloc(64, (bytes + 63) / 64 * 64);
		if (!kept)
			die("out of memory: %zu bytes of bfloat16 rows", bytes);
		kept_bytes = bytes;
	}
#pragma omp parallel for collapse(2) schedule(static)
	for (int h = 0; h < heads; h++)
		for (size_t i = 0; i < rows; i++) {
			uint16_t *to = kept + ((size_t)h * rows + i) * row;

			if (i < (size_t)P)
				simd_to_bf16(to, X + (size_t)h * (size_t)step + i * (size_t)ldx, row);
			else
				memset(to, 0, row * sizeof(*to));
		}
	return kept;
}

/* A dense tile of GEMM_TILE rows: X itself where it is one, else a copy made up by zeros. */
static const float *dense_tile(const float *x, int ldx, int rows, int k)
{
	size_t bytes = sizeof(float) * (size_t)k;
	float *xs;

	if (ldx == k && rows == GEMM_TILE)
		return x;
	xs = scratch(1, bytes * GEMM_TILE);
	for (int i = 0; i < rows; i++)
		memcpy(xs + (size_t)i * (size_t)k, x + (size_t)i * (size_t)ldx, bytes);
	memset(xs + (size_t)rows * (size_t)k, 0, bytes * (size_t)(GEMM_TILE - rows));
	return xs;
}

static void store_tile(float *y, int ldy, const float *tile, int rows, int n, bool accumulate)
{
	for (int i = 0; i < rows; i++) {
		if (accumulate)
			simd_add(y + (size_t)i * (size_t)ldy, tile + (size_t)i * (size_t)n, (size_t)n);
		else
			memcpy(y + (size_t)i * (size_t)ldy, tile + (size_t)i * (size_t)n, sizeof(float) * (size_t)n);
	}
}

/* The rows of a product, head h's at X + h·step. */
struct input {
	const float *X;
	int ldx, step, P, k;
	const uint16_t *X16; /* bfloat16: all of them, converted (of step 0: once) */
};

static struct input input_of(const float *X, int ldx, int step, int heads, int P, const struct be_weight *W)
{
	struct input in = {X, ldx, step, P, W->k, NULL};

	if (W->precision == BE_BF16 && P > 0)
		in.X16 = bf16_rows(X, ldx, step, step ? heads : 1, P, W->k);
	return in;
}

static int tiles_of(int P)
{
	return (P + GEMM_TILE - 1) / GEMM_TILE;
}

static int tile_rows(int P, int tile)
{
	int left = P - tile * GEMM_TILE;

	return left < GEMM_TILE ? left : GEMM_TILE;
}

static const void *input_tile(const struct input *in, int head, int tile)
{
	size_t row = (size_t)tile * GEMM_TILE, h = (size_t)head;

	if (in->X16)
		return in->X16 + ((in->step ? h : 0) * (size_t)tiles_of(in->P) * GEMM_TILE + row) * (size_t)in->k;
	return dense_tile(in->X + h * (size_t)in->step + row * (size_t)in->ldx, in->ldx, tile_rows(in->P, tile), in->k);
}

/* The kernels of a weight's full panels and of its last one: made before the threads start. */
struct kernels {
	const struct kernel *full, *last;
};

static struct kernels kernels_of(const struct be_weight *W)
{
	return (struct kernels){kernel_get(W->panel[0].n, W->k, W->precision), kernel_get(W->panel[W->npanels - 1].n, W->k, W->precision)};
}

/* A tile of one panel of the product, dense: in scratch piece `which`. */
static float *run_panel(const struct kernels *use, const struct be_weight *W, int panel, const void *x, int which)
{
	const struct panel *p = &W->panel[panel];
	float *tile = scratch(which, sizeof(float) * GEMM_TILE * (size_t)p->n);

	kernel_run(panel == W->npanels - 1 ? use->last : use->full, tile, x, p->packed);
	return tile;
}

/* Where a tile of a panel lies in Y. */
static float *at_tile(float *Y, int ldy, int tile, int panel)
{
	return Y + (size_t)tile * GEMM_TILE * (size_t)ldy + (size_t)panel * GEMM_PANEL;
}

void gemm_linear_heads(float *Y, int ldy, int step_y, const float *X, int ldx, int step_x, struct be_weight *const *W, int heads, int P,
                       bool accumulate)
{
	const struct input in = input_of(X, ldx, step_x, heads, P, W[0]);
	const struct kernels use = kernels_of(W[0]);

#pragma omp parallel for collapse(3) schedule(dynamic)
	for (int h = 0; h < heads; h++)
		for (int j = 0; j < W[0]->npanels; j++)
			for (int i = 0; i < tiles_of(P); i++) {
				const float *tile = run_panel(&use, W[h], j, input_tile(&in, h, i), 2);

				store_tile(at_tile(Y + (size_t)h * (size_t)step_y, ldy, i, j), ldy, tile, tile_rows(P, i), W[h]->panel[j].n, accumulate);
			}
}

/* The activation is taken while the tiles are in the cache. */
void gemm_feed_forward(float *Y, float *Z, const float *X, const struct be_weight *W0, const struct be_weight *W1, bool gelu, int P)
{
	const struct input in = input_of(X, W0->k, 0, 1, P, W0);
	const struct kernels use = kernels_of(W0);

	(void)Z;
#pragma omp parallel for collapse(2) schedule(dynamic)
	for (int j = 0; j < W0->npanels; j++)
		for (int i = 0; i < tiles_of(P); i++) {
			int rows = tile_rows(P, i), n = W0->panel[j].n;
			const void *x = input_tile(&in, 0, i);
			float *tile = run_panel(&use, W0, j, x, 2), *gate = W1 ? run_panel(&use, W1, j, x, 3) : NULL;

			(gelu ? simd_gelu : simd_relu)(tile, gate, (size_t)rows * (size_t)n);
			store_tile(at_tile(Y, W0->n, i, j), W0->n, tile, rows, n, false);
		}
}

void gemm_linear(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W, int P, bool accumulate)
{
	gemm_linear_heads(Y, ldy, 0, X, ldx, 0, (struct be_weight *const *)&W, 1, P, accumulate);
}
