/* copies.h: the base model's embeddings in an adapter's file, as PEFT's save_embedding_layers
 * writes them: under base_model.model. and the name that the model gives them, without any of
 * lora's. Loading the adapter puts them in the base's place, so only equal ones can be passed over.
 */
#ifndef COPIES_H
#define COPIES_H

#include "model/model.h"

enum copy {
	COPY_NONE,
	COPY_INPUT,
	COPY_HEAD
}; /* of the input embedding, of the output embedding */

/* By a tensor's name in adapter_model.safetensors, of an adapter of this family. */
enum copy copy_of(const char *tensor, const struct family *f);
/* die(), naming tensor and row, unless every embedding in the adapter's file `st` equals the base
 * model's. A base of higher precision may have been rounded to the tensor's type. Reads a small
 * piece at a time. */
void copies_check(const struct st *st, const struct model *base);

#endif
