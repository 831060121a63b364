/* demand.c: see demand.h. Every term stands for one allocation in block.c, forward.c, propagate.c,
 * grams.c or be_cuda.c. */
#include "forward/demand.h"

#include "forward/block.h"
#include "math/grams.h"

/* A packed weight: W (n, k), or NH heads of cross-attention's keys or values, each packed by
 * itself. */
static size_t weight(const struct geometry *m, int slot, enum be_precision p)
{
	if (slot_of_encoder(m, slot))
		return (size_t)m->NH * be->weight_bytes(m->HS, m->D, p);
	return be->weight_bytes(module_d_out(m, slot), module_d_in(m, slot), p);
}

static size_t delta(const struct geometry *m, int slot, int R, enum be_precision p)
{
	if (R == RANK_WHOLE)
		return weight(m, slot, p);
	if (!R)
		return 0;
	return be->weight_bytes(R, module_d_in(m, slot), p) +
	       (slot_of_encoder(m, slot) ? (size_t)m->NH * be->weight_bytes(m->HS, R, p)
					 : be->weight_bytes(module_d_out(m, slot), R, p));
}

static size_t floats(size_t n)
{
	return be->array_bytes(n * sizeof(float));
}

/* A block's weights and norms. */
static size_t block(const struct geometry *m, int stack, enum be_precision p)
{
	size_t bytes = 0;

	for (int s = 0; s < STEP_END; s++)
		if (m->family->stack[stack].step[s].norm)
			bytes += floats((size_t)m->D);
	bytes += m->head_norms ? 2 * floats((size_t)m->HS) : 0;
	for (int s = 0; s < SLOTS; s++)
		if (slot_exists(m, stack, s))
			bytes += weight(m, s, p) +
				 (m->biased >> s & 1 ? floats((size_t)module_d_out(m, s)) : 0);
	return bytes;
}

static size_t deltas(const struct geometry *m, int stack, const struct ranks *d,
		     enum be_precision p)
{
	size_t bytes = 0;

	for (int s = 0; s < SLOTS; s++)
		if (slot_exists(m, stack, s))
			bytes += delta(m, s, d->R[s], p);
	return bytes;
}

size_t demand_whole(const struct geometry *m, int stack, const struct ranks *d, enum be_precision p)
{
	size_t bytes = 0;

	for (int s = 0; s < SLOTS; s++)
		if (d->R[s] == RANK_WHOLE && slot_exists(m, stack, s))
			bytes += (size_t)module_d_out(m, s) * (size_t)module_d_in(m, s) *
				 (p == BE_BF16 ? 2 : 4);
	return bytes;
}

/* struct work of block.h. */
static size_t work(const struct geometry *m, int stack, int rows, int T, int cross_T, int rank)
{
	size_t D = (size_t)m->D, wide = (size_t)(m->F > m->DI ? m->F : m->DI),
	       cross = (size_t)(cross_T > CROSS_ROWS ? cross_T : CROSS_ROWS);
	bool reads = m->family->stack[stack].reads_encoder;
	size_t heads = reads ? cross * (size_t)m->NH : 0,
	       thin = heads > (size_t)rows ? heads : (size_t)rows;

	wide = wide > D ? wide : D;
	return floats((size_t)rows * wide) + floats(3 * (size_t)rows * wide) +
	       floats(thin * (size_t)rank) +
	       (m->family->stack[stack].bias ? floats((size_t)m->NH * (size_t)(2 * T - 1)) : 0) +
	       (m->rope.kind != ROPE_NONE ? floats((size_t)T * (size_t)m->HS) : 0) +
	       (reads ? 2 * floats(cross * (size_t)m->NH * D) : 0);
}

static void widen(struct be_sizes *s, int n, int k)
{
	s->n = n > s->n ? n : s->n;
	s->k = k > s->k ? k : s->k;
}

/* Memory of a block's operations. T: rows of a sequence; keys: rows that it attends to. */
static size_t operations(const struct geometry *m, int stack, int T, int keys, int rank, int head,
			 enum be_precision p)
{
	struct be_sizes s = {.p = p, .NH = m->NH, .T = T, .keys = keys > T ? keys : T};

	widen(&s, rank > head ? rank : head, rank);
	for (int slot = 0; slot < SLOTS; slot++)
		if (slot_exists(m, stack, slot))
			widen(&s, module_d_out(m, slot), module_d_in(m, slot));
	if (m->family->stack[stack].reads_encoder) /* q̃ = Wkᵀ q, over the width of a head */
		widen(&s, m->D, m->HS);
	return be->work_bytes(&s);
}

