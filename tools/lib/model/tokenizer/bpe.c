/* bpe.c: see bpe.h.
 *
 * Symbols are a linked list in an array. A heap holds the pairs that can be merged, by rank and
 * position. An entry whose pair has changed in the meantime is dropped when it is taken out. */
#include "model/tokenizer/bpe.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"

struct bpe_symbol {
	int id;         /* -1: it is now a part of the symbol before it */
	int prev, next; /* -1: none */
};

struct bpe_candidate {
	uint64_t order; /* rank · 2^32 + position of the left symbol */
	int id;
};

void bpe_init(struct bpe *b)
{
	*b = (struct bpe){.unknown = -1};
	memset(b->byte_id, -1, sizeof b->byte_id);
}

void bpe_release(struct bpe *b)
{
	vocab_release(&b->vocab);
	free(b->merge);
	bpe_init(b);
}

void bpe_work_release(struct bpe_work *w)
{
	free(w->symbol);
	free(w->heap);
	*w = (struct bpe_work){0};
}

void bpe_find_bytes(struct bpe *b)
{
	for (int i = 0; i < 256; i++) {
		char text[8];
		int n = snprintf(text, sizeof text, "<0x%02X>", (unsigned)i);
		b->byte_id[i] = vocab_find(&b->vocab, text, (size_t)n);
	}
}

/* ------------------------------------------------------------ merges */

void bpe_reserve(struct bpe *b, int n)
{
	BUG_IF(b->merge);
	for (b->slots = 16; b->slots < 2 * (size_t)n; b->slots *= 2)
		;
	b->merge = xarray(b->slots, sizeof *b->merge);
	for (size_t i = 0; i < b->slots; i++)
		b->merge[i].id = -1;
}

static struct bpe_merge *merge_slot(const struct bpe *b, int left, int right)
{
	uint64_t pair = (uint64_t)left << 32 | (uint32_t)right;
	size_t i = (size_t)(pair * 0x9e3779b97f4a7c15u >> 20) & (b->slots - 1);
	while (b->merge[i].id >= 0 && b->merge[i].pair != pair)
		i = (i + 1) & (b->slots - 1);
	return &b->merge[i];
}

void bpe_add_merge(struct bpe *b, int left, int right, int rank, int id)
{
	struct bpe_merge *m = merge_slot(b, left, right);
	b->nmerges += m->id < 0;
	BUG_IF(2 * (size_t)b->nmerges > b->slots);
	*m = (struct bpe_merge){(uint64_t)left << 32 | (uint32_t)right, rank, id};
}

/* NULL: the pair has no rank. */
static const struct bpe_merge *find_merge(const struct bpe *b, int left, int right)
{
	const struct bpe_merge *m = b->slots ? merge_slot(b, left, right) : NULL;
	return m && m->id >= 0 ? m : NULL;
}

/* ------------------------------------------------------------ the heap */

static void push(struct bpe_work *w, struct bpe_candidate c)
{
	if (w->heap_n == w->heap_room)
		w->heap = xrealloc(w->heap, sizeof c * (size_t)(w->heap_room += w->heap_room + 64));
	int i = w->heap_n++;
	for (; i > 0 && w->heap[(i - 1) / 2].order > c.order; i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = c;
}

static struct bpe_candidate pop(struct bpe_work *w)
{
	struct bpe_candidate top = w->heap[0], last = w->heap[--w->heap_n];
	int i = 0;
	for (int child; (child = 2 * i + 1) < w->heap_n; i = child) {
		child += child + 1 < w->heap_n && w->heap[child + 1].order < w->heap[child].order;
		if (w->heap[child].order >= last.order)
			break;
		w->heap[i] = w->heap[child];
	}
	w->heap[i] = last;
	return top;
}

static void offer(const struct bpe *b, struct bpe_work *w, int left)
{
	int right = left < 0 ? -1 : w->symbol[left].next;
	if (right < 0)
		return;
	const struct bpe_merge *m = find_merge(b, w->symbol[left].id, w->symbol[right].id);
	if (m)
		push(w, (struct bpe_candidate){(uint64_t)m->rank << 32 | (uint32_t)left, m->id});
}

/* ------------------------------------------------------------ a piece */

static void add_symbol(struct bpe_work *w, int id)
{
	if (w->n == w->room)
		w->symbol =
			xrealloc(w->symbol, sizeof *w->symbol * (size_t)(w->room += w->room + 64));
	w->symbol[w->n] = (struct bpe_symbol){id, w->n - 1, w->n + 1};
	w->n++;
}

static bool add_bytes(const struct bpe *b, struct bpe_work *w, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (b->byte_id[(unsigned char)text[i]] < 0)
			return false;
	for (size_t i = 0; i < bytes; i++)
		add_symbol(w, b->byte_id[(unsigned char)text[i]]);
	return true;
}

/* One symbol per character. An unknown one is held back until a known one follows, as in the
 * library. Bytes that stand for a character are placed before it. */
static void begin(const struct bpe *b, struct bpe_work *w, const char *piece, size_t bytes)
{
	bool unknown = false;
	w->n = w->heap_n = 0;
	for (size_t at = 0, n; at < bytes; at += n) {
		n = utf8_bytes(piece + at, bytes - at);
		int id = vocab_find(&b->vocab, piece + at, n);
		if (id < 0 && b->byte_fallback && add_bytes(b, w, piece + at, n))
			continue;
		if (id < 0 && b->unknown < 0)
			continue;
		if (unknown && (id >= 0 || !b->fuse_unknown))
			add_symbol(w, b->unknown);
		unknown = id < 0;
		if (!unknown)
			add_symbol(w, id);
	}
	if (unknown)
		add_symbol(w, b->unknown);
	if (w->n > 0)
		w->symbol[w->n - 1].next = -1;
}

/* Merges the symbol at `left` with the next one, and adds the two new pairs to the heap. */
static void merge(const struct bpe *b, struct bpe_work *w, int left, int id)
{
	struct bpe_symbol *l = &w->symbol[left], *r = &w->symbol[l->next];
	l->id = id;
	l->next = r->next;
	r->id = -1;
	if (l->next >= 0)
		w->symbol[l->next].prev = left;
	offer(b, w, l->prev);
	offer(b, w, left);
}

/* Whether the candidate's pair still exists and is still merged into `id`. */
static bool holds(const struct bpe *b, const struct bpe_work *w, int left, int id)
{
	const struct bpe_symbol *s = &w->symbol[left];
	if (s->id < 0 || s->next < 0)
		return false;
	const struct bpe_merge *m = find_merge(b, s->id, w->symbol[s->next].id);
	return m && m->id == id;
}

void bpe_encode(const struct bpe *b, const char *piece, size_t bytes, struct bpe_work *w,
		struct token_ids *ids)
{
	BUG_IF(bytes > INT_MAX / 2);
	int whole = b->ignore_merges ? vocab_find(&b->vocab, piece, bytes) : -1;
	if (whole >= 0) {
		token_ids_add(ids, whole);
		return;
	}
	begin(b, w, piece, bytes);
	for (int i = 0; i + 1 < w->n; i++)
		offer(b, w, i);
	while (w->heap_n > 0) {
		struct bpe_candidate c = pop(w);
		int left = (int)(uint32_t)c.order;
		if (holds(b, w, left, c.id))
			merge(b, w, left, c.id);
	}
	for (int i = 0; i < w->n; i++)
		if (w->symbol[i].id >= 0)
			token_ids_add(ids, w->symbol[i].id);
}
