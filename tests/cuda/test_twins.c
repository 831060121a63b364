/* test_twins.c: every operation of both backends against float64 loops; the CUDA one runs on the
 * test double.
 *
 * Shapes are never square (m ≠ n ≠ k, each the largest once). There are leading dimensions beyond
 * the rows, single rows and columns, and empty shapes. The gaps between and behind the rows of a
 * result must not change. Under the thread sanitizer the shapes are the same, except for the few
 * that need more threads than it can follow. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/be.h"
#include "backend/bf16.h"
#include "base/die.h"
#include "base/opts.h"
#include "double/emu.h"

/* The thread sanitizer makes a thread of every CUDA thread. What would take it minutes is left to
 * the other builds. */
#ifdef EMU_TSAN
enum { FEW = 1 };
#else
enum { FEW = 0 };
#endif

/* Bounds on ‖have − want‖ / ‖want‖, with want in float64, for sums of one term. Float32: 2⁻²⁴ =
 * 6e-8, more where something goes through an exponential. bfloat16 operands, which the oracle takes
 * unrounded: 8 bits, 2⁻⁹/√3 = 1e-3 each. Float64: 2⁻⁵³ = 1.1e-16, times the condition (about 1e3
 * here). */
enum op {
	LINEAR,
	LINEAR_16,
	FEED,
	FEED_16,
	RMSNORM,
	ACTIVATE,
	SELF,
	CROSS,
	GRAM_CHUNKS,
	GRAM_FEW,
	SCAN_SUM,
	CHOLESKY,
	OPS
};
static const struct bound {
	const char *name;
	double most;
	bool grows; /* multiplied by the root of the number of terms */
} bounds[OPS] = {
	[LINEAR] = {"linear, float32", 6e-8, true},
	[LINEAR_16] = {"linear, bfloat16", 4e-3, false},
	[FEED] = {"feed_forward, float32", 2e-7, true},
	[FEED_16] = {"feed_forward, bfloat16", 8e-3, false},
	[RMSNORM] = {"rmsnorm", 2e-7, false},
	[ACTIVATE] = {"activate", 3e-7, false},
	[SELF] = {"self_attention", 3e-7, false},
	[CROSS] = {"cross_attention", 3e-7, false},
	[GRAM_CHUNKS] = {"gram, chunks", 6e-8, true},
	[GRAM_FEW] = {"gram, few rows", 1.1e-16, true},
	[SCAN_SUM] = {"logits_reduce, sum", 1e-7, false},
	[CHOLESKY] = {"potrf, potrs", 1e-13, false},
};
/* Shares of the bound, by backend. */
static double worst[2][OPS];

extern const struct backend be_cpu, be_cuda;
static const struct backend *const twins[] = {&be_cpu, &be_cuda};

static uint64_t seed = 11;

static float uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(seed >> 40) / 8388608.0f - 1;
}

static float *random_array(size_t n)
{
	float *x = xarray(n ? n : 1, sizeof(*x));

	for (size_t i = 0; i < n; i++)
		x[i] = uniform();
	return x;
}

static double *zeros(size_t n)
{
	return xcalloc(n ? n : 1, sizeof(double));
}

static void *to_device(const void *host, size_t bytes)
{
	void *p = be->alloc(bytes);

	be->put(p, host, bytes);
	return p;
}

static float *from_device(float *device, size_t n)
{
	float *x = xarray(n ? n : 1, sizeof(*x));

	be->get(x, device, n * sizeof(*x));
	be->free(device);
	return x;
}

/* Sums of squares; terms: of each sum. */
static void within(enum op op, double difference, double norm, int terms)
{
	double e = norm > 0 ? sqrt(difference / norm) : sqrt(difference);
	double most = bounds[op].most * (bounds[op].grows ? sqrt((double)terms) : 1),
	       *w = &worst[be == &be_cuda][op];

	*w = e / most > *w || isnan(e) ? e / most : *w;
	if (!(e <= most))
		fail_msg("%s, %s: %g is over %g", be->name, bounds[op].name, e, most);
}

static void compare(enum op op, const float *have, const double *want, size_t n, int terms)
{
	double difference = 0, norm = 0;

	for (size_t i = 0; i < n; i++) {
		difference += ((double)have[i] - want[i]) * ((double)have[i] - want[i]);
		norm += want[i] * want[i];
	}
	within(op, difference, norm, terms);
}

static void each_twin(void (*fn)(void))
{
	for (int i = 0; i < 2; i++) {
		be = twins[i];
		seed = 11;
		fn();
	}
}

/* ------------------------------------------------------------ products */

/* A CPU without AVX512_BF16 has no bfloat16 products (gemm_fast16). There only the device is
 * compared with the float64 loops. */
static bool multiplies(enum be_precision p)
{
	return p == BE_F32 || be != &be_cpu || be->fast16() == BE_BF16;
}

struct shape {
	int P, n, k;
};

static double dot(const float *x, const float *w, int k, size_t step)
{
	double sum = 0;

	for (int i = 0; i < k; i++)
		sum += (double)x[i] * (double)w[(size_t)i * step];
	return sum;
}

