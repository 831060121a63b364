/* generate.c: see generate.h. */
#include "forward/generate.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* One pass: its sequences and their decoder inputs. */
struct round {
	int n;
	int *which; /* (n) sequence numbers */
	struct seqs dec;
	int *target;          /* (dec.rows); NULL after the first round */
	struct prediction *p; /* (dec.rows) */
};

static void round_release(struct round *r)
{
	seqs_release(&r->dec);
	free(r->which);
	free(r->target);
	free(r->p);
	*r = (struct round){0};
}

/* Builds the decoder inputs from `ids` (flat, with offset and length): the token `start`, then all
 * ids except the last. */
static void round_inputs(struct round *r, const struct geometry *m, int start, const int *length,
			 const int *offset, const int *ids)
{
	int rows = 0, *flat, *off = xarray((size_t)r->n, sizeof(*off));

	for (int i = 0; i < r->n; i++)
		rows += length[i];
	flat = xarray((size_t)rows, sizeof(*flat));
	rows = 0;
	for (int i = 0; i < r->n; i++) {
		off[i] = rows;
		flat[rows] = start;
		memcpy(flat + rows + 1, ids + offset[i], sizeof(int) * (size_t)(length[i] - 1));
		rows += length[i];
	}
	seqs_init(&r->dec, r->n, length, off, flat, 0, m->pad);
	r->p = xarray((size_t)rows, sizeof(*r->p));
	free(flat);
	free(off);
}

/* Accepts the model's choices as long as they equal the inputs that follow. */
static void round_accept(const struct round *r, int i, const struct decoding *d,
			 struct generation *g)
{
	const struct seqs *dec = &r->dec;
	int s = r->which[i], *ids = g->ids + (size_t)s * (size_t)g->max_new;

	for (int j = g->length[s]; j < dec->len[i] && g->length[s] < g->max_new; j++) {
		int id = r->p[dec->off[i] + j].id;

		if (j == 0)
			g->gap[s] = r->p[dec->off[i]].top - r->p[dec->off[i]].second;
		ids[g->length[s]++] = id;
		if (decoding_ends(d, id) || j + 1 == dec->len[i] ||
		    dec->ids[dec->off[i] + j + 1] != id)
			return;
	}
}

static void first_round(const struct forward *f, const struct seqs *enc, const float *H,
			const int *draft_length, const int *draft_offset, const int *draft_ids,
			struct generation *g)
{
	struct round r = {.n = enc->n, .which = xarray((size_t)enc->n, sizeof(int))};
	const struct geometry *m = &f->model->m;

	round_inputs(&r, m, m->label_start, draft_length, draft_offset, draft_ids);
	r.target = xarray((size_t)r.dec.rows, sizeof(int));
	for (int i = 0; i < r.n; i++) {
		r.which[i] = i;
		memcpy(r.target + r.dec.off[i], draft_ids + draft_offset[i],
		       sizeof(int) * (size_t)draft_length[i]);
	}
	forward_decode(f, enc, H, &r.dec, r.which, r.target, r.p);
	for (int i = 0; i < r.n; i++) {
		for (int j = 0; j < r.dec.len[i]; j++)
			g->nll[i] += r.p[r.dec.off[i] + j].nll;
		if (m->label_start == m->decoding.start) /* else this pass began with another token
							    than an answer does */
			round_accept(&r, i, &m->decoding, g);
	}
	round_release(&r);
}

static bool finished(const struct generation *g, int s, const struct decoding *d)
{
	int n = g->length[s];

	return n == g->max_new ||
	       (n > 0 && decoding_ends(d, g->ids[(size_t)s * (size_t)g->max_new + (size_t)n - 1]));
}

/* Generates one more token for every unfinished sequence; false when all are finished. */
static bool next_round(const struct forward *f, const struct seqs *enc, const float *H,
		       struct generation *g)
{
	const struct decoding *d = &f->model->m.decoding;
	struct round r = {.which = xarray((size_t)g->n, sizeof(int))};
	int *length = xarray((size_t)g->n, sizeof(int)),
	    *offset = xarray((size_t)g->n, sizeof(int));

	for (int s = 0; s < g->n; s++)
		if (!finished(g, s, d)) {
			r.which[r.n] = s;
			length[r.n] = g->length[s] + 1; /* the start token, and the tokens so far */
			offset[r.n++] = s * g->max_new;
		}
	if (r.n) {
		round_inputs(&r, &f->model->m, d->start, length, offset, g->ids);
		forward_decode(f, enc, H, &r.dec, r.which, NULL, r.p);
		for (int i = 0; i < r.n; i++)
			round_accept(&r, i, d, g);
	}
	bool more = r.n > 0;

	free(length);
	free(offset);
	round_release(&r);
	return more;
}

void generate(const struct forward *f, const struct seqs *enc, const float *H,
	      const int *draft_length, const int *draft_offset, const int *draft_ids, int max_new,
	      struct generation *g)
{
	*g = (struct generation){.n = enc->n, .max_new = max_new};
	g->length = xcalloc((size_t)g->n, sizeof(int));
	g->ids = xcalloc((size_t)g->n * (size_t)max_new, sizeof(int));
	g->gap = xcalloc((size_t)g->n, sizeof(float));
	g->nll = xcalloc((size_t)g->n, sizeof(double));
	first_round(f, enc, H, draft_length, draft_offset, draft_ids, g);
	malloc_trim(0); /* the draft's arrays have other sizes; the gaps that they leave would add
			   to the memory of the next rounds */
	while (next_round(f, enc, H, g))
		;
}

void generation_release(struct generation *g)
{
	free(g->length);
	free(g->ids);
	free(g->gap);
	free(g->nll);
	*g = (struct generation){0};
}

/* ------------------------------------------------------------ groups of texts */

static int prompt_rows(const struct texts *t, int i)
{
	return t->pad_to ? t->pad_to : t->length[i];
}

int texts_within(const struct texts *t, int first, size_t most)
{
	return seqs_within(t->length + first, t->n - first, t->pad_to, t->max_new, most);
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

struct passes texts_passes(const struct texts *t, size_t most)
{
	struct passes p = {.T = {1, 1}};

	for (int first = 0, n; first < t->n; first += n) {
		int rows[2] = {0};

		n = texts_within(t, first, most);
		for (int i = first; i < first + n; i++) {
			int draft = t->draft_length ? t->draft_length[i] : 0,
			    steps[2] = {prompt_rows(t, i), larger(draft, t->max_new)};

			for (int half = 0; half < 2; half++) {
				rows[half] += steps[half];
				p.T[half] = larger(p.T[half], steps[half]);
			}
		}
		p.rows[0] = larger(p.rows[0], rows[0]);
		p.rows[1] = larger(p.rows[1], rows[1]);
	}
	return p;
}
