/* forecast.c: see forecast.h. */
#include "plan/forecast.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/text.h"
#include "base/threads.h"
#include "plan/footprint.h"
#include "plan/rehearsal.h"
#include "plan/rules.h"
#include "plan/sizes.h"

static size_t megabytes(size_t bytes)
{
	return (bytes >> 20) + 1;
}

/* Tokens of an answer: as many as are generated. Given answers are assumed to be no longer. */
static int longest_answer(const struct plan *p)
{
	return plan_stage_config(p, STAGE_TOKENS).max_new_tokens;
}

/* A single stack reads the answer after the prompt. */
static int longest_text(const struct plan *p)
{
	return p->c.max_length + (p->model->m.family->nstacks == 1 ? longest_answer(p) : 0);
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

/* ------------------------------------------------------------ memory */

static bool two_sides(const struct plan *p)
{
	return p->c.method == SWEEP || p->c.method == JACOBI;
}

/* The largest ΔW of one adapter. */
static struct ranks own_ranks(const struct plan *p)
{
	struct ranks r = {{0}};

	for (int t = 0; t < p->c.task_targets.n; t++)
		ranks_of_adapter(&r, p->adapter[t]);
	return r;
}

static void add_corrected(const struct plan *p, struct ranks *r)
{
	for (int i = 0; i < p->ncorrected; i++) {
		int slot = p->corrected[i].slot;

		r->R[slot] = larger(r->R[slot], plan_drift_rank(p, p->corrected[i]));
	}
}

/* ΔW of the merged model before a cut: the sum of the adapters' ranks, or full weights. The changes
 * of corrected linears are cut already. */
static struct ranks sum_of_ranks(const struct plan *p)
{
	struct ranks sum = {{0}};

	for (int t = 0; t < p->c.task_targets.n; t++) {
		struct ranks one = {{0}};

		ranks_of_adapter(&one, p->adapter[t]);
		for (int s = 0; s < SLOTS; s++)
			sum.R[s] += one.R[s];
	}
	add_corrected(p, &sum);
	for (int s = 0; s < SLOTS && plan_full_weight(p); s++)
		sum.R[s] = sum.R[s] ? RANK_WHOLE : 0;
	return sum;
}

static enum be_precision precision_of(const struct plan *p)
{
	return p->c.use_fp16 ? be->fast16() : BE_F32;
}

/* extract-acts in a stack, with all samples at their greatest length. */
static struct footprint of_extract(const struct plan *p, int stack)
{
	int T = longest_text(p), steps = stack ? longest_answer(p) : T;
	long batch = stack ? BATCH_ROWS : (long)config_batch(&p->c) * T;
	int rows = batch < BATCH_ROWS ? (int)batch : BATCH_ROWS;
	const struct ranks own = own_ranks(p), merged = sum_of_ranks(p);
	struct propagation a = {
		.model = p->model, .site = {.stack = stack}, .precision = precision_of(p)};

	footprint_choose(&a, p->c.max_memory, rows, T, steps, T, &own, 1);
	struct footprint f = footprint_extract(&a, steps, T, &own, 1);

	if (!two_sides(p))
		return f;
	footprint_choose(&a, p->c.max_memory, rows, T, steps, T, &merged, 1);
	return footprint_larger(f, footprint_extract(&a, steps, T, &merged, 1));
}

/* Enters a module of the site. */
static void add_sizes(const struct plan *p, struct site_sizes *s, struct module q)
{
	s->R = larger(s->R, plan_module_rank(p, q));
	s->d_out = larger(s->d_out, module_d_out(&p->model->m, q.slot));
	s->drift_rank = larger(s->drift_rank, plan_drift_rank(p, q));
}

static struct site_sizes sizes_at(const struct plan *p, struct site at)
{
	const struct geometry *m = &p->model->m;
	struct site_sizes s = {.tasks = p->c.task_targets.n,
			       .d = site_width(m, at),
			       .weighted = p->c.use_dcs,
			       .full_weight = plan_full_weight(p),
			       .merge_rank = p->c.merge_rank};

	for (int t = 0; t < s.tasks; t++) {
		const struct adapter *a = p->adapter[t];

		s.own = larger(s.own, adapter_site_rank(a, at));
		for (int i = 0; i < a->n; i++)
			if (site_compare(a->lora[i].site, at) == 0)
				add_sizes(p, &s, a->lora[i].module);
	}
	for (int i = 0; i < p->ncorrected; i++)
		if (site_compare(site_of_module(m->family, p->corrected[i]), at) == 0)
			add_sizes(p, &s, p->corrected[i]);
	s.sketched = two_sides(p) && !s.full_weight && !s.drift_rank && plan_shards(p) == 1;
	if (s.full_weight && p->c.method == JACOBI)
		s.pairs = plan_past(p);
	return s;
}

static struct footprint grams_at(const struct plan *p, const struct site_sizes *s)
{
	struct site_sizes fit = *s;

	fit.block = footprint_block(s, plan_threads(p), p->c.max_memory);
	return footprint_grams(&fit, plan_threads(p));
}

static struct footprint solve_at(const struct plan *p, const struct site_sizes *s)
{
	struct site_sizes fit = *s;

	if (plan_cuts(p))
		return footprint_combine(s);
	fit.panel = rules_fits_rows(p) ? footprint_panel(s, p->c.max_memory) : 0;
	return footprint_solve(&fit);
}

/* The site that needs the most. */
static struct footprint of_sites(const struct plan *p,
				 struct footprint (*at)(const struct plan *,
							const struct site_sizes *))
{
	struct footprint most = {0};

	for (int i = 0; i < p->nsites; i++) {
		const struct site_sizes s = sizes_at(p, p->site[i]);

		most = footprint_larger(most, at(p, &s));
	}
	return most;
}

/* Passes by `sources` models at once, with a group of texts. */
static size_t of_texts(const struct plan *p, enum be_precision precision, const struct ranks *r,
		       int sources, enum footprint_group of)
{
	const struct forward f = {.model = p->model, .precision = precision};
	const int T[2] = {p->c.max_length, longest_answer(p)};

	size_t fixed,
		usual = footprint_group(&p->model->m, of),
		group = footprint_choose_texts(&f, p->c.max_memory, r, sources, T, of, &fixed);

	return fixed + (group < usual ? group : usual);
}

/* Published features are also generated by the merged model. */
static size_t of_generate(const struct plan *p)
{
	struct ranks r = own_ranks(p);

	if (p->c.method == JACOBI && p->c.features == REFERENCE) {
		const struct ranks merged = sum_of_ranks(p);

		ranks_add(&r, &merged);
	}
	return of_texts(p, precision_of(p), &r, p->c.task_targets.n, GROUP_OF_SAMPLES);
}

/* ΔW of the merged adapter or of a task's, whichever is larger. */
static struct ranks adapter_ranks(const struct plan *p)
{
	const struct geometry *m = &p->model->m;
	const struct ranks own = own_ranks(p);
	struct ranks r = sum_of_ranks(p);

	if (plan_full_weight(p)) /* the merge is a model */
		return own;
	for (int s = 0; s < SLOTS; s++)
		if (r.R[s] && (plan_cuts(p) || p->c.merge_rank.rank))
			r.R[s] = combine_rank(p->c.merge_rank, r.R[s], module_d_in(m, s),
					      module_d_out(m, s));
	add_corrected(p, &r);
	ranks_add(&r, &own);
	return r;
}

static size_t of_search(const struct plan *p)
{
	const struct ranks r = adapter_ranks(p);

	return of_texts(p, precision_of(p), &r, 1, GROUP_OF_ROWS);
}

static size_t of_evaluate(const struct plan *p)
{
	const struct ranks r = adapter_ranks(p);

	return of_texts(p, p->c.eval_int8 ? BE_INT8 : precision_of(p), &r, 1, GROUP_OF_ROWS);
}

static const char *solver(const struct plan *p)
{
	return plan_cuts(p)          ? "combine-layer"
	       : plan_full_weight(p) ? "solve-full-weight"
				     : "solve-layer";
}

/* The stages from rows to Grams. part: of the process, or of the device. */
static void print_rows(const struct plan *p, size_t (*part)(struct footprint f))
{
	size_t first = megabytes(part(of_extract(p, 0)));

	if (p->model->m.family->nstacks == 1)
		printf("extract-acts %zu MB", first);
	else
		printf("extract-acts %zu MB (encoder) and %zu MB (decoder)", first,
		       megabytes(part(of_extract(p, 1))));
	printf(", compute-grams %zu MB, ", megabytes(part(of_sites(p, grams_at))));
}

static size_t of_process(struct footprint f)
{
	return f.process;
}

static size_t of_device(struct footprint f)
{
	return f.device;
}

/* The planned peak of one process of each stage that the merge has. */
void forecast_memory(const struct plan *p)
{
	printf("memory  ");
	if (rules_fits_rows(p))
		print_rows(p, of_process);
	if (p->statistics) {
		printf("generate-tokens %zu MB: the planned peak of one process\n",
		       megabytes(of_generate(p)));
		return;
	}
	printf("%s %zu MB: the planned peak of one process\n        ", solver(p),
	       megabytes(of_sites(p, solve_at).process));
	if (rules_fits_rows(p) && rules_generates(p))
		printf("generate-tokens %zu MB, ", megabytes(of_generate(p)));
	if (rules_searches_scale(p))
		printf("search-scale %zu MB, ", megabytes(of_search(p)));
	printf("eval-emotion %zu MB (in smaller groups of texts under MAX_MEMORY)\n",
	       megabytes(of_evaluate(p)));
	if (!rules_fits_rows(p) || !be->array_bytes(1)) /* there is nothing on a device */
		return;
	printf("device  ");
	print_rows(p, of_device);
	printf("%s %zu MB of the device's memory\n", solver(p),
	       megabytes(of_sites(p, solve_at).device));
}

static size_t of_rows(const struct plan *p)
{
	struct footprint f = of_extract(p, 0);

	return p->model->m.family->nstacks == 1 ? f.process
						: footprint_larger(f, of_extract(p, 1)).process;
}

static size_t of_grams(const struct plan *p)
{
	return of_sites(p, grams_at).process;
}

static size_t of_solve(const struct plan *p)
{
	return of_sites(p, solve_at).process;
}

/* The stages that compute; the others have no plan. */
static size_t (*const stage_peak[STAGES])(const struct plan *p) = {
	[STAGE_EXTRACT] = of_rows,  [STAGE_TOKENS] = of_generate, [STAGE_GRAMS] = of_grams,
	[STAGE_SOLVE] = of_solve,   [STAGE_COMBINE] = of_solve,   [STAGE_SEARCH] = of_search,
	[STAGE_EVAL] = of_evaluate,
};

size_t forecast_stage(const struct plan *p, enum stage stage)
{
	size_t peak = stage_peak[stage] ? stage_peak[stage](p) : 0;

	return p->c.max_memory && peak > p->c.max_memory ? p->c.max_memory : peak;
}

/* ------------------------------------------------------------ disk */

static double work_bytes; /* counted by count_bytes(), to which nftw hands no argument */

static int count_bytes(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)at;
	work_bytes += type == FTW_F ? 512.0 * (double)st->st_blocks : 0;
	return 0;
}

