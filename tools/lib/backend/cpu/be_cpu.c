/* be_cpu.c: the CPU twin. Products are in gemm.c, elementwise loops in simd.c. Attention is here; a
 * task is one (sequence, head) pair.
 *
 * Attention's products are dnnl_sgemm calls. Each runs in one thread, and its shapes depend only on
 * the sequence. So equal sequences give equal bits in any batch. */
#include "backend/be.h"

#include <lapacke.h>
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/simd.h"
#include "base/die.h"
#include "base/threads.h"

extern const struct backend be_cpu;

static void cpu_open(const struct common_opts *how)
{
	(void)how;
}

static size_t cpu_array_bytes(size_t bytes)
{
	(void)bytes;
	return 0;
}

static size_t cpu_weight_bytes(int n, int k, enum be_precision p)
{
	(void)n, (void)k, (void)p;
	return 0;
}

static size_t cpu_work_bytes(const struct be_sizes *s)
{
	(void)s;
	return 0;
}

static void cpu_reserve(size_t bytes)
{
	(void)bytes;
}

static struct be_memory cpu_memory(void)
{
	return (struct be_memory){0, 0};
}

static void *cpu_alloc(size_t bytes)
{
	size_t rounded = (bytes + 63) / 64 * 64;
	void *p = aligned_alloc(64, rounded ? rounded : 64);

	if (!p)
		die("out of memory: %zu bytes", bytes);
	memset(p, 0, rounded);
	return p;
}

static void cpu_free(void *p)
{
	free(p);
}

static void cpu_copy(void *to, const void *from, size_t bytes)
{
	if (bytes)
		memcpy(to, from, bytes);
}

static void cpu_rmsnorm(float *Y, const float *X, const float *g, int P, int D, float eps)
{
#pragma omp parallel for num_threads(threads_for(0.3 * P * D)) schedule(static)
	for (int i = 0; i < P; i++)
		simd_rmsnorm(Y + (size_t)i * (size_t)D, X + (size_t)i * (size_t)D, g, (size_t)D,
			     eps);
}

/* Elementwise work is cut into pieces that fit the first-level cache. */
enum { PIECE = 4096 };

static void cpu_add(float *Y, const float *X, size_t n)
{
#pragma omp parallel for num_threads(threads_for(0.3 * (double)n)) schedule(static)
	for (size_t i = 0; i < n; i += PIECE)
		simd_add(Y + i, X + i, n - i < PIECE ? n - i : PIECE);
}

static void cpu_add_row(float *Y, const float *b, int P, int n)
{
#pragma omp parallel for num_threads(threads_for(0.3 * P * n)) schedule(static)
	for (int i = 0; i < P; i++)
		simd_add(Y + (size_t)i * (size_t)n, b, (size_t)n);
}

static void cpu_squares(double *sum, const float *Y, int P, int n)
{
#pragma omp parallel for num_threads(threads_for(0.3 * P * n)) schedule(static)
	for (int i = 0; i < P; i++) {
		const float *y = Y + (size_t)i * (size_t)n;

		sum[i] = simd_dot_f64(y, y, (size_t)n);
	}
}

static void cpu_copy_floats(float *Y, const float *X, size_t n)
{
	cpu_copy(Y, X, n * sizeof(*Y));
}

static void cpu_rotate(float *X, struct be_ragged seq, const int *first, int heads, int width,
		       int turned, const float *table)
{
	size_t row = (size_t)(heads * width);

	for (int i = 0; i < seq.n; i++) {
		float *x = X + (size_t)seq.off[i] * row;
		const float *turn = table + (first ? (size_t)first[i] * (size_t)turned : 0);

#pragma omp parallel for num_threads(threads_for(0.5 * seq.len[i] * (double)row)) schedule(static)
		for (int p = 0; p < seq.len[i]; p++)
			for (int h = 0; h < heads; h++)
				simd_rotate(x + (size_t)p * row + (size_t)(h * width),
					    turn + (size_t)p * (size_t)turned, (size_t)turned / 2);
	}
}

