/* forecast.c: see forecast.h. */
#include "forecast.h"

#include <stdio.h>

#include "be.h"
#include "budget.h"
#include "grams.h"
#include "seqs.h"
#include "solve.h"

static size_t megabytes(size_t bytes)
{
	return (bytes >> 20) + 1;
}

static int total_rank(const struct plan *p)
{
	int R = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		R += p->adapter[t]->r;
	return R;
}

/* The planned peak of one process of each stage; samples are taken at their longest. */
void forecast_memory(const struct plan *p)
{
	const struct t5 *m = &p->model->m;
	int R = total_rank(p), tasks = p->c.task_targets.n, T = p->c.max_length, widest = 0;
	int rows = p->c.inner_num * T < BATCH_ROWS ? p->c.inner_num * T : BATCH_ROWS;
	enum be_precision precision = p->c.use_fp16 ? be->fast16() : BE_F32;

	for (int i = 0; i < p->nsites; i++)
		widest = site_width(m, p->site[i]) > widest ? site_width(m, p->site[i]) : widest;
	fprintf(stderr, "memory  extract-acts %zu MB (encoder) and %zu MB (decoder), compute-grams %zu MB, solve-layer %zu MB: the planned peak of one process\n",
	        megabytes(budget_extract(m, false, rows > T ? rows : T, T, R, tasks, precision)),
	        megabytes(budget_extract(m, true, BATCH_ROWS > T ? BATCH_ROWS : T, T, R, tasks, precision)),
	        megabytes(gram_bytes(widest) + BUDGET_LIBRARIES), megabytes(solve_bytes(widest, R) + BUDGET_LIBRARIES));
}

/* Acts of a site and one side, and its Grams, all tasks; samples at their longest. */
void forecast_disk(const struct plan *p)
{
	size_t rows = (size_t)p->c.task_targets.n * (size_t)p->c.samples_num * (size_t)p->c.max_length, side = 0, grams = 0, sum = 0;
	bool two_sides = p->c.method == SWEEP || p->c.method == JACOBI;
	size_t cell = p->c.use_fp16 ? 2 : 4, D = (size_t)p->model->m.D;

	for (int i = 0; i < p->nsites; i++) {
		size_t d = (size_t)site_width(&p->model->m, p->site[i]), n = p->site[i].stack && !site_is_memory(p->site[i]) ? rows / 16 : rows;
		size_t acts = n * (d * cell + D * sizeof(float)), gram = (size_t)p->c.task_targets.n * d * d * sizeof(double);

		side = acts > side ? acts : side;
		grams = gram > grams ? gram : grams;
		sum += acts * (two_sides ? 2 : 1) + gram;
	}
	if (p->c.method != SWEEP && p->c.method != REGMEAN && p->c.method != JACOBI)
		return;
	/* One site at a time: three of the lora side, two of the merged, memory on both, the Grams of two. */
	if (p->c.sequential_layer_processing && p->c.method != JACOBI)
		fprintf(stderr, "disk    at most %zu MB at once (%zu MB with KEEP_ACTS=1)\n", megabytes((two_sides ? 7 : 4) * side + 2 * grams), megabytes(sum));
	else
		fprintf(stderr, "disk    at most %zu MB%s\n", megabytes(sum), p->c.method == JACOBI ? " for each iteration" : "");
}
