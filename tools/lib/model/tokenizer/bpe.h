/* bpe.h: byte pair encoding: applies a tokenizer's merges to one piece of a text.
 *
 * A piece starts as one symbol per character. The neighbouring pair of the lowest rank becomes one
 * symbol, the leftmost pair first among equals. This repeats until no pair has a rank. Source: BPE
 * of the tokenizers library, with the same order of operations. */
#ifndef BPE_H
#define BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/tokenizer/token_ids.h"
#include "model/tokenizer/vocab.h"

struct bpe_merge {
	uint64_t pair; /* left id · 2^32 + right id */
	int rank, id;
};

struct bpe {
	struct vocab vocab;
	struct bpe_merge *merge; /* open addressing; id -1: empty */
	size_t slots;
	int nmerges;
	int unknown;        /* id of an unknown character; -1: such characters are dropped */
	int byte_id[256];   /* ids of <0x00> … <0xFF>; -1: none */
	bool byte_fallback; /* an unknown character becomes its bytes, if all of them have ids */
	bool fuse_unknown;  /* a run of unknown characters is one id */
	bool ignore_merges; /* a piece that equals a token is that token */
};

void bpe_init(struct bpe *b); /* without tokens, merges and unknown token */
void bpe_release(struct bpe *b);

/* Makes room for n merges. Call it before the first merge. */
void bpe_reserve(struct bpe *b, int n);
/* The pair becomes `id`. A pair that exists already gets the new rank, as in the library. */
void bpe_add_merge(struct bpe *b, int left, int right, int rank, int id);
/* Looks up byte_id. Call it after the last vocab_add(). */
void bpe_find_bytes(struct bpe *b);

/* Memory that calls of bpe_encode() reuse. Zero-initialised is empty. */
struct bpe_work {
	struct bpe_symbol *symbol;
	struct bpe_candidate *heap;
	int n, room, heap_n, heap_room;
};
void bpe_work_release(struct bpe_work *w);

/* Appends the ids of a piece (UTF-8, under 2^31 bytes). The time is n log n in its characters. */
void bpe_encode(const struct bpe *b, const char *piece, size_t bytes, struct bpe_work *w,
		struct token_ids *ids);

#endif
