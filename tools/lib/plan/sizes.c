/* sizes.c: see sizes.h. */
#include "plan/sizes.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/corrected.h"
#include "files/h5/h5_lower.h"
#include "merge/site_arrays.h"
#include "plan/counts.h"

/* A file takes whole blocks. HDF5 adds a header, and a little for each of `parts` groups and
 * datasets. */
static double file_bytes(double data, int parts)
{
	enum { BLOCK = 4096, HEADER = 2048, PART = 700 };
	double bytes = data + HEADER + parts * PART;

	return BLOCK * (double)(long)((bytes + BLOCK - 1) / BLOCK);
}

double sizes_released(void)
{
	return file_bytes(0, 0);
}

double sizes_norms(void)
{
	return file_bytes(0, 0); /* a group without datasets takes 200 bytes */
}

double sizes_samples(const struct plan *p, int t)
{
	const struct text_counts n = counts_of(p, t);

	return file_bytes((n.prompt + n.answer + 3 * n.texts) * sizeof(int), 5);
}

double sizes_tokens(const struct plan *p, int t, int k)
{
	const struct text_counts *n = counts_of_shard(p, t, k);

	return file_bytes((n->answer + n->texts) * sizeof(int), 2);
}

/* In float32 the encoder's output is its own state. */
double sizes_rows(const struct plan *p, const struct extract_site *s, int t, int k)
{
	const struct geometry *m = &p->model->m;
	bool encoder_output = site_is_encoder_output(s->site);
	struct stack_rows r = counts_rows(p, t, k, encoder_output ? 0 : s->site.stack);
	double cell = p->c.use_fp16 ? 2 : sizeof(float),
	       rows = r.written * site_width(m, s->site) * cell,
	       state = r.run * m->D * sizeof(float);
	bool stored = s->holds_state && !(encoder_output && !p->c.use_fp16);

	return file_bytes(rows + (stored ? state : 0), 2);
}

/* ------------------------------------------------------------ modules */

int sizes_rank(const struct plan *p, struct module q)
{
	const struct geometry *m = &p->model->m;
	int R = plan_module_rank(p, q);

	if (plan_drift_rank(p, q))
		return plan_drift_rank(p, q);
	return p->c.merge_rank.rank || plan_cuts(p)
		       ? combine_rank(p->c.merge_rank, R, module_d_in(m, q.slot),
				      module_d_out(m, q.slot))
		       : R;
}

/* Each module that some adapter targets, once, and each corrected one: of the site; NULL: of all
 * sites. *count: how many. */
static double sum_modules(const struct plan *p, const struct site *at, int *count,
			  double (*bytes)(const struct plan *, struct module))
{
	double sum = 0;

	*count = 0;
	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++) {
			const struct lora *l = &p->adapter[t]->lora[i];

			if ((at && site_compare(l->site, *at)) ||
			    module_targeted(p->adapter, t, l->module))
				continue;
			sum += bytes(p, l->module);
			++*count;
		}
	for (int i = 0; i < p->ncorrected; i++) {
		if (at && site_compare(site_of_module(p->model->m.family, p->corrected[i]), *at))
			continue;
		sum += bytes(p, p->corrected[i]);
		++*count;
	}
	return sum;
}

static double weight_bytes(const struct plan *p, struct module q)
{
	const struct geometry *m = &p->model->m;

	return (double)module_d_out(m, q.slot) * module_d_in(m, q.slot) * sizeof(float);
}

/* A in float64 and B in float32. */
static double factor_bytes(const struct plan *p, struct module q)
{
	const struct geometry *m = &p->model->m;

	return sizes_rank(p, q) * ((double)module_d_in(m, q.slot) * sizeof(double) +
				   (double)module_d_out(m, q.slot) * sizeof(float));
}

/* W and G of an earlier iteration: its A, or its full weight, each twice. */
static double history_bytes(const struct plan *p, struct module q)
{
	const struct geometry *m = &p->model->m;

	if (plan_drift_rank(p, q)) /* MATS keeps nothing of it */
		return 0;
	return 2.0 * sizes_rank(p, q) * module_d_in(m, q.slot) * sizeof(double);
}

