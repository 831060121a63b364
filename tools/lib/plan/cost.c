/* cost.c: see cost.h.
 *
 * A process's time is what it multiplies, by the rate of this machine's products, and what it reads
 * and writes, by its rate of copying. What these rates do not show is in the factors below. They
 * were fitted to the log.tsv of merges of three models, on two cores with AVX2.
 * tests/bench/replay-pace.c compares a run with them. */
#include "plan/cost.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/die.h"
#include "math/grams.h"
#include "math/sketch.h"
#include "model/geometry.h"
#include "plan/counts.h"
#include "plan/sizes.h"

enum {
	START_MS = 18, /* a process that does nothing: linking, libraries, the plan of its memory */
	SOLVE_MS = 8,  /* the files of all adapters */
	GRAM_MS = 6,   /* of a task: its files and norms */
	GENERATE_MS = 50, /* the tokens of small groups, one after the other */
	READ_COPIES = 5,  /* a weight is read, converted and packed into fresh memory */
	FILE_COPIES = 8,  /* rows in a file: converted, written, given a digest, read, checked */
};

/* Products are slower than the measured ones where rows are short, or the kernel is another. */
static const double SHORT = 48, GRAM_SHARE = 0.75, TRACE_SHARE = 0.6, ATTENTION_SHARE = 0.35,
		    SOLVE_SHARE = 0.6;
/* Bytes of texts that are read per second. */
static const double TEXT_RATE = 4e7;
/* Elementwise work of a block for each element of a row, in operations. */
static const double ELEMENTWISE = 60;

/* Bytes of a test file per token, with its keys; tokens of a row. Of the real case's four files. */
static const double TOKEN_BYTES = 6, ROW_TOKENS = 55;

static struct cost seconds(double process, double task)
{
	return (struct cost){.process = 1e-3 * START_MS + process, .task = task, .shared = 0.85};
}

/* Of a stage that computes. */
static struct cost launched(double process, double task)
{
	struct cost c = seconds(process, task);

	c.launched = true;
	return c;
}

static double copying(const struct plan *p, double bytes)
{
	return bytes / p->rate.bytes;
}

/* Products with weights of this width, in float32 whatever the settings are. */
static double multiplying32(const struct plan *p, double operations, double width)
{
	return operations / (p->rate.products * width / (width + SHORT));
}

/* In the precision of the rows. */
static double multiplying(const struct plan *p, double operations, double width)
{
	double faster = p->c.use_fp16 ? p->rate.products16 / p->rate.products : 1;

	return multiplying32(p, operations, width) / faster;
}

/* ------------------------------------------------------------ the way to a site */

/* What lies between two places: elements of linears that are applied to the rows; self- and
 * cross-attentions; all steps. */
struct way {
	double elements, self, cross, steps;
};

static struct way joined(struct way a, struct way b, double times)
{
	return (struct way){a.elements + times * b.elements, a.self + times * b.self,
			    a.cross + times * b.cross, a.steps + times * b.steps};
}

static void count_step(struct way *w, const struct family_step *s)
{
	w->self += s->operation == SELF_ATTENTION;
	w->cross += s->operation == CROSS_ATTENTION;
	w->steps += s->operation != NO_STEP;
}

/* Keys and values of the encoder's output are not formed: their weights are applied to the rows
 * (forward/block.h). */
static struct way between(const struct geometry *m, int stack, enum step from, enum step to)
{
	struct way w = {0};

	for (int slot = 0; slot < SLOTS; slot++) {
		enum step step = m->family->linear[slot].step;

		if (slot_exists(m, stack, slot) && step >= from && step < to)
			w.elements += (double)module_d_out(m, slot) * module_d_in(m, slot);
	}
	for (enum step s = from; s < to; s++)
		count_step(&w, &m->family->stack[stack].step[s]);
	return w;
}

static struct way whole_stack(const struct geometry *m, int stack)
{
	return joined((struct way){0}, between(m, stack, STEP_SELF, STEP_END), m->L[stack]);
}