/* Y (P, n) has leading dimension n+2 and two more rows; X has k+3; w has its columns + 1. */
static void linear_case(struct shape s, bool transposed, enum be_precision p, bool accumulate)
{
	if (!multiplies(p))
		return;
	int ldx = s.k + 3, ldy = s.n + 2, ldw = (transposed ? s.n : s.k) + 1;
	size_t nx = (size_t)s.P * (size_t)ldx, ny = (size_t)(s.P + 2) * (size_t)ldy,
	       nw = (size_t)(transposed ? s.k : s.n) * (size_t)ldw;
	float *X = random_array(nx), *Y = random_array(ny), *w = random_array(nw),
	      *x = to_device(X, nx * sizeof(float)), *y, *have;
	double *want = zeros(ny);
	struct be_weight *W = be->weight_pack(w, s.n, s.k, ldw, transposed, p);

	for (size_t i = 0; i < ny; i++)
		want[i] = (double)Y[i];
	for (int r = 0; r < s.P; r++)
		for (int j = 0; j < s.n; j++) {
			double *at = &want[(size_t)r * (size_t)ldy + (size_t)j];

			*at = (accumulate ? *at : 0) +
			      dot(X + (size_t)r * (size_t)ldx,
				  transposed ? w + j : w + (size_t)j * (size_t)ldw, s.k,
				  transposed ? (size_t)ldw : 1);
		}
	y = to_device(Y, ny * sizeof(float));
	memset(w, 0xff, nw * sizeof(float)); /* packed is packed */
	be->linear(y, ldy, x, ldx, W, s.P, accumulate);
	be->weight_free(W);
	have = from_device(y, ny);
	be->free(x);
	for (size_t i = 0; i < ny; i++)
		if (i % (size_t)ldy >= (size_t)s.n || i / (size_t)ldy >= (size_t)s.P)
			assert_true(have[i] == Y[i]);
	compare(p == BE_F32 ? LINEAR : LINEAR_16, have, want, ny, s.k + 1);
	free(X), free(Y), free(w), free(have), free(want);
}

static void linear_all(void)
{
	static const struct shape shapes[] = {{7, 5, 3}, {481, 2, 1}, {3, 5, 9},  {4, 11, 6},
					      {1, 9, 4}, {9, 1, 4},   {9, 4, 1},  {1, 1, 1},
					      {0, 3, 4}, {481, 6, 5}, {963, 3, 7}};

	for (size_t i = 0; i < (FEW ? 2 : sizeof(shapes) / sizeof(*shapes)); i++)
		for (int kind = 0; kind < 8; kind += FEW ? 7 : 1)
			linear_case(shapes[i], kind & 1, kind & 2 ? BE_BF16 : BE_F32, kind & 4);
}

/* Heads are side by side in X (or all use the same columns) and in Y, with a gap behind them. */
static void heads_case(enum be_precision p, bool accumulate, bool same)
{
	if (!multiplies(p))
		return;
	enum { H = 3, P = 4, n = 5, k = 7, ldx = H * k + 2, ldy = H * n + 1 };
	int step = same ? 0 : k;
	float *X = random_array(P * ldx), *Y = random_array(P * ldy), *w[H],
	      *x = to_device(X, P * ldx * sizeof(float));
	float *y = to_device(Y, P * ldy * sizeof(float)), *have;
	struct be_weight *W[H];
	double want[P * ldy];

	for (int h = 0; h < H; h++) {
		w[h] = random_array(n * k);
		W[h] = be->weight_pack(w[h], n, k, k, false, p);
	}
	for (int i = 0; i < P * ldy; i++)
		want[i] = (double)Y[i];
	for (int i = 0; i < P * H * n; i++) {
		int row = i / (H * n), h = i / n % H, j = i % n;
		double *at = &want[row * ldy + h * n + j];

		*at = (accumulate ? *at : 0) + dot(X + row * ldx + h * step, w[h] + j * k, k, 1);
	}
	be->linear_heads(y, ldy, n, x, ldx, step, W, H, P, accumulate);
	be->linear_heads(y, ldy, n, x, ldx, step, W, H, 0, accumulate);
	have = from_device(y, P * ldy);
	for (int row = 0; row < P; row++)
		assert_true(have[row * ldy + H * n] == Y[row * ldy + H * n]);
	compare(p == BE_F32 ? LINEAR : LINEAR_16, have, want, P * ldy, k + 1);
	for (int h = 0; h < H; h++) {
		be->weight_free(W[h]);
		free(w[h]);
	}
	be->free(x);
	free(X), free(Y), free(have);
}

static void heads_all(void)
{
	for (int kind = 0; kind < 8; kind++)
		heads_case(kind & 1 ? BE_BF16 : BE_F32, kind & 2, kind & 4);
}

static void heads(void **state)
{
	(void)state;
	each_twin(heads_all);
}

/* Rounds to the nearest value of 8 bits; of two, to the even one. */
static float eight_bits(float x)
{
	int exponent;
	double unit;

	frexp((double)x, &exponent);
	unit = ldexp(1, exponent - 8);
	return (float)(rint((double)x / unit) * unit);
}

/* One by one, so that only X is rounded. */
static void sixteen_bits(void)
{
	if (!multiplies(BE_BF16))
		return;
	float X[200], one = 1, *x, *y = be->alloc(sizeof(X)), *have;
	struct be_weight *W = be->weight_pack(&one, 1, 1, 1, false, BE_BF16);

	for (int i = 0; i < 200; i++)
		X[i] = i < 64 ? 1 + (float)i / 256
			      : uniform() *
					ldexpf(1, i - 120); /* halfway at every odd i below 64 */
	x = to_device(X, sizeof(X));
	be->linear(y, 1, x, 1, W, 200, false);
	have = from_device(y, 200);
	for (int i = 0; i < 200; i++)
		assert_true(have[i] == eight_bits(X[i]));
	be->weight_free(W);
	be->free(x);
	free(have);
}

