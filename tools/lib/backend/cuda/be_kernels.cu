/* be_kernels.cu: see be_kernels.h.
 *
 * Kernels have one of two shapes: one thread per element, or one block per row. A row's block
 * reduces through shared memory. Every thread writes its part; after a barrier every thread adds up
 * all parts in the same order. This takes one barrier where a tree takes eight, and the reads are
 * broadcasts. The sum is the same for every thread and in every run. */
#include "backend/cuda/be_kernels.h"

#include <limits.h>
#include <math.h>

#include "backend/bf16.h"
#include "backend/cuda/cu.h"

static const unsigned THREADS = 256;

/* ------------------------------------------------------------ one thread per element */

static unsigned blocks_for(size_t n)
{
	return (unsigned)((n + THREADS - 1) / THREADS);
}

__device__ static size_t element(void)
{
	return (size_t)blockIdx.x * THREADS + threadIdx.x;
}

__device__ static uint16_t to_bf16(float x)
{
	union {
		float f;
		uint32_t u;
	} bits;

	bits.f = x;
	return bf16_round(bits.u);
}

__global__ static void gather(float *tile, uint16_t *tile16, const float *X, int ldx, int P,
			      size_t n, int k)
{
	size_t e = element();

	if (e >= n)
		return;
	size_t row = e / (size_t)k, col = e % (size_t)k;
	float x = row < (size_t)P ? X[row * (size_t)ldx + col] : 0;

	if (tile16)
		tile16[e] = to_bf16(x);
	else
		tile[e] = x;
}

extern "C" cudaError_t kernel_gather(cudaStream_t s, void *tile, const float *X, int ldx, int P,
				     int rows, int k, enum be_precision p)
{
	size_t n = (size_t)rows * (size_t)k;

	if (!n)
		return cudaSuccess;
	return LAUNCH(gather, blocks_for(n), THREADS, s, p == BE_F32 ? (float *)tile : NULL,
		      p == BE_BF16 ? (uint16_t *)tile : NULL, X, ldx, P, n, k);
}

__global__ static void scatter(float *Y, int ldy, const float *tile, size_t n, int width,
			       bool accumulate)
{
	size_t e = element();

	if (e >= n)
		return;
	float *y = Y + e / (size_t)width * (size_t)ldy + e % (size_t)width;

	*y = accumulate ? *y + tile[e] : tile[e];
}

extern "C" cudaError_t kernel_scatter(cudaStream_t s, float *Y, int ldy, const float *tile, int P,
				      int n, bool accumulate)
{
	size_t all = (size_t)P * (size_t)n;

	return all ? LAUNCH(scatter, blocks_for(all), THREADS, s, Y, ldy, tile, all, n, accumulate)
		   : cudaSuccess;
}

__global__ static void add(float *Y, const float *X, size_t n)
{
	size_t e = element();

	if (e < n)
		Y[e] += X[e];
}

extern "C" cudaError_t kernel_add(cudaStream_t s, float *Y, const float *X, size_t n)
{
	return n ? LAUNCH(add, blocks_for(n), THREADS, s, Y, X, n) : cudaSuccess;
}

__global__ static void scale(float *X, float factor, size_t n)
{
	size_t e = element();

	if (e < n)
		X[e] *= factor;
}

__global__ static void copy(float *Y, const float *X, size_t n)
{
	size_t e = element();

	if (e < n)
		Y[e] = X[e];
}

extern "C" cudaError_t kernel_copy(cudaStream_t s, float *Y, const float *X, size_t n)
{
	return n ? LAUNCH(copy, blocks_for(n), THREADS, s, Y, X, n) : cudaSuccess;
}

__global__ static void add_row(float *Y, const float *b, int n, size_t all)
{
	size_t e = element();

	if (e < all)
		Y[e] += b[e % (size_t)n];
}

extern "C" cudaError_t kernel_add_row(cudaStream_t s, float *Y, const float *b, int P, int n)
{
	size_t all = (size_t)P * (size_t)n;

	return all ? LAUNCH(add_row, blocks_for(all), THREADS, s, Y, b, n, all) : cudaSuccess;
}

/* Element e is a pair: of a head's turned part, of a head, of a row. */
__global__ static void rotate(float *X, int heads, int width, int half, const float *table,
			      size_t pairs)
{
	size_t e = element();

	if (e >= pairs)
		return;
	size_t i = e % (size_t)half, head = e / (size_t)half, row = head / (size_t)heads;
	float *x = X + head * (size_t)width + i;
	const float *turn = table + row * 2 * (size_t)half + i;
	float a = x[0], b = x[half];

	x[0] = a * turn[0] - b * turn[half];
	x[half] = b * turn[0] + a * turn[half];
}

extern "C" cudaError_t kernel_rotate(cudaStream_t s, float *X, int P, int heads, int width,
				     int turned, const float *table)
{
	size_t pairs = (size_t)P * (size_t)heads * (size_t)(turned / 2);

	return pairs ? LAUNCH(rotate, blocks_for(pairs), THREADS, s, X, heads, width, turned / 2,
			      table, pairs)
		     : cudaSuccess;
}

