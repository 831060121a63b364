/* site.c: see site.h. */
#include "model/site.h"

#include <stdio.h>
#include <string.h>

#include "base/die.h"

static const char ENCODER_OUTPUT[] = "encoder-output";
static const char *const STACK[2] = {"enc", "dec"};
static const char *const STEP[STEP_END] = {
	[STEP_SELF] = "self",         [STEP_OUT] = "out", [STEP_CROSS] = "cross",
	[STEP_CROSSOUT] = "crossout", [STEP_FFN] = "ffn", [STEP_DOWN] = "down",
};

struct site site_encoder_output(void)
{
	/* Block -1 of the decoder: after every encoder site and before every other decoder site. */
	return (struct site){.stack = 1, .block = -1, .step = STEP_END};
}

bool site_is_encoder_output(struct site s)
{
	return s.stack == 1 && s.block == -1;
}

char *site_name(struct site s, char *buf)
{
	if (site_is_encoder_output(s)) {
		strcpy(buf, ENCODER_OUTPUT);
		return buf;
	}
	BUG_IF(s.stack < 0 || s.stack > 1 || s.block < 0 || s.block > 9999 || (int)s.step < 0 ||
	       s.step >= STEP_END);
	snprintf(buf, 24, "%s%02d-%s", STACK[s.stack], s.block, STEP[s.step]);
	return buf;
}

static bool step_exists(int stack, enum step step)
{
	return stack == 1 || (step != STEP_CROSS && step != STEP_CROSSOUT);
}

/* A name is parsed by comparing it with every name of its block: "enc7-self" and "enc007-self" are
 * no names. */
bool site_parse(const struct t5 *m, const char *name, struct site *s)
{
	if (strcmp(name, ENCODER_OUTPUT) == 0) {
		*s = site_encoder_output();
		return true;
	}
	int stack = strncmp(name, STACK[1], 3) == 0;
	int block = 0;
	const char *p = name;
	for (int i = 0; i < 3; i++, p++)
		if (*p != STACK[stack][i])
			return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		block = 10 * block + (*p - '0');
		if (block >= m->L[stack])
			return false;
	}
	for (int step = 0; step < STEP_END; step++) {
		struct site candidate = {.stack = stack, .block = block, .step = (enum step)step};
		char buf[24];
		if (step_exists(stack, candidate.step) &&
		    strcmp(site_name(candidate, buf), name) == 0) {
			*s = candidate;
			return true;
		}
	}
	return false;
}

int site_compare(struct site a, struct site b)
{
	if (a.stack != b.stack)
		return a.stack < b.stack ? -1 : 1;
	if (a.block != b.block)
		return a.block < b.block ? -1 : 1;
	return (a.step > b.step) - (a.step < b.step);
}

int site_width(const struct t5 *m, struct site s)
{
	switch (s.step) {
	case STEP_OUT:
	case STEP_CROSSOUT: return m->DI;
	case STEP_DOWN: return m->F;
	default: return m->D;
	}
}

struct site site_of_module(struct module q)
{
	static const enum step step_of[SLOTS] = {
		[SELF_Q] = STEP_SELF, [SELF_K] = STEP_SELF,      [SELF_V] = STEP_SELF,
		[SELF_O] = STEP_OUT,  [CROSS_Q] = STEP_CROSS,    [CROSS_K] = STEP_END,
		[CROSS_V] = STEP_END, [CROSS_O] = STEP_CROSSOUT, [WI] = STEP_FFN,
		[WI_0] = STEP_FFN,    [WI_1] = STEP_FFN,         [WO] = STEP_DOWN,
	};
	BUG_IF((int)q.slot < 0 || q.slot >= SLOTS);
	if (q.slot == CROSS_K || q.slot == CROSS_V)
		return site_encoder_output();
	return (struct site){.stack = q.stack, .block = q.block, .step = step_of[q.slot]};
}