static void rounding(void **state)
{
	(void)state;
	each_twin(sixteen_bits);
}

static void linear(void **state)
{
	(void)state;
	each_twin(linear_all);
}

#ifndef EMU_TSAN
/* Weights that take several staging buffers. */
static void linear_large(void)
{
	linear_case((struct shape){3, 1100, 1000}, false, BE_F32, false);
	linear_case((struct shape){3, 1000, 1100}, true, BE_F32, true);
	linear_case((struct shape){3, 1200, 1900}, false, BE_BF16, false);
}

static void large(void **state)
{
	(void)state;
	each_twin(linear_large);
}
#endif

/* Weights of one size follow each other, like the blocks of a model. None may be overwritten before
 * its product has run. */
static void follow_each_other(void)
{
	enum { N = 6, P = 3, n = 5, k = 4 };
	float *X = random_array(P * k), *w[N], *x = to_device(X, P * k * sizeof(float)), *y[N],
	      *unused, *have;
	struct be_weight *W[N + 1];
	double want[P * n];

	for (int i = 0; i < N; i++)
		w[i] = random_array(n * k);
	W[0] = be->weight_pack(w[0], n, k, k, false, BE_F32);
	for (int i = 0; i < N; i++) {
		y[i] = be->alloc(P * n * sizeof(float));
		be->linear(y[i], n, x, k, W[i], P, false);
		if (i + 1 < N && i % 2) /* one ahead, or directly in the other's place */
			W[i + 1] = be->weight_pack(w[i + 1], n, k, k, false, BE_F32);
		be->weight_free(W[i]);
		if (i + 1 < N && !(i % 2))
			W[i + 1] = be->weight_pack(w[i + 1], n, k, k, false, BE_F32);
	}
	be->weight_free(be->weight_pack(
		w[0], n, k, k, false,
		BE_F32)); /* one that is never used: the next owner of its memory must not see it */
	unused = be->alloc(n * k * sizeof(float));
	W[0] = be->weight_pack(w[1], n, k, k, false, BE_F32); /* arrives after it */
	be->linear(y[1], n, x, k, W[0], P, false);
	be->weight_free(W[0]);
	free(from_device(be->alloc(sizeof(float)), 1)); /* waits for the product */
	have = from_device(unused, n * k);
	for (int i = 0; i < n * k; i++)
		assert_true(have[i] == 0);
	free(have);
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < P * n; j++)
			want[j] = dot(X + j / n * k, w[i] + j % n * k, k, 1);
		have = from_device(y[i], P * n);
		compare(LINEAR, have, want, P * n, k);
		free(have);
		free(w[i]);
	}
	be->free(x);
	free(X);
}

static void weights_in_turn(void **state)
{
	(void)state;
	each_twin(follow_each_other);
}

#ifndef EMU_TSAN
/* A row gives the same bits, whatever other rows are in the call. */
static void same_bits(void)
{
	enum { P = 500, n = 7, k = 13 };
	float *X = random_array(P * k), *w = random_array(n * k),
	      *x = to_device(X, P * k * sizeof(float)), *y = be->alloc(P * n * sizeof(float)), *all;

	for (enum be_precision p = BE_F32; p <= BE_BF16 && multiplies(p); p++) {
		struct be_weight *W = be->weight_pack(w, n, k, k, false, p);
		float *have = xarray(P * n, sizeof(*have));

		be->linear(y, n, x, k, W, P, false);
		all = xarray(P * n, sizeof(*all));
		be->get(all, y, P * n * sizeof(float));
		for (int first = 0, rows = 1; first < P; first += rows, rows = rows * 3) {
			rows = P - first < rows ? P - first : rows;
			be->linear(y, n, x + first * k, k, W, rows, false);
			be->get(have, y, (size_t)(rows * n) * sizeof(float));
			assert_memory_equal(have, all + first * n,
					    (size_t)(rows * n) * sizeof(float));
		}
		be->weight_free(W);
		free(all), free(have);
	}
	be->free(x);
	be->free(y);
	free(X), free(w);
}

static void same_bits_in_any_batch(void **state)
{
	(void)state;
	each_twin(same_bits);
}
#endif

/* ------------------------------------------------------------ rows and elements */

static void rmsnorm_case(int P, int D)
{
	size_t n = (size_t)P * (size_t)D;
	float *X = random_array(n), *g = random_array((size_t)D),
	      *x = to_device(X, n * sizeof(float)), *gd = to_device(g, (size_t)D * sizeof(float));
	float *y = be->alloc((n + 1) * sizeof(float)), *have;
	double *want = zeros(n);

	for (int r = 0; r < P; r++) {
		double sum = 0;

		for (int j = 0; j < D; j++)
			sum += (double)X[r * D + j] * (double)X[r * D + j];
		for (int j = 0; j < D; j++)
			want[r * D + j] =
				(double)X[r * D + j] / sqrt(sum / D + 1e-6) * (double)g[j];
	}
	be->rmsnorm(y, x, gd, P, D, 1e-6f);
	have = from_device(y, n + 1);
	assert_true(have[n] == 0);
	compare(RMSNORM, have, want, n, 1);
	be->rmsnorm(x, x, gd, P, D, 1e-6f); /* in place */
	free(have);
	have = from_device(x, n);
	compare(RMSNORM, have, want, n, 1);
	be->free(gd);
	free(X), free(g), free(have), free(want);
}