extern "C" cudaError_t kernel_scale(cudaStream_t s, float *X, float factor, size_t n)
{
	return n ? LAUNCH(scale, blocks_for(n), THREADS, s, X, factor, n) : cudaSuccess;
}

__global__ static void softcap(float *X, float cap, size_t n)
{
	size_t e = element();

	if (e < n)
		X[e] = cap * tanhf(X[e] / cap);
}

extern "C" cudaError_t kernel_softcap(cudaStream_t s, float *X, float cap, size_t n)
{
	return n ? LAUNCH(softcap, blocks_for(n), THREADS, s, X, cap, n) : cudaSuccess;
}

/* gelu_new(x) = x/2 (1 + tanh u) = x / (1 + e^(−2u)), u = sqrt(2/π) (x + 0.044715 x³). silu(x) =
 * x / (1 + e^(−x)). */
__device__ static float activated(float x, enum be_act act)
{
	const float twice = 2 * 0.797884561f;

	if (act == BE_RELU)
		return x > 0 ? x : 0;
	return x / (1.0f + expf(act == BE_SILU ? -x : -twice * (x + 0.044715f * x * x * x)));
}

__global__ static void activate(float *X, const float *G, enum be_act act, size_t n)
{
	size_t e = element();

	if (e < n)
		X[e] = G ? activated(X[e], act) * G[e] : activated(X[e], act);
}

extern "C" cudaError_t kernel_activate(cudaStream_t s, float *X, const float *G, enum be_act act,
				       size_t n)
{
	return n ? LAUNCH(activate, blocks_for(n), THREADS, s, X, G, act, n) : cudaSuccess;
}

__global__ static void gram(double *G, const float *X, const float *Y, int P, int m, int n,
			    size_t all)
{
	size_t e = element();

	if (e >= all)
		return;
	size_t i = e / (size_t)n, j = e % (size_t)n;
	double sum = 0;

	for (int p = 0; p < P; p++)
		sum += (double)X[(size_t)p * (size_t)m + i] * (double)Y[(size_t)p * (size_t)n + j];
	G[e] += sum;
}

extern "C" cudaError_t kernel_gram(cudaStream_t s, double *G, const float *X, const float *Y, int P,
				   int m, int n, int rows)
{
	size_t all = (size_t)rows * (size_t)n;

	return all ? LAUNCH(gram, blocks_for(all), THREADS, s, G, X, Y, P, m, n, all) : cudaSuccess;
}

__global__ static void gram_add(double *G, const float *C, size_t n)
{
	size_t e = element();

	if (e < n)
		G[e] += (double)C[e];
}

extern "C" cudaError_t kernel_gram_add(cudaStream_t s, double *G, const float *C, size_t n)
{
	return n ? LAUNCH(gram_add, blocks_for(n), THREADS, s, G, C, n) : cudaSuccess;
}

__global__ static void mirror(double *G, int m, size_t all)
{
	size_t e = element();

	if (e >= all)
		return;
	size_t i = e / (size_t)m, j = e % (size_t)m;

	if (j > i)
		G[e] = G[j * (size_t)m + i];
}

extern "C" cudaError_t kernel_mirror(cudaStream_t s, double *G, int m)
{
	size_t all = (size_t)m * (size_t)m;

	return all ? LAUNCH(mirror, blocks_for(all), THREADS, s, G, m, all) : cudaSuccess;
}

/* ------------------------------------------------------------ one block per row */

/* Threads of a row's block: four elements per thread, whole warps. */
static unsigned threads_for(int width)
{
	unsigned warps = ((unsigned)width + 127) / 128;

	return warps < 1 ? 32 : warps > THREADS / 32 ? THREADS : 32 * warps;
}

/* Σ v over the block's threads, returned to each of them. part: shared, THREADS long. */
template <typename T> __device__ static T block_sum(T *part, T v)
{
	T sum = 0;

	part[threadIdx.x] = v;
	__syncthreads();
	for (unsigned i = 0; i < blockDim.x; i++)
		sum += part[i];
	__syncthreads(); /* before part is written again */
	return sum;
}

__device__ static float block_max(float *part, float v)
{
	float max = v;

	part[threadIdx.x] = v;
	__syncthreads();
	for (unsigned i = 0; i < blockDim.x; i++)
		max = part[i] > max ? part[i] : max;
	__syncthreads();
	return max;
}

__global__ static void rmsnorm(float *Y, const float *X, const float *g, int D, float eps)
{
	SHARED(float, part, THREADS);
	size_t row = (size_t)blockIdx.x * (size_t)D;
	float sum = 0, factor;

	for (int i = (int)threadIdx.x; i < D; i += (int)blockDim.x)
		sum += X[row + (size_t)i] * X[row + (size_t)i];
	sum = block_sum(part, sum);
	factor = 1.0f / sqrtf(sum / (float)D + eps);
	for (int i = (int)threadIdx.x; i < D; i += (int)blockDim.x)
		Y[row + (size_t)i] = X[row + (size_t)i] * factor * g[i];
}

