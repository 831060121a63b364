/* postprocessor.h: the tokens that a tokenizer puts before and behind a text: the `post_processor`
 * of a tokenizer.json.
 *
 * Known are ByteLevel, which puts none, TemplateProcessing, and Sequence of these. */
#ifndef POSTPROCESSOR_H
#define POSTPROCESSOR_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/token_ids.h"

/* Zero-initialised puts nothing. */
struct postprocessor {
	struct token_ids before, behind;
	bool read; /* a template has been read */
};

/* The post-processor that the part describes; null is none. What is not known is die(). */
void postprocessor_read(struct postprocessor *p, struct jsonpart part);
void postprocessor_release(struct postprocessor *p);

#endif
