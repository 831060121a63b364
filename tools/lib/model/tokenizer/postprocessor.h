/* postprocessor.h: the tokens that a tokenizer adds before and behind a text: the `post_processor`
 * of a tokenizer.json.
 *
 * Known kinds: ByteLevel, which adds none, TemplateProcessing, and Sequence of these. */
#ifndef POSTPROCESSOR_H
#define POSTPROCESSOR_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/token_ids.h"

/* Zero-initialised adds nothing. */
struct postprocessor {
	struct token_ids before, behind;
	bool read; /* a template has been read */
};

/* Reads the post-processor that the part describes; null: none. Anything unknown is die(). */
void postprocessor_read(struct postprocessor *p, struct jsonpart part);
void postprocessor_release(struct postprocessor *p);

#endif
