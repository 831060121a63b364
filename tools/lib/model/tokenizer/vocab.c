/* vocab.c: see vocab.h. */
#include "model/tokenizer/vocab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

enum { FIRST_SLOTS = 1024 }; /* a power of two, as are all later sizes */

void vocab_release(struct vocab *v)
{
	free(v->entry);
	free(v->pool);
	free(v->slot);
	*v = (struct vocab){0};
}

/* FNV-1a of 64 bits, its high bits folded in. */
static size_t hash(const char *text, size_t bytes)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < bytes; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 32);
}

const char *vocab_text(const struct vocab *v, int id, size_t *bytes)
{
	if (id < 0 || id >= v->end || v->entry[id].bytes < 0)
		return NULL;
	*bytes = (size_t)v->entry[id].bytes;
	return v->pool + v->entry[id].at;
}

/* The slot of this text, or the empty slot where it belongs. */
static size_t slot_of(const struct vocab *v, const char *text, size_t bytes)
{
	size_t i = hash(text, bytes) & (v->slots - 1);
	for (; v->slot[i] >= 0; i = (i + 1) & (v->slots - 1)) {
		size_t n = 0;
		const char *other = vocab_text(v, v->slot[i], &n);
		if (n == bytes && memcmp(other, text, bytes) == 0)
			break;
	}
	return i;
}

int vocab_find(const struct vocab *v, const char *text, size_t bytes)
{
	return v->slots ? v->slot[slot_of(v, text, bytes)] : -1;
}

static void grow_slots(struct vocab *v)
{
	size_t n = v->slots ? 2 * v->slots : FIRST_SLOTS;
	free(v->slot);
	v->slot = xarray(n, sizeof *v->slot);
	memset(v->slot, -1, n * sizeof *v->slot);
	v->slots = n;
	for (int id = 0; id < v->end; id++) {
		size_t bytes;
		const char *text = vocab_text(v, id, &bytes);
		if (text)
			v->slot[slot_of(v, text, bytes)] = id;
	}
}

static void grow_entries(struct vocab *v, int id)
{
	if (id >= v->room) {
		v->room = 2 * id + 64;
		v->entry = xrealloc(v->entry, sizeof *v->entry * (size_t)v->room);
	}
	for (; v->end <= id; v->end++)
		v->entry[v->end].bytes = -1;
}

void vocab_add(struct vocab *v, int id, const char *text, size_t bytes)
{
	BUG_IF(id < 0 || id > VOCAB_MOST_ID || bytes > VOCAB_MOST_BYTES);
	if (2 * (size_t)v->n >= v->slots)
		grow_slots(v);
	size_t slot = slot_of(v, text, bytes);
	grow_entries(v, id);
	BUG_IF(v->slot[slot] >= 0 || v->entry[id].bytes >= 0);
	if (v->pool_n + bytes > v->pool_room || !v->pool)
		v->pool = xrealloc(v->pool, v->pool_room = 2 * v->pool_room + bytes + 64);
	if (bytes > 0)
		memcpy(v->pool + v->pool_n, text, bytes);
	v->entry[id] = (struct vocab_entry){v->pool_n, (int)bytes};
	v->pool_n += bytes;
	v->slot[slot] = id;
	v->n++;
}
