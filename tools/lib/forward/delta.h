/* delta.h: the low-rank additions ΔW = B A of one model (an adapter's, or the merge's solutions),
 * packed for products.
 *
 * Kept apart from the base weights, so that one packed block serves every task: y = x W0ᵀ + (x Aᵀ)
 * Bᵀ. */
#ifndef DELTA_H
#define DELTA_H

#include "adapter/adapter.h"
#include "backend/be.h"
#include "forward/merged.h"
#include "forward/ranks.h"

struct delta {
	int R;
	struct be_weight *A; /* (R, d_in); of the encoder's keys its transpose (d_in, R) */
	struct be_weight *B; /* (d_out, R); NULL for linears of the encoder's output */
	/* Instead of A and B, from a solution of the full-weight path (R = 0): a weight that takes
	 * the place of the base's. */
	struct be_weight *W;       /* (d_out, d_in); NULL for linears of the encoder's output */
	struct be_weight **W_head; /* as struct block's k_head or v_head */
	struct be_weight **B_head; /* of the encoder's keys: NH of (R, HS), the head's rows
				      transposed; of its values: NH of (HS, R) */
};

/* Where ΔW come from: exactly one of them is set, or neither (the base model). */
struct delta_source {
	const struct adapter *adapter;
	struct merged *merged;
};

/* Takes in the ΔW that the source will give. */
void delta_source_ranks(const struct delta_source *from, struct ranks *r);

/* ΔW of module q of slot `slot`, A (R, d_in), B (d_out, R) row-major on the host. */
struct delta *delta_create(const struct geometry *m, int slot, const float *A, const float *B,
			   int R, enum be_precision p);
/* The same from a whole weight W (d_out, d_in). */
struct delta *delta_replace(const struct geometry *m, int slot, const float *W,
			    enum be_precision p);
/* The heads of a cross-attention's keys or values, W (DI, D): NH of Wk_hᵀ (D, HS) or of Wv_h (HS,
 * D). */
struct be_weight **delta_pack_heads(const struct geometry *m, const float *W, bool keys,
				    enum be_precision p);
/* NULL where the source has nothing for this module. */
struct delta *delta_load(const struct delta_source *from, const struct geometry *m, struct module q,
			 enum be_precision p);
void delta_free(struct delta *d, const struct geometry *m); /* NULL is fine */

#endif
