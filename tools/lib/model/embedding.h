/* embedding.h: which tensors are a model's input embedding and its output embedding (the head).
 *
 * A file may hold the input embedding up to three times: shared, encoder.embed_tokens,
 * decoder.embed_tokens. Where they differ, transformers 4 uses `shared` for both stacks and
 * transformers 5 each stack's own: such a model is refused.
 *
 * The head, by scale_decoder_outputs (S), tie_word_embeddings (T) and lm_head.weight in the file,
 * as transformers 4.57 and 5.24 have it: S given                     lm_head where it is there,
 * else the input embedding   (5; only 5 writes the key; 4 does not know it) no S, T false lm_head;
 * none: refused                                (4 = 5; none: 4 draws a random one, 5 ties) no S, T
 * true, no lm_head    the input embedding                                   (4 = 5) no S, T true,
 * lm_head       the input embedding, if they are equal                (4 = 5; unequal: 4 ties, 5
 * does not: refused) */
#ifndef EMBEDDING_H
#define EMBEDDING_H

#include "files/safetensors/st.h"
#include "model/geometry.h"

struct embedding {
	const struct st_tensor *input;   /* (V, D) */
	const struct st_tensor *twin[2]; /* the same again, under other names */
	int ntwins;
	const struct st_tensor *head; /* (V, D); may be `input` */
};

/* die() where a tensor is missing, of another shape, or where two keys or tensors contradict each
 * other. `dir` is for messages. */
struct embedding embedding_find(const struct st *st, const struct geometry *m, const char *dir);
/* Rows [row, row+n) of the twins equal those of `input`: die(), naming the tensors and the row,
 * where not. */
void embedding_check_twins(const struct embedding *e, const struct st *st, size_t row, size_t n);
/* One note() where config.json was written by a transformers that is known to write it wrong. */
void embedding_note(const struct embedding *e, const struct geometry *m, const char *dir);

#endif
