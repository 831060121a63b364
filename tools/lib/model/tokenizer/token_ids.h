/* token_ids.h: a list of token ids that grows. Zero-initialised is empty. */
#ifndef TOKEN_IDS_H
#define TOKEN_IDS_H

struct token_ids {
	int n, room;
	int *id;
};

void token_ids_add(struct token_ids *t, int id);
void token_ids_release(struct token_ids *t);

#endif
