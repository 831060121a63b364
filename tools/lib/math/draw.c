/* draw.c: see draw.h. The pool is an array of row numbers. Every rule shortens or reorders it in
 * place. */
#include "math/draw.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/rng.h"

struct candidates {
	int n;
	int *row;
};

struct keyed {
	long chars;
	int row, place;
};

/* Longest first. Rows of equal length keep their order. */
static int by_length(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	if (x->chars != y->chars)
		return x->chars < y->chars ? 1 : -1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void keep_longest(struct candidates *p, const long *chars, struct rng *rng)
{
	/* 2n/3 of all rows, not of the shuffled 3000, as published. In 64 bits, because n may be
	 * over 2^30. */
	long long two_thirds = 2LL * p->n / 3;

	rng_shuffle(rng, p->row, p->n);
	if (p->n > DRAW_SHUFFLED)
		p->n = DRAW_SHUFFLED;
	struct keyed *k = xarray((size_t)p->n, sizeof *k);
	for (int i = 0; i < p->n; i++)
		k[i] = (struct keyed){chars[p->row[i]], p->row[i], i};
	qsort(k, (size_t)p->n, sizeof *k, by_length);
	for (int i = 0; i < p->n; i++)
		p->row[i] = k[i].row;
	free(k);
	p->n = two_thirds < DRAW_LONGEST ? (int)two_thirds : DRAW_LONGEST;
}

/* The pool's rows with one label, in the pool's order. */
static int rows_of_label(const struct candidates *p, const int *label, int want, int *row)
{
	int n = 0;
	for (int i = 0; i < p->n; i++)
		if (label[p->row[i]] == want)
			row[n++] = p->row[i];
	return n;
}

/* The labels that occur in the pool, ascending; returns how many. */
static int labels_of_pool(const struct candidates *p, const int *label, int K, int *present)
{
	int *count = xcalloc((size_t)K, sizeof *count);
	int n = 0;
	for (int i = 0; i < p->n; i++)
		count[label[p->row[i]]]++;
	for (int k = 0; k < K; k++)
		if (count[k])
			present[n++] = k;
	free(count);
	return n;
}

static int pick_balanced(const struct candidates *p, const int *label, int K, int samples_num,
			 struct rng *rng, int *picked, struct draw_shortage *shortage)
{
	int *order = xarray((size_t)K, sizeof *order);
	int *rows = xarray((size_t)p->n, sizeof *rows);
	int classes = labels_of_pool(p, label, K, order), status = DRAW_OK, taken = 0;

	if (samples_num < classes) {
		*shortage = (struct draw_shortage){-1, samples_num, classes};
		status = DRAW_FEW_SAMPLES;
	}
	rng_shuffle(rng, order, classes);
	for (int c = 0; status == DRAW_OK && c < classes; c++) {
		int want = c < classes - 1 ? samples_num / classes : samples_num - taken;
		int found = rows_of_label(p, label, order[c], rows);
		if (found < want) {
			*shortage = (struct draw_shortage){order[c], found, want};
			status = DRAW_FEW_ROWS;
			break;
		}
		rng_shuffle(rng, rows, found);
		memcpy(picked + taken, rows, (size_t)want * sizeof *rows);
		taken += want;
	}
	if (status == DRAW_OK)
		rng_shuffle(rng, picked, samples_num);
	free(rows);
	free(order);
	return status;
}

int draw_rows(const struct draw_rules *o, int n, const long *chars, const int *label, int K,
	      int *picked, struct draw_shortage *shortage)
{
	struct rng rng;
	struct candidates p = {n, xarray((size_t)n, sizeof *p.row)};
	int status = DRAW_OK;

	BUG_IF(n < 1 || K < 1 || o->samples_num < 1);
	rng_seed(&rng, o->seed);
	for (int i = 0; i < n; i++)
		p.row[i] = i;
	if (o->select_long)
		keep_longest(&p, chars, &rng);
	if (p.n < o->samples_num) {
		*shortage = (struct draw_shortage){-1, p.n, o->samples_num};
		status = DRAW_FEW_ROWS;
	} else if (o->if_balance) {
		status = pick_balanced(&p, label, K, o->samples_num, &rng, picked, shortage);
	} else {
		if (o->shuffle)
			rng_shuffle(&rng, p.row, p.n);
		memcpy(picked, p.row, (size_t)o->samples_num * sizeof *picked);
	}
	free(p.row);
	return status;
}
