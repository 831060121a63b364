/* site.c: see site.h. */
#include "model/site.h"

#include <stdio.h>
#include <string.h>

#include "base/die.h"

static const char ENCODER_OUTPUT[] = "encoder-output";
static const char *const STEP[STEP_END] = {
	[STEP_SELF] = "self",         [STEP_OUT] = "out", [STEP_CROSS] = "cross",
	[STEP_CROSSOUT] = "crossout", [STEP_FFN] = "ffn", [STEP_DOWN] = "down",
};

struct site site_encoder_output(void)
{
	/* `encoder-output` is block -1 of the decoder: behind every encoder site, before every
	 * other decoder site. */
	return (struct site){.stack = 1, .block = -1, .step = STEP_END};
}

bool site_is_encoder_output(struct site s)
{
	return s.stack == 1 && s.block == -1;
}

char *site_name(const struct family *f, struct site s, char *buf)
{
	if (site_is_encoder_output(s)) {
		strcpy(buf, ENCODER_OUTPUT);
		return buf;
	}
	BUG_IF(s.stack < 0 || s.stack > 1 || s.block < 0 || s.block > 9999 || (int)s.step < 0 ||
	       s.step >= STEP_END);
	snprintf(buf, 24, "%s%02d-%s", f->stack[s.stack].site, s.block, STEP[s.step]);
	return buf;
}

char *site_kind(const struct family *f, struct site s, char *buf)
{
	if (site_is_encoder_output(s))
		return site_name(f, s, buf);
	snprintf(buf, 24, "%s-%s", f->stack[s.stack].site, STEP[s.step]);
	return buf;
}

/* A name is compared with every site name of its block, so "enc7-self" and "enc007-self" are
 * refused. */
static bool parse_in_stack(const struct geometry *m, int stack, const char *name, struct site *s)
{
	const char *prefix = m->family->stack[stack].site, *p = name + strlen(prefix);
	int block = 0;
	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		block = 10 * block + (*p - '0');
		if (block >= m->L[stack])
			return false;
	}
	for (int step = 0; step < STEP_END; step++) {
		struct site candidate = {.stack = stack, .block = block, .step = (enum step)step};
		char buf[24];
		if (m->family->stack[stack].step[step].operation != NO_STEP &&
		    strcmp(site_name(m->family, candidate, buf), name) == 0) {
			*s = candidate;
			return true;
		}
	}
	return false;
}

bool site_parse(const struct geometry *m, const char *name, struct site *s)
{
	if (m->family->nstacks == 2 && strcmp(name, ENCODER_OUTPUT) == 0) {
		*s = site_encoder_output();
		return true;
	}
	for (int stack = 0; stack < m->family->nstacks; stack++)
		if (parse_in_stack(m, stack, name, s))
			return true;
	return false;
}

int site_width(const struct geometry *m, struct site s)
{
	for (int slot = 0; slot < SLOTS && s.step != STEP_END; slot++)
		if (slot_exists(m, s.stack, slot) && m->family->linear[slot].step == s.step)
			return module_d_in(m, slot);
	return m->D;
}

struct site site_of_module(const struct family *f, struct module q)
{
	const struct family_linear *l = &f->linear[q.slot];
	if (l->of != OF_STEP)
		return site_encoder_output();
	return (struct site){.stack = q.stack, .block = q.block, .step = l->step};
}

bool site_at_norm(const struct family *f, struct site s)
{
	return s.step != STEP_END && f->stack[s.stack].step[s.step].norm;
}