/* What WORK takes on the disk now. */
static double bytes_now(const struct plan *p)
{
	work_bytes = 0;
	nftw(p->work, count_bytes, 16, FTW_PHYS);
	return work_bytes;
}

/* Bytes that are free on the file system of WORK, or of the folder that WORK will be in. */
static double bytes_free(const struct plan *p)
{
	char *path = xstrdup(p->work), *slash;
	struct statvfs v;

	while (statvfs(path, &v) && (slash = strrchr(path, '/')) && slash > path)
		*slash = 0;
	int failed = statvfs(path, &v) && statvfs(".", &v);
	free(path);
	return failed ? HUGE_VAL : (double)v.f_bavail * (double)v.f_frsize;
}

/* The graph that has the most on the disk. An iteration with a merged side needs the most. */
static struct graph *open_graph(const struct plan *p, const struct changes *changed)
{
	struct todo todo;
	struct graph *g = rules_next(p, changed, &todo);

	if (todo.iteration == 1 && p->c.max_iter > 1) {
		graph_close(g);
		g = rules_open(p, 2, changed);
	}
	rules_want(p, g, true);
	return g;
}

/* Beyond what WORK takes now; with `jobs` processes at once. */
static double most_bytes(const struct plan *p, const struct changes *changed, int jobs,
			 enum keep keep)
{
	struct plan of = *p;
	of.processes = jobs;
	of.keep = keep;
	const struct machine on = plan_machine(&of);
	struct graph *g = open_graph(&of, changed);
	struct rehearsal merge = rehearse(g, &on, MERGE_PART),
			 evaluation = rehearse(g, &on, EVALUATION_PART);

