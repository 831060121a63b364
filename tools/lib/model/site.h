/* site.h: sites, the distinct input tensors of targeted modules, in the order of the computation.
 *
 * T5's sites, with their linears:
 * - enc07-self (q k v), enc07-out (o), enc07-ffn (wi, wi_0, wi_1), enc07-down (wo);
 * - encoder-output (k and v of ALL cross-attentions);
 * - dec03-self, dec03-out, dec03-cross (q), dec03-crossout (o), dec03-ffn, dec03-down. */
#ifndef SITE_H
#define SITE_H

#include "model/geometry.h"

struct site {
	int stack; /* 0 encoder, 1 decoder; `encoder-output`: stack 1, block -1 */
	int block;
	enum step step; /* `encoder-output`: STEP_END */
};

struct site site_encoder_output(void);
bool site_is_encoder_output(struct site s);
/* Writes the name to buf, of at least 24 bytes, and returns buf. */
char *site_name(const struct family *f, struct site s, char *buf);
/* The name without the block's number, "enc-self": what the sites of one step have in common. */
char *site_kind(const struct family *f, struct site s, char *buf);
/* False when the model has no site of this name (block out of range, cross in the encoder …). */
bool site_parse(const struct geometry *m, const char *name, struct site *s);
/* Order of the computation: <0, 0, >0. */
static inline int site_compare(struct site a, struct site b)
{
	if (a.stack != b.stack)
		return a.stack < b.stack ? -1 : 1;
	if (a.block != b.block)
		return a.block < b.block ? -1 : 1;
	return (a.step > b.step) - (a.step < b.step);
}
int site_width(const struct geometry *m, struct site s); /* d: D, DI for out/crossout, F for down */

/* The site whose rows are the input of module q. */
struct site site_of_module(const struct family *f, struct module q);
/* Whether x at the site is a norm of the residual stream, and can be computed from it alone. */
bool site_at_norm(const struct family *f, struct site s);

#endif