static void rmsnorm_all(void)
{
	static const int shapes[][2] = {{5, 7}, {3, 33}, {1, 300}, {4, 1}, {2, 129}, {0, 5}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		rmsnorm_case(shapes[i][0], shapes[i][1]);
	if (FEW)
		return;
	rmsnorm_case(17, 1024);
	rmsnorm_case(3, 2816);
}

static void rmsnorm(void **state)
{
	(void)state;
	each_twin(rmsnorm_all);
}

static double activated(double x, enum be_act act)
{
	switch (act) {
	case BE_GELU_NEW: return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
	case BE_SILU: return x / (1 + exp(-x));
	default: return x > 0 ? x : 0;
	}
}

static void feed_case(int P, int n, int k, enum be_precision p, bool gated, enum be_act act)
{
	if (!multiplies(p))
		return;
	size_t nx = (size_t)P * (size_t)k, ny = (size_t)P * (size_t)n, nw = (size_t)n * (size_t)k;
	float *X = random_array(nx), *w[2] = {random_array(nw), random_array(nw)}, *have;
	float *x = to_device(X, nx * sizeof(float)), *y = be->alloc((ny + 1) * sizeof(float)),
	      *z = be->alloc((ny + 1) * sizeof(float));
	struct be_weight *W[2] = {be->weight_pack(w[0], n, k, k, false, p),
				  be->weight_pack(w[1], n, k, k, false, p)};
	double *want = zeros(ny + 1);

	for (size_t i = 0; i < ny; i++) {
		const float *row = X + i / (size_t)n * (size_t)k;
		size_t at = i % (size_t)n * (size_t)k;

		want[i] = activated(dot(row, w[0] + at, k, 1), act) *
			  (gated ? dot(row, w[1] + at, k, 1) : 1);
	}
	be->feed_forward(y, z, x, W[0], gated ? W[1] : NULL, act, P);
	be->free(z);
	have = from_device(y, ny + 1);
	assert_true(have[ny] == 0);
	compare(p == BE_F32 ? FEED : FEED_16, have, want, ny, k + 1);
	be->weight_free(W[0]);
	be->weight_free(W[1]);
	be->free(x);
	free(X), free(w[0]), free(w[1]), free(have), free(want);
}

static void feed_all(void)
{
	static const struct {
		int P, n, k;
	} shapes[] = {{5, 7, 3}, {101, 131, 9}, {1, 4, 1}, {0, 3, 2}};

	for (size_t i = 0; i < (FEW ? 1 : sizeof(shapes) / sizeof(*shapes)); i++)
		for (int kind = 0; kind < 12; kind++)
			feed_case(shapes[i].P, shapes[i].n, shapes[i].k,
				  kind & 1 ? BE_BF16 : BE_F32, kind & 2, (enum be_act)(kind / 4));
}

static void feed_forward(void **state)
{
	(void)state;
	each_twin(feed_all);
}

static void elements_case(size_t n)
{
	float *X = random_array(n), *Y = random_array(n), *have;
	double *want = zeros(n);

	for (int kind = 0; kind < 9; kind++) {
		enum be_act act = (enum be_act)(kind < 2 ? 0 : kind / 2 - 1);
		float *x = be->alloc((n + 1) * sizeof(float)), *y = to_device(Y, n * sizeof(float));

		be->put(x, X, n * sizeof(float));
		for (size_t i = 0; i < n; i++)
			want[i] = kind == 0   ? (double)(X[i] + Y[i])
				  : kind == 1 ? (double)(0.3f * X[i])
				  : kind == 8 ? 0.4 * tanh((double)X[i] / 0.4)
					      : activated((double)X[i], act) *
							(kind & 1 ? (double)Y[i] : 1);
		if (kind == 0)
			be->add(x, y, n);
		else if (kind == 1)
			be->scale(x, 0.3f, n);
		else if (kind == 8)
			be->softcap(x, 0.4f, n);
		else
			be->activate(x, kind & 1 ? y : NULL, act, n);
		have = from_device(x, n + 1);
		be->free(y);
		assert_true(have[n] == 0);
		for (size_t i = 0; kind < 2 && i < n; i++)
			assert_true((double)have[i] == want[i]);
		compare(ACTIVATE, have, want, n, 1);
		free(have);
	}
	free(X), free(Y), free(want);
}

static void elements_all(void)
{
	elements_case(0);
	elements_case(1);
	elements_case(257);
	elements_case(1000);
}

static void elements(void **state)
{
	(void)state;
	each_twin(elements_all);
}

static void large_values(void)
{
	static const float X[] = {-200, -30, -1e-30f, 0, 1e-30f, 30, 200};

	for (enum be_act act = BE_GELU_NEW; act <= BE_SILU; act++) {
		float *x = to_device(X, sizeof(X)), *have;

		be->activate(x, NULL, act, 7);
		have = from_device(x, 7);
		for (int i = 0; i < 7; i++)
			assert_true(fabs((double)have[i] - activated((double)X[i], act)) <=
				    1e-6 * fabs((double)X[i]));
		free(have);
	}
}

static void activations_far_out(void **state)
{
	(void)state;
	each_twin(large_values);
}

/* ------------------------------------------------------------ attention */

enum { SEQS = 4, HEADS = 4, HEAD = 5, WIDE = HEADS * HEAD, LONGEST = 9 };
static const int lengths[SEQS] = {4, 9, 1, 6}, firsts[SEQS] = {0, 4, 13, 14},
		 keys_of[SEQS] = {3, 9, 1, 6};
enum { ROWS = 20 };

/* Every query head against the head of its keys. */
static void self_oracle(double *ctx, const float *Q, const float *K, const float *V,
			const struct be_attention *a)
{
	int wide = a->kv_heads * HEAD;

	for (int s = 0; s < SEQS; s++)
		for (int h = 0; h < HEADS; h++)
			for (int i = 0; i < lengths[s]; i++) {
				double p[LONGEST], sum = 0;
				int keys = a->causal && i + 1 < keys_of[s] ? i + 1 : keys_of[s],
				    first = a->window && keys > a->window ? keys - a->window : 0,
				    kv = h * a->kv_heads / HEADS * HEAD;

				for (int j = first; j < keys; j++) {
					const float *q = Q + (firsts[s] + i) * WIDE + h * HEAD,
						    *k = K + (firsts[s] + j) * wide + kv;

					p[j] = (double)a->scale * dot(q, k, HEAD, 1);
					if (a->cap > 0)
						p[j] = (double)a->cap * tanh(p[j] / (double)a->cap);
					if (a->bias)
						p[j] += (double)a->bias[h * (2 * LONGEST - 1) + j -
									i + LONGEST - 1];
					p[j] = exp(p[j]);
					sum += p[j];
				}
				for (int e = 0; e < HEAD; e++)
					for (int j = first; j < keys; j++)
						ctx[(firsts[s] + i) * WIDE + h * HEAD + e] +=
							p[j] / sum *
							(double)V[(firsts[s] + j) * wide + kv + e];
			}
}

static void self_case(const float *Q, const float *K, const float *V, struct be_attention a)
{
	size_t rows = ROWS * sizeof(float), all = WIDE * rows,
	       table = HEADS * (2 * LONGEST - 1) * sizeof(float);
	float *q = to_device(Q, all), *k = to_device(K, all), *v = to_device(V, all),
	      *b = a.bias ? to_device(a.bias, table) : NULL, *ctx = be->alloc(all + sizeof(float)),
	      *have;
	double *want = zeros(ROWS * WIDE);

	self_oracle(want, Q, K, V, &a);
	a.bias = b;
	be->self_attention(ctx, q, (struct be_ragged){SEQS, firsts, lengths}, k, v,
			   (struct be_ragged){SEQS, firsts, keys_of}, NULL, &a);
	be->self_attention(ctx, q, (struct be_ragged){0, firsts, lengths}, k, v,
			   (struct be_ragged){0, firsts, keys_of}, NULL, &a);
	have = from_device(ctx, ROWS * WIDE + 1);
	assert_true(have[ROWS * WIDE] == 0);
	compare(SELF, have, want, ROWS * WIDE, 1);
	be->free(q), be->free(k), be->free(v), be->free(b);
	free(have), free(want);
}

/* The last rows of every sequence against all its keys must equal the last rows of the whole
 * sequence. */
static void self_behind(const float *Q, const float *K, const float *V, struct be_attention a)
{
	static const int len[SEQS] = {2, 3, 1, 0}, off[SEQS] = {0, 2, 5, 6};
	int before[SEQS], rows = 0;
	size_t all = ROWS * WIDE * sizeof(float);
	float *q = xarray(ROWS * WIDE, sizeof(*q)), *have;
	double *whole = zeros(ROWS * WIDE), *want = zeros(ROWS * WIDE);

	self_oracle(whole, Q, K, V, &a);
	for (int s = 0; s < SEQS; s++) {
		before[s] = lengths[s] - len[s];
		for (int i = 0; i < len[s] * WIDE; i++) {
			int at = (firsts[s] + before[s]) * WIDE + i;

			q[rows * WIDE + i] = Q[at];
			want[rows * WIDE + i] = whole[at];
		}
		rows += len[s];
	}
	float *dq = to_device(q, all), *dk = to_device(K, all), *dv = to_device(V, all),
	      *ctx = be->alloc(all);

	be->self_attention(ctx, dq, (struct be_ragged){SEQS, off, len}, dk, dv,
			   (struct be_ragged){SEQS, firsts, keys_of}, before, &a);
	have = from_device(ctx, ROWS * WIDE);
	compare(SELF, have, want, ROWS * WIDE, 1);
	be->free(dq), be->free(dk), be->free(dv);
	free(q), free(have), free(whole), free(want);
}

static void self_all(void)
{
	float *Q = random_array(ROWS * WIDE), *K = random_array(ROWS * WIDE),
	      *V = random_array(ROWS * WIDE), *bias = random_array(HEADS * (2 * LONGEST - 1));

	for (int kind = 0; kind < 24; kind++) {
		static const int kv_heads[] = {HEADS, HEADS / 2, 1};

		self_case(Q, K, V,
			  (struct be_attention){.heads = HEADS,
						.kv_heads = kv_heads[kind / 4 % 3],
						.width = HEAD,
						.scale = kind & 2 ? 1 : 0.3f,
						.cap = kind >= 20 ? 0.5f : 0,
						.causal = kind & 1,
						.window = kind >= 12 && kind & 1 ? 3 : 0,
						.bias = kind & 2 ? bias : NULL,
						.T = LONGEST});
	}
	self_behind(Q, K, V,
		    (struct be_attention){.heads = HEADS,
					  .kv_heads = 2,
					  .width = HEAD,
					  .scale = 0.3f,
					  .causal = true,
					  .window = 4});
	free(Q), free(K), free(V), free(bias);
}

static void self_attention(void **state)
{
	(void)state;
	each_twin(self_all);
}

/* Rotates heads of 2, 4 and 6, and 4 of 7 elements of a head, each row by its own position in its
 * sequence. */
static void rotate_case(int heads, int width, int turned, const int *first)
{
	size_t n = ROWS * (size_t)(heads * width), turns = LONGEST * (size_t)turned;
	float *X = random_array(n), *table = random_array(turns), *have;
	float *x = to_device(X, n * sizeof(float)), *t = to_device(table, turns * sizeof(float));
	double *want = zeros(n);

	for (int s = 0; s < SEQS; s++)
		for (int i = 0; i < lengths[s] * heads * width; i++) {
			int p = i / (heads * width) + (first ? first[s] : 0), e = i % width,
			    half = turned / 2;
			size_t at = (size_t)(firsts[s] * heads * width + i);
			const float *turn = table + p * turned + e % half;
			bool second = e >= half;

			if (e >= turned) {
				want[at] = (double)X[at];
				continue;
			}
			want[at] = (double)X[at] * (double)turn[0] +
				   (second ? (double)X[at - (size_t)half]
					   : -(double)X[at + (size_t)half]) *
					   (double)turn[half];
		}
	be->rotate(x, (struct be_ragged){SEQS, firsts, lengths}, first, heads, width, turned, t);
	have = from_device(x, n);
	compare(ACTIVATE, have, want, n, 1);
	be->free(t);
	free(X), free(table), free(have), free(want);
}

static void add_row_case(int P, int n)
{
	size_t all = (size_t)P * (size_t)n;
	float *X = random_array(all), *b = random_array((size_t)n), *have;
	float *x = be->alloc((all + 1) * sizeof(float)),
	      *d = to_device(b, (size_t)n * sizeof(float));

	be->put(x, X, all * sizeof(float));
	be->add_row(x, d, P, n);
	have = from_device(x, all + 1);
	assert_true(have[all] == 0);
	for (size_t i = 0; i < all; i++)
		assert_true(have[i] == X[i] + b[i % (size_t)n]);
	be->free(d);
	free(X), free(b), free(have);
}

static void squares_case(int P, int n)
{
	size_t all = (size_t)P * (size_t)n, rows = (size_t)P + 1;
	float *Y = random_array(all), *y = to_device(Y, all * sizeof(float));
	double *sum = be->alloc(rows * sizeof(double)), *have = calloc(rows, sizeof(double));

	be->squares(sum, y, P, n);
	be->get(have, sum, rows * sizeof(double));
	assert_true(have[P] == 0);
	for (int p = 0; p < P; p++) {
		double want = 0;

		for (int i = 0; i < n; i++)
			want += (double)Y[p * n + i] * (double)Y[p * n + i];
		assert_true(fabs(have[p] - want) <= 1e-13 * want);
	}
	be->free(sum);
	be->free(y);
	free(Y), free(have);
}

static void copy_case(size_t n)
{
	float *X = random_array(n + 1), *x = to_device(X, (n + 1) * sizeof(float)),
	      *y = be->alloc((n + 1) * sizeof(float)), *have;

	be->copy(y, x, n);
	have = from_device(y, n + 1);
	assert_true(have[n] == 0);
	assert_memory_equal(have, X, n * sizeof(float));
	be->free(x);
	free(X), free(have);
}

static void rows_all(void)
{
	static const int first[SEQS] = {5, 0, 8, 3};

	rotate_case(1, 2, 2, NULL);
	rotate_case(3, 4, 4, NULL);
	rotate_case(2, 6, 6, first);
	rotate_case(2, 7, 4, first);
	copy_case(0);
	copy_case(300);
	add_row_case(0, 5);
	add_row_case(1, 300);
	add_row_case(7, 131);
	squares_case(0, 5);
	squares_case(1, 3000);
	squares_case(7, 131);
}

static void rows_alone(void **state)
{
	(void)state;
	each_twin(rows_all);
}

/* Queries: sequences of 2, 0, 1 and 3 rows. */
static void cross_all(void)
{
	static const int query_off[SEQS] = {0, 2, 2, 3}, query_len[SEQS] = {2, 0, 1, 3};
	enum { QUERIES = 6, D = 7, QN = QUERIES * HEADS * D };
	float *Q = random_array(QN), *M = random_array(ROWS * D),
	      *q = to_device(Q, QN * sizeof(float)), *m = to_device(M, ROWS * D * sizeof(float));
	float *u = be->alloc((QN + 1) * sizeof(float)), *have;
	double *want = zeros(QN);

	for (int s = 0; s < SEQS; s++)
		for (int r = query_off[s] * HEADS; r < (query_off[s] + query_len[s]) * HEADS; r++) {
			double p[LONGEST], sum = 0;

			for (int j = 0; j < keys_of[s]; j++) {
				p[j] = exp(dot(Q + r * D, M + (firsts[s] + j) * D, D, 1));
				sum += p[j];
			}
			for (int e = 0; e < D; e++)
				for (int j = 0; j < keys_of[s]; j++)
					want[r * D + e] +=
						p[j] / sum * (double)M[(firsts[s] + j) * D + e];
		}
	be->cross_attention(u, q, m, (struct be_ragged){SEQS, query_off, query_len},
			    (struct be_ragged){SEQS, firsts, lengths}, keys_of, HEADS, D);
	have = from_device(u, QN + 1);
	assert_true(have[QN] == 0);
	compare(CROSS, have, want, QN, 1);
	be->free(q), be->free(m);
	free(Q), free(M), free(have), free(want);
}

static void cross_attention(void **state)
{
	(void)state;
	each_twin(cross_all);
}

/* ------------------------------------------------------------ Grams, scans, solves */

static void gram_case(int P, int m, int n, bool symmetric)
{
	size_t nx = (size_t)P * (size_t)m, ny = (size_t)P * (size_t)n, all = (size_t)m * (size_t)n;
	float *X = random_array(nx), *Y = symmetric ? X : random_array(ny),
	      *x = to_device(X, nx * sizeof(float));
	float *y = symmetric ? x : to_device(Y, ny * sizeof(float));
	double *G = zeros(all), *want = zeros(all), difference = 0, norm = 0, *g;

	for (size_t i = 0; i < all; i++) /* symmetric, as G is */
		G[i] = want[i] = sin((double)(i / (size_t)n + i % (size_t)n));
	for (size_t e = 0; e < all; e++)
		for (int p = 0; p < P; p++)
			want[e] += (double)X[(size_t)p * (size_t)m + e / (size_t)n] *
				   (double)Y[(size_t)p * (size_t)n + e % (size_t)n];
	g = to_device(G, all * sizeof(double));
	be->gram(g, x, y, P, m, n, 0, m);
	if (symmetric)
		be->mirror(g, m);
	be->get(G, g, all * sizeof(double));
	for (size_t e = 0; e < all; e++) {
		difference += (G[e] - want[e]) * (G[e] - want[e]);
		norm += want[e] * want[e];
		if (symmetric)
			assert_true(G[e] == G[e % (size_t)n * (size_t)n + e / (size_t)n]);
	}
	within(P <= GRAM_F64_ROWS ? GRAM_FEW : GRAM_CHUNKS, difference, norm, P + 1);
	be->free(g), be->free(x);
	if (!symmetric)
		be->free(y), free(Y);
	free(X), free(G), free(want);
}

static void gram_all(void)
{
	static const int rows[] = {
		0, 1, 5, GRAM_F64_ROWS, GRAM_F64_ROWS + 1, GRAM_CHUNK + 1, 2 * GRAM_CHUNK + 77};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i += FEW ? 4 : 1) {
		gram_case(rows[i], 9, 9, true);
		gram_case(rows[i], 4, 11, false);
		gram_case(rows[i], 11, 4, false);
		gram_case(rows[i], 1, 6, false);
	}
}

