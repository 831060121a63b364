/* plan.c: see plan.h. */
#include "plan/plan.h"

#include <stdlib.h>

#include "adapter/base_name.h"
#include "adapter/copies.h"
#include "adapter/corrected.h"
#include "adapter/linears.h"
#include "backend/be.h"
#include "base/die.h"
#include "base/threads.h"
#include "merge/rowfile.h"
#include "merge/rows.h"
#include "merge/statistics.h"
#include "model/tokenizer/tokenizer.h"

static void check_adapter(const struct plan *p, int t)
{
	const struct config *c = &p->c;
	const struct adapter *a = p->adapter[t];

	if (c->rank && c->rank != a->r)
		die("rank: the config says %d, %s/adapter_config.json says r = %d", c->rank, a->dir,
		    a->r);
	if (c->lora_alpha && c->lora_alpha[t] != a->alpha)
		die("lora_alpha: the config says %g for task '%s', %s/adapter_config.json says %g",
		    c->lora_alpha[t], c->task_targets.item[t], a->dir, a->alpha);
}

static int compare_sites(const void *a, const void *b)
{
	return site_compare(*(const struct site *)a, *(const struct site *)b);
}

/* Whether linears can be corrected: with a merged side, and changes for a result. */
static bool can_drift(const struct plan *p)
{
	return (p->c.method == SWEEP || p->c.method == JACOBI) && !plan_full_weight(p) &&
	       !p->statistics;
}

bool plan_drifts(const struct plan *p)
{
	return p->c.drift && can_drift(p);
}

static void find_corrected(struct plan *p)
{
	static const struct strlist none = {0};

	p->corrected = corrected_list(&p->model->m, can_drift(p) ? &p->c.correct : &none,
				      p->adapter, p->c.task_targets.n, &p->ncorrected);
}

int plan_module_rank(const struct plan *p, struct module q)
{
	return adapters_rank(p->adapter, p->c.task_targets.n, q);
}

static void add_site(struct plan *p, struct site s)
{
	p->site = xrealloc(p->site, (size_t)(p->nsites + 1) * sizeof(*p->site));
	p->site[p->nsites++] = s;
}

static void add_site_of(struct module q, void *arg)
{
	struct plan *p = arg;

	add_site(p, site_of_module(p->model->m.family, q));
}

/* The distinct sites of all targeted and corrected modules. */
static void find_sites(struct plan *p)
{
	int kept = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++)
			add_site(p, p->adapter[t]->lora[i].site);
	for (int i = 0; i < p->ncorrected; i++)
		add_site_of(p->corrected[i], p);
	linears_each(&p->model->m, &p->also, add_site_of, p);
	qsort(p->site, (size_t)p->nsites, sizeof(*p->site), compare_sites);
	for (int i = 0; i < p->nsites; i++)
		if (!i || site_compare(p->site[i], p->site[kept - 1]))
			p->site[kept++] = p->site[i];
	p->nsites = kept;
}

/* All adapters must have one base model. One line tells where the result will name another one. */
static void check_base_name(const struct plan *p)
{
	struct base_name base = {.given = p->c.model_name};

	for (int t = 0; t < p->c.task_targets.n; t++)
		base_name_add(&base, p->adapter[t]->dir, p->adapter[t]->base,
			      p->adapter[t]->revision);
	if (!plan_full_weight(p) || base.dispute) /* a full model does not name a base */
		base_name_say(&base);
	base_name_release(&base);
}

/* Whether every row that can be drawn brings its token ids. */
static bool rows_have_ids(const struct plan *p)
{
	const struct strlist *tasks = &p->c.task_targets;
	bool all = true;

	for (int t = 0; t < tasks->n && all; t++) {
		char *path = plan_rows_file(p->data, tasks->item[t], "train");

		all = file_exists(path) && rows_bring_ids(path);
		free(path);
	}
	return all;
}

