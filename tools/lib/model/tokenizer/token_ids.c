/* token_ids.c: see token_ids.h. */
#include "model/tokenizer/token_ids.h"

#include <stdlib.h>

#include "base/die.h"

void token_ids_add(struct token_ids *t, int id)
{
	if (t->n == t->room)
		t->id = xrealloc(t->id, sizeof *t->id * (size_t)(t->room += t->room + 64));
	t->id[t->n++] = id;
}

void token_ids_release(struct token_ids *t)
{
	free(t->id);
	*t = (struct token_ids){0};
}
