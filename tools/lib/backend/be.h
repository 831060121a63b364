/* be.h: the backend: every operation on model-sized arrays. There are two twins, cpu and cuda, with
 * the same names, the same order and the same contracts.
 *
 * Arrays come from be->alloc and are touched only through be. be->put and be->get move rows between
 * host and device; on the CPU they copy. Arrays are row-major float32, ld is in elements.
 *
 * Equal input rows give equal output rows, whatever other rows a call has, and for any number of
 * threads. The CPU twin computes fixed tiles with fixed kernels for this. */
#ifndef BE_H
#define BE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct common_opts; /* base/opts.h */

/* The type of a product's operands.
 * - BE_F32, BE_BF16: sums are float32.
 * - BE_INT8: W is rounded to 8-bit integers with a step per output, X to 7-bit integers with a step
 *   per row. Sums are exact integers of 32 bits; k is at most BE_INT8_WIDEST. Results are float32.
 */
enum be_precision { BE_F32, BE_BF16, BE_INT8 };
enum { BE_INT8_WIDEST = 0x7fffffff / (127 * 127) };

enum be_act { BE_RELU, BE_GELU_NEW /* tanh form */, BE_SILU /* x / (1 + e^−x) */ };

struct be_weight; /* a linear's weight, packed for products */

/* Sequences packed without gaps: sequence i has rows [off[i], off[i] + len[i]). */
struct be_ragged {
	int n;
	const int *off, *len; /* host arrays */
};

/* A self-attention. Query head h uses the keys and values of head h·kv_heads/heads. */
struct be_attention {
	int heads, kv_heads, width; /* width of one head; heads is a multiple of kv_heads */
	float scale;                /* factor of the scores q·k */
	float cap;                  /* of the scaled scores, as in softcap; 0: none */
	bool causal;                /* a row attends to no later row */
	int window; /* causal: attend to the last `window` rows, the row itself included; 0: to all
		     */
	const float *bias; /* (heads, 2T−1), added to a score by key − query + T − 1, T ≥ every
			      length; NULL: none */
	int T;
};

/* Running results for one row of logits, over the vocabulary in pieces (logits_reduce). */
struct be_logits {
	double sum;        /* Σ exp(logit − top) */
	float top, second; /* the two largest logits */
	float logit;       /* logit of token `want` */
	int id, want; /* id: token of the largest logit, on a tie the lower id; want: −1 for none */
};

/* The largest sizes of a process's operations, for planning. 0: the operation is not used. */
struct be_sizes {
	int n, k; /* linear: most outputs of a weight, most inputs of a weight */
	enum be_precision p;
	int NH, T, keys; /* attention: heads, the longest sequence, and the most rows that one
			    attends to */
	int gram_m, gram_n;
	int solve_d, solve_r;
};

/* The device's own memory, in bytes. */
struct be_memory {
	size_t in_use; /* in arrays and weights that are not freed */
	size_t peak;   /* the most so far, including what is kept for the next allocation */
};

struct backend {
	const char *name;
	/* Whether to load a block's weights while the previous block is computed: the device copies
	 * and computes at the same time, and has room for both. */
	bool ahead;
	/* Makes the device ready for only this process; waits until another process ends. A device
	 * that is absent or unsuitable is die(). Called by be_select(), which passes its
	 * options. */
	void (*open)(const struct common_opts *how);
	/* The 16-bit type that this device multiplies faster than float32; BE_F32: there is
	 * none. */
	enum be_precision (*fast16)(void);
	bool int8; /* whether it has BE_INT8 */

	/* Planning, before the first allocation. What arrays, weights and operations take of the
	 * device's own memory. 0 on the CPU, whose memory plan/footprint.h plans. */
	size_t (*array_bytes)(size_t bytes);
	size_t (*weight_bytes)(int n, int k, enum be_precision p);
	size_t (*work_bytes)(const struct be_sizes *s);
	/* Promises that the process holds no more than this. Where the device has less free, or
	 * --max-memory is less: die(), naming the figure. */
	void (*reserve)(size_t bytes);
	struct be_memory (*memory)(void);

	void *(*alloc)(size_t bytes); /* zeroed */
	void (*free)(void *p);
	void (*put)(void *device, const void *host, size_t bytes);
	void (*get)(void *host, const void *device, size_t bytes);

	/* All but `get` may return before the device has finished. The host's arrays may be reused
	 * on return. */
	/* Packs W (n, k) from host rows `w` with leading dimension ld. transposed: w is (k, n). */
	struct be_weight *(*weight_pack)(const float *w, int n, int k, int ld, bool transposed,
					 enum be_precision p);
	void (*weight_free)(struct be_weight *w);