static void cpu_scale(float *X, float factor, size_t n)
{
	for (size_t i = 0; i < n; i++)
		X[i] *= factor;
}

static void cpu_softcap(float *X, float cap, size_t n)
{
#pragma omp parallel for num_threads(threads_for(1.0 * (double)n)) schedule(static)
	for (size_t i = 0; i < n; i += PIECE)
		simd_softcap(X + i, cap, n - i < PIECE ? n - i : PIECE);
}

static void cpu_activate(float *X, const float *G, enum be_act act, size_t n)
{
#pragma omp parallel for num_threads(threads_for(1.0 * (double)n)) schedule(static)
	for (size_t i = 0; i < n; i += PIECE) {
		size_t some = n - i < PIECE ? n - i : PIECE;

		gemm_activate(act, X + i, G ? G + i : NULL, some);
	}
}

/* C (m, n) = scale A (m, k) B, B (k, n) or, transposed, (n, k). One thread. */
static void small_gemm(bool transposed, int m, int n, int k, float scale, const float *A, int lda,
		       const float *B, int ldb, float *C, int ldc)
{
	dnnl_status_t status = dnnl_sgemm('N', transposed ? 'T' : 'N', m, n, k, scale, A, lda, B,
					  ldb, 0.0f, C, ldc);

	if (status != dnnl_success)
		BUG("dnnl_sgemm %d %d %d: status %d", m, n, k, (int)status);
}

static float *grow(float **buffer, size_t *have, size_t need)
{
	if (need > *have) {
		free(*buffer);
		*buffer = xarray(need, sizeof(float));
		*have = need;
	}
	return *buffer;
}

/* One head of one sequence; rows of K and V are ldk apart. bias: the head's, or NULL. */
static void attend_self(float *ctx, const float *Q, int len, const float *K, const float *V,
			int valid, int before, const struct be_attention *a, const float *bias)
{
	static _Thread_local float *S;
	static _Thread_local size_t have;
	int ldq = a->heads * a->width, ldk = a->kv_heads * a->width;

	grow(&S, &have, (size_t)len * (size_t)valid);
	small_gemm(true, len, valid, a->width, a->scale, Q, ldq, K, ldk, S, valid);
	if (a->cap > 0)
		simd_softcap(S, a->cap, (size_t)len * (size_t)valid);
	for (int i = 0; i < len; i++) {
		float *s = S + (size_t)i * (size_t)valid;
		int row = before + i, keys = a->causal && row + 1 < valid ? row + 1 : valid,
		    first = a->window && keys > a->window ? keys - a->window : 0;

		if (bias)
			simd_add(s, bias + a->T - 1 - row, (size_t)keys);
		simd_softmax(s + first, (size_t)(keys - first));
		memset(s, 0, sizeof(*s) * (size_t)first);
		for (int j = keys; j < valid; j++)
			s[j] = 0;
	}
	small_gemm(false, len, a->width, valid, 1, S, valid, V, ldk, ctx, ldq);
}

/* Time of attention in one thread: for every sequence two products, and a softmax over the rows of
 * scores. */
static double attention_ns(struct be_ragged query, const int *valid, int heads, int width)
{
	double scores = 0;

	for (int i = 0; i < query.n; i++)
		scores += (double)query.len[i] * valid[i];
	return heads * scores * (2.0 * width / PRODUCTS_PER_NS + 2);
}

static void cpu_self_attention(float *ctx, const float *Q, struct be_ragged query, const float *K,
			       const float *V, struct be_ragged keys, const int *before,
			       const struct be_attention *a)
{
	size_t ldq = (size_t)(a->heads * a->width), ldk = (size_t)(a->kv_heads * a->width);
	int group = a->heads / a->kv_heads;

#pragma omp parallel for collapse(2)                                                \
	num_threads(threads_for(attention_ns(query, keys.len, a->heads, a->width))) \
		schedule(dynamic)
	for (int i = 0; i < query.n; i++)
		for (int h = 0; h < a->heads; h++) {
			size_t at = (size_t)query.off[i] * ldq + (size_t)(h * a->width),
			       kv = (size_t)keys.off[i] * ldk + (size_t)(h / group * a->width);
			const float *bias =
				a->bias ? a->bias + (size_t)h * (size_t)(2 * a->T - 1) : NULL;

			if (query.len[i] > 0)
				attend_self(ctx + at, Q + at, query.len[i], K + kv, V + kv,
					    keys.len[i], before ? before[i] : 0, a, bias);
		}
}

