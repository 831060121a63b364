/* be.h: the backend: every operation on model-sized arrays. Two twins, cpu and cuda: same names,
 * same order, same contracts.
 *
 * Arrays come from be->alloc and are touched only through be: be->put and be->get move rows between
 * host and device (on the CPU a copy). Row-major, float32, ld in elements. Equal rows in give equal
 * rows out, whatever other rows are in the call, for any number of threads (the CPU twin computes
 * fixed tiles by fixed kernels). */
#ifndef BE_H
#define BE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct common_opts; /* base/opts.h */

enum be_precision { BE_F32, BE_BF16 }; /* of the operands of products; sums are float32 always */

enum be_act { BE_RELU, BE_GELU_NEW /* tanh form */, BE_SILU /* x / (1 + e^−x) */ };

struct be_weight; /* one linear's weight, packed for its products */

/* Sequences packed without gaps: sequence i has rows [off[i], off[i] + len[i]). */
struct be_ragged {
	int n;
	const int *off, *len; /* host arrays */
};

/* A self-attention. Query head h attends to the keys and values of head h·kv_heads/heads. */
struct be_attention {
	int heads, kv_heads, width; /* of one head; heads: a multiple of kv_heads */
	float scale;                /* of the scores q·k */
	bool causal;                /* a row attends to no later one */
	int window;        /* causal: to the last `window` rows, itself among them; 0: all */
	const float *bias; /* (heads, 2T−1), added to the score by key − query + T − 1,
			      T ≥ every length; NULL: none */
	int T;
};

/* Running figures of one row of logits, over the vocabulary in pieces (logits_reduce). */
struct be_logits {
	double sum;        /* Σ exp(logit − top) */
	float top, second; /* the two largest logits */
	float logit;       /* of token `want` */
	int id, want; /* id: the largest logit's token, the lower id on a tie; want: −1 for none */
};

/* How large the operations of a process get, for planning; 0: an operation that is not used. */
struct be_sizes {
	int n, k; /* linear: the widest weight's outputs, the widest's inputs */
	enum be_precision p;
	int NH, T, keys; /* attention: heads, the longest sequence, and the longest that it attends
			    to */
	int gram_m, gram_n;
	int solve_d, solve_r;
};

/* Memory of the device's own, bytes. */
struct be_memory {
	size_t in_use; /* by arrays and weights that have not been freed */
	size_t peak; /* the most that was held so far, with what is kept for the next allocation */
};

struct backend {
	const char *name;
	/* Loading a block's weights while the one before computes saves time: the device copies and
	 * computes at once, and has room for both. */
	bool ahead;
	/* Makes the device ready for this process alone, waiting for another's end. A device that
	 * is not there or not able is die(). By be_select(), whose
	 * options go on to it. */
	void (*open)(const struct common_opts *how);
	/* BE_F32, or the 16-bit type that this device multiplies faster than float32 (BE_F32 when
	 * it has none). */
	enum be_precision (*fast16)(void);

	/* Planning, before the first allocation. What arrays, weights and the operations take of
	 * the device's own memory (on the CPU 0: its memory is the process's, which budget.h
	 * plans): */
	size_t (*array_bytes)(size_t bytes);
	size_t (*weight_bytes)(int n, int k, enum be_precision p);
	size_t (*work_bytes)(const struct be_sizes *s);
	/* The process will hold no more than this. Where the device has not as much free, or
	 * --max-memory says less: die(), naming the figure. */
	void (*reserve)(size_t bytes);
	struct be_memory (*memory)(void);

	void *(*alloc)(size_t bytes); /* zeroed */
	void (*free)(void *p);
	void (*put)(void *device, const void *host, size_t bytes);
	void (*get)(void *host, const void *device, size_t bytes);

	/* All may return before the device is done, but for get. The host's arrays are free for
	 * reuse on return. */
	/* Packs W (n, k) from host rows `w` with leading dimension ld; transposed: w is (k, n). */
	struct be_weight *(*weight_pack)(const float *w, int n, int k, int ld, bool transposed,
					 enum be_precision p);
	void (*weight_free)(struct be_weight *w);