size_t demand_extract(const struct geometry *m, bool decoder, int rows, int T, int keys,
		      const struct ranks *d, enum be_precision p)
{
	int longest = keys > T ? keys : T, rank = ranks_largest(d);
	size_t row_arrays = decoder ? 2 : 1; /* h, and the rows of the encoder's output */

	return block(m, decoder, p) + deltas(m, decoder, d, p) +
	       work(m, decoder, rows, longest, longest, rank) +
	       row_arrays * floats((size_t)rows * (size_t)m->D) + floats((size_t)m->D) +
	       operations(m, decoder, T, keys, rank, 0, p);
}

static size_t stack_pass(const struct geometry *m, int stack, const struct ranks *d, const int T[2],
			 enum be_precision p)
{
	int rows = T[stack] > BATCH_ROWS ? T[stack] : BATCH_ROWS,
	    blocks = be->ahead && m->L[stack] > 1 ? 2 : 1;

	return (size_t)blocks * block(m, stack, p) + deltas(m, stack, d, p) +
	       work(m, stack, rows, T[stack], T[stack], ranks_largest(d));
}

/* A single stack runs twice. Over the prompts it holds the residual stream and the prompts' keys
 * and values. Over the answers it holds these keys and values, and the answers' rows. */
static size_t demand_single(const struct geometry *m, const struct ranks *d, const int rows[2],
			    const int T[2], enum be_precision p)
{
	int rank = ranks_largest(d), head_rows = m->V < HEAD_ROWS ? m->V : HEAD_ROWS,
	    blocks = be->ahead && m->L[0] > 1 ? 2 : 1, all = T[0] + T[1],
	    batch = all > BATCH_ROWS ? all : BATCH_ROWS, keys = all > KEY_ROWS ? all : KEY_ROWS;
	size_t width = (size_t)(m->kv_heads * m->HS);
	size_t pass = (size_t)blocks * block(m, 0, p) + deltas(m, 0, d, p) +
		      work(m, 0, batch, all, all, rank) + floats(2 * (size_t)keys * width);
	size_t H = floats((size_t)rows[0] * prompt_floats(m)),
	       X[2] = {floats((size_t)rows[0] * (size_t)m->D),
		       floats((size_t)rows[1] * (size_t)m->D)};
	size_t head = X[1] + be->weight_bytes(head_rows, m->D, p) +
		      floats((size_t)BATCH_ROWS * (size_t)head_rows) +
		      be->array_bytes((size_t)rows[1] * sizeof(struct be_logits));
	size_t most = pass + (X[0] > X[1] ? X[0] : X[1]);

	return H + (most > head ? most : head) + operations(m, 0, all, all, rank, head_rows, p);
}

size_t demand_forward(const struct geometry *m, const struct ranks *d, const int rows[2],
		      const int T[2], enum be_precision p)
{
	if (m->family->nstacks == 1)
		return demand_single(m, d, rows, T, p);
	int rank = ranks_largest(d), head_rows = m->V < HEAD_ROWS ? m->V : HEAD_ROWS,
	    both = T[0] > T[1] ? T[0] : T[1];
	size_t H = floats((size_t)rows[0] * (size_t)m->D),
	       X = floats((size_t)rows[1] * (size_t)m->D);
	size_t encoder = stack_pass(m, 0, d, T, p), decoder = X + stack_pass(m, 1, d, T, p);
	size_t head = X + be->weight_bytes(head_rows, m->D, p) +
		      floats((size_t)BATCH_ROWS * (size_t)head_rows) +
		      be->array_bytes((size_t)rows[1] * sizeof(struct be_logits));
	size_t most = encoder > decoder ? encoder : decoder;

	return H + (most > head ? most : head) + operations(m, 1, both, T[0], rank, head_rows, p);
}

size_t demand_grams(int d)
{
	struct be_sizes s = {.gram_m = d, .gram_n = d};

	return be->array_bytes((size_t)d * (size_t)d * sizeof(double)) +
	       2 * floats(GRAM_CHUNK * (size_t)d) + be->work_bytes(&s);
}

size_t demand_solve(int d, int R)
{
	struct be_sizes s = {.solve_d = d, .solve_r = R};

	return be->work_bytes(&s);
}