/* A merge needs no tokenizer where all rows bring their ids. A tokenizer that is there must still
 * be valid, because the draw and the evaluation would refuse it otherwise. */
static bool uses_tokenizer(const struct plan *p)
{
	return tokenizer_is_in(p->base) || (p->data && !rows_have_ids(p));
}

/* Published features use the rows of an encoder with its pads, and the last rows of a decoder. */
static void settle_features(struct plan *p)
{
	if (p->model->m.family->nstacks == 2 || p->c.features != REFERENCE)
		return;
	if (config_asked(&p->c, &config_keys[KEY_features]))
		die("features: reference is of T5's encoder and decoder, and '%s' holds a model "
		    "without an encoder: take features: tokens",
		    p->base);
	p->c.features = TOKENS;
}

static int largest_rank(const struct plan *p)
{
	return adapters_largest_rank(p->adapter, p->c.task_targets.n);
}

/* The most that a corrected linear's change can have: its smaller width. */
static int least_width(const struct plan *p)
{
	int least = 0;

	for (int i = 0; i < p->ncorrected; i++) {
		int slot = p->corrected[i].slot, d = module_d_in(&p->model->m, slot),
		    d_out = module_d_out(&p->model->m, slot), n = d < d_out ? d : d_out;

		least = !least || n < least ? n : least;
	}
	return least;
}

static void check_correct_rank(const struct plan *p)
{
	if (p->ncorrected && p->c.correct_rank > least_width(p))
		die("correct_rank: the config says %d, but the narrowest corrected linear has "
		    "width %d: take a smaller one, or leave it out",
		    p->c.correct_rank, least_width(p));
}

static void check_merge_rank(const struct plan *p)
{
	int most = largest_rank(p);

	if (p->c.merge_rank.rank > most)
		die("merge_rank: the config says %d, but the adapters' ranks together are at most "
		    "%d: take a smaller one, or leave it out",
		    p->c.merge_rank.rank, most);
}

void plan_open(struct plan *p)
{
	const struct strlist *tasks = &p->c.task_targets;
	bool tokenizer = uses_tokenizer(p);

	if (p->rate.products == 0)
		p->rate = rate_assumed();
	p->model = model_open(p->base);
	if (tokenizer)
		p->tokenizer = tokenizer_open_for(p->base, &p->model->m);
	p->texts = xcalloc((size_t)tasks->n * (size_t)plan_shards(p), sizeof(*p->texts));
	if (p->c.eval_int8)
		be_need_int8();
	settle_features(p);
	model_check_copies(p->model);
	p->adapter = xcalloc((size_t)tasks->n, sizeof(*p->adapter));
	for (int t = 0; t < tasks->n; t++) {
		char *dir = plan_adapter_dir(p, t);

		if (!file_exists(dir))
			die("task '%s' has no adapter: '%s' is not there", tasks->item[t], dir);
		p->adapter[t] = adapter_open(dir, &p->model->m);
		copies_check(p->adapter[t]->file, p->model);
		check_adapter(p, t);
		free(dir);
	}
	check_base_name(p);
	if (!p->statistics)
		check_merge_rank(p);
	find_corrected(p);
	check_correct_rank(p);
	find_sites(p);
}

void plan_close(struct plan *p)
{
	for (int t = 0; t < p->c.task_targets.n; t++) {
		adapter_close(p->adapter[t]);
		if (p->given)
			statistics_close(p->given[t]);
	}
	free(p->given);
	strlist_release(&p->also);
	free(p->adapter);
	free(p->site);
	free(p->corrected);
	free(p->texts);
	tokenizer_close(p->tokenizer);
	model_close(p->model);
}

bool plan_full_weight(const struct plan *p)
{
	return p->c.with_pretrain_matrix &&
	       (p->c.method == SWEEP || p->c.method == REGMEAN || p->c.method == JACOBI);
}

bool plan_cuts(const struct plan *p)
{
	return p->c.method == TIES || p->c.method == DARE;
}