static double adapter_bytes(const struct plan *p, struct module q)
{
	const struct geometry *m = &p->model->m;

	return (double)sizes_rank(p, q) * (module_d_in(m, q.slot) + module_d_out(m, q.slot)) *
	       sizeof(float);
}

/* ------------------------------------------------------------ fits */

bool sizes_stores_C(const struct plan *p, struct site at)
{
	bool whole = plan_full_weight(p) || plan_drifts(p);

	for (int i = 0; i < p->ncorrected; i++)
		whole |= site_compare(site_of_module(p->model->m.family, p->corrected[i]), at) == 0;
	return whole;
}

/* Every linear has its own H and C, and as many rows A G as the site is wide. */
double sizes_most_grams(const struct plan *p, const struct extract_site *s)
{
	double d = site_width(&p->model->m, s->site);

	return file_bytes((p->c.use_dcs ? 3 * SLOTS : SLOTS + 2) * d * d * sizeof(double),
			  2 * SLOTS);
}

/* One Gram for all modules of a site; with row weights one for each. */
static double grams_bytes(const struct plan *p, const struct extract_site *s, int t, bool keeps_C)
{
	const struct adapter *a = p->adapter[t];
	double d = site_width(&p->model->m, s->site), ranks = 0;
	int modules;

	sum_modules(p, &s->site, &modules, weight_bytes);
	for (int i = 0; i < a->n; i++)
		ranks += site_compare(a->lora[i].site, s->site) == 0 ? a->lora[i].r : 0;
	/* H is symmetric; C, of full weights and of drift, is not. */
	double H = (double)lower_bytes(site_width(&p->model->m, s->site)),
	       C = keeps_C ? d * d * sizeof(double) : 0;

	return file_bytes((p->c.use_dcs ? modules : 1) * (H + C) + ranks * d * sizeof(double),
			  2 * modules);
}

double sizes_grams(const struct plan *p, const struct extract_site *s, int t)
{
	return grams_bytes(p, s, t, sizes_stores_C(p, s->site));
}

double sizes_shard_grams(const struct plan *p, const struct extract_site *s, int t, int sides)
{
	return grams_bytes(p, s, t, sides == 2 || sizes_stores_C(p, s->site));
}

double sizes_solution(const struct plan *p, const struct extract_site *s, int past)
{
	int modules;
	double bytes = sum_modules(p, &s->site, &modules,
				   plan_full_weight(p) ? weight_bytes : factor_bytes);

	if (p->c.use_mats && past && !plan_full_weight(p))
		bytes += past * sum_modules(p, &s->site, &modules, history_bytes);
	if (p->c.use_mats && past && plan_full_weight(p)) /* also G(W) */
		bytes *= 2;
	return file_bytes(bytes, 5 * modules);
}

double sizes_full_weights(const struct plan *p)
{
	int modules;

	return plan_full_weight(p) ? sum_modules(p, NULL, &modules, weight_bytes) : 0;
}

/* ------------------------------------------------------------ results */

double sizes_adapter(const struct plan *p)
{
	int modules;

	return file_bytes(sum_modules(p, NULL, &modules, adapter_bytes), 0);
}

double sizes_model(const struct plan *p)
{
	const struct geometry *m = &p->model->m;
	double n = (m->tied ? 1.0 : 2.0) * m->V * m->D;

	for (int stack = 0; stack < m->family->nstacks; stack++)
		n += (double)m->L[stack] * (double)block_elements(m, stack);
	return file_bytes(n * sizeof(float), 0);
}

double sizes_evaluation(const struct plan *p, const char *task)
{
	char *path = plan_rows_file(p->data, task, "test");
	struct stat st;
	double bytes = stat(path, &st) ? 0 : (double)st.st_size;

	free(path);
	return file_bytes(bytes, 0);
}
