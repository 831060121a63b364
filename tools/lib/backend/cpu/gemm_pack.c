/* gemm_pack.c: see gemm_private.h. oneDNN's C API, version 2: matmul primitives over packed panels.
 *
 * The fast kernels need dense tiles. With other strides oneDNN uses a kernel of half the speed
 * (bfloat16), or another weight layout. Each primitive gets scratch memory that the caller owns,
 * one piece per thread. Otherwise threads could not share a primitive. */
#include "backend/cpu/gemm_private.h"

#include <stdlib.h>
#include <string.h>

#include "backend/cpu/int8.h"
#include "base/die.h"
#include "base/threads.h"

#define CHECK(call) check((call), #call)

static dnnl_engine_t engine;
static struct gemm_kernel *kernels;

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

	return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16 ? BE_BF16
										      : BE_F32;
}

static void matrix_desc(dnnl_memory_desc_t *md, int rows, int cols, long row_stride,
			long col_stride, dnnl_data_type_t type)
{
	dnnl_dims_t dims = {rows, cols}, strides = {row_stride, col_stride};

	CHECK(dnnl_memory_desc_init_by_strides(md, 2, dims, type, strides));
}

/* oneDNN's types for a precision. */
static const struct types {
	dnnl_data_type_t input, weight, result;
} types[] = {[BE_F32] = {dnnl_f32, dnnl_f32, dnnl_f32},
	     [BE_BF16] = {dnnl_bf16, dnnl_bf16, dnnl_f32},
	     [BE_INT8] = {dnnl_u8, dnnl_s8, dnnl_s32}};

static char *implementation(dnnl_primitive_desc_t pd)
{
	const char *name = NULL;

	CHECK(dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name));
	return xstrdup(name);
}

/* The layout of the weights, in all kernels: the one that whole tiles prefer. */
static dnnl_memory_desc_t weights_desc(int m, int n, int k, enum be_precision p)
{
	dnnl_memory_desc_t any;
	dnnl_dims_t dims = {k, n};

	if (m < GEMM_TILE)
		return gemm_kernel(GEMM_TILE, n, k, p)->weights;
	CHECK(dnnl_memory_desc_init_by_tag(&any, 2, dims, types[p].weight, dnnl_format_tag_any));
	return any;
}

/* Creates a single-threaded kernel: oneDNN fixes the number of threads at creation. */
static struct gemm_kernel *kernel_create(int m, int n, int k, enum be_precision p)
{
	struct gemm_kernel *g = xcalloc(1, sizeof(*g));
	dnnl_memory_desc_t weights = weights_desc(m, n, k, p);
	dnnl_matmul_desc_t desc;
	dnnl_primitive_attr_t attr;
	dnnl_primitive_desc_t pd;

	*g = (struct gemm_kernel){.m = m, .n = n, .k = k, .precision = p};
	matrix_desc(&g->src, m, k, k, 1, types[p].input);
	matrix_desc(&g->dst, m, n, n, 1, types[p].result);
	CHECK(dnnl_matmul_desc_init(&desc, &g->src, &weights, NULL, &g->dst));
	CHECK(dnnl_primitive_attr_create(&attr));
	CHECK(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
	CHECK(dnnl_primitive_desc_create(&pd, &desc, attr, the_engine(), NULL));
	g->weights = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	g->scratch = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
	g->implementation = implementation(pd);
	CHECK(dnnl_primitive_create(&g->primitive, pd));
	CHECK(dnnl_primitive_desc_destroy(pd));
	CHECK(dnnl_primitive_attr_destroy(attr));
	return g;
}

const struct gemm_kernel *gemm_kernel(int m, int n, int k, enum be_precision p)
{
	struct gemm_kernel *g;

	for (g = kernels; g; g = g->next)
		if (g->m == m && g->n == n && g->k == k && g->precision == p)
			return g;
	g = kernel_create(m, n, k, p);
	g->next = kernels;
	kernels = g;
	return g;
}

/* Tiles whose heights are multiples of this give a row the same bits: those of kernels with the
 * same name sum its products in the same order. Tests compare the bits of all heights.
 * - brgemm has such kernels for all heights.
 * - Without AVX-512, gemm:jit computes 24 rows at a time. For the rest of a height it has other
 *   kernels, which sum in another order.
 * - Of others nothing is known. */
static int height_step(const char *implementation)
{
	bool avx512 = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) ==
		      dnnl_cpu_isa_avx512_core;