static void gram(void **state)
{
	(void)state;
	each_twin(gram_all);
}

static void scan_pieces(void)
{
	enum { P = 5, V = 300, PIECE = 130 };
	float *L = random_array(P * V);
	struct be_logits rows[P], *r;

	L[1 * V + 40] = L[1 * V + 200] = 3; /* a tie across two pieces, and one within a piece */
	L[2 * V + 33] = L[2 * V + 1] = 4;
	L[3 * V + 0] = 5;
	for (int i = 0; i < P; i++)
		rows[i] = (struct be_logits){.top = -INFINITY,
					     .second = -INFINITY,
					     .id = -1,
					     .want = i == 4 ? -1 : 70 * i};
	r = to_device(rows, sizeof(rows));
	for (int id0 = 0; id0 < V; id0 += PIECE) {
		int n = V - id0 < PIECE ? V - id0 : PIECE;
		float *piece = xarray((size_t)P * (size_t)n, sizeof(*piece)), *logits;

		for (int i = 0; i < P; i++)
			memcpy(piece + i * n, L + i * V + id0, (size_t)n * sizeof(float));
		logits = to_device(piece, (size_t)(P * n) * sizeof(float));
		be->logits_reduce(r, logits, P, n, id0);
		be->logits_reduce(r, logits, 0, n, id0);
		be->free(logits);
		free(piece);
	}
	be->get(rows, r, sizeof(rows));
	be->free(r);
	for (int i = 0; i < P; i++) {
		const float *x = L + i * V;
		int best = 0;
		float second = -INFINITY;
		double sum = 0;

		for (int j = 1; j < V; j++)
			best = x[j] > x[best] ? j : best;
		for (int j = 0; j < V; j++) {
			second = j != best && x[j] > second ? x[j] : second;
			sum += exp((double)x[j] - (double)x[best]);
		}
		assert_int_equal(rows[i].id, best);
		assert_true(rows[i].top == x[best] && rows[i].second == second);
		assert_true(i == 4 || rows[i].logit == x[70 * i]);
		within(SCAN_SUM, (rows[i].sum - sum) * (rows[i].sum - sum), sum * sum, 1);
	}
	free(L);
}

