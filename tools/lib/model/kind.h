/* kind.h: finds the family of a model folder. A folder of another kind is refused before any tensor
 * is looked for. The message says what it is and what to do. */
#ifndef KIND_H
#define KIND_H

#include <jansson.h>

#include "files/safetensors/st.h"
#include "model/family.h"

/* For DIR without config.json: die(), naming what is there instead (an adapter, a GGUF file,
 * nothing). */
void kind_check_folder(const char *dir);
/* Decides by model_type, architectures, is_encoder_decoder and quantization_config in config.json.
 * die() where they fit no known family. */
const struct family *kind_of_config(const json_t *config, const char *path);
/* Checks the tensors' names and types. die() for a model without a decoder, with a classifier's
 * head, or with quantised weights. die() also for a model inside a wrapper, and one with an adapter
 * that was not merged. */
void kind_check_tensors(const struct st *st, const struct family *f);

#endif
