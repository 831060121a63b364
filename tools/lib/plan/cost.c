/* cost.c: see cost.h. */
#include "plan/cost.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/die.h"
#include "model/geometry.h"

/* Two cores with AVX2, roughly: products per second of linears in float32, of Grams and in float64;
 * bytes per second from and to files; the time of a process that does nothing, and of one that
 * reads the adapters. tests/bench/replay-pace.c compares a run with them. */
static const double FLOPS = 5.5e10, GRAM_FLOPS = 3.3e10, FLOPS64 = 8e9, READS = 2e9, WRITES = 3e8,
		    START = 0.03, ADAPTERS = 0.03;

/* A weight is read, copied and packed. */
static const double PACK = 3 * sizeof(float);

/* Tokens of a text as a share of the greatest length; bytes of a test file per token; tokens of a
 * row. */
static const double SHARE = 0.6, TOKEN_BYTES = 5, ROW_TOKENS = 50;

static struct cost seconds(double process, double task)
{
	return (struct cost){START + process, task, 0.9};
}

/* ------------------------------------------------------------ rows and linears */

static double text_rows(const struct plan *p)
{
	double all = (double)p->c.samples_num * p->c.max_length;

	return p->c.features == REFERENCE ? all : SHARE * all;
}

static double answer_rows(const struct plan *p)
{
	return p->c.features == REFERENCE ? p->c.samples_num
					  : (double)p->c.samples_num * p->c.max_new_tokens;
}

static int stack_of(struct site s)
{
	return site_is_encoder_output(s) ? 0 : s.stack;
}

/* Rows of a task at a site. A single stack reads the answer after the prompt. */
static double rows_at(const struct plan *p, struct site s)
{
	int stack = stack_of(s), stacks = p->model->m.family->nstacks;

	return (stack < stacks - 1 || stacks == 1 ? text_rows(p) : 0) +
	       (stack == stacks - 1 ? answer_rows(p) : 0);
}

/* Elements of a block's linears from one step to another: those applied to a site's rows, and those
 * applied to the encoder's output. */
struct elements {
	double rows, encoder;
};

static struct elements elements_between(const struct geometry *m, int stack, enum step from,
					enum step to)
{
	struct elements n = {0, 0};

	for (int slot = 0; slot < SLOTS; slot++) {
		double size;

		if (!slot_exists(m, stack, slot) || m->family->linear[slot].step < from ||
		    m->family->linear[slot].step >= to)
			continue;
		size = (double)module_d_out(m, slot) * module_d_in(m, slot);
		*(slot_of_encoder(m, slot) ? &n.encoder : &n.rows) += size;
	}
	return n;
}

static struct elements whole_stack(const struct geometry *m, int stack)
{
	struct elements n = elements_between(m, stack, STEP_SELF, STEP_END);

	return (struct elements){n.rows * m->L[stack], n.encoder * m->L[stack]};
}

static struct elements sum(struct elements a, struct elements b)
{
	return (struct elements){a.rows + b.rows, a.encoder + b.encoder};
}

/* From one site to another of the same stack. `from` NULL: from the start of the stack. */
static struct elements way(const struct geometry *m, const struct site *from, struct site to)
{
	int stack = to.stack, block = from ? from->block : 0;
	enum step step = from ? from->step : STEP_SELF;
	struct elements n = {0, 0};

	for (; block < to.block; block++, step = STEP_SELF)
		n = sum(n, elements_between(m, stack, step, STEP_END));
	return sum(n, elements_between(m, stack, step, to.step));
}

/* Less the linears that lead to given rows. */
static struct elements without_given(struct elements n, const struct plan *p,
				     const struct schedule *s, const struct extract_site *t)
{
	for (int k = 0; k < t->ngiven; k++) {
		struct site given = s->extract_site[t->given[k]].site;
		struct elements less = {0, 0};

		if (given.step > s->extract_site[t->from].site.step)
			less = elements_between(&p->model->m, given.stack,
						(enum step)(given.step - 1), given.step);
		n = (struct elements){n.rows - less.rows, n.encoder - less.encoder};
	}
	return n;
}

struct cost cost_draw(void)
{
	return seconds(0.02, 0.02);
}

struct cost cost_rows(const struct plan *p, const struct schedule *s, int i)
{
	const struct geometry *m = &p->model->m;
	struct site to = s->extract_site[i].site;
	int from = s->extract_site[i].from;
	double rows = rows_at(p, to), bytes = rows * (site_width(m, to) + m->D) * sizeof(float);
	struct elements n;