	graph_close(g);
	return fmax(merge.most, merge.left + evaluation.most);
}

/* In this run as it was asked for. */
static double asked_bytes(const struct plan *p, const struct changes *changed)
{
	return most_bytes(p, changed, p->processes, p->keep);
}

/* What each iteration keeps: W, and also G(W) where MATS changes it. 0: next to nothing. */
static double iteration_bytes(const struct plan *p)
{
	return p->c.method == JACOBI ? sizes_full_weights(p) * (p->c.use_mats ? 2 : 1) : 0;
}

static bool releases(const struct plan *p)
{
	return p->c.sequential_layer_processing && p->keep != KEEP_ALL;
}

/* The other ways to run, and what they take. */
static void print_ways(const struct plan *p, const struct changes *changed, double most, double now)
{
	double all = most_bytes(p, changed, p->processes, KEEP_ALL);

	printf(" at once (");
	if (p->processes > 1)
		printf("%zu MB without -j, ",
		       megabytes((size_t)(now + most_bytes(p, changed, 1, p->keep))));
	if (p->c.method == JACOBI)
		printf("with KEEP_ACTS=1 up to %zu MB more for each iteration)",
		       megabytes((size_t)(all - most)));
	else
		printf("%zu MB with KEEP_ACTS=own, %zu MB with KEEP_ACTS=1)",
		       megabytes((size_t)(now + most_bytes(p, changed, p->processes, KEEP_OWN))),
		       megabytes((size_t)(now + all)));
}

