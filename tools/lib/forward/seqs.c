/* seqs.c: see seqs.h. */
#include "forward/seqs.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

void seqs_init(struct seqs *s, int n, const int *length, const int *offset, const int *ids,
	       int pad_to, int pad)
{
	*s = (struct seqs){.n = n};
	s->off = xarray((size_t)n, sizeof(int));
	s->len = xarray((size_t)n, sizeof(int));
	s->valid = xarray((size_t)n, sizeof(int));
	for (int i = 0; i < n; i++) {
		BUG_IF(pad_to && length[i] > pad_to);
		s->off[i] = s->rows;
		s->valid[i] = length[i];
		s->len[i] = pad_to ? pad_to : length[i];
		s->rows += s->len[i];
		if (s->len[i] > s->longest)
			s->longest = s->len[i];
	}
	s->ids = xarray((size_t)s->rows, sizeof(int));
	for (int i = 0; i < n; i++) {
		memcpy(s->ids + s->off[i], ids + offset[i], sizeof(int) * (size_t)length[i]);
		for (int j = length[i]; j < s->len[i]; j++)
			s->ids[s->off[i] + j] = pad;
	}
}

void seqs_release(struct seqs *s)
{
	free(s->off);
	free(s->len);
	free(s->valid);
	free(s->ids);
	*s = (struct seqs){0};
}

int seqs_within(const int *length, int n, int pad_to, int beside, size_t most)
{
	size_t rows = 0;
	int i;

	for (i = 0; i < n; i++) {
		rows += (size_t)((pad_to ? pad_to : length[i]) + beside);
		if (i && rows > most)
			break;
	}
	return i;
}

struct batch seqs_batch(const struct seqs *s, int first, int max_rows, int most, int *off)
{
	struct batch b = {.off = off, .len = s->len + first, .valid = s->valid + first};

	while (first + b.n < s->n && (!most || b.n < most) &&
	       (b.n == 0 || b.rows + s->len[first + b.n] <= max_rows)) {
		off[b.n] = b.rows;
		b.rows += s->len[first + b.n];
		b.n++;
	}
	return b;
}