extern "C" cudaError_t kernel_rmsnorm(cudaStream_t s, float *Y, const float *X, const float *g,
				      int P, int D, float eps)
{
	return P ? LAUNCH(rmsnorm, (unsigned)P, threads_for(D), s, Y, X, g, D, eps) : cudaSuccess;
}

__global__ static void squares(double *sum, const float *Y, int n)
{
	SHARED(double, part, THREADS);
	const float *y = Y + (size_t)blockIdx.x * (size_t)n;
	double v = 0;

	for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x)
		v += (double)y[i] * (double)y[i];
	v = block_sum(part, v);
	if (threadIdx.x == 0)
		sum[blockIdx.x] = v;
}

extern "C" cudaError_t kernel_squares(cudaStream_t s, double *sum, const float *Y, int P, int n)
{
	return P ? LAUNCH(squares, (unsigned)P, threads_for(n), s, sum, Y, n) : cudaSuccess;
}

/* Every thread reads and writes only its own keys; only the reductions share memory. */
__global__ static void softmax(float *S, int rows, int keys, int before, bool causal, int window,
			       const float *bias, int T)
{
	SHARED(float, part, THREADS);
	int line = (int)blockIdx.x, row = before + line, head = (int)blockIdx.y,
	    n = causal && row + 1 < keys ? row + 1 : keys,
	    first = window && n > window ? n - window : 0;
	float *s = S + ((size_t)head * (size_t)rows + (size_t)line) * (size_t)keys;
	const float *b =
		bias ? bias + (size_t)head * (size_t)(2 * T - 1) + (size_t)(T - 1 - row) : NULL;
	float max = -INFINITY, sum = 0;

	for (int j = (int)threadIdx.x; j < n; j += (int)blockDim.x) {
		float x = j < first ? -INFINITY : b ? s[j] + b[j] : s[j];

		s[j] = x;
		max = x > max ? x : max;
	}
	max = block_max(part, max);
	for (int j = (int)threadIdx.x; j < n; j += (int)blockDim.x) {
		s[j] = expf(s[j] - max);
		sum += s[j];
	}
	sum = block_sum(part, sum);
	for (int j = (int)threadIdx.x; j < keys; j += (int)blockDim.x)
		s[j] = j < n ? s[j] / sum : 0;
}

extern "C" cudaError_t kernel_softmax(cudaStream_t s, float *S, int heads, int rows, int keys,
				      int before, bool causal, int window, const float *bias, int T)
{
	if (!rows || !heads)
		return cudaSuccess;
	return LAUNCH(softmax, dim3((unsigned)rows, (unsigned)heads), threads_for(keys), s, S, rows,
		      keys, before, causal, window, bias, T);
}

/* The two largest of two pairs. Of equal ones the lower id comes first. */
__device__ static void top_two(float *top, float *second, int *id, float top2, float second2,
			       int id2)
{
	if (top2 > *top || (top2 == *top && id2 < *id)) {
		*second = *top > second2 ? *top : second2;
		*top = top2;
		*id = id2;
	} else if (top2 > *second) {
		*second = top2;
	}
}

__global__ static void logits_reduce(struct be_logits *state, const float *logits, int n, int id0)
{
	SHARED(float, tops, THREADS);
	SHARED(float, seconds, THREADS);
	SHARED(int, ids, THREADS);
	SHARED(double, part, THREADS);
	struct be_logits *r = state + blockIdx.x;
	const float *x = logits + (size_t)blockIdx.x * (size_t)n;
	float top = -INFINITY, second = -INFINITY, before = r->top;
	int id = INT_MAX;
	double sum = 0;

	for (int j = (int)threadIdx.x; j < n; j += (int)blockDim.x)
		top_two(&top, &second, &id, x[j], -INFINITY, id0 + j);
	tops[threadIdx.x] = top;
	seconds[threadIdx.x] = second;
	ids[threadIdx.x] = id;
	__syncthreads();
	top = before, second = r->second, id = r->id;
	for (unsigned i = 0; i < blockDim.x; i++)
		top_two(&top, &second, &id, tops[i], seconds[i], ids[i]);
	for (int j = (int)threadIdx.x; j < n; j += (int)blockDim.x)
		sum += (double)expf(x[j] - top);
	sum = block_sum(part, sum); /* after it all threads have read the state */
	if (threadIdx.x)
		return;
	r->sum = r->sum * exp((double)before - (double)top) + sum;
	r->top = top;
	r->second = second;
	r->id = id;
	if (r->want >= id0 && r->want < id0 + n)
		r->logit = x[r->want - id0];
}

extern "C" cudaError_t kernel_logits_reduce(cudaStream_t s, struct be_logits *state,
					    const float *logits, int P, int n, int id0)
{
	return P && n ? LAUNCH(logits_reduce, (unsigned)P, threads_for(n), s, state, logits, n, id0)
		      : cudaSuccess;
}
