/* model.h: a model folder, opened: geometry, tensors, and the small things that every block
 * shares. */
#ifndef MODEL_H
#define MODEL_H

#include "files/safetensors/st.h"
#include "model/embedding.h"
#include "model/geometry.h"

struct model {
	char *dir;
	struct geometry m;
	struct st *st;
	struct embedding embedding;
	float *weight; /* as it is read; of the largest linear */
};

/* Opens DIR and checks that every tensor of the geometry is there with its shape: die(), naming
 * file and tensor. */
struct model *model_open(const char *dir);
void model_close(struct model *model); /* NULL is fine */
/* What a user should know of the model before a result: the notes of embedding.h and decoding.h. */
void model_note(const struct model *model);
/* Compares the whole of the file's copies of the input embedding (model_embed compares the rows
 * that it reads): die() where they differ. */
void model_check_copies(const struct model *model);

/* Rows of the input embedding: X (n, D), host memory. An id outside the vocabulary is die(), and so
 * is a row that the file's copies of the embedding give differently. */
void model_embed(const struct model *model, const int *ids, int n, float *X);
/* Relative position bias of a stack for sequences up to T: (NH, 2T−1), entry key − query + T − 1;
 * be->alloc'ed. Buckets as in T5 (Raffel et al. 2020, section 2.1; bidirectional in the encoder):
 * half exact, half logarithmic up to max_distance. NULL where the family has none. */
float *model_bias(const struct model *model, int stack, int T);
/* be->rotate()'s table for T positions; NULL where positions are not rotated. Texts longer than the
 * model's rotation is known for: die(). */
float *model_turns(const struct model *model, int T);
/* The weight (D) of the norm at a step of a block, of a stack's final norm; be->alloc'ed. */
float *model_norm(const struct model *model, int stack, int block, enum step step);
float *model_final_norm(const struct model *model, int stack);
/* The norm (HS) of every head of queries or of keys, the bias (d_out) of a linear; NULL: none. */
float *model_head_norm(const struct model *model, int stack, int block, bool keys);
float *model_linear_bias(const struct model *model, struct module q);
/* A linear's weight W (d_out, d_in), host memory; the model's, and valid until the next call.
 * (Allocated anew for each, weights of different sizes would leave holes in the heap.) */
const float *model_weight(const struct model *model, struct module q);
#endif
