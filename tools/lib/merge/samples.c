/* samples.c: see samples.h. Both files store ragged lists of ids: one dataset of lengths, and one
 * of all ids in a row. */
#include "merge/samples.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/shard.h"
#include "files/h5/h5.h"

_Static_assert(sizeof(int) == sizeof(int32_t), "an int goes to the file as it is");

#define SAMPLES_SCHEMA "iteris-samples"
#define TOKENS_SCHEMA "iteris-tokens"
enum { VERSION = 1 };

int ragged_offsets(const int *length, int S, int *offset)
{
	int total = 0;
	for (int i = 0; i < S; i++) {
		offset[i] = total;
		BUG_IF(length[i] < 0 || length[i] > INT_MAX - total);
		total += length[i];
	}
	return total;
}

static void write_ints(struct h5 *f, const char *name, const int *v, int n)
{
	h5_dataset(f, name, H5_I32, (size_t)n, 0);
	h5_write_int(f, name, 0, (size_t)n, v);
}

/* A dataset of n ints, none of them negative. */
static int *read_ints(struct h5 *f, const char *name, size_t n)
{
	h5_expect_shape(
		f, name, n,
		0); /* before the allocation, because n comes from another number of the file */
	int *v = xarray(n, sizeof *v);
	h5_read_int(f, name, 0, n, v);
	for (size_t i = 0; i < n; i++)
		if (v[i] < 0)
			die("'%s': %s[%zu] is %d, which is negative", h5_path(f), name, i, v[i]);
	return v;
}

/* The lengths of S samples, each 1 … max, with their offsets and sum. */
static int *read_lengths(struct h5 *f, const char *name, int S, int max, int **offset, int *total)
{
	int *length = read_ints(f, name, (size_t)S);
	long long sum = 0;

	for (int i = 0; i < S; i++) {
		if (length[i] < 1 || length[i] > max)
			die("'%s': %s[%d] is %d, not 1 to %d", h5_path(f), name, i, length[i], max);
		sum += length[i];
	}
	if (sum > INT_MAX)
		die("'%s': %s sums to %lld tokens, more than %d", h5_path(f), name, sum, INT_MAX);
	*offset = xarray((size_t)S, sizeof **offset);
	*total = ragged_offsets(length, S, *offset);
	return length;
}

/* The common attributes. S is used only after the datasets are known to have this shape. */
static int read_head(struct h5 *f, const char *task, char **name, const char *max_name, int *max)
{
	if (task)
		h5_expect_string(f, "task", task);
	*name = h5_get_string(f, "/", "task");
	long S = h5_get_int(f, "/", "S"), m = h5_get_int(f, "/", max_name);
	if (S < 1 || S > INT_MAX)
		die("'%s': S is %ld, not a number of samples", h5_path(f), S);
	if (m < 1 || m > INT_MAX)
		die("'%s': %s is %ld, not a number of tokens", h5_path(f), max_name, m);
	*max = (int)m;
	return (int)S;
}

static void need_vocab(const char *path, const char *name, const int *ids, int n, int V)
{
	for (int i = 0; i < n; i++)
		if (ids[i] >= V)
			die("'%s': %s[%d] is %d, but the model's vocabulary has %d entries", path,
			    name, i, ids[i], V);
}

void samples_read(struct samples *s, const char *path, const char *task)
{
	*s = (struct samples){0};
	struct h5 *f = h5_open(path, SAMPLES_SCHEMA, VERSION);
	s->S = read_head(f, task, &s->task, "max_length", &s->max_length);
	s->row = read_ints(f, "row", (size_t)s->S);
	s->length = read_lengths(f, "length", s->S, s->max_length, &s->offset, &s->total);
	s->ids = read_ints(f, "ids", (size_t)s->total);
	s->label_length = read_lengths(f, "label_length", s->S, s->max_length, &s->label_offset,
				       &s->label_total);
	s->label_ids = read_ints(f, "label_ids", (size_t)s->label_total);
	h5_close(f);
}

void samples_write(const struct samples *s, const char *path)
{
	BUG_IF(s->S < 1 || s->total < s->S || s->label_total < s->S);
	struct h5 *f = h5_create(path, SAMPLES_SCHEMA, VERSION);
	h5_set_string(f, "/", "task", s->task);
	h5_set_int(f, "/", "max_length", s->max_length);
	h5_set_int(f, "/", "S", s->S);
	write_ints(f, "row", s->row, s->S);
	write_ints(f, "length", s->length, s->S);
	write_ints(f, "ids", s->ids, s->total);
	write_ints(f, "label_length", s->label_length, s->S);
	write_ints(f, "label_ids", s->label_ids, s->label_total);
	h5_commit(f);
}

void samples_release(struct samples *s)
{
	free(s->task);
	free(s->row);
	free(s->length);
	free(s->offset);
	free(s->ids);
	free(s->label_length);
	free(s->label_offset);
	free(s->label_ids);
	*s = (struct samples){0};
}

/* Tokens of the samples before sample i. */
static long long tokens_before(const struct samples *s, int i)
{
	return i == s->S ? (long long)s->total + s->label_total
			 : (long long)s->offset[i] + s->label_offset[i];
}