	if (site_is_encoder_output(to))
		to = (struct site){.stack = 0, .block = m->L[0], .step = STEP_SELF};
	n = way(m, from == NO_SITE ? NULL : &s->extract_site[from].site, to);
	n = without_given(n, p, s, &s->extract_site[i]);
	return seconds(ADAPTERS + (n.rows + n.encoder) * PACK / READS,
		       2 * (rows * n.rows + text_rows(p) * n.encoder) / FLOPS + bytes / WRITES);
}

struct cost cost_answers(const struct plan *p)
{
	const struct geometry *m = &p->model->m;
	struct elements n = whole_stack(m, m->family->nstacks - 1);
	double steps = (double)p->c.samples_num * p->c.max_new_tokens,
	       rows = steps + (m->family->nstacks == 1 ? text_rows(p) : 0),
	       words = steps * m->V * m->D;

	return seconds((n.rows + n.encoder + (double)m->V * m->D) * PACK / READS,
		       2 * (rows * n.rows + text_rows(p) * n.encoder + words) / FLOPS);
}

/* ------------------------------------------------------------ fits */

struct cost cost_grams(const struct plan *p, const struct extract_site *s, int sides)
{
	double d = site_width(&p->model->m, s->site), rows = rows_at(p, s->site);

	/* sides + 1: and the products with the weights, for c */
	return seconds(ADAPTERS, 2 * rows * d * d * (sides + 1) / GRAM_FLOPS +
					 d * d * sizeof(double) / WRITES);
}

/* Modules of a site that one adapter targets, and the sum of all ranks. */
static double modules_at(const struct plan *p, const struct extract_site *s, double *ranks)
{
	int most = 0;

	*ranks = 0;
	for (int t = 0; t < p->c.task_targets.n; t++) {
		int n = 0;

		for (int i = 0; i < p->adapter[t]->n; i++)
			n += site_compare(p->adapter[t]->lora[i].site, s->site) == 0;
		most = n > most ? n : most;
		*ranks += p->adapter[t]->r;
	}
	return most;
}

struct cost cost_solution(const struct plan *p, const struct extract_site *s)
{
	double d = site_width(&p->model->m, s->site), ranks, modules = modules_at(p, s, &ranks),
	       tasks = p->c.task_targets.n, columns = plan_full_weight(p) ? d : ranks;

	return seconds(modules * (d * d * d / 3 + 2 * d * d * columns) / FLOPS64 +
			       tasks * d * d * sizeof(double) / READS,
		       0);
}

/* ------------------------------------------------------------ whole models */

static double all_linears(const struct geometry *m)
{
	double n = 0;

	for (int stack = 0; stack < m->family->nstacks; stack++) {
		struct elements e = whole_stack(m, stack);

		n += e.rows + e.encoder;
	}
	return n;
}

/* This many tokens of texts through the whole model, and a few steps of an answer for each text. */
static double forward_seconds(const struct plan *p, double tokens, double texts)
{
	const struct geometry *m = &p->model->m;
	struct elements n = whole_stack(m, 0), decoder = {0, 0};

	if (m->family->nstacks == 2)
		decoder = whole_stack(m, 1);
	return 2 *
	       (tokens * (n.rows + decoder.encoder) +
		texts * p->c.max_new_tokens * (decoder.rows + (double)m->V * m->D)) /
	       FLOPS;
}

struct cost cost_scale(const struct plan *p)
{
	enum { SCALES = 10 }; /* that are tried */
	double tokens = text_rows(p) * p->c.task_targets.n,
	       texts = (double)p->c.samples_num * p->c.task_targets.n;

	return seconds(SCALES * forward_seconds(p, tokens, texts), 0);
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
	return seconds(bytes / WRITES + bytes / READS, 0);
}

struct cost cost_model(const struct plan *p)
{
	const struct geometry *m = &p->model->m;

	return seconds((all_linears(m) + (double)m->V * m->D) * sizeof(float) / WRITES, 0);
}

struct cost cost_evaluation(const struct plan *p, const char *task)
{
	char *path = plan_task_file(p->data, task, "test.json");
	struct stat st;
	double tokens = stat(path, &st) ? 0 : (double)st.st_size / TOKEN_BYTES;

	free(path);
	return seconds(all_linears(&p->model->m) * PACK / READS +
			       forward_seconds(p, tokens, tokens / ROW_TOKENS),
		       0);
}

struct cost cost_copy(void)
{
	return (struct cost){0};
}