	if (strncmp(implementation, "brg:", 4) == 0)
		return GEMM_STEP;
	return strcmp(implementation, "gemm:jit") == 0 && !avx512 ? 24 : GEMM_TILE;
}

/* For few rows oneDNN may prefer a kernel of another name. Sums of integers are exact in any. */
int gemm_tile_height(const struct be_weight *W, int rows)
{
	if (W->precision == BE_INT8)
		return (rows + GEMM_STEP - 1) / GEMM_STEP * GEMM_STEP;
	const char *whole =
		gemm_kernel(GEMM_TILE, W->panel[0].n, W->k, W->precision)->implementation;
	int step = height_step(whole);

	for (int m = (rows + step - 1) / step * step; m < GEMM_TILE; m += step)
		if (!strcmp(gemm_kernel(m, W->panel[0].n, W->k, W->precision)->implementation,
			    whole))
			return m;
	return GEMM_TILE;
}

/* All blocks have panels of the same sizes, so a released panel is kept for the next block. malloc
 * would map, clear and unmap it for every block, which takes a tenth of the time of a pass with few
 * rows. */
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
	const dnnl_memory_desc_t *want = &gemm_kernel(GEMM_TILE, n, k, p)->weights;

	*panel = (struct panel){.n = n, .bytes = dnnl_memory_desc_get_size(want)};
	panel->data = panel_alloc(panel->bytes);
	CHECK(dnnl_memory_create(&panel->packed, want, the_engine(), panel->data));
}