/* How far the cut before sample i is from share k / n, times n. */
static long long distance(const struct samples *s, int i, int k, int n)
{
	return llabs(tokens_before(s, i) * n - tokens_before(s, s->S) * k);
}

bool samples_cuts(const struct samples *s, struct shards of, int *first)
{
	int batches = (s->S - 1) / of.batch + 1;

	if (batches < of.n)
		return false;
	first[0] = 0;
	for (int k = 1; k < of.n; k++) { /* the shards after it need a batch each */
		int at = first[k - 1] + of.batch, last = (batches - of.n + k) * of.batch;

		while (at < last && distance(s, at + of.batch, k, of.n) < distance(s, at, k, of.n))
			at += of.batch;
		first[k] = at;
	}
	first[of.n] = s->S;
	return true;
}

/* Keeps the lengths [first, last) and their ids. */
static void keep(int first, int last, int *length, int *offset, int *ids, int *total)
{
	size_t n = (size_t)(last - first) * sizeof(int);
	int begin = offset[first];

	*total = offset[last - 1] + length[last - 1] - begin;
	memmove(length, length + first, n);
	memmove(ids, ids + begin, (size_t)*total * sizeof(int));
	ragged_offsets(length, last - first, offset);
}

void samples_keep(struct samples *s, int first, int last)
{
	BUG_IF(first < 0 || last <= first || last > s->S);
	memmove(s->row, s->row + first, (size_t)(last - first) * sizeof(int));
	keep(first, last, s->length, s->offset, s->ids, &s->total);
	keep(first, last, s->label_length, s->label_offset, s->label_ids, &s->label_total);
	s->S = last - first;
}

void samples_read_shard(struct samples *s, const char *path, const char *name, struct shards of)
{
	int first[SHARDS_MOST + 1], number = shard_number(name);
	char *task = shard_task(name);

	samples_read(s, path, task);
	if (!samples_cuts(s, of, first))
		die("'%s' has %d samples, and --shards is %d: a shard has at least %d", path, s->S,
		    of.n, of.batch);
	if (number)
		samples_keep(s, first[number - 1], first[number]);
	free(task);
}

void samples_need_vocab(const struct samples *s, const char *path, int V)
{
	need_vocab(path, "ids", s->ids, s->total, V);
	need_vocab(path, "label_ids", s->label_ids, s->label_total, V);
}

void decoder_tokens_read(struct decoder_tokens *t, const char *path, const char *task, int S)
{
	*t = (struct decoder_tokens){0};
	struct h5 *f = h5_open(path, TOKENS_SCHEMA, VERSION);
	t->S = read_head(f, task, &t->task, "max_new_tokens", &t->max_new_tokens);
	if (S > 0 && t->S != S)
		die("'%s' holds the tokens of %d samples, but there are %d samples", path, t->S, S);
	t->length = read_lengths(f, "length", t->S, t->max_new_tokens, &t->offset, &t->total);
	t->ids = read_ints(f, "ids", (size_t)t->total);
	h5_close(f);
}

void decoder_tokens_given(struct decoder_tokens *t, const struct samples *s, int start)
{
	size_t S = (size_t)s->S, n = (size_t)s->label_total;

	*t = (struct decoder_tokens){.task = xstrdup(s->task), .S = s->S, .total = s->label_total};
	t->length = xarray(S, sizeof *t->length);
	t->offset = xarray(S, sizeof *t->offset);
	t->ids = xarray(n, sizeof *t->ids);
	memcpy(t->length, s->label_length, S * sizeof *t->length);
	memcpy(t->offset, s->label_offset, S * sizeof *t->offset);
	for (int i = 0; i < s->S; i++) {
		int *ids = t->ids + t->offset[i], length = t->length[i];

		t->max_new_tokens = length > t->max_new_tokens ? length : t->max_new_tokens;
		ids[0] = start >= 0 ? start : s->ids[s->offset[i] + s->length[i] - 1];
		memcpy(ids + 1, s->label_ids + t->offset[i], (size_t)(length - 1) * sizeof *ids);
	}
}

void decoder_tokens_write(const struct decoder_tokens *t, const char *path)
{
	BUG_IF(t->S < 1 || t->total < t->S);
	struct h5 *f = h5_create(path, TOKENS_SCHEMA, VERSION);
	h5_set_string(f, "/", "task", t->task);
	h5_set_int(f, "/", "max_new_tokens", t->max_new_tokens);
	h5_set_int(f, "/", "S", t->S);
	write_ints(f, "length", t->length, t->S);
	write_ints(f, "ids", t->ids, t->total);
	h5_commit(f);
}

void decoder_tokens_release(struct decoder_tokens *t)
{
	free(t->task);
	free(t->length);
	free(t->offset);
	free(t->ids);
	*t = (struct decoder_tokens){0};
}

void decoder_tokens_need_vocab(const struct decoder_tokens *t, const char *path, int V)
{
	need_vocab(path, "ids", t->ids, t->total, V);
}
