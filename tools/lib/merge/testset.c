/* testset.c: see testset.h. */
#include "merge/testset.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "merge/samples.h"

/* The token ids of all rows, by one function of example.h. */
static int *encode_all(struct example_maker *e, const struct rows *r, const char *path,
		       int (*encode)(struct example_maker *e, const struct row *row,
				     const char *path, int i, int *ids),
		       int *length, int *offset)
{
	int *ids = xarray((size_t)r->n * (size_t)e->max_length, sizeof *ids), total = 0;
	for (int i = 0; i < r->n; i++) {
		length[i] = encode(e, &r->row[i], path, i, ids + total);
		total += length[i];
	}
	ragged_offsets(length, r->n, offset);
	return xrealloc(ids, sizeof *ids * (size_t)total);
}

/* Where answers are known only as ids, the comparison uses the text of the ids. */
static void name_answers(struct testset *t, const struct example_maker *e)
{
	for (int i = 0; i < t->rows.n; i++) {
		struct row *row = &t->rows.row[i];
		if (row->named)
			continue;
		free(row->answer);
		row->answer = tokenizer_decode(e->tokenizer, row->answer_ids.id, row->answer_ids.n,
					       true, NULL);
	}
}

/* The classes of the labels, from the first token of each row's label. */
static void classify(struct testset *t, const char *path)
{
	int *first = xarray((size_t)t->rows.n, sizeof *first);
	for (int i = 0; i < t->rows.n; i++)
		first[i] = t->answer_ids[t->answer_offset[i]];
	labels_init(&t->labels, &t->rows, first);
	labels_check(&t->labels, path);
	free(first);
}

static void choices_init(struct choices *c, const struct testset *t, const char *path)
{
	size_t n = (size_t)t->rows.n;
	c->of = xarray(n, sizeof *c->of);
	c->text = rows_labels(&t->rows, &c->K, c->of);
	if (c->K > MOST_ANSWERS)
		die("'%s' has %d distinct answers, and likelihood compares at most %d: leave it "
		    "out of score",
		    path, c->K, MOST_ANSWERS);
	c->bytes = xarray((size_t)c->K, sizeof *c->bytes);
	c->length = xarray((size_t)c->K, sizeof *c->length);
	c->offset = xarray((size_t)c->K, sizeof *c->offset);
	c->ids = t->answer_ids;
	for (int k = 0; k < c->K; k++)
		c->bytes[k] = (int)text_trimmed(c->text[k]).n;
	for (int i = t->rows.n - 1; i >= 0; i--) {
		c->length[c->of[i]] = t->answer_length[i];
		c->offset[c->of[i]] = t->answer_offset[i];
	}
}

void testset_read(struct testset *t, const char *path, struct example_maker *e,
		  struct asked_scores asked)
{
	*t = (struct testset){0};
	rows_read(&t->rows, path, e->templates);
	size_t bytes = sizeof(int) * (size_t)t->rows.n;
	t->length = xmalloc(bytes);
	t->offset = xmalloc(bytes);
	t->answer_length = xmalloc(bytes);
	t->answer_offset = xmalloc(bytes);
	t->ids = encode_all(e, &t->rows, path, example_prompt, t->length, t->offset);
	t->answer_ids =
		encode_all(e, &t->rows, path, example_answer, t->answer_length, t->answer_offset);
	name_answers(t, e);
	if (asked.first_token)
		classify(t, path);
	if (asked.likelihood)
		choices_init(&t->choices, t, path);
}

void testset_release(struct testset *t)
{
	labels_release(&t->labels);
	rows_release(&t->rows);
	free(t->choices.of);
	free(t->choices.text);
	free(t->choices.bytes);
	free(t->choices.length);
	free(t->choices.offset);
	free(t->length);
	free(t->offset);
	free(t->ids);
	free(t->answer_length);
	free(t->answer_offset);
	free(t->answer_ids);
	*t = (struct testset){0};
}

struct answer_list testset_answers(const struct testset *t)
{
	const struct choices *c = &t->choices;
	return (struct answer_list){c->K, c->length, c->offset, c->ids};
}
