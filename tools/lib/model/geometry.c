/* geometry.c: see geometry.h. */
#include "model/geometry.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "model/kind.h"

/* ---- config.json ---- */

void geometry_read_heads(struct geometry *m, const json_t *o, const char *path, const char *heads,
			 const char *width)
{
	m->HS = (int)jsonx_int(o, path, width, 1, MAX_WIDTH);
	m->NH = (int)jsonx_int(o, path, heads, 1, MAX_HEADS);
	if (m->HS > MAX_WIDTH / m->NH)
		die("'%s': %s × %s: expected at most %d, found %d × %d", path, heads, width,
		    MAX_WIDTH, m->NH, m->HS);
	m->DI = m->NH * m->HS;
}

void geometry_read_eps(struct geometry *m, const json_t *o, const char *path, const char *key,
		       double absent)
{
	double eps = jsonx_number_or(o, path, key, absent);
	if (!(eps > 0 && eps < 1) || (float)eps == 0.0f)
		die("'%s': %s: expected a small positive number, found %g", path, key, eps);
	m->eps = (float)eps;
}

struct geometry geometry_load(const char *dir)
{
	struct geometry m = {.embedding_scale = 1};
	char *path = xformat("%s/config.json", dir);
	kind_check_folder(dir);
	json_t *o = jsonx_load(path, CONFIG_MAX_BYTES);
	m.family = kind_of_config(o, path);

	m.family->read(&m, o, path);
	m.decoding = decoding_read(dir, o, path, m.V, m.family->nstacks == 2, m.default_eos);
	m.label_start = -1;
	if (m.family->nstacks == 2)
		m.label_start = (int)jsonx_int_or(o, path, "decoder_start_token_id", 0, m.V - 1,
						  m.decoding.start);
	json_decref(o);
	free(path);
	return m;
}

/* ---- The tables of the family ---- */

enum step family_next_step(const struct family *f, int stack, enum step s)
{
	do
		s++;
	while (s < STEP_END && f->stack[stack].step[s].operation == NO_STEP);
	return s;
}

bool slot_exists(const struct geometry *m, int stack, int slot)
{
	if (stack < 0 || stack > 1 || slot < 0 || slot >= SLOTS)
		return false;
	const struct family_linear *l = &m->family->linear[slot];
	return l->name[stack] &&
	       (l->form == ANY_FORM || l->form == (m->gated ? GATED_FORM : PLAIN_FORM));
}

bool block_slides(const struct geometry *m, int block)
{
	return m->window && m->sliding[block / 8] >> block % 8 & 1;
}

bool slot_of_encoder(const struct geometry *m, int slot)
{
	return m->family->linear[slot].of != OF_STEP;
}

static int width_of(const struct geometry *m, enum width w)
{
	switch (w) {
	case WIDTH_HEADS: return m->DI;
	case WIDTH_KEYS: return m->kv_heads * m->HS;
	case WIDTH_FEED: return m->F;
	case WIDTH_MODEL: return m->D;
	default: return 0;
	}
}

int module_d_in(const struct geometry *m, int slot)
{
	return width_of(m, m->family->linear[slot].in);
}

int part_rows(const struct geometry *m, int slot, int part)
{
	const struct family_linear *l = &m->family->linear[slot];
	return part < PARTS ? width_of(m, part ? l->more[part - 1] : l->out) : 0;
}

int module_d_out(const struct geometry *m, int slot)
{
	int rows = 0;
	for (int part = 0; part < PARTS; part++)
		rows += part_rows(m, slot, part);
	return rows;
}

size_t block_elements(const struct geometry *m, int stack)
{
	size_t n = 0;
	for (int s = 0; s < SLOTS; s++)
		if (slot_exists(m, stack, s))
			n += (size_t)module_d_out(m, s) * (size_t)module_d_in(m, s);
	return n;
}

/* ---- Names ---- */

char *name_of_block(const char *name, int block)
{
	const char *at = strstr(name, "%d");
	return at ? xformat("%.*s%d%s", (int)(at - name), name, block, at + 2) : xstrdup(name);
}

int module_compare(const void *a, const void *b)
{
	const struct module *p = a, *q = b;

	if (p->stack != q->stack)
		return p->stack - q->stack;
	return p->block != q->block ? p->block - q->block : p->slot - q->slot;
}

char *module_name(const struct geometry *m, struct module q)
{
	BUG_IF(!slot_exists(m, q.stack, q.slot) || q.block < 0 || q.block >= m->L[q.stack]);
	return name_of_block(m->family->linear[q.slot].name[q.stack], q.block);
}

/* Reads the number at *s, which has no sign and no leading zeros, and moves *s behind it. -1: there
 * is none, or it is over MAX_BLOCKS. */
static int take_number(const char **s)
{
	const char *p = *s;
	int v = 0;
	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = 10 * v + (*p - '0');
		if (v > MAX_BLOCKS)
			return -1;
	}
	*s = p;
	return v;
}

/* Whether `name` is `pattern` with a number in place of %d. */
static bool is_block_name(const char *name, const char *pattern, int *block)
{
	size_t head = (size_t)(strstr(pattern, "%d") - pattern);
	if (strncmp(name, pattern, head) != 0)
		return false;
	name += head;
	*block = take_number(&name);
	return *block >= 0 && strcmp(name, pattern + head + 2) == 0;
}

bool module_parse(const struct geometry *m, const char *name, struct module *q)
{
	for (int stack = 0; stack < m->family->nstacks; stack++)
		for (int slot = 0; slot < SLOTS; slot++) {
			int block;
			if (!slot_exists(m, stack, slot) ||
			    !is_block_name(name, m->family->linear[slot].name[stack], &block))
				continue;
			*q = (struct module){.stack = stack, .block = block, .slot = slot};
			return block < m->L[stack];
		}
	return false;
}
