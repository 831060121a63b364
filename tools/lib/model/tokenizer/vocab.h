/* vocab.h: the texts of tokens and their ids, in both directions. */
#ifndef VOCAB_H
#define VOCAB_H

#include <stddef.h>

enum {
	VOCAB_MOST_ID = (1 << 22) - 1, /* the largest published vocabularies have 262 144 tokens */
	VOCAB_MOST_BYTES = 1 << 16     /* bytes of one token */
};

struct vocab_entry {
	size_t at; /* place of the text in `pool` */
	int bytes; /* -1: no token has this id */
};

/* Zero-initialised is empty. */
struct vocab {
	int n;   /* tokens */
	int end; /* the highest id + 1 */
	int room;
	struct vocab_entry *entry; /* by id */
	char *pool;
	size_t pool_n, pool_room;
	int *slot; /* open addressing: ids, or -1 */
	size_t slots;
};

void vocab_release(struct vocab *v);

/* The id (0 … VOCAB_MOST_ID) gets this text, of at most VOCAB_MOST_BYTES. Neither may be in use. */
void vocab_add(struct vocab *v, int id, const char *text, size_t bytes);

int vocab_find(const struct vocab *v, const char *text, size_t bytes); /* -1: no token has it */
/* The text, `*bytes` long; NULL: no token has this id. Valid until the next vocab_add(). */
const char *vocab_text(const struct vocab *v, int id, size_t *bytes);

#endif
