/* generate.c: see generate.h. */
#include "forward/generate.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* One pass: its sequences and their decoder inputs. */
struct round {
	int n;
	int *which;           /* (n) sequence numbers */
	int *kept;            /* (n) inputs that earlier passes have run, with keys that are kept */
	struct seqs dec;      /* the other inputs */
	int *target;          /* (dec.rows); NULL after the first round */
	struct prediction *p; /* (dec.rows) */
};

static void round_release(struct round *r)
{
	seqs_release(&r->dec);
	free(r->which);
	free(r->kept);
	free(r->target);
	free(r->p);
	*r = (struct round){0};
}

static struct round round_of(int most)
{
	return (struct round){.which = xarray((size_t)most, sizeof(int)),
			      .kept = xcalloc((size_t)most, sizeof(int))};
}

/* Builds the decoder inputs from `ids` (flat, with offset and length): the token `start`, then all
 * ids except the last; without those that are kept. */
static void round_inputs(struct round *r, const struct geometry *m, int start, const int *length,
			 const int *offset, const int *ids)
{
	int rows = 0, *flat, *off = xarray((size_t)r->n, sizeof(*off)),
	    *len = xarray((size_t)r->n, sizeof(*len));

	for (int i = 0; i < r->n; i++) {
		off[i] = rows;
		len[i] = length[i] - r->kept[i];
		rows += len[i];
	}
	flat = xarray((size_t)rows, sizeof(*flat));
	for (int i = 0; i < r->n; i++)
		for (int j = 0, input = r->kept[i]; j < len[i]; j++, input++)
			flat[off[i] + j] = input ? ids[offset[i] + input - 1] : start;
	seqs_init(&r->dec, r->n, len, off, flat, 0, m->pad);
	r->p = xarray((size_t)rows, sizeof(*r->p));
	free(flat);
	free(len);
	free(off);
}

/* Accepts the model's choices as long as they equal the inputs that follow. */
static void round_accept(const struct round *r, int i, const struct decoding *d,
			 struct generation *g)
{
	const struct seqs *dec = &r->dec;
	int s = r->which[i], *ids = g->ids + (size_t)s * (size_t)g->max_new;

	for (int j = g->length[s] - r->kept[i]; j < dec->len[i] && g->length[s] < g->max_new; j++) {
		int id = r->p[dec->off[i] + j].id;

		if (g->length[s] == 0)
			g->gap[s] = r->p[dec->off[i]].top - r->p[dec->off[i]].second;
		ids[g->length[s]++] = id;
		if (decoding_ends(d, id) || j + 1 == dec->len[i] ||
		    dec->ids[dec->off[i] + j + 1] != id)
			return;
	}
}

/* A single stack keeps the answers' keys and values. The inputs of an answer of n tokens are the
 * start token and n − 1 of them. */
static struct answers_kept *keep_answers(const struct forward *f, int n, int max_new)
{
	const struct geometry *m = &f->model->m;
	struct answers_kept *k;

	if (m->family->nstacks == 2 || m->label_start != m->decoding.start)
		return NULL;
	k = xmalloc(sizeof(*k));
	*k = (struct answers_kept){.n = n, .room = max_new, .len = xcalloc((size_t)n, sizeof(int))};
	k->store = forward_prompts(NULL, m, (size_t)n * (size_t)max_new);
	return k;
}

static void answers_release(struct answers_kept *k)
{
	if (!k)
		return;
	be->free(k->store);
	free(k->len);
	free(k);
}

static void first_round(const struct forward *f, const struct seqs *enc, const float *H,
			const int *draft_length, const int *draft_offset, const int *draft_ids,
			struct answers_kept *kept, struct generation *g)
{
	struct round r = round_of(enc->n);
	const struct geometry *m = &f->model->m;

	r.n = enc->n;
	round_inputs(&r, m, m->label_start, draft_length, draft_offset, draft_ids);
	r.target = xarray((size_t)r.dec.rows, sizeof(int));
	for (int i = 0; i < r.n; i++) {
		r.which[i] = i;
		memcpy(r.target + r.dec.off[i], draft_ids + draft_offset[i],
		       sizeof(int) * (size_t)draft_length[i]);
	}
	forward_decode(f, enc, H, &r.dec, r.which, r.target, kept, r.p);
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
		       struct answers_kept *kept, struct generation *g)
{
	const struct decoding *d = &f->model->m.decoding;
	struct round r = round_of(g->n);
	int *length = xarray((size_t)g->n, sizeof(int)),
	    *offset = xarray((size_t)g->n, sizeof(int));

	for (int s = 0; s < g->n; s++)
		if (!finished(g, s, d)) {
			r.which[r.n] = s;
			r.kept[r.n] = kept ? g->length[s] : 0;
			length[r.n] = g->length[s] + 1; /* the start token, and the tokens so far */
			offset[r.n++] = s * g->max_new;
		}
	for (int s = 0; kept && s < g->n; s++)
		kept->len[s] = g->length[s];
	if (r.n) {
		round_inputs(&r, &f->model->m, d->start, length, offset, g->ids);
		forward_decode(f, enc, H, &r.dec, r.which, NULL, kept, r.p);
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
	struct answers_kept *kept;

	*g = (struct generation){.n = enc->n, .max_new = max_new};
	g->length = xcalloc((size_t)g->n, sizeof(int));
	g->ids = xcalloc((size_t)g->n * (size_t)max_new, sizeof(int));
	g->gap = xcalloc((size_t)g->n, sizeof(float));
	g->nll = xcalloc((size_t)g->n, sizeof(double));
	kept = keep_answers(f, g->n, max_new);
	first_round(f, enc, H, draft_length, draft_offset, draft_ids, kept, g);
	malloc_trim(0); /* the draft's arrays have other sizes; the gaps that they leave would add
			   to the memory of the next rounds */
	while (next_round(f, enc, H, kept, g))
		;
	answers_release(kept);
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