	/* Y (P, n) = X (P, k) Wᵀ [+ Y if accumulate]. */
	void (*linear)(float *Y, int ldy, const float *X, int ldx, const struct be_weight *W, int P,
		       bool accumulate);
	/* The same for every head h at once: Y + h·step_y (P, n) = X + h·step_x (P, k) W_hᵀ; all
	 * W_h of one shape. step_x 0: several linears of one X. */
	void (*linear_heads)(float *Y, int ldy, int step_y, const float *X, int ldx, int step_x,
			     struct be_weight *const *W, int heads, int P, bool accumulate);
	/* The first half of a feed-forward: Y (P, n) = act(X W0ᵀ) · (X W1ᵀ), act as in activate; W1
	 * NULL: Y = act(X W0ᵀ). Z (P, n): room. */
	void (*feed_forward)(float *Y, float *Z, const float *X, const struct be_weight *W0,
			     const struct be_weight *W1, enum be_act act, int P);
	/* y = x / sqrt(mean(x²) + eps) · g, per row of D. T5's RMSNorm: no mean is taken off, no
	 * bias. */
	void (*rmsnorm)(float *Y, const float *X, const float *g, int P, int D, float eps);
	/* Y = Y + X, n elements. */
	void (*add)(float *Y, const float *X, size_t n);
	/* Y (P, n) = Y + b (n) in every row. */
	void (*add_row)(float *Y, const float *b, int P, int n);
	/* X = factor X, n elements. */
	void (*scale)(float *X, float factor, size_t n);
	/* X = act(X), n elements; X = act(X) · G elementwise where G is not NULL. */
	void (*activate)(float *X, const float *G, enum be_act act, size_t n);
	/* Y = X, n elements, both of the backend. */
	void (*copy)(float *Y, const float *X, size_t n);
	/* Rotary positions, in halves: row p of sequence i, X (P, heads·width), has in every head
	 * (a, b) → (a cos − b sin, b cos + a sin) elementwise, a and b the halves of the head.
	 * table (T, width): row p has the cosines of position p, then the sines. first[i]: the
	 * position of the sequence's first row; NULL: 0. T > every position. */
	void (*rotate)(float *X, struct be_ragged seq, const int *first, int heads, int width,
		       const float *table);
	/* (Attention: there are keys wherever there are queries.) For sequence i and head h, ctx =
	 * softmax(scale Q Kᵀ + bias) V over the sequence's keys (if causal, j ≤ query). Q, ctx (P,
	 * heads·width); K, V (keys, kv_heads·width). before[i]: so many keys lie before the
	 * sequence's first query; NULL: 0. */
	void (*self_attention)(float *ctx, const float *Q, struct be_ragged query, const float *K,
			       const float *V, struct be_ragged keys, const int *before,
			       const struct be_attention *a);
	/* Cross-attention over raw memory rows, keys never formed: Q (Pq, NH, D) holds q̃_h = Wk_hᵀ
	 * q_h, so the score of memory row m is q̃_h·m; U (Pq, NH, D) = softmax(scores) M over the
	 * first valid[i] rows of sequence i of the memory. */
	void (*cross_attention)(float *U, const float *Q, const float *M, struct be_ragged query,
				struct be_ragged memory, const int *valid, int NH, int D);
	/* G (m, n) float64 += X (P, m)ᵀ Y (P, n): chunks of GRAM_CHUNK rows in float32, chunk sums
	 * in float64; all in float64 for up to GRAM_F64_ROWS rows. X == Y: only the lower triangle
	 * counts, what is above it is undefined until mirror (G (m, m) symmetric by its lower
	 * triangle). */
	void (*gram)(double *G, const float *X, const float *Y, int P, int m, int n);
	void (*mirror)(double *G, int m);
	/* Row i of state (P; backend memory) takes in the logits (P, n) of tokens id0 … id0+n−1. */
	void (*logits_reduce)(struct be_logits *state, const float *logits, int P, int n, int id0);

	/* Solving, in float64, on host arrays. potrf: S (d, d), of which the lower triangle counts,
	 * becomes its Cholesky factor there; the strict upper triangle stays. Returns 0, or k > 0
	 * when pivot k (from 1) is not positive. potrs: X (r, d) = X S⁻¹, S as potrf left it. */
	int (*potrf)(double *S, int d);
	void (*potrs)(double *X, const double *S, int d, int r);
};

enum { GRAM_CHUNK = 960, GRAM_F64_ROWS = 256 };

extern const struct backend *be;
/* Chooses the backend that the options name, and has the linear algebra libraries claim their area
 * (address_space.h) for so many threads; an unknown or unavailable one is die(): never a silent
 * fall back. The options outlive the backend. */
void be_select(const struct common_opts *how);

#endif