static void cpu_cross_attention(float *U, const float *Q, const float *M, struct be_ragged query,
				struct be_ragged memory, const int *valid, int NH, int D)
{
#pragma omp parallel for num_threads(threads_for(attention_ns(query, valid, NH, D))) \
	schedule(dynamic)
	for (int i = 0; i < query.n; i++) {
		static _Thread_local float *S;
		static _Thread_local size_t have;
		int rows = query.len[i] * NH, keys = valid[i];
		const float *m = M + (size_t)memory.off[i] * (size_t)D;
		size_t at = (size_t)query.off[i] * (size_t)NH * (size_t)D;

		if (!rows)
			continue;
		grow(&S, &have, (size_t)rows * (size_t)keys);
		small_gemm(true, rows, keys, D, 1, Q + at, D, m, D, S, keys);
		for (int r = 0; r < rows; r++)
			simd_softmax(S + (size_t)r * (size_t)keys, (size_t)keys);
		small_gemm(false, rows, D, keys, 1, S, keys, m, D, U + at, D);
	}
}

static void logits_reduce_row(struct be_logits *r, const float *logits, int n, int id0)
{
	double old = (double)r->top;

	for (int j = 0; j < n; j++) {
		if (logits[j] > r->top) {
			r->second = r->top;
			r->top = logits[j];
			r->id = id0 + j;
		} else if (logits[j] > r->second) {
			r->second = logits[j];
		}
	}
	r->sum *= exp(old - (double)r->top);
	for (int j = 0; j < n; j++)
		r->sum += (double)expf(logits[j] - r->top);
	if (r->want >= id0 && r->want < id0 + n)
		r->logit = logits[r->want - id0];
}

static void cpu_scan(struct be_logits *state, const float *logits, int P, int n, int id0)
{
#pragma omp parallel for num_threads(threads_for(8.0 * P * n)) schedule(static)
	for (int i = 0; i < P; i++)
		logits_reduce_row(&state[i], logits + (size_t)i * (size_t)n, n, id0);
}

/* S is row-major and symmetric. LAPACK's column-major 'U' is our lower triangle, and (r, d) rows
 * are its d × r right-hand sides. */
static int cpu_potrf(double *S, int d)
{
	return d > 0 ? LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', d, S, d) : 0;
}

static void cpu_potrs(double *X, const double *S, int d, int r)
{
	if (d > 0 && r > 0)
		LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', d, r, S, d, X, d);
}

const struct backend be_cpu = {
	.name = "cpu",
	.open = cpu_open,
	.fast16 = gemm_fast16,
	.int8 = true,
	.array_bytes = cpu_array_bytes,
	.weight_bytes = cpu_weight_bytes,
	.work_bytes = cpu_work_bytes,
	.reserve = cpu_reserve,
	.memory = cpu_memory,
	.alloc = cpu_alloc,
	.free = cpu_free,
	.put = cpu_copy,
	.get = cpu_copy,
	.weight_pack = gemm_pack,
	.weight_free = gemm_weight_free,
	.linear = gemm_linear,
	.linear_heads = gemm_linear_heads,
	.feed_forward = gemm_feed_forward,
	.rmsnorm = cpu_rmsnorm,
	.add = cpu_add,
	.add_row = cpu_add_row,
	.squares = cpu_squares,
	.scale = cpu_scale,
	.softcap = cpu_softcap,
	.activate = cpu_activate,
	.copy = cpu_copy_floats,
	.rotate = cpu_rotate,
	.self_attention = cpu_self_attention,
	.cross_attention = cpu_cross_attention,
	.gram = gemm_gram,
	.mirror = gemm_mirror,
	.logits_reduce = cpu_scan,
	.potrf = cpu_potrf,
	.potrs = cpu_potrs,
};
