/* kind.h: what a model folder is, so that one that holds no T5 with encoder, decoder and language
 * model head is answered with what it is and what to do, before a tensor is missed. */
#ifndef KIND_H
#define KIND_H

#include <jansson.h>

#include "files/safetensors/st.h"

/* DIR without config.json: die() says what lies there instead (an adapter, a GGUF file, nothing).
 */
void kind_check_folder(const char *dir);
/* config.json's model_type, architectures, is_encoder_decoder and quantization_config: die() unless
 * they are a T5's. */
void kind_check_config(const json_t *config, const char *path);
/* The tensors' names and types: die() for a model without a decoder, with a classifier's head, of
 * quantised weights, inside a wrapper, or with an adapter that was not merged. */
void kind_check_tensors(const struct st *st);

#endif
