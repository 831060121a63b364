/* propagate.c: see propagate.h. */
#include "merge/propagate.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/checksums.h"

bool propagate_in_decoder(const struct propagation *a)
{
	return a->site.stack == 1 && !site_is_encoder_output(a->site);
}

int propagate_target(const struct propagation *a)
{
	return site_is_encoder_output(a->site) ? a->model->m.L[0] : a->site.block;
}

static const struct seqs *seqs_of(const struct propagation *a, const struct propagation_task *t)
{
	return propagate_in_decoder(a) ? &t->dec : &t->enc;
}

int propagate_rows(const struct propagation *a, const struct propagation_task *t)
{
	const struct seqs *s = seqs_of(a, t);

	return a->last_rows ? s->n : s->rows;
}

static struct acts_of acts_of(const struct propagation *a, const struct propagation_task *t,
			      const char *site)
{
	return (struct acts_of){site, t->name, a->of.side, a->of.features};
}

/* Opens an acts file of the task. site NULL: any site. */
static struct h5 *open_acts(const struct propagation *a, const char *template,
			    const struct propagation_task *t, const char *site)
{
	char *path = checksums_task_path(template, t->name, a->ntasks, "path");
	const struct acts_of of = acts_of(a, t, site);
	struct h5 *f = acts_open(path, &of);

	free(path);
	return f;
}

/* Whether the walk starts from the rows of site s alone: one operation leads from there to the
 * site, and it needs no state. */
static bool starts_from_rows(const struct propagation *a, struct site s)
{
	const struct family *family = a->model->m.family;

	return s.block == a->site.block && !site_at_norm(family, a->site) &&
	       family_next_step(family, s.stack, s.step) == a->site.step;
}

/* Whether the walk can take the rows of site s: x there is no norm, and s is on its first block's
 * part of the way. */
static bool can_be_given(const struct propagation *a, struct site s)
{
	return !site_is_encoder_output(s) && s.stack == propagate_in_decoder(a) &&
	       s.block == a->start && site_compare(s, a->site) < 0 &&
	       (site_at_norm(a->model->m.family, s) ? starts_from_rows(a, s)
						    : s.step > a->start_step);
}

/* The files of the first task that are opened here stay open for its first pass. */
static void find_given(struct propagation *a)
{
	struct propagation_task *t = &a->task[0];

	for (int i = 0; i < a->given_rows.n; i++) {
		const char *template = a->given_rows.item[i];
		bool is_from = t->in && strcmp(template, a->from) == 0;
		struct h5 *in = is_from ? t->in : open_acts(a, template, t, NULL);
		char *name = h5_get_string(in, "/", "site");
		struct site s;

		if (!site_parse(&a->model->m, name, &s) || !can_be_given(a, s))
			die("%s: the rows of site '%s' are no input on the way from '%s' to '%s'",
			    h5_path(in), name, a->from_site, a->of.site);
		if (is_from)
			t->in = NULL;
		h5_close(t->given[s.step]);
		t->given[s.step] = in;
		a->given[s.step] = template;
		if (site_at_norm(a->model->m.family, s))
			a->start_step = s.step;
		free(name);
	}
}

static void find_state(struct propagation *a)
{
	struct site from;
	struct h5 *in;

	in = a->task[0].in = open_acts(a, a->from, &a->task[0], NULL);
	a->from_site = h5_get_string(in, "/", "site");
	if (!site_parse(&a->model->m, a->from_site, &from) || site_is_encoder_output(from) ||
	    from.stack != propagate_in_decoder(a) || site_compare(from, a->site) >= 0)
		die("%s: site '%s' is not before '%s' in the same stack", h5_path(in), a->from_site,
		    a->of.site);
	a->start_step = (enum step)h5_get_int(in, "/", "state_step");
	if (a->start_step != STEP_SELF && a->start_step != from.step)
		die("%s: its state is at step %d, which is no place to go on from", h5_path(in),
		    (int)a->start_step);
	a->start = from.block;
	find_given(a);
}