/* From rows of `type`; transposed: from columns. */
static void panel_pack(const struct panel *panel, const void *w, dnnl_data_type_t type, int k,
		       int ld, bool transposed)
{
	const dnnl_memory_desc_t *want;
	dnnl_memory_desc_t plain;
	dnnl_memory_t from;
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t reorder;
	dnnl_stream_t stream;

	matrix_desc(&plain, k, panel->n, transposed ? ld : 1, transposed ? 1 : ld, type);
	CHECK(dnnl_memory_get_memory_desc(panel->packed, &want));
	CHECK(dnnl_memory_create(&from, &plain, the_engine(), (void *)(uintptr_t)w));
	CHECK(dnnl_reorder_primitive_desc_create(&pd, &plain, the_engine(), want, the_engine(),
						 NULL));
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

/* Row j of a weight. A column is gathered. */
static const float *weight_row(const float *w, int j, int k, int ld, bool transposed)
{
	float *row;

	if (!transposed)
		return w + (size_t)j * (size_t)ld;
	row = gemm_scratch(6, sizeof(*row) * (size_t)k);
	for (int i = 0; i < k; i++)
		row[i] = w[(size_t)i * (size_t)ld + (size_t)j];
	return row;
}

static void panel_pack_int8(const struct be_weight *W, int panel, const float *w, int ld,
			    bool transposed)
{
	const struct panel *p = &W->panel[panel];
	size_t k = (size_t)W->k;
	int8_t *r = gemm_scratch(1, (size_t)p->n * k);

	for (int j = 0, out = panel * GEMM_PANEL; j < p->n; j++, out++)
		W->step[out] =
			int8_weight(r + (size_t)j * k, weight_row(w, out, W->k, ld, transposed), k,
				    &W->sum[out]);
	panel_pack(p, r, dnnl_s8, W->k, W->k, false);
}

static void pack_one(const struct be_weight *W, int panel, const float *w, int ld, bool transposed)
{
	size_t first = (size_t)panel * GEMM_PANEL;

	if (W->precision == BE_INT8)
		panel_pack_int8(W, panel, w, ld, transposed);
	else
		panel_pack(&W->panel[panel], transposed ? w + first : w + first * (size_t)ld,
			   dnnl_f32, W->k, ld, transposed);
}

struct be_weight *gemm_pack(const float *w, int n, int k, int ld, bool transposed,
			    enum be_precision p)
{
	struct be_weight *W = xcalloc(1, sizeof(*W));

	BUG_IF(n < 1 || k < 1 || (p == BE_INT8 && k > BE_INT8_WIDEST));
	*W = (struct be_weight){
		.n = n, .k = k, .precision = p, .npanels = (n + GEMM_PANEL - 1) / GEMM_PANEL};
	W->panel = xcalloc((size_t)W->npanels, sizeof(*W->panel));
	if (p == BE_INT8) {
		W->step = xarray((size_t)n, sizeof(*W->step));
		W->sum = xarray((size_t)n, sizeof(*W->sum));
	}
	for (int i = 0; i < W->npanels; i++)
		panel_init(&W->panel[i],
			   n - i * GEMM_PANEL < GEMM_PANEL ? n - i * GEMM_PANEL : GEMM_PANEL, k, p);
#pragma omp parallel for num_threads(threads_for(0.5 * n * k)) schedule(dynamic)
	for (int i = 0; i < W->npanels; i++)
		pack_one(W, i, w, ld, transposed);
	return W;
}

void gemm_weight_free(struct be_weight *W)
{
	if (!W)
		return;
	for (int i = 0; i < W->npanels; i++)
		panel_free(&W->panel[i]);
	free(W->panel);
	free(W->step);
	free(W->sum);
	free(W);
}

void *gemm_scratch(int which, size_t bytes)
{
	static _Thread_local struct {
		void *p;
		size_t bytes;
	} kept[7];

	if (bytes > kept[which].bytes) {
		free(kept[which].p);
		kept[which].p = aligned_alloc(64, (bytes + 63) / 64 * 64);
		if (!kept[which].p)
			die("out of memory: %zu bytes of scratch", bytes);
		kept[which].bytes = bytes;
	}
	return kept[which].p;
}

/* What a thread passes to a kernel. It is made once, then pointed at each call's arrays. To make it
 * for every call took 1.5 % of a pass in bfloat16. */
struct binding {
	const struct gemm_kernel *kernel;
	dnnl_memory_t src, dst, scratch;
	struct binding *next;
};

static struct binding *binding_of(const struct gemm_kernel *g)
{
	static _Thread_local struct binding *made;
	struct binding *b;

	for (b = made; b; b = b->next)
		if (b->kernel == g)
			return b;
	b = xcalloc(1, sizeof(*b));
	b->kernel = g;
	CHECK(dnnl_memory_create(&b->src, &g->src, engine, DNNL_MEMORY_NONE));
	CHECK(dnnl_memory_create(&b->dst, &g->dst, engine, DNNL_MEMORY_NONE));
	CHECK(dnnl_memory_create(&b->scratch, &g->scratch, engine, DNNL_MEMORY_NONE));
	b->next = made;
	made = b;
	return b;
}

static dnnl_stream_t the_stream(void)
{
	static _Thread_local dnnl_stream_t stream;

	if (!stream)
		CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
	return stream;
}

void gemm_kernel_run(const struct gemm_kernel *g, void *y, const void *x, dnnl_memory_t packed)
{
	struct binding *b = binding_of(g);
	void *own = gemm_scratch(0, dnnl_memory_desc_get_size(&g->scratch) + 64);

	CHECK(dnnl_memory_set_data_handle(b->src, (void *)(uintptr_t)x));
	CHECK(dnnl_memory_set_data_handle(b->dst, y));
	CHECK(dnnl_memory_set_data_handle(b->scratch, own));
	dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, b->src},
				  {DNNL_ARG_WEIGHTS, packed},
				  {DNNL_ARG_DST, b->dst},
				  {DNNL_ARG_SCRATCHPAD, b->scratch}};
	CHECK(dnnl_primitive_execute(g->primitive, the_stream(), 4, args));
	CHECK(dnnl_stream_wait(the_stream()));
}