/* From one site to another of the same stack. `from` NULL: from the start of the stack. */
static struct way way_to(const struct geometry *m, const struct site *from, struct site to)
{
	int stack = to.stack, block = from ? from->block : 0;
	enum step step = from ? from->step : STEP_SELF;
	struct way w = {0};

	for (; block < to.block; block++, step = STEP_SELF)
		w = joined(w, between(m, stack, step, STEP_END), 1);
	return joined(w, between(m, stack, step, to.step), 1);
}

/* Less what leads to given rows. */
static struct way without_given(struct way w, const struct plan *p, const struct schedule *s,
				const struct extract_site *t)
{
	for (int k = 0; k < t->ngiven; k++) {
		struct site given = s->extract_site[t->given[k]].site;

		if (given.step > s->extract_site[t->from].site.step)
			w = joined(w,
				   between(&p->model->m, given.stack, (enum step)(given.step - 1),
					   given.step),
				   -1);
	}
	return w;
}

/* Rows through the blocks of a way. */
static double forward(const struct plan *p, struct way w, const struct stack_rows *r)
{
	const struct geometry *m = &p->model->m;
	double attention =
		4.0 * m->DI * r->pairs * w.self + 4.0 * m->NH * m->D * r->cross * w.cross;

	return multiplying(p, 2 * r->run * w.elements, m->D) +
	       multiplying32(p, attention / ATTENTION_SHARE, m->HS) +
	       r->run * w.steps * m->D * ELEMENTWISE / p->rate.products;
}

static double reading(const struct plan *p, double elements)
{
	return copying(p, elements * sizeof(float) * READ_COPIES);
}

/* ------------------------------------------------------------ rows */

struct cost cost_draw(const struct plan *p, int t)
{
	char *train = plan_rows_file(p->data, p->c.task_targets.item[t], "train");
	struct stat st;
	double bytes = stat(train, &st) ? 0 : (double)st.st_size;

	free(train);
	return seconds(bytes / TEXT_RATE, 0);
}

struct cost cost_rows(const struct plan *p, const struct schedule *s, int i, int t, int k)
{
	const struct geometry *m = &p->model->m;
	const struct extract_site *at = &s->extract_site[i];
	bool encoder_output = site_is_encoder_output(at->site);
	struct site to = encoder_output ? (struct site){.stack = 0, .block = m->L[0]} : at->site;
	struct stack_rows r = counts_rows(p, t, k, to.stack);
	double cell = p->c.use_fp16 ? 2 : sizeof(float), state = r.run * m->D * sizeof(float),
	       files = r.written * site_width(m, at->site) * cell + state * (at->holds_state + 1) +
		       (at->reads_encoder ? r.encoder * m->D * sizeof(float) : 0);
	struct way w = way_to(m, at->from == NO_SITE ? NULL : &s->extract_site[at->from].site, to);

	w = without_given(w, p, s, at);
	return launched(reading(p, w.elements),
			forward(p, w, &r) + copying(p, FILE_COPIES * files));
}

/* The model's weights are read for the prompts, and again for each token. */
struct cost cost_answers(const struct plan *p, int t, int k)
{
	const struct geometry *m = &p->model->m;
	const struct text_counts *n = counts_of_shard(p, t, k);
	int stack = m->family->nstacks - 1,
	    passes = plan_stage_config(p, STAGE_TOKENS).max_new_tokens;
	struct way w = whole_stack(m, stack);
	struct stack_rows r = counts_rows(p, t, k, stack);
	double words = (double)m->V * m->D;

	return launched(1e-3 * GENERATE_MS + passes * reading(p, w.elements + words),
			forward(p, w, &r) + multiplying(p, 2 * n->answer * words, m->D));
}

/* ------------------------------------------------------------ fits */

/* Elements of the outputs of a site's modules, which are read for c; and the sum of all ranks. */
struct at_site {
	double outputs, ranks, modules;
};