static bool is_corrected(const struct plan *p, struct module q)
{
	for (int i = 0; i < p->ncorrected; i++)
		if (module_compare(&p->corrected[i], &q) == 0)
			return true;
	return false;
}

int plan_drift_rank(const struct plan *p, struct module q)
{
	int R = plan_module_rank(p, q), rank = p->c.merge_rank.rank;

	if (!is_corrected(p, q))
		return !R || !plan_drifts(p) ? 0 : rank ? rank : R;
	return corrected_rank(&p->model->m, q, p->c.correct_rank, rank, largest_rank(p));
}

int plan_past(const struct plan *p)
{
	return p->c.use_mats ? p->c.mats_history_size + 1 : 1;
}

int plan_threads(const struct plan *p)
{
	int threads = p->threads ? p->threads : threads_default() / p->processes;

	return threads > 1 ? threads : 1;
}

struct machine plan_machine(const struct plan *p)
{
	return (struct machine){.jobs = p->processes,
				.threads = plan_threads(p),
				.cores = threads_default() * (p->nodes ? p->nodes : 1),
				.launch = p->launch ? p->launch_seconds : 0};
}

bool plan_samples(const struct plan *p)
{
	const struct config *c = &p->c;

	return !p->given && config_keys[KEY_samples_num].methods >> c->method & 1 &&
	       !(config_keys[KEY_scale].methods >> c->method & 1 && c->scale > 0);
}

int plan_rows_given(const struct plan *p)
{
	int n = 0;

	for (int t = 0; t < p->c.task_targets.n; t++) {
		char *path = plan_task_file(p->data, p->c.task_targets.item[t], "samples.json");

		n += file_exists(path);
		free(path);
	}
	return n;
}

int plan_shards(const struct plan *p)
{
	bool counts = !p->given && config_keys[KEY_shards].methods >> p->c.method & 1;

	return counts ? p->c.shards : 1;
}

int plan_shard_batch(const struct plan *p)
{
	return p->c.features == REFERENCE ? config_batch(&p->c) : 1;
}

/* Published features set no limit for generation. transformers' default is then 20 decoder
 * positions, the start token included. */
enum { PUBLISHED_NEW_TOKENS = 19 };

struct config plan_stage_config(const struct plan *p, enum stage stage)
{
	struct config c = p->c;

	c.inner_num = config_batch(&p->c);
	if (!can_drift(p)) { /* these keys have no effect */
		c.drift = false;
		c.correct = (struct strlist){0};
	}
	if (stage == STAGE_TOKENS && c.features == REFERENCE)
		c.max_new_tokens = PUBLISHED_NEW_TOKENS;
	return c;
}

bool plan_stage_depends(const struct plan *p, enum stage stage, const struct config_key *k)
{
	if (stage == STAGE_TOKENS &&
	    (k == &config_keys[KEY_inner_num] ||
	     k == &config_keys[KEY_if_divide])) /* its pads matter only for published features */
		return k == &config_keys[KEY_inner_num] && p->c.features == REFERENCE;
	if (stage == STAGE_EXTRACT && k == &config_keys[KEY_inner_num] && plan_shards(p) > 1 &&
	    p->c.features == REFERENCE) /* it decides what the shards are */
		return true;
	if (stage == STAGE_COMBINE && k == &config_keys[KEY_seed]) /* only dare draws at random */
		return p->c.method == DARE;
	return k->changes >> stage & 1;
}

char *plan_adapter_dir(const struct plan *p, int t)
{
	return p->given ? xstrdup(p->given[t]->dir)
			: xformat("%s/%s", p->loras, p->c.task_targets.item[t]);
}

char *plan_task_file(const char *folder, const char *task, const char *file)
{
	return xformat("%s/%s/%s", folder, task, file);
}

char *plan_rows_file(const char *folder, const char *task, const char *name)
{
	char *stem = plan_task_file(folder, task, name), *path = rowfile_find(stem);

	free(stem);
	return path;
}
