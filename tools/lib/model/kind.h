/* kind.h: of which family a model folder is, so that one of another kind is answered with what it
 * is and what to do, before a tensor is missed. */
#ifndef KIND_H
#define KIND_H

#include <jansson.h>

#include "files/safetensors/st.h"
#include "model/family.h"

/* DIR without config.json: die() says what lies there instead (an adapter, a GGUF file, nothing).
 */
void kind_check_folder(const char *dir);
/* By config.json's model_type, architectures, is_encoder_decoder and quantization_config; die()
 * where these are no known family's. */
const struct family *kind_of_config(const json_t *config, const char *path);
/* The tensors' names and types: die() for a model without a decoder, with a classifier's head, of
 * quantised weights, inside a wrapper, or with an adapter that was not merged. */
void kind_check_tensors(const struct st *st, const struct family *f);

#endif