	/* Y (P, n) = X (P, k) Wᵀ [+ Y if accumulate]. */
	void (*linear)(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W, int P,
		       bool accumulate);
	/* The same for all heads h at once: Y + h·step_y (P, n) = X + h·step_x (P, k) W_hᵀ. All W_h
	 * have the same shape. step_x 0: several linears of one X. */
	void (*linear_heads)(float *Y, int ldy, int step_y, const float *X, int ldx, int step_x,
			     struct be_weight *const *W, int heads, int P, bool accumulate);
	/* The first half of a feed-forward: Y (P, n) = act(X W0ᵀ) · (X W1ᵀ), with act as in
	 * activate. W1 NULL: Y = act(X W0ᵀ). Z (P, n): workspace. */
	void (*feed_forward)(float *Y, float *Z, const float *X, const struct be_weight *W0,
			     const struct be_weight *W1, enum be_act act, int P);
	/* y = x / sqrt(mean(x²) + eps) · g, for each row of D. T5's RMSNorm: no mean is subtracted,
	 * no bias is added. */
	void (*rmsnorm)(float *Y, const float *X, const float *g, int P, int D, float eps);
	/* Y = Y + X, n elements. */
	void (*add)(float *Y, const float *X, size_t n);
	/* Y (P, n) = Y + b (n) in every row. */
	void (*add_row)(float *Y, const float *b, int P, int n);
	/* sum (P; float64) = Σ y² of each row of Y (P, n), summed in float64. Both in backend
	 * memory. */
	void (*squares)(double *sum, const float *Y, int P, int n);
	/* X = factor X, n elements. */
	void (*scale)(float *X, float factor, size_t n);
	/* X = cap tanh(X / cap), n elements (Gemma 2, arXiv 2408.00118, section 2). */
	void (*softcap)(float *X, float cap, size_t n);
	/* X = act(X), n elements; X = act(X) · G elementwise where G is not NULL. */
	void (*activate)(float *X, const float *G, enum be_act act, size_t n);
	/* Y = X, n elements; both in backend memory. */
	void (*copy)(float *Y, const float *X, size_t n);
	/* Rotates by position, in halves. a and b are the halves of a head's first `turned`
	 * elements; the others stay. In every head of a row, (a, b) → (a cos − b sin, b cos + a
	 * sin) elementwise. X (P, heads·width). table (T, turned): row p has the cosines of
	 * position p, then the sines; T > every position. first[i]: the position of sequence i's
	 * first row; NULL: 0. */
	void (*rotate)(float *X, struct be_ragged seq, const int *first, int heads, int width,
		       int turned, const float *table);
	/* Attention. Wherever there are queries there are keys.
	 *
	 * For sequence i and head h, ctx = softmax(cap(scale Q Kᵀ) + bias) V over the sequence's
	 * keys; if causal, j ≤ query. Q, ctx (P, heads·width); K, V (keys, kv_heads·width).
	 * before[i]: number of keys before the sequence's first query; NULL: 0. */
	void (*self_attention)(float *ctx, const float *Q, struct be_ragged query, const float *K,
			       const float *V, struct be_ragged keys, const int *before,
			       const struct be_attention *a);
	/* Cross-attention over rows of the encoder's output; keys are never formed. Q (Pq, NH, D)
	 * holds q̃_h = Wk_hᵀ q_h, so the score of row m is q̃_h·m. U (Pq, NH, D) = softmax(scores)
	 * M over the first valid[i] rows of sequence i in M. */
	void (*cross_attention)(float *U, const float *Q, const float *M, struct be_ragged query,
				struct be_ragged memory, const int *valid, int NH, int D);
	/* Rows [i0, i0+rows) of a Gram: G (rows, n) float64 += those rows of X (P, m)ᵀ Y (P, n).
	 * Chunks of GRAM_CHUNK rows of X and Y are summed in float32, the chunks in float64; up to
	 * GRAM_F64_ROWS rows all in float64. X == Y: only the lower triangle is defined until
	 * mirror, which makes G (m, m) symmetric from it. Where i0 is a multiple of GRAM_BLOCK, a
	 * row has the same bits as in a call for all rows. */
	void (*gram)(double *G, const float *X, const float *Y, int P, int m, int n, int i0,
		     int rows);
	void (*mirror)(double *G, int m);
	/* Row i of state (P; backend memory) takes in the logits (P, n) of the tokens id0 …
	 * id0+n−1. */
	void (*logits_reduce)(struct be_logits *state, const float *logits, int P, int n, int id0);

	/* Solving, in float64, on host arrays. potrf: the lower triangle of S (d, d) becomes its
	 * Cholesky factor; the strict upper triangle stays. Returns 0, or k > 0 when pivot k (from
	 * 1) is not positive. potrs: X (r, d) = X S⁻¹, with S as potrf left it. */
	int (*potrf)(double *S, int d);
	void (*potrs)(double *X, const double *S, int d, int r);
};

enum { GRAM_CHUNK = 960, GRAM_F64_ROWS = 256, GRAM_BLOCK = 768 };

extern const struct backend *be;
/* Chooses the backend that the options name. An unknown or unavailable one is die(); there is no
 * silent fallback. The linear algebra libraries claim their address space (address_space.h) for
 * this many threads. The options must outlive the backend. */
void be_select(const struct common_opts *how);
/* The precision of the few products beside a block's linears in precision p: ΔW, inside attention,
 * the output embedding. They stay float32 beside integers. */
enum be_precision be_beside(enum be_precision p);
/* A backend without BE_INT8 is die(), naming the key that asks for it. */
void be_need_int8(void);

#endif
