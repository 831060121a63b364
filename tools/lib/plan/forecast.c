/* forecast.c: see forecast.h. */
#include "plan/forecast.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/be.h"
#include "base/die.h"
#include "forward/demand.h"
#include "forward/seqs.h"
#include "math/grams.h"
#include "plan/budget.h"

static size_t megabytes(size_t bytes)
{
	return (bytes >> 20) + 1;
}

/* A single stack reads the answer after the prompt. */
static int longest_text(const struct plan *p)
{
	return p->c.max_length + (p->model->m.family->nstacks == 1 ? p->c.max_new_tokens : 0);
}

static int total_rank(const struct plan *p)
{
	int R = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		R += p->adapter[t]->r;
	return R;
}

/* A forward pass over the whole model with this many adapters. The group of encoder output is the
 * largest that the samples can fill. `whole`: bytes of full weights in a block. */
static size_t forward_peak(const struct plan *p, enum be_precision precision, int adapters,
			   size_t whole, size_t group)
{
	struct delta_source *none = xcalloc((size_t)adapters, sizeof(*none));
	const struct forward f = {
		.model = p->model, .nsources = adapters, .source = none, .precision = precision};
	size_t bytes = budget_forward(&f, p->c.max_length, group) + whole;

	free(none);
	return bytes;
}

/* ΔW of the merged side; where only the own side is run, of one adapter. */
static struct ranks deltas(const struct plan *p)
{
	bool merged = p->c.method == SWEEP || p->c.method == JACOBI;
	struct ranks d = {{0}};

	for (int t = 0; t < p->c.task_targets.n; t++) {
		struct ranks one = {{0}};

		ranks_of_adapter(&one, p->adapter[t]);
		for (int s = 0; s < SLOTS; s++)
			d.R[s] = merged ? d.R[s] + one.R[s] : one.R[s] > d.R[s] ? one.R[s] : d.R[s];
	}
	for (int s = 0; s < SLOTS; s++)
		if (d.R[s] && merged && plan_full_weight(p))
			d.R[s] = RANK_WHOLE;
	return d;
}

static void print_extract(const struct geometry *m, const size_t bytes[2])
{
	if (m->family->nstacks == 1)
		printf("extract-acts %zu MB", megabytes(bytes[0]));
	else
		printf("extract-acts %zu MB (encoder) and %zu MB (decoder)", megabytes(bytes[0]),
		       megabytes(bytes[1]));
}

/* The same for the device's own memory, where it has any. */
static void forecast_device(const struct plan *p, int rows, int R, int widest,
			    enum be_precision precision)
{
	const struct geometry *m = &p->model->m;
	const struct ranks d = deltas(p);
	int T = longest_text(p), steps = p->c.max_new_tokens,
	    decoder_rows = BATCH_ROWS > T ? BATCH_ROWS : T;
	int right_sides = plan_full_weight(p) && widest > R ? widest : R;

	if (!be->array_bytes(1))
		return;
	size_t extract[2] = {demand_extract(m, false, rows, T, T, &d, precision),
			     demand_extract(m, true, decoder_rows, steps, T, &d, precision)};
	printf("device  ");
	print_extract(m, extract);
	printf(", compute-grams %zu MB, solve-%s %zu MB of the device's memory\n",
	       megabytes(demand_grams(widest)), plan_full_weight(p) ? "full-weight" : "layer",
	       megabytes(demand_solve(widest, right_sides)));
}

/* The solve of the site that needs the most. */
static size_t solve_peak(const struct plan *p, int R)
{
	const struct geometry *m = &p->model->m;
	int pairs = p->c.method == JACOBI ? plan_past(p) : 0;
	size_t most = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++) {
			int slot = p->adapter[t]->lora[i].module.slot;
			int d = module_d_in(m, slot), d_out = module_d_out(m, slot);
			size_t need = plan_full_weight(p)
					      ? budget_full_weight(d, R, d_out, p->c.task_targets.n,
								   pairs)
					      : budget_layer(d, R, d_out);

			most = need > most ? need : most;
		}
	return budget_site(most);
}