/* Whether the walk runs the linears of site s. Those that lead to given rows are not run. */
static bool runs_linears_of(const struct propagation *a, struct site s)
{
	struct site start = {propagate_in_decoder(a), a->start, a->start_step};
	enum step next;

	if (site_is_encoder_output(s) || s.stack != start.stack || site_compare(s, start) < 0 ||
	    site_compare(s, a->site) >= 0)
		return false;
	next = family_next_step(a->model->m.family, s.stack, s.step);
	return s.block > a->start || next >= STEP_END || !a->given[next];
}

static void find_measured(struct propagation *a)
{
	if (!site_parse(&a->model->m, a->norms_of, &a->measured))
		die_usage("--norms-of '%s': no site of this model", a->norms_of);
	if (!runs_linears_of(a, a->measured))
		die_usage("--norms-of %s: the way to %s does not run its linears", a->norms_of,
			  a->of.site);
}

void propagate_start(struct propagation *a)
{
	if (a->from)
		find_state(a);
	if (a->norms)
		find_measured(a);
}

/* Where x is the norm of h, the file of the site can hold h. */
static bool state_at_site(const struct propagation *a)
{
	return a->every_state && a->site.step != STEP_SELF &&
	       site_at_norm(a->model->m.family, a->site);
}

/* The first site of a block stores the block's state. Later sites of the block start from its
 * file. */
static bool writes_state(const struct propagation *a)
{
	return !a->from || site_is_encoder_output(a->site) || a->start < a->site.block ||
	       state_at_site(a);
}

struct pass {
	int block; /* −1: no block; only the embeddings are computed and normed */
	enum step from, to;
	bool first, last;

	/* Set by pass_run(). */
	struct block *loaded;       /* NULL: none */
	struct block_deltas merged; /* of the model that all tasks share, packed once for all */
	const float *next_norm; /* the norm that gives the site's rows at the end; NULL: the block
				   gives them */
};

static void open_output(const struct propagation *a, struct propagation_task *t)
{
	char *path = checksums_task_path(a->out, t->name, a->ntasks, "--output");
	const struct geometry *m = &a->model->m;
	const struct acts_of of = acts_of(a, t, a->of.site);

	t->out = acts_create(path, &of, propagate_rows(a, t), site_width(m, a->site), a->fp16,
			     writes_state(a) ? seqs_of(a, t)->rows : 0, m->D,
			     state_at_site(a) ? a->site.step : STEP_SELF);
	free(path);
}

/* Opens the file of the given rows at a step, unless it is open. */
static void open_given(const struct propagation *a, struct propagation_task *t, enum step at)
{
	const struct site s = {propagate_in_decoder(a), a->start, at};
	char name[24];

	if (!t->given[at])
		t->given[at] =
			open_acts(a, a->given[at], t, site_name(a->model->m.family, s, name));
	h5_expect_shape(t->given[at], "/rows", (size_t)seqs_of(a, t)->rows,
			(size_t)site_width(&a->model->m, s));
}

/* Opens the file of the state, unless it is open. The way needs no state if it starts from given
 * rows. */
static void open_state(const struct propagation *a, struct propagation_task *t)
{
	if (!a->from || a->given[a->start_step])
		return;
	if (!t->in)
		t->in = open_acts(a, a->from, t, a->from_site);
	acts_need_state(t->in, seqs_of(a, t)->rows, a->model->m.D);
}

/* Opens a task's files for a pass: the state that it starts from, the given rows, the encoder's
 * output, the output. */
static void open_files(const struct propagation *a, struct propagation_task *t,
		       const struct pass *p)
{
	if (p->first)
		open_state(a, t);
	for (int at = 0; p->first && at < STEP_END; at++)
		if (a->given[at])
			open_given(a, t, (enum step)at);
	if (propagate_in_decoder(a) && p->to > STEP_CROSS) {
		t->encoder_output = open_acts(a, a->encoder_output, t, "encoder-output");
		acts_need_state(t->encoder_output, t->enc.rows, a->model->m.D);
	}
	if (p->first)
		open_output(a, t);
}