static void logits_reduce(void **state)
{
	(void)state;
	each_twin(scan_pieces);
}

/* S = B Bᵀ + I, X S⁻¹ S = X. */
static void solve_case(int d, int r)
{
	size_t dd = (size_t)d * (size_t)d, rd = (size_t)r * (size_t)d;
	float *B = random_array(dd), *want = random_array(rd);
	double *S = zeros(dd), *X = zeros(rd), difference = 0, norm = 0;

	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
			S[i * d + j] = dot(B + i * d, B + j * d, d, 1) + (i == j);
	for (int i = 0; i < r; i++)
		for (int j = 0; j < d; j++)
			for (int e = 0; e < d; e++)
				X[i * d + j] += (double)want[i * d + e] * S[e * d + j];
	assert_int_equal(be->potrf(S, d), 0);
	be->potrs(X, S, d, r);
	for (size_t i = 0; i < rd; i++) {
		difference += (X[i] - (double)want[i]) * (X[i] - (double)want[i]);
		norm += (double)want[i] * (double)want[i];
	}
	within(CHOLESKY, difference, norm, 1);
	for (int i = 0; i < d; i++)
		for (int j = i + 1; j < d; j++)
			assert_true(fabs(S[i * d + j] - dot(B + i * d, B + j * d, d, 1)) <=
				    0); /* the other triangle stays */
	free(B), free(want), free(S), free(X);
}

