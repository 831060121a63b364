/* copies.h: the base model's embeddings in an adapter's file, as PEFT's save_embedding_layers writes them: under base_model.model. and the name that
 * the model gives them, without any of lora's. Loading the adapter puts them in the base's place, so only equal ones can be passed over. */
#ifndef COPIES_H
#define COPIES_H

enum copy { COPY_NONE, COPY_INPUT, COPY_HEAD }; /* of the input embedding, of the output embedding */

/* By a tensor's name in adapter_model.safetensors. */
enum copy copy_of(const char *tensor);

#endif