static bool is_at(const struct plan *p, struct module q, const struct extract_site *s)
{
	return site_compare(site_of_module(p->model->m.family, q), s->site) == 0;
}

static struct at_site modules_at(const struct plan *p, const struct extract_site *s)
{
	struct at_site n = {0};

	for (int t = 0; t < p->c.task_targets.n; t++) {
		struct at_site own = {.ranks = n.ranks};

		for (int i = 0; i < p->adapter[t]->n; i++) {
			const struct lora *l = &p->adapter[t]->lora[i];

			if (site_compare(l->site, s->site))
				continue;
			own.modules++;
			own.outputs += module_d_out(&p->model->m, l->module.slot);
		}
		n.modules = own.modules > n.modules ? own.modules : n.modules;
		n.outputs = own.outputs > n.outputs ? own.outputs : n.outputs;
		n.ranks += p->adapter[t]->r;
	}
	for (int i = 0; i < p->ncorrected; i++)
		if (is_at(p, p->corrected[i], s)) {
			n.modules++;
			n.outputs += module_d_out(&p->model->m, p->corrected[i].slot);
		}
	return n;
}

/* The operations of C = XᵀXm, or of the sketch in its place. Shards have no sketch. */
static double cross_operations(const struct plan *p, const struct extract_site *s, int t,
			       double rows)
{
	int d = site_width(&p->model->m, s->site), r = adapter_site_rank(p->adapter[t], s->site);

	return sizes_stores_C(p, s->site) || plan_shards(p) > 1
		       ? 2 * rows * d * d
		       : 2 * sketch_products((size_t)rows, d, r);
}

/* H and K are symmetric: half of their products. K and half of WᵀW give the norm of a weight's
 * outputs, unless it is handed on. Where the outputs themselves cost less, they give it. */
struct cost cost_grams(const struct plan *p, const struct extract_site *s, int sides, bool handed,
		       int t, int k)
{
	double d = site_width(&p->model->m, s->site),
	       rows = counts_rows(p, t, k, site_is_encoder_output(s->site) ? 0 : s->site.stack)
			      .written,
	       cell = p->c.use_fp16 ? 2 : sizeof(float), reads = sides == 2 ? 4 : 1;
	struct at_site n = modules_at(p, s);
	bool by_rows = gram_rows_cost_less(rows, d, n.outputs, sides == 1);
	double grams = (sides == 2 && !by_rows && !handed ? 2 : 1) * rows * d * d +
		       (sides == 2 ? cross_operations(p, s, t, rows) : 0),
	       traces = handed ? 0 : n.outputs * d * (by_rows ? 2 * rows : d);

	if (p->c.use_dcs)
		grams *= n.modules;
	return launched(0, 1e-3 * GRAM_MS +
				   multiplying32(p, grams / GRAM_SHARE + traces / TRACE_SHARE, d) +
				   reading(p, n.outputs * d) +
				   copying(p, FILE_COPIES / 2 * reads * rows * d * cell +
						      FILE_COPIES / 2 * d * d * sizeof(double)));
}

struct cost cost_sum(const struct plan *p, const struct extract_site *s, int sides)
{
	double d = site_width(&p->model->m, s->site), matrices = sides == 2 ? 1.5 : 0.5;

	return launched(0, copying(p, FILE_COPIES / 2 * plan_shards(p) * matrices * d * d *
					      sizeof(double)));
}

/* Products for a change that undoes the drift (merge/drift.c): K, the change and its metric, the
 * products of what each task lost, and the eigenvectors. */
static double drift_products(const struct plan *p, struct module q)
{
	double d = module_d_in(&p->model->m, q.slot), d_out = module_d_out(&p->model->m, q.slot),
	       n = d < d_out ? d : d_out;

	return 2 * d * d * d + 12 * d_out * d * d + 4 * n * n * n;
}

