/* be_cuda.c: the CUDA twin, on the device of be_device.h. cuBLAS multiplies, cuSOLVER factorises,
 * and be_kernels.cu has the other operations.
 *
 * The libraries are column-major. A row-major (r, c) matrix is their c × r matrix with the same
 * leading dimension, so Y = X Wᵀ is their Yᵀ = W Xᵀ.
 *
 * cuBLAS chooses its method by the shapes, so a row's bits may depend on the number of rows in a
 * call. Every product with a weight is therefore the same call: a dense tile of LINEAR_ROWS rows,
 * filled with zeros, gathered before the call and scattered after it. Attention's shapes depend
 * only on the sequence. So equal rows give equal bits in any batch, as on the CPU, if cuBLAS gives
 * equal bits for equal calls. */
#include "backend/be.h"

#include <stdlib.h>
#include <string.h>

#include "backend/cuda/be_device.h"
#include "backend/cuda/be_kernels.h"
#include "backend/simd.h"
#include "base/die.h"

extern const struct backend be_cuda;

enum { LINEAR_ROWS = 480 }; /* a full batch of rows in one product (seqs.h's BATCH_ROWS) */

/* Memory that an operation needs for itself. It is kept between calls, and grows. */
struct scratch {
	void *p;
	size_t bytes;
};
static struct scratch tile_in, tile_out, scores, chunk;

static void *grown(struct scratch *s, size_t bytes)
{
	if (bytes > s->bytes || !s->p) {
		device_give(s->p);
		s->p = device_take(bytes, device.compute);
		s->bytes = bytes;
	}
	return s->p;
}

static size_t size_of(enum be_precision p)
{
	return p == BE_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

/* ------------------------------------------------------------ planning */

static enum be_precision cuda_fast16(void)
{
	return BE_BF16; /* from sm_80 on, every device multiplies it several times as fast as
			   float32 */
}

static size_t cuda_weight_bytes(int n, int k, enum be_precision p)
{
	return device_round(area(n, k) * size_of(p));
}

static int potrf_work(int d)
{
	int doubles;

	SOLVER(cusolverDnDpotrf_bufferSize(device_solver(), CUBLAS_FILL_MODE_UPPER, d, NULL, d,
					   &doubles));
	return doubles;
}

static size_t solve_bytes_of(int d, int r)
{
	size_t matrix = device_round(area(d, d) * sizeof(double)), info = device_round(sizeof(int));
	size_t factor = device_round((size_t)potrf_work(d) * sizeof(double)),
	       rows = device_round(area(d, r) * sizeof(double));

	return matrix + info + (factor > rows ? factor : rows);
}

static size_t cuda_work_bytes(const struct be_sizes *s)
{
	size_t bytes = 0;

	if (s->n || s->T || s->gram_m)
		bytes += device_round(DEVICE_BLAS_BYTES);
	if (s->n)
		bytes += device_round(LINEAR_ROWS * (size_t)s->k * size_of(s->p)) +
			 device_round(LINEAR_ROWS * (size_t)s->n * sizeof(float));
	if (s->T)
		bytes += device_round((size_t)s->NH * area(s->T, s->keys) * sizeof(float));
	if (s->gram_m)
		bytes += device_round(area(s->gram_m, s->gram_n) * sizeof(float));
	if (s->solve_d)
		bytes += solve_bytes_of(s->solve_d, s->solve_r);
	return bytes;
}

/* ------------------------------------------------------------ arrays */

static void cuda_put(void *to, const void *from, size_t bytes)
{
	for (size_t at = 0, n; at < bytes; at += n) {
		n = bytes - at < DEVICE_STAGE_BYTES ? bytes - at : DEVICE_STAGE_BYTES;
		memcpy(device_stage(device.compute), (const char *)from + at, n);
		device_send((char *)to + at, n, device.compute);
	}
}

static void cuda_get(void *to, const void *from, size_t bytes)
{
	if (!bytes)
		return;
	CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, device.compute));
	CUDA(cudaStreamSynchronize(device.compute));
}

static void *cuda_alloc(size_t bytes)
{
	void *p = device_take(bytes, device.compute);

	if (bytes)
		CUDA(cudaMemsetAsync(p, 0, bytes, device.compute));
	return p;
}

/* ------------------------------------------------------------ weights */

struct be_weight {
	int n, k;
	bool transposed; /* stored (k, n) */
	enum be_precision precision;
	void *p;
	cudaEvent_t ready; /* ready: recorded on the copy stream */
	bool awaited;      /* the compute stream has waited for it */
};

/* Copies rows of w into staging memory, in the device's form. */
static void fill_stage(void *stage, const float *w, size_t rows, size_t cols, size_t ld,
		       enum be_precision p)
{
	for (size_t i = 0; i < rows; i++) {
		if (p == BE_BF16)
			simd_to_bf16((uint16_t *)stage + i * cols, w + i * ld, cols);
		else
			memcpy((float *)stage + i * cols, w + i * ld, cols * sizeof(float));
	}
}

