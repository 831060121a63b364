/* delta.h: the low-rank changes ΔW = B A of one model, packed for products. They come from an
 * adapter, or from the merge's solutions.
 *
 * They are kept apart from the base weights, so that one packed block serves every task: y = x W0ᵀ
 * + (x Aᵀ) Bᵀ. */
#ifndef DELTA_H
#define DELTA_H

#include "adapter/adapter.h"
#include "backend/layout.h"
#include "forward/merged.h"
#include "forward/ranks.h"

struct delta {
	int R;
	struct be_weight *A; /* (R, d_in); for the keys of cross-attention transposed, (d_in, R) */
	struct be_weight *B[PARTS]; /* (rows, R) of each part; NULL for linears that read the
				       encoder's output */
	/* Instead of A and B (R = 0): a full weight from a solution, which replaces the base's
	 * weight. */
	struct be_weight *W[PARTS]; /* (rows, d_in) of each part; NULL as B */
	struct be_weight **W_head;  /* as struct block's k_head or v_head */
	struct be_weight **B_head;  /* of cross-attention's keys: NH of (R, HS), the head's rows
				       transposed; of its values: NH of (HS, R) */
};

/* Where ΔW come from. At most one member is set; neither: the base model. */
struct delta_source {
	const struct adapter *adapter;
	struct merged *merged;
};

/* Enters the ranks of all ΔW that the source has. */
void delta_source_ranks(const struct delta_source *from, struct ranks *r);

/* Packs ΔW of slot `slot` from A (R, d_in) and B (d_out, R), row-major on the host. Or counts it
 * (layout.h); A and B are then not read. */
struct delta *delta_create(struct layout *l, const struct geometry *m, int slot, const float *A,
			   const float *B, int R, enum be_precision p);
/* The same from a full weight W (d_out, d_in). */
struct delta *delta_replace(struct layout *l, const struct geometry *m, int slot, const float *W,
			    enum be_precision p);
/* Packs the parts of W (d_out, k) in a linear's rows (geometry.h); NULL where there is none. */
void delta_pack_parts(struct layout *l, const struct geometry *m, int slot, const float *W, int k,
		      enum be_precision p, struct be_weight *part[PARTS]);
/* Packs cross-attention's keys or values W (DI, D) by heads: NH of Wk_hᵀ (D, HS) or of Wv_h (HS,
 * D). */
struct be_weight **delta_pack_heads(struct layout *l, const struct geometry *m, const float *W,
				    bool keys, enum be_precision p);
/* Counts the ΔW that delta_create() packs for rank R, or delta_replace() for RANK_WHOLE. R 0: none.
 * Returns how many floats are read for it. */
size_t delta_count(struct layout *l, const struct geometry *m, int slot, int R,
		   enum be_precision p);
/* Loads ΔW of module q; NULL where the source has none. */
struct delta *delta_load(const struct delta_source *from, const struct geometry *m, struct module q,
			 enum be_precision p);
void delta_free(struct delta *d, const struct geometry *m); /* NULL is fine */

#endif
