/* copies.c: see copies.h. */
#include "adapter/copies.h"

#include <stdlib.h>
#include <string.h>

#include "backend/bf16.h"
#include "base/die.h"
#include "files/half.h"

enum { PIECE = 1 << 16 }; /* elements compared at once */

enum copy copy_of(const char *tensor, const struct family *f)
{
	static const char prefix[] = "base_model.model.";
	size_t n = sizeof(prefix) - 1;

	if (strncmp(tensor, prefix, n) != 0)
		return COPY_NONE;
	for (int i = 0; i < INPUT_NAMES && f->input[i]; i++)
		if (strcmp(tensor + n, f->input[i]) == 0)
			return COPY_INPUT;
	return strcmp(tensor + n, "lm_head.weight") == 0 ? COPY_HEAD : COPY_NONE;
}

static const struct st_tensor *base_tensor(const struct model *base, enum copy copy)
{
	return copy == COPY_HEAD ? base->embedding.head : base->embedding.input;
}

/* x after rounding to the less precise of the two types. */
static void round_to(enum st_dtype type, float *x, size_t n)
{
	uint16_t half[256];

	for (size_t i = 0; type == ST_F16 && i < n; i += 256) {
		size_t k = n - i < 256 ? n - i : 256;

		halves_from_floats(half, x + i, k);
		floats_from_halves(x + i, half, k);
	}
	for (size_t i = 0; type == ST_BF16 && i < n; i++) {
		uint32_t u;

		memcpy(&u, x + i, sizeof(u));
		u = (uint32_t)bf16_round(u) << 16;
		memcpy(x + i, &u, sizeof(u));
	}
}

/* The first element in which the copy differs from the base's; if none does, the number of
 * elements. */
static size_t first_difference(const struct st *file, const struct st_tensor *t,
			       const struct st *base, const struct st_tensor *b)
{
	size_t n = t->dim[0] * t->dim[1], at = n;
	float *x = xarray(PIECE, sizeof(*x)), *y = xarray(PIECE, sizeof(*y));

	for (size_t i = 0; i < n && at == n; i += PIECE) {
		size_t k = n - i < PIECE ? n - i : PIECE;

		st_read(file, t, i, k, x);
		st_read(base, b, i, k, y);
		round_to(t->dtype, y, k);
		for (size_t e = 0; e < k && at == n; e++)
			at = x[e] == y[e] ? n : i + e;
	}
	free(x);
	free(y);
	return at;
}

static void check(const struct st *st, const struct st_tensor *t, enum copy copy,
		  const struct model *base)
{
	const struct st_tensor *b = base_tensor(base, copy);
	const char *file = st_file(st, t), *what = copy == COPY_HEAD ? "output" : "input";
	size_t at;

	if (t->ndim != 2 || t->dim[0] != b->dim[0] || t->dim[1] != b->dim[1])
		die("'%s': tensor '%s' is an %s embedding of another shape than the base's '%s', "
		    "(%zu, %zu): the vocabulary was resized in training; "
		    "embeddings cannot be merged",
		    file, t->name, what, b->name, b->dim[0], b->dim[1]);
	at = first_difference(st, t, base->st, b);
	if (at < t->dim[0] * t->dim[1])
		die("'%s': tensor '%s' is an %s embedding that differs from the base's '%s' (row "
		    "%zu): it was trained, or belongs to another model; "
		    "embeddings cannot be merged: train the linears alone, or make a base model "
		    "with this embedding",
		    file, t->name, what, b->name, at / t->dim[1]);
}

void copies_check(const struct st *st, const struct model *base)
{
	for (int i = 0; i < st_count(st); i++) {
		const struct st_tensor *t = st_at(st, i);
		enum copy copy = copy_of(t->name, base->m.family);

		if (copy != COPY_NONE)
			check(st, t, copy, base);
	}
}