static struct be_weight *cuda_weight_pack(const float *w, int n, int k, int ld, bool transposed,
					  enum be_precision p)
{
	struct be_weight *W = xcalloc(1, sizeof(*W));
	size_t rows = (size_t)(transposed ? k : n), cols = (size_t)(transposed ? n : k),
	       row_bytes = cols * size_of(p);
	size_t step = DEVICE_STAGE_BYTES / row_bytes;

	BUG_IF(n < 1 || k < 1 || step < 1);
	*W = (struct be_weight){.n = n, .k = k, .transposed = transposed, .precision = p};
	W->p = device_take(rows * row_bytes, device.copy);
	CUDA(cudaEventCreateWithFlags(&W->ready, cudaEventDisableTiming));
	for (size_t i = 0, some; i < rows; i += some) {
		some = rows - i < step ? rows - i : step;
		fill_stage(device_stage(device.copy), w + i * (size_t)ld, some, cols, (size_t)ld,
			   p);
		device_send((char *)W->p + i * row_bytes, some * row_bytes, device.copy);
	}
	CUDA(cudaEventRecord(W->ready, device.copy));
	return W;
}

static void await_weight(struct be_weight *W)
{
	if (!W->awaited)
		CUDA(cudaStreamWaitEvent(device.compute, W->ready, 0));
	W->awaited = true;
}

static void cuda_weight_free(struct be_weight *W)
{
	if (!W)
		return;
	await_weight(W); /* the next user of its memory is ordered after the compute stream */
	device_give(W->p);
	CUDA(cudaEventDestroy(W->ready));
	free(W);
}

/* ------------------------------------------------------------ products */

/* C (m, n) = A (m, k) B. B is (k, n), with transB (n, k); with transA A is (k, m). Row-major, and
 * dense except for the lds. */