static void write_norms(const struct propagation *a, const struct propagation_task *t)
{
	char *path = checksums_task_path(a->norms, t->name, a->ntasks, "--norms-output");
	const struct acts_of of = acts_of(a, t, a->norms_of);

	normfile_write(path, &of, &a->model->m, a->measured, t->xw2, propagate_rows(a, t));
	free(path);
}

static void close_files(const struct propagation *a, struct propagation_task *t,
			const struct pass *p)
{
	h5_close(t->in);
	h5_close(t->encoder_output);
	t->in = t->encoder_output = NULL;
	for (int at = 0; at < STEP_END; at++) {
		h5_close(t->given[at]);
		t->given[at] = NULL;
	}
	if (p->last && a->norms)
		write_norms(a, t);
	if (p->last)
		h5_commit(t->out);
}

static void write_rows(const struct propagation *a, const struct propagation_task *t,
		       const struct batch *b, int first)
{
	int d = site_width(&a->model->m, a->site);
	size_t row = (size_t)d * sizeof(float);
	const struct acts_of of = acts_of(a, t, a->of.site);

	if (a->last_rows) {
		for (int i = 0; i < b->n; i++)
			be->get(a->host + (size_t)i * (size_t)d,
				a->work.x + (size_t)(b->off[i] + b->len[i] - 1) * (size_t)d, row);
		acts_write_rows(t->out, &of, a->fp16, first, b->n, d, a->host);
		return;
	}
	be->get(a->host, a->work.x, (size_t)b->rows * row);
	acts_write_rows(t->out, &of, a->fp16, seqs_of(a, t)->off[first], b->rows, d, a->host);
}

static void write_state(const struct propagation *a, const struct propagation_task *t,
			const struct pass *p, const struct batch *b, int first)
{
	const float *from = site_is_encoder_output(a->site) && p->last ? a->work.x : a->h;
	const struct acts_of of = acts_of(a, t, a->of.site);

	if (p->last && acts_state_is_rows(&of, a->fp16))
		return;
	be->get(a->host, from, (size_t)b->rows * (size_t)a->model->m.D * sizeof(float));
	h5_write_float(t->out, "/state", (size_t)seqs_of(a, t)->off[first], (size_t)b->rows,
		       a->host);
}

/* h at the start of a pass: from the embeddings, from the file `from`, or from the output, where
 * the previous pass left it. */
static void read_state(const struct propagation *a, const struct propagation_task *t,
		       const struct pass *p, const struct batch *b, int first)
{
	const struct seqs *s = seqs_of(a, t);
	struct h5 *from = p->first ? t->in : t->out;

	if (p->first && a->given[p->from]) /* the way needs no state */
		return;
	if (from)
		h5_read_float(from, "/state", (size_t)s->off[first], (size_t)b->rows, a->host);
	else
		model_embed(a->model, s->ids + s->off[first], b->rows, a->host);
	be->put(a->h, a->host, (size_t)b->rows * (size_t)a->model->m.D * sizeof(float));
}

/* A task's batch, for what is read while a block runs. */
struct fetch {
	struct propagation *a;
	struct propagation_task *t;
	const struct batch *batch;
	int first; /* the batch's first sequence */
};

static float *fetch_given(void *arg, enum step at)
{
	const struct fetch *f = arg;
	struct propagation *a = f->a;
	size_t row0 = (size_t)seqs_of(a, f->t)->off[f->first], rows = (size_t)f->batch->rows;
	int d = site_width(&a->model->m, (struct site){propagate_in_decoder(a), a->start, at});

	h5_read_float(f->t->given[at], "/rows", row0, rows, a->host);
	be->put(a->work.a, a->host, rows * (size_t)d * sizeof(float));
	return a->work.a;
}