/* Of a site's modules: those of one adapter, and the corrected ones. */
static double drift_at(const struct plan *p, const struct extract_site *s)
{
	double most = 0, corrected = 0;

	for (int t = 0; plan_drifts(p) && t < p->c.task_targets.n; t++) {
		double sum = 0;

		for (int i = 0; i < p->adapter[t]->n; i++)
			if (is_at(p, p->adapter[t]->lora[i].module, s))
				sum += drift_products(p, p->adapter[t]->lora[i].module);
		most = sum > most ? sum : most;
	}
	for (int i = 0; i < p->ncorrected; i++)
		if (is_at(p, p->corrected[i], s))
			corrected += drift_products(p, p->corrected[i]);
	return most + corrected;
}

struct cost cost_solution(const struct plan *p, const struct extract_site *s)
{
	double d = site_width(&p->model->m, s->site), tasks = p->c.task_targets.n;
	struct at_site n = modules_at(p, s);
	double columns = plan_full_weight(p) ? d : n.ranks,
	       operations = d * d * d / 3 + (4 + tasks) * d * d * columns;

	return launched(
		1e-3 * SOLVE_MS +
			n.modules * (operations / (p->rate.products64 * SOLVE_SHARE) +
				     copying(p, FILE_COPIES / 2 * tasks * d * d * sizeof(double))) +
			drift_at(p, s) / (p->rate.products64 * SOLVE_SHARE),
		0);
}

/* ------------------------------------------------------------ whole models */

static double all_linears(const struct geometry *m)
{
	double n = 0;

	for (int stack = 0; stack < m->family->nstacks; stack++)
		n += whole_stack(m, stack).elements;
	return n;
}

/* This many tokens of texts through the whole model, and an answer for each text. */
static double forward_seconds(const struct plan *p, double tokens, double texts)
{
	const struct geometry *m = &p->model->m;
	struct stack_rows prompt = {.run = tokens, .pairs = tokens * tokens / (texts + 1)};
	double answers = texts * p->c.max_new_tokens;
	struct stack_rows answer = {.run = answers, .cross = tokens * p->c.max_new_tokens};
	double words = multiplying(p, 2 * answers * m->V * m->D, m->D);

	if (m->family->nstacks == 1)
		prompt.run += answers;
	return forward(p, whole_stack(m, 0), &prompt) + words +
	       (m->family->nstacks == 2 ? forward(p, whole_stack(m, 1), &answer) : 0);
}

struct cost cost_scale(const struct plan *p)
{
	enum { SCALES = 10 }; /* that are tried */
	double sum = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		sum += forward_seconds(p, counts_of(p, t).prompt, counts_of(p, t).texts);
	return launched(SCALES * sum, 0);
}

struct cost cost_adapter(const struct plan *p)
{
	double bytes = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++) {
			int slot = p->adapter[t]->lora[i].module.slot;

			bytes += (double)p->adapter[t]->r * sizeof(float) *
				 (module_d_in(&p->model->m, slot) +
				  module_d_out(&p->model->m, slot));
		}
	for (int i = 0; i < p->ncorrected; i++) {
		int slot = p->corrected[i].slot;

		bytes += (double)plan_drift_rank(p, p->corrected[i]) * sizeof(float) *
			 (module_d_in(&p->model->m, slot) + module_d_out(&p->model->m, slot));
	}
	return seconds(copying(p, FILE_COPIES * bytes), 0);
}

struct cost cost_model(const struct plan *p)
{
	const struct geometry *m = &p->model->m;

	return seconds(
		copying(p, (all_linears(m) + (double)m->V * m->D) * sizeof(float) * FILE_COPIES),
		0);
}

struct cost cost_evaluation(const struct plan *p, const char *task)
{
	char *path = plan_rows_file(p->data, task, "test");
	struct stat st;
	double tokens = stat(path, &st) ? 0 : (double)st.st_size / TOKEN_BYTES;

	free(path);
	return launched(reading(p, all_linears(&p->model->m)) +
				forward_seconds(p, tokens, tokens / ROW_TOKENS),
			0);
}

struct cost cost_copy(void)
{
	return (struct cost){0};
}