/* The planned peak of one process of each stage, with all samples at their greatest length. */
void forecast_memory(const struct plan *p)
{
	const struct geometry *m = &p->model->m;
	int R = total_rank(p), T = longest_text(p), widest = 0;
	long batch = (long)config_batch(&p->c) * T;
	int rows = batch < BATCH_ROWS ? (int)batch : BATCH_ROWS;
	enum be_precision precision = p->c.use_fp16 ? be->fast16() : BE_F32;
	const struct ranks d = deltas(p);
	size_t whole[2] = {demand_whole(m, 0, &d, precision), demand_whole(m, 1, &d, precision)};
	size_t generated = p->c.method == JACOBI && p->c.features == REFERENCE
				   ? whole[1]
				   : 0; /* the merged model generates too */

	for (int i = 0; i < p->nsites; i++)
		widest = site_width(m, p->site[i]) > widest ? site_width(m, p->site[i]) : widest;
	size_t extract[2] = {
		budget_extract(m, false, rows > T ? rows : T, T, R, whole[0], 1, precision),
		budget_extract(m, true, BATCH_ROWS > T ? BATCH_ROWS : T, T, R, whole[1], 1,
			       precision)};

	printf("memory  ");
	print_extract(m, extract);
	printf(", compute-grams %zu MB, solve-%s %zu MB: the planned peak of one process\n",
	       megabytes(budget_site(budget_grams(widest, 1))),
	       plan_full_weight(p) ? "full-weight" : "layer", megabytes(solve_peak(p, R)));
	printf("        generate-tokens %zu MB, eval-emotion %zu MB (both take smaller groups of "
	       "texts under MAX_MEMORY)\n",
	       megabytes(forward_peak(p, precision, p->c.task_targets.n, generated,
				      budget_group(m, BUDGET_GENERATE_GROUP))),
	       megabytes(forward_peak(p, precision, 1, 0, budget_group(m, BUDGET_EVAL_SLAB))));
	forecast_device(p, rows > T ? rows : T, R, widest, precision);
}

/* Full weights as in the solution files, once. */
static size_t whole_weights(const struct plan *p)
{
	const struct geometry *m = &p->model->m;
	size_t bytes = 0;

	for (int t = 0; plan_full_weight(p) && t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++) {
			struct module q = p->adapter[t]->lora[i].module;
			bool counted = false;

			for (int u = 0; u < t; u++)
				counted |= adapter_find(p->adapter[u], q) != NULL;
			if (!counted)
				bytes += (size_t)module_d_out(m, q.slot) *
					 (size_t)module_d_in(m, q.slot) * sizeof(float);
		}
	return bytes;
}

/* Acts of one site and one side, and the site's Grams, of all tasks; samples at their greatest
 * length. */
void forecast_disk(const struct plan *p)
{
	size_t rows = (size_t)p->c.task_targets.n * (size_t)p->c.samples_num *
		      (size_t)p->c.max_length,
	       side = 0, grams = 0, own = 0, sum = 0;
	bool two_sides = p->c.method == SWEEP || p->c.method == JACOBI;
	size_t cell = p->c.use_fp16 ? 2 : 4, D = (size_t)p->model->m.D, whole = whole_weights(p);

	for (int i = 0; i < p->nsites; i++) {
		size_t d = (size_t)site_width(&p->model->m, p->site[i]),
		       n = p->site[i].stack && !site_is_encoder_output(p->site[i]) ? rows / 16
										   : rows;
		size_t acts = n * (d * cell + D * sizeof(float)),
		       gram = (size_t)p->c.task_targets.n * d * d * sizeof(double);

		side = acts > side ? acts : side;
		grams = gram > grams ? gram : grams;
		own += acts;
		sum += acts * (two_sides ? 2 : 1) + gram;
	}
	if (p->c.method != SWEEP && p->c.method != REGMEAN && p->c.method != JACOBI)
		return;
	/* One site at a time: three sites of the own side, two of the merged side, the encoder's
	 * output on both, and the Grams of two. Solutions are small, except full weights. */
	if (p->c.sequential_layer_processing &&
	    p->c.method == JACOBI) /* all of the own side; the merged side as in a sweep */
		printf("disk    at most %zu MB at once (with KEEP_ACTS=1 up to %zu MB more for "
		       "each iteration)",
		       megabytes(own + 3 * side + 2 * grams + whole), megabytes(sum - own));
	else if (p->c.sequential_layer_processing)
		printf("disk    at most %zu MB at once (%zu MB with KEEP_ACTS=1)",
		       megabytes((two_sides ? 7 : 4) * side + 2 * grams + whole),
		       megabytes(sum + whole));
	else
		printf("disk    at most %zu MB%s", megabytes(sum + whole),
		       p->c.method == JACOBI ? " for each iteration" : "");
	if (whole && p->c.method == JACOBI) /* W, and also G(W) where MATS changes it */
		printf(", and %zu MB of whole weights for each iteration",
		       megabytes(whole * (p->c.use_mats ? 2 : 1)));
	printf("\n");
}