static void solve_all(void)
{
	static const int shapes[][2] = {{5, 2}, {3, 7}, {1, 4}, {6, 1}, {4, 0}, {0, 3}, {37, 5}};
	double S[] = {4, 0, 0, 2, 1, 0, 0, 0, 1};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		solve_case(shapes[i][0], shapes[i][1]);
	solve_case(300, 40);                  /* more than one panel */
	assert_int_equal(be->potrf(S, 3), 2); /* 1 − (2/2)² = 0 */
}

static void solves(void **state)
{
	(void)state;
	each_twin(solve_all);
}

/* ------------------------------------------------------------ memory */

static void copies(void)
{
	enum { N = FEW ? 1000 : 2500000 }; /* three staging buffers' worth: more than there are */
	float *x = random_array(N), *kept = xarray(N, sizeof(*kept)),
	      *d = be->alloc(N * sizeof(float)), *have;

	have = xarray(N, sizeof(*have));
	be->get(have, d, N * sizeof(float));
	for (int i = 0; i < N; i++)
		assert_true(have[i] == 0);
	memcpy(kept, x, N * sizeof(float));
	be->put(d, x, N * sizeof(float));
	memset(x, 0xff, N * sizeof(float));
	be->put(d + 5, kept, 2 * sizeof(float));
	be->put(d, kept, 0);
	be->get(have, d, N * sizeof(float));
	assert_memory_equal(have, kept, 5 * sizeof(float));
	assert_memory_equal(have + 5, kept, 2 * sizeof(float));
	assert_memory_equal(have + 7, kept + 7, (N - 7) * sizeof(float));
	be->get(have, d + 11, 3 * sizeof(float));
	assert_memory_equal(have, kept + 11, 3 * sizeof(float));
	be->get(have, d, 0);
	be->free(d);
	be->free(NULL);
	be->weight_free(NULL);
	d = be->alloc(N * sizeof(float)); /* zeroed again */
	be->get(have, d, N * sizeof(float));
	for (int i = 0; i < N; i++)
		assert_true(have[i] == 0);
	be->free(d);
	free(x), free(kept), free(have);
}