static void product(bool transA, bool transB, int m, int n, int k, const void *A, int lda,
		    const void *B, int ldb, float *C, int ldc, enum be_precision p)
{
	const float one = 1, zero = 0;
	cudaDataType type = p == BE_BF16 ? CUDA_R_16BF : CUDA_R_32F;

	BLAS(cublasGemmEx(device_blas(), transB ? CUBLAS_OP_T : CUBLAS_OP_N,
			  transA ? CUBLAS_OP_T : CUBLAS_OP_N, n, m, k, &one, B, type, ldb, A, type,
			  lda, &zero, C, CUDA_R_32F, ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

static void cuda_linear(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W,
			int P, bool accumulate)
{
	int n = W->n, k = W->k;
	void *in = grown(&tile_in, LINEAR_ROWS * (size_t)k * size_of(W->precision));
	float *out = grown(&tile_out, LINEAR_ROWS * (size_t)n * sizeof(float));

	await_weight((struct be_weight *)(uintptr_t)W);
	for (int i = 0; i < P; i += LINEAR_ROWS) {
		int rows = P - i < LINEAR_ROWS ? P - i : LINEAR_ROWS;

		CUDA(kernel_gather(device.compute, in, X + area(i, ldx), ldx, rows, LINEAR_ROWS, k,
				   W->precision));
		product(false, !W->transposed, LINEAR_ROWS, n, k, in, k, W->p,
			W->transposed ? n : k, out, n, W->precision);
		CUDA(kernel_scatter(device.compute, Y + area(i, ldy), ldy, out, rows, n,
				    accumulate));
	}
}

static void cuda_linear_heads(float *Y, int ldy, int step_y, const float *X, int ldx, int step_x,
			      struct be_weight *const *W, int heads, int P, bool accumulate)
{
	for (int h = 0; h < heads; h++)
		cuda_linear(Y + area(h, step_y), ldy, X + area(h, step_x), ldx, W[h], P,
			    accumulate);
}

static void cuda_activate(float *X, const float *G, enum be_act act, size_t n)
{
	CUDA(kernel_activate(device.compute, X, G, act, n));
}

static void cuda_feed_forward(float *Y, float *Z, const float *X, const struct be_weight *W0,
			      const struct be_weight *W1, enum be_act act, int P)
{
	cuda_linear(Y, W0->n, X, W0->k, W0, P, false);
	if (W1)
		cuda_linear(Z, W1->n, X, W1->k, W1, P, false);
	cuda_activate(Y, W1 ? Z : NULL, act, area(P, W0->n));
}

static void cuda_rmsnorm(float *Y, const float *X, const float *g, int P, int D, float eps)
{
	CUDA(kernel_rmsnorm(device.compute, Y, X, g, P, D, eps));
}

static void cuda_add(float *Y, const float *X, size_t n)
{
	CUDA(kernel_add(device.compute, Y, X, n));
}

static void cuda_add_row(float *Y, const float *b, int P, int n)
{
	CUDA(kernel_add_row(device.compute, Y, b, P, n));
}

static void cuda_squares(double *sum, const float *Y, int P, int n)
{
	CUDA(kernel_squares(device.compute, sum, Y, P, n));
}

static void cuda_scale(float *X, float factor, size_t n)
{
	CUDA(kernel_scale(device.compute, X, factor, n));
}

static void cuda_softcap(float *X, float cap, size_t n)
{
	CUDA(kernel_softcap(device.compute, X, cap, n));
}

/* ------------------------------------------------------------ attention */

static void cuda_copy(float *Y, const float *X, size_t n)
{
	CUDA(kernel_copy(device.compute, Y, X, n));
}

static void cuda_rotate(float *X, struct be_ragged seq, const int *first, int heads, int width,
			int turned, const float *table)
{
	for (int i = 0; i < seq.n; i++)
		CUDA(kernel_rotate(device.compute, X + area(seq.off[i], heads * width), seq.len[i],
				   heads, width, turned,
				   table + area(first ? first[i] : 0, turned)));
}

/* One sequence, all heads. Head h's rows are `width` columns of rows of ldq or ld elements. The
 * query heads that share keys are run one after the other, each for all heads of keys at once. */
static void attend_self(float *ctx, const float *Q, int len, const float *K, const float *V,
			int valid, int before, const struct be_attention *a)
{
	const float one = 1, zero = 0;
	int share = a->heads / a->kv_heads, HS = a->width, ldq = a->heads * HS,
	    ld = a->kv_heads * HS;
	float *scored = grown(&scores, (size_t)a->heads * area(len, valid) * sizeof(float));
	long long step_q = (long long)share * HS, step = share * (long long)len * valid;

	/* S_h (len, valid) = scale Q_h K_hᵀ */
	for (int j = 0; j < share; j++)
		BLAS(cublasSgemmStridedBatched(device_blas(), CUBLAS_OP_T, CUBLAS_OP_N, valid, len,
					       HS, &a->scale, K, ld, HS, Q + j * HS, ldq, step_q,
					       &zero, scored + (size_t)j * area(len, valid), valid,
					       step, a->kv_heads));
	if (a->cap > 0)
		cuda_softcap(scored, a->cap, (size_t)a->heads * area(len, valid));
	CUDA(kernel_softmax(device.compute, scored, a->heads, len, valid, before, a->causal,
			    a->window, a->bias, a->T));
	/* ctx_h (len, HS) = S_h V_h */
	for (int j = 0; j < share; j++) {
		const float *S = scored + (size_t)j * area(len, valid);

		BLAS(cublasSgemmStridedBatched(device_blas(), CUBLAS_OP_N, CUBLAS_OP_N, HS, len,
					       valid, &one, V, ld, HS, S, valid, step, &zero,
					       ctx + j * HS, ldq, step_q, a->kv_heads));
	}
}

static void cuda_self_attention(float *ctx, const float *Q, struct be_ragged query, const float *K,
				const float *V, struct be_ragged keys, const int *before,
				const struct be_attention *a)
{
	for (int i = 0; i < query.n; i++) {
		size_t at = area(query.off[i], a->heads * a->width),
		       kv = area(keys.off[i], a->kv_heads * a->width);
		int past = before ? before[i] : 0;

		BUG_IF((a->bias && past + query.len[i] > a->T) ||
		       (query.len[i] > 0 && keys.len[i] < 1));
		if (query.len[i] > 0)
			attend_self(ctx + at, Q + at, query.len[i], K + kv, V + kv, keys.len[i],
				    past, a);
	}
}

static void cuda_cross_attention(float *U, const float *Q, const float *M, struct be_ragged query,
				 struct be_ragged memory, const int *valid, int NH, int D)
{
	for (int i = 0; i < query.n; i++) {
		int rows = query.len[i] * NH, keys = valid[i];
		const float *m = M + area(memory.off[i], D);
		size_t at = area(query.off[i], NH) * (size_t)D;
		float *S;

		BUG_IF(rows && keys < 1);
		if (!rows)
			continue;
		S = grown(&scores, area(rows, keys) * sizeof(float));
		product(false, true, rows, keys, D, Q + at, D, m, D, S, keys, BE_F32);
		CUDA(kernel_softmax(device.compute, S, 1, rows, keys, 0, false, 0, NULL, 0));
		product(false, false, rows, D, keys, S, keys, m, D, U + at, D, BE_F32);
	}
}

/* ------------------------------------------------------------ Grams and solves */

static void cuda_gram(double *G, const float *X, const float *Y, int P, int m, int n, int i0,
		      int rows)
{
	BUG_IF((X == Y && m != n) || i0 % GRAM_BLOCK || rows > m - i0);
	if (P <= GRAM_F64_ROWS) {
		CUDA(kernel_gram(device.compute, G, X + i0, Y, P, m, n, rows));
		return;
	}
	float *C = grown(&chunk, area(rows, n) * sizeof(float));

	for (int p = 0; p < P; p += GRAM_CHUNK) {
		int some = P - p < GRAM_CHUNK ? P - p : GRAM_CHUNK;

		product(true, false, rows, n, some, X + area(p, m) + i0, m, Y + area(p, n), n, C, n,
			BE_F32);
		CUDA(kernel_gram_add(device.compute, G, C, area(rows, n)));
	}
}

static void cuda_mirror(double *G, int m)
{
	CUDA(kernel_mirror(device.compute, G, m));
}

static void cuda_scan(struct be_logits *state, const float *logits, int P, int n, int id0)
{
	CUDA(kernel_logits_reduce(device.compute, state, logits, P, n, id0));
}

/* Copies the lower triangle of S (d, d) from the device, panel by panel. cuSOLVER does not define
 * the other triangle. */
static void get_lower(double *S, const double *from, int d)
{
	enum { PANEL = 256 };
	double *panel = xarray(area(d < PANEL ? d : PANEL, d), sizeof(*panel));

	for (int i0 = 0; i0 < d; i0 += PANEL) {
		int n = d - i0 < PANEL ? d - i0 : PANEL;

		cuda_get(panel, from + area(i0, d), area(n, d) * sizeof(*panel));
		for (int i = 0; i < n; i++)
			memcpy(S + area(i0 + i, d), panel + area(i, d),
			       (size_t)(i0 + i + 1) * sizeof(*panel));
	}
	free(panel);
}

/* S is row-major and symmetric: the libraries' upper triangle is our lower one. */
static int cuda_potrf(double *S, int d)
{
	size_t bytes = area(d, d) * sizeof(double);
	int lwork = d > 0 ? potrf_work(d) : 0, found = 0, *info;
	double *A, *work;

	if (d == 0)
		return 0;
	A = device_take(bytes, device.compute);
	work = device_take((size_t)lwork * sizeof(double), device.compute);
	info = device_take(sizeof(*info), device.compute);
	cuda_put(A, S, bytes);
	SOLVER(cusolverDnDpotrf(device_solver(), CUBLAS_FILL_MODE_UPPER, d, A, d, work, lwork,
				info));
	cuda_get(&found, info, sizeof(found));
	BUG_IF(found < 0);
	get_lower(S, A, d);
	device_give(A);
	device_give(work);
	device_give(info);
	return found;
}

static void cuda_potrs(double *X, const double *S, int d, int r)
{
	size_t matrix = area(d, d) * sizeof(double), rows = area(r, d) * sizeof(double);
	int found = 0, *info;
	double *A, *B;

	if (d == 0 || r == 0)
		return;
	A = device_take(matrix, device.compute);
	B = device_take(rows, device.compute);
	info = device_take(sizeof(*info), device.compute);
	cuda_put(A, S, matrix);
	cuda_put(B, X, rows);
	SOLVER(cusolverDnDpotrs(device_solver(), CUBLAS_FILL_MODE_UPPER, d, r, A, d, B, d, info));
	cuda_get(&found, info, sizeof(found));
	BUG_IF(found);
	cuda_get(X, B, rows);
	device_give(A);
	device_give(B);
	device_give(info);
}

const struct backend be_cuda = {
	.name = "cuda",
	.ahead = true,
	.open = device_open,
	.fast16 = cuda_fast16,
	.int8 = false,
	.array_bytes = device_round,
	.weight_bytes = cuda_weight_bytes,
	.work_bytes = cuda_work_bytes,
	.reserve = device_reserve,
	.memory = device_memory,
	.alloc = cuda_alloc,
	.free = device_give,
	.put = cuda_put,
	.get = cuda_get,
	.weight_pack = cuda_weight_pack,
	.weight_free = cuda_weight_free,
	.linear = cuda_linear,
	.linear_heads = cuda_linear_heads,
	.feed_forward = cuda_feed_forward,
	.rmsnorm = cuda_rmsnorm,
	.add = cuda_add,
	.add_row = cuda_add_row,
	.squares = cuda_squares,
	.scale = cuda_scale,
	.softcap = cuda_softcap,
	.activate = cuda_activate,
	.copy = cuda_copy,
	.rotate = cuda_rotate,
	.self_attention = cuda_self_attention,
	.cross_attention = cuda_cross_attention,
	.gram = cuda_gram,
	.mirror = cuda_mirror,
	.logits_reduce = cuda_scan,
	.potrf = cuda_potrf,
	.potrs = cuda_potrs,
};