/* Reads the encoder's output for the decoder's cross-attention from the `encoder-output` file. */
static const float *fetch_encoder_output(void *arg, int first, int n, int *off)
{
	const struct fetch *f = arg;
	const struct propagation *a = f->a;
	const struct seqs *s = &f->t->enc;
	int row0 = s->off[first], rows = 0;

	for (int i = 0; i < n; i++) {
		off[i] = rows;
		rows += s->len[first + i];
	}
	h5_read_float(f->t->encoder_output, "/state", (size_t)row0, (size_t)rows, a->M_host);
	be->put(a->M, a->M_host, (size_t)rows * (size_t)a->model->m.D * sizeof(float));
	return a->M;
}

/* Adds ‖y‖² of the rows that the file of a site has, in their order. */
static void add_squares(void *arg, int slot, int part, const float *y, int n)
{
	const struct fetch *f = arg;
	const struct propagation *a = f->a;
	const struct batch *b = f->batch;
	double *sum = &f->t->xw2[slot][part];

	be->squares(a->squares, y, b->rows, n);
	be->get(a->squares_host, a->squares, (size_t)b->rows * sizeof(double));
	for (int i = 0; i < b->n; i++)
		for (int row = a->last_rows ? b->len[i] - 1 : 0; row < b->len[i]; row++)
			*sum += a->squares_host[b->off[i] + row];
}

/* The sequences from fetch->first on, with what the batch takes and shows while its block runs. */
static struct batch next_batch(const struct propagation *a, const struct pass *p,
			       struct fetch *fetch, int *off)
{
	struct batch b = seqs_batch(seqs_of(a, fetch->t), fetch->first, a->rows, 0, off);

	b.given = (struct given){fetch, fetch_given};
	if (a->norms && p->block == a->measured.block)
		b.outputs = (struct outputs){a->measured.step, fetch, add_squares};
	return b;
}

/* Runs the sequences of one task, batch by batch. At the end of the last pass, x at the site gives
 * the rows. */
static void run_batches(struct propagation *a, struct propagation_task *t, const struct pass *p,
			const struct block_deltas *d)
{
	const struct seqs *s = seqs_of(a, t);
	const struct geometry *m = &a->model->m;
	int *off = xarray((size_t)s->n, sizeof(int));
	struct batch batch;
	struct fetch fetch = {a, t, &batch, 0};
	struct encoder_output mem = {&fetch, fetch_encoder_output, t->enc.len, t->enc.valid, 0,
				     a->rows};
	bool at_end = p->to == STEP_END || !p->loaded || (p->last && state_at_site(a));

	for (int first = 0; first < s->n; first += batch.n) {
		mem.base = fetch.first = first;
		batch = next_batch(a, p, &fetch, off);
		read_state(a, t, p, &batch, first);
		if (p->loaded)
			block_run(p->loaded, d, &a->work, &batch, &mem, a->h, p->to);
		if (p->next_norm)
			be->rmsnorm(a->work.x, a->h, p->next_norm, batch.rows, m->D, m->eps);
		if (writes_state(a) && at_end)
			write_state(a, t, p, &batch, first);
		if (p->last)
			write_rows(a, t, &batch, first);
	}
	free(off);
}

static void pass_task(struct propagation *a, struct propagation_task *t, const struct pass *p)
{
	const struct delta_source source = {.adapter = t->adapter};
	struct block_deltas own = {{NULL}};

	open_files(a, t, p);
	if (p->loaded && !a->merged)
		block_deltas_load(&own, p->loaded, &source);
	run_batches(a, t, p, a->merged ? &p->merged : &own);
	if (p->loaded)
		block_deltas_release(&own, p->loaded);
	close_files(a, t, p);
}

static struct way way_of(const struct propagation *a, const struct pass *p)
{
	struct way way = way_between(p->from, p->to);

	for (int at = 0; p->first && at < STEP_END; at++)
		way.given[at] = a->given[at] != NULL;
	return way;
}

static void pass_load(const struct propagation *a, struct pass *p, struct block *b)
{
	const struct delta_source source = {.merged = a->merged};

	block_load(b, NULL, a->model, propagate_in_decoder(a), p->block, way_of(a, p),
		   a->precision);
	p->loaded = b;
	if (!a->merged)
		return;
	block_deltas_load(&p->merged, b, &source);
	if (p->last) /* the tasks' files are opened later */
		merged_rest(a->merged);
}