static void memory(void **state)
{
	(void)state;
	each_twin(copies);
}

/* What the device has given is counted. Freed arrays are kept for the next ones of their size. */
static void counted(void **state)
{
	size_t before, live = emu_live();
	void *a, *b;

	(void)state;
	be = &be_cuda;
	before = be->memory().in_use;
	a = be->alloc(1000);
	b = be->alloc(300000);
	assert_int_equal(be->memory().in_use - before,
			 be->array_bytes(1000) + be->array_bytes(300000));
	assert_true(be->memory().peak == emu_peak());
	be->free(a);
	be->free(b);
	assert_true(be->memory().in_use == before);
	live = emu_live();
	a = be->alloc(300000);
	assert_true(emu_live() == live);
	be->free(a);
}

/* After all operations, only what they keep for themselves is held: at most the planned working
 * memory. */
static void nothing_left(void **state)
{
	struct be_sizes largest = {.n = 1200,
				   .k = 1900,
				   .p = BE_F32,
				   .NH = HEADS * 3,
				   .T = LONGEST,
				   .keys = LONGEST,
				   .gram_m = 11,
				   .gram_n = 11};

	(void)state;
	be = &be_cuda;
	assert_true(be->memory().in_use <= be->work_bytes(&largest));
}

static int say_worst(void **state)
{
	(void)state;
	for (int i = 0; i < OPS; i++)
		print_message("# %-17s at most %.1e%s; of that: cpu %.2f, cuda %.2f\n",
			      bounds[i].name, bounds[i].most, bounds[i].grows ? " √terms" : "",
			      worst[0][i], worst[1][i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory),
		cmocka_unit_test(linear),
#ifndef EMU_TSAN
		cmocka_unit_test(large),
		cmocka_unit_test(same_bits_in_any_batch),
#endif
		cmocka_unit_test(heads),
		cmocka_unit_test(rounding),
		cmocka_unit_test(weights_in_turn),
		cmocka_unit_test(rmsnorm),
		cmocka_unit_test(feed_forward),
		cmocka_unit_test(elements),
		cmocka_unit_test(activations_far_out),
		cmocka_unit_test(self_attention),
		cmocka_unit_test(rows_alone),
		cmocka_unit_test(cross_attention),
		cmocka_unit_test(gram),
		cmocka_unit_test(logits_reduce),
		cmocka_unit_test(solves),
		cmocka_unit_test(counted),
		cmocka_unit_test(nothing_left),
	};

	static const struct common_opts how = {.backend = "cuda", .threads = 1};

	be_select(&how);
	return cmocka_run_group_tests(tests, NULL, say_worst);
}
