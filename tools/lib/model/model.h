/* model.h: an open model folder: geometry, tensors, and the small parts that every block uses. */
#ifndef MODEL_H
#define MODEL_H

#include "backend/layout.h"
#include "files/safetensors/st.h"
#include "model/embedding.h"
#include "model/geometry.h"

struct model {
	char *dir;
	struct geometry m;
	struct st *st;
	struct embedding embedding;
	/* Whether linears' weights are read as they are multiplied, in panels of MODEL_ROWS rows.
	 * The caller sets it before a block is loaded; false: a loaded block holds them. Linears
	 * that read the encoder's output are always held. */
	bool streamed;
	struct weight_buffer *buffer; /* of a linear as it is read */
};
enum { MODEL_ROWS = 512 }; /* enough for a product at full speed; a multiple of a packed panel's */

/* Opens DIR and checks that every tensor of the geometry is there, with the right shape. die(),
 * naming file and tensor. */
struct model *model_open(const char *dir);
void model_close(struct model *model); /* NULL is fine */
/* The most floats that are read at a time: of the largest linear, or of its panels. */
size_t model_weight_floats(const struct geometry *m, bool streamed);
/* Tells the user what to know about the model before a result: the notes of embedding.h and
 * decoding.h. */
void model_note(const struct model *model);
/* Compares all rows of the file's copies of the input embedding; die() where they differ.
 * model_embed compares only the rows that it reads. */
void model_check_copies(const struct model *model);

/* Reads rows of the input embedding, scaled: X (n, D), host memory. die() at an id outside the
 * vocabulary, and at a row in which the file's copies of the embedding differ. */
void model_embed(const struct model *model, const int *ids, int n, float *X);
/* The next functions allocate or count their arrays (layout.h). To count, they read model->m alone.
 *
 * Relative position bias of a stack for sequences up to T: (NH, 2T−1), entry key − query + T − 1,
 * from be->alloc(). Buckets as in T5 (Raffel et al. 2020, section 2.1): half are exact, half
 * logarithmic up to max_distance. In the encoder they are bidirectional. NULL where the family has
 * no bias. */
float *model_bias(const struct model *model, struct layout *l, int stack, int T);
/* be->rotate()'s table for T positions; NULL where positions are not rotated. die() where T is
 * beyond the texts for which the rotation is defined. */
float *model_turns(const struct model *model, struct layout *l, int T);
/* What a norm multiplies by (D), from be->alloc(): at a step of a block, of what a step adds (NULL:
 * none), or at the end of a stack. */
float *model_norm(const struct model *model, struct layout *l, int stack, int block,
		  enum step step);
float *model_added_norm(const struct model *model, struct layout *l, int stack, int block,
			enum step step);
float *model_final_norm(const struct model *model, struct layout *l, int stack);
/* The norm (HS) of every head of queries or of keys; the bias (d_out) of a linear. NULL: there is
 * none. */
float *model_head_norm(const struct model *model, struct layout *l, int stack, int block,
		       bool keys);
float *model_linear_bias(const struct model *model, struct layout *l, struct module q);

/* A linear's weight W (d_out, d_in) in host memory. The model owns it; it is valid until the next
 * call. One buffer serves all linears, because separate ones of different sizes would leave holes
 * in the heap. */
const float *model_weight(const struct model *model, struct module q);
/* The same for its rows [row0, row0+n). */
const float *model_weight_rows(const struct model *model, struct module q, int row0, int n);
#endif
