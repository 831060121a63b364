/* bpe.h: byte pair encoding: the merges of a tokenizer, applied to one piece of a text.
 *
 * A piece begins as one symbol per character. Then the pair of neighbours of the lowest rank
 * becomes one symbol, the leftmost of equal ones first, until no pair has a rank. Source: BPE of
 * the tokenizers library, whose order of operations this is. */
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
	int unknown;        /* id of a character without one; -1: such characters vanish */
	int byte_id[256];   /* of <0x00> … <0xFF>; -1: there is none */
	bool byte_fallback; /* a character without an id is its bytes, where all of these have ids
			     */
	bool fuse_unknown;  /* a run of unknown characters is one id */
	bool ignore_merges; /* a piece that is a token as a whole is that token */
};

void bpe_init(struct bpe *b); /* no tokens, no merges, no unknown token */
void bpe_release(struct bpe *b);

/* Room for n merges; before the first of them. */
void bpe_reserve(struct bpe *b, int n);
/* The pair becomes `id`. A pair that is there already gets the new rank, as in the library. */
void bpe_add_merge(struct bpe *b, int left, int right, int rank, int id);
/* Looks up byte_id; after the last vocab_add(). */
void bpe_find_bytes(struct bpe *b);

/* Memory that one call of bpe_encode() leaves to the next. Zero-initialised is empty. */
struct bpe_work {
	struct bpe_symbol *symbol;
	struct bpe_candidate *heap;
	int n, room, heap_n, heap_room;
};
void bpe_work_release(struct bpe_work *w);

/* Appends the ids of a piece (UTF-8, under 2^31 bytes). Time is n log n of its characters. */
void bpe_encode(const struct bpe *b, const char *piece, size_t bytes, struct bpe_work *w,
		struct token_ids *ids);

#endif
