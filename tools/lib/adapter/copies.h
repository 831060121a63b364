/* copies.h: the base model's embeddings in an adapter's file.
 *
 * PEFT's save_embedding_layers writes them under base_model.model. and the model's name for them,
 * without a part for lora. Loading the adapter would put them in place of the base's. So they can
 * only be ignored if they are equal. */
#ifndef COPIES_H
#define COPIES_H

#include "model/model.h"

enum copy {
	COPY_NONE,
	COPY_INPUT,
	COPY_HEAD
}; /* a copy of the input embedding, of the output embedding */

/* Decides by a tensor's name in adapter_model.safetensors, for an adapter of this family. */
enum copy copy_of(const char *tensor, const struct family *f);
/* die(), naming tensor and row, unless every embedding in the adapter's file `st` equals the base
 * model's. A base of higher precision may have been rounded to the tensor's type. Only small pieces
 * are read at a time. */
void copies_check(const struct st *st, const struct model *base);

#endif
