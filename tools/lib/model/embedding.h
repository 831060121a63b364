/* embedding.h: finds the tensors of a model's input embedding and output embedding (the head).
 *
 * A file may hold the input embedding up to three times: shared, encoder.embed_tokens,
 * decoder.embed_tokens. If they differ, transformers 4 uses `shared` for both stacks, but
 * transformers 5 uses each stack's own. Such a model is refused.
 *
 * The head depends on scale_decoder_outputs (S), tie_word_embeddings (T) and lm_head.weight in the
 * file. transformers 4.57 and 5.24 use:
 * - S given: lm_head, or the input embedding where there is no lm_head. Only 5 writes this key; 4
 *   does not know it.
 * - no S, T false: lm_head. Without lm_head the model is refused: 4 draws a random head, 5 uses
 *   the input embedding.
 * - no S, T true, no lm_head: the input embedding.
 * - no S, T true, lm_head: the input embedding, if the two are equal. If they differ the model is
 *   refused: 4 uses the input embedding, 5 lm_head. */
#ifndef EMBEDDING_H
#define EMBEDDING_H

#include "files/safetensors/st.h"
#include "model/geometry.h"

struct embedding {
	const struct st_tensor *input;   /* (V, D) */
	const struct st_tensor *twin[2]; /* the same tensor under other names */
	int ntwins;
	const struct st_tensor *head; /* (V, D); may be `input` */
};

/* die() where a tensor is missing or has the wrong shape, or where keys or tensors contradict each
 * other. `dir`: for messages. */
struct embedding embedding_find(const struct st *st, const struct geometry *m, const char *dir);
/* Compares rows [row, row+n) of the twins with those of `input`. If they differ: die(), naming the
 * tensors and the row. */
void embedding_check_twins(const struct embedding *e, const struct st *st, size_t row, size_t n);
/* One note() where config.json comes from a version of transformers that is known to write it
 * wrongly. */
void embedding_note(const struct embedding *e, const struct geometry *m, const char *dir);

#endif