static void pass_run(struct propagation *a, struct pass p)
{
	int stack = propagate_in_decoder(a);
	float *next_norm = NULL;
	bool at_end = propagate_target(a) == a->model->m.L[stack];
	struct block b;

	if (p.last && (p.to == STEP_END || p.block < 0))
		next_norm =
			at_end ? model_final_norm(a->model, NULL, stack)
			       : model_norm(a->model, NULL, stack, propagate_target(a), STEP_SELF);
	p.next_norm = next_norm;
	if (p.block >= 0)
		pass_load(a, &p, &b);
	for (int i = 0; i < a->ntasks; i++)
		pass_task(a, &a->task[i], &p);
	if (p.loaded) {
		block_deltas_release(&p.merged, &b);
		block_release(&b);
	}
	be->free(next_norm);
}

/* Runs the blocks start … target−1 whole, and the target block as far as the site. A site at the
 * start of a block needs only the norm after the previous block, so it belongs to the previous
 * block's pass. */
void propagate_run(struct propagation *a)
{
	int target = propagate_target(a);
	bool at_start = site_is_encoder_output(a->site) || a->site.step == STEP_SELF;
	bool first = true;

	for (int b = a->start; b < target; b++) {
		pass_run(a, (struct pass){.block = b,
					  .from = first ? a->start_step : STEP_SELF,
					  .to = STEP_END,
					  .first = first,
					  .last = at_start && b == target - 1});
		first = false;
	}
	if (at_start && target > a->start)
		return;
	if (at_start) {
		pass_run(a, (struct pass){.block = -1, .first = true, .last = true});
		return;
	}
	if (first && !a->from) { /* the embeddings are the state at the start of block 0 */
		pass_run(a, (struct pass){.block = -1, .first = true});
		first = false;
	}
	pass_run(a, (struct pass){.block = target,
				  .from = first ? a->start_step : STEP_SELF,
				  .to = a->site.step,
				  .first = first,
				  .last = true});
}

void propagate_init(struct propagation *a, struct layout *l, int T, int rank)
{
	const struct geometry *m = &a->model->m;
	size_t row = (size_t)m->D * sizeof(float), rows = (size_t)a->rows;
	int wide = m->D > m->F ? m->D : m->F;

	wide = wide > m->DI ? wide : m->DI;
	work_init(&a->work, l, a->model, propagate_in_decoder(a), a->rows, T, rank);
	a->h = layout_array(l, rows * row);
	a->host = layout_host(l, rows * (size_t)wide * sizeof(float));
	a->squares = layout_array(l, rows * sizeof(double));
	a->squares_host = layout_host(l, rows * sizeof(double));
	if (propagate_in_decoder(a)) {
		a->M = layout_array(l, rows * row);
		a->M_host = layout_host(l, rows * row);
	}
}

struct layout propagate_layout(const struct propagation *a, int T, int keys,
			       const struct ranks *ranks)
{
	struct propagation dry = *a;
	struct layout l = {0};
	int stack = propagate_in_decoder(a), rank = ranks_largest(ranks);
	const struct be_sizes sizes = block_sizes(&a->model->m, stack, T, keys, rank, a->precision);
	struct block b;

	block_load(&b, &l, a->model, stack, 0, way_between(STEP_SELF, STEP_END), a->precision);
	block_deltas_count(&l, &b, ranks);
	model_final_norm(a->model, &l, stack);
	propagate_init(&dry, &l, keys > T ? keys : T, rank);
	layout_operations(&l, &sizes);
	block_release(&b);
	return l;
}

void propagate_release(struct propagation *a)
{
	work_release(&a->work);
	be->free(a->h);
	be->free(a->squares);
	be->free(a->M);
	free(a->host);
	free(a->squares_host);
	free(a->M_host);
	free(a->from_site);
}