/* What to do, as far as it is not done yet. */
static char *less_disk(const struct plan *p, const struct changes *changed, double now)
{
	struct text way = {0};
	char *said;

	text_add(&way, "raise MAX_DISK");
	if (p->keep != KEEP_NOTHING)
		text_add(&way, ", leave out KEEP_ACTS");
	if (!p->c.sequential_layer_processing)
		text_add(&way, ", leave out SEQUENTIAL_LAYER_PROCESSING=0");
	if (p->processes > 1)
		text_add(&way, ", leave out -j (%zu MB)",
			 megabytes((size_t)(now + most_bytes(p, changed, 1, p->keep))));
	if (!p->c.use_fp16)
		text_add(&way, ", or take USE_FP16=1");
	text_add(&way, ", a smaller MAX_LENGTH, or a smaller SAMPLES_NUM");
	said = xstrdup(text_get(&way));
	text_release(&way);
	return said;
}

/* Over all iterations. false: it is within max_disk, or there is none. */
static bool over_limit(const struct plan *p, double now, double most, double *all)
{
	*all = now + most + p->c.max_iter * iteration_bytes(p);
	return p->c.max_disk && *all > (double)p->c.max_disk;
}

void forecast_disk(const struct plan *p, const struct changes *changed)
{
	double now = bytes_now(p), most = asked_bytes(p, changed), spare = bytes_free(p), all;

	if (!rules_fits_rows(p))
		return;
	printf("disk    at most %zu MB", megabytes((size_t)(now + most)));
	if (releases(p))
		print_ways(p, changed, most, now);
	else if (p->c.method == JACOBI)
		printf(" for each iteration");
	if (iteration_bytes(p) > 0)
		printf(", and %zu MB of whole weights for each iteration",
		       megabytes((size_t)iteration_bytes(p)));
	printf("\n");
	if (over_limit(p, now, most, &all)) {
		char *ways = less_disk(p, changed, now);

		printf("        this is over MAX_DISK, %zu MB: %s\n", p->c.max_disk >> 20, ways);
		free(ways);
	}
	if (spare < most)
		printf("        only %zu MB are free there, and %zu MB more are needed\n",
		       megabytes((size_t)spare), megabytes((size_t)most));
}

static double task_bytes(const struct plan *p, int t)
{
	int models = p->c.task_targets.n + 2; /* the base, each adapter, the merge */
	double tokens = 0;

	for (int k = 1; k <= plan_shards(p); k++)
		tokens += sizes_tokens(p, t, k);
	return sizes_samples(p, t) + tokens +
	       models * sizes_evaluation(p, p->c.task_targets.item[t]);
}

/* Rows of both sides, and Grams, of a task and its shards. */
static double site_bytes(const struct plan *p, const struct extract_site *s, int t)
{
	int K = plan_shards(p);
	double bytes = (K > 1 ? K + 1 : 1) * sizes_most_grams(p, s);

	for (int k = 1; k <= K; k++)
		bytes += 2 * sizes_rows(p, s, t, k);
	return bytes;
}

/* All files of a merge by rows and of its evaluation, as if none were released. */
static double every_byte(const struct plan *p)
{
	struct schedule s = schedule_make(p);
	double pass = 0, once = sizes_adapter(p) + sizes_model(p) + sizes_full_weights(p);

	for (int t = 0; t < p->c.task_targets.n; t++) {
		once += task_bytes(p, t);
		for (int i = 0; i < s.n; i++)
			pass += site_bytes(p, &s.extract_site[i], t);
	}
	for (int i = 0; i < s.n; i++)
		pass += sizes_solution(p, &s.extract_site[i], p->c.max_iter);
	schedule_release(&s);
	return once + pass * (p->c.method == JACOBI ? p->c.max_iter : 1);
}

void forecast_check_disk(const struct plan *p, const struct changes *changed)
{
	double spare = bytes_free(p), now, most, all;

	/* The graph need not be rehearsed where everything fits. */
	if (!p->c.max_disk && rules_fits_rows(p) && every_byte(p) < spare)
		return;
	now = bytes_now(p);
	most = asked_bytes(p, changed);
	if (over_limit(p, now, most, &all))
		die("max_disk is %zu MB, but '%s' would take %zu MB at once: %s",
		    p->c.max_disk >> 20, p->work, megabytes((size_t)all),
		    less_disk(p, changed, now));
	if (spare < most)
		note("'%s' needs %zu MB more, but only %zu MB are free on its file system", p->work,
		     megabytes((size_t)most), megabytes((size_t)spare));
}
