/* targets.c: see targets.h. */
#include "adapter/targets.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/corrected.h"
#include "base/die.h"
#include "base/threads.h"

static void add_module(struct targets *t, struct module q)
{
	for (int i = 0; i < t->n; i++)
		if (!module_compare(&t->module[i], &q))
			return;
	t->module = xrealloc(t->module, (size_t)(t->n + 1) * sizeof(*t->module));
	t->module[t->n++] = q;
}

/* A site that gets the modules of a list. */
struct also {
	struct targets *targets;
	struct site site;
};

static void add_also(struct module q, void *arg)
{
	const struct also *a = arg;

	if (site_compare(site_of_module(a->targets->m->family, q), a->site) == 0)
		add_module(a->targets, q);
}

static void add_corrected(struct targets *t, const struct strlist *names, struct site site)
{
	t->corrected = corrected_list(t->m, names, t->adapter, t->N, &t->ncorrected);
	for (int i = 0; i < t->ncorrected; i++)
		if (!site_compare(site_of_module(t->m->family, t->corrected[i]), site))
			add_module(t, t->corrected[i]);
}

void targets_open(struct targets *t, const struct geometry *m, const char *template,
		  const struct strlist *tasks, struct site site, const struct strlist *also,
		  const struct strlist *correct)
{
	struct also of = {t, site};
	char name[32];

	*t = (struct targets){.N = tasks->n, .m = m};
	t->adapter = xcalloc((size_t)tasks->n, sizeof(*t->adapter));
	for (int i = 0; i < tasks->n; i++) {
		char *dir = path_for_task(template, tasks->item[i], tasks->n, "--adapter");

		t->adapter[i] = adapter_open(dir, m);
		free(dir);
		for (int j = 0; j < t->adapter[i]->n; j++) {
			const struct lora *l = &t->adapter[i]->lora[j];

			if (!site_compare(l->site, site))
				add_module(t, l->module);
		}
	}
	linears_each(m, also, add_also, &of);
	add_corrected(t, correct, site);
	if (!t->n)
		die("no adapter targets a module of site %s", site_name(m->family, site, name));
	qsort(t->module, (size_t)t->n, sizeof(*t->module), module_compare);
}

bool targets_corrects(const struct targets *t, int i)
{
	for (int k = 0; k < t->ncorrected; k++)
		if (!module_compare(&t->corrected[k], &t->module[i]))
			return true;
	return false;
}

void targets_close(struct targets *t)
{
	for (int i = 0; i < t->N; i++)
		adapter_close(t->adapter[i]);
	free(t->adapter);
	free(t->module);
	free(t->corrected);
	*t = (struct targets){0};
}

static int rank_of(const struct targets *t, int task, int i)
{
	const struct lora *l = adapter_find(t->adapter[task], t->module[i]);

	return l ? l->r : 0;
}

void targets_sizes(const struct targets *t, int *R, int *d_out)
{
	*R = *d_out = 0;
	for (int i = 0; i < t->n; i++) {
		int sum = 0, out = module_d_out(t->m, t->module[i].slot);

		for (int task = 0; task < t->N; task++)
			sum += rank_of(t, task, i);
		*R = sum > *R ? sum : *R;
		*d_out = out > *d_out ? out : *d_out;
	}
}

/* The sizes of module i, with the rows of one task, or of all (−1). */
static void lay_out(struct factors *k, const struct targets *t, int i, int only)
{
	int slot = t->module[i].slot;

	*k = (struct factors){
		.N = t->N, .d = module_d_in(t->m, slot), .d_out = module_d_out(t->m, slot)};
	k->first = xcalloc((size_t)t->N + 1, sizeof(*k->first));
	k->s = xcalloc((size_t)t->N, sizeof(*k->s));
	for (int task = 0; task < t->N; task++)
		k->first[task + 1] =
			k->first[task] + (only < 0 || only == task ? rank_of(t, task, i) : 0);
	k->R = k->first[t->N];
	k->task_of = xcalloc((size_t)k->R, sizeof(*k->task_of));
	for (int task = 0; task < t->N; task++)
		for (int j = k->first[task]; j < k->first[task + 1]; j++)
			k->task_of[j] = task;
}

static void load_A(struct factors *k, const struct targets *t, int task, int i)
{
	const struct lora *l = adapter_find(t->adapter[task], t->module[i]);

	if (!l)
		return;
	k->s[task] = l->scale;
	lora_read_A(t->adapter[task], l, k->A + (size_t)k->first[task] * (size_t)k->d);
}

static void load_B(struct factors *k, const struct targets *t, int task, int i)
{
	const struct lora *l = adapter_find(t->adapter[task], t->module[i]);
	size_t r0 = (size_t)k->first[task], R = (size_t)k->R;
	float *B;

	if (!l)
		return;
	B = xarray((size_t)k->d_out * (size_t)l->r, sizeof(*B));
	lora_read_B(t->adapter[task], l, B);
	for (size_t o = 0; o < (size_t)k->d_out; o++)
		memcpy(k->B + o * R + r0, B + o * (size_t)l->r, (size_t)l->r * sizeof(*B));
	free(B);
}

static void make_A(struct factors *k)
{
	k->A = xcalloc((size_t)k->R * (size_t)k->d, sizeof(*k->A));
}

static void make_B(struct factors *k)
{
	k->B = xcalloc((size_t)k->R * (size_t)k->d_out, sizeof(*k->B));
}

size_t factors_bytes(int R, int d, int d_out)
{
	return (size_t)R * ((size_t)d + (size_t)d_out) * sizeof(float);
}

void factors_load(struct factors *k, const struct targets *t, int i)
{
	lay_out(k, t, i, -1);
	make_A(k);
	make_B(k);
	for (int task = 0; task < t->N; task++) {
		load_A(k, t, task, i);
		load_B(k, t, task, i);
	}
}

void stack_load_A(struct factors *k, const struct targets *t, int i, int task)
{
	lay_out(k, t, i, task);
	make_A(k);
	load_A(k, t, task, i);
}

void stack_load_B(struct factors *k, const struct targets *t, int i, int task)
{
	make_B(k);
	load_B(k, t, task, i);
}

void factors_release(struct factors *k)
{
	free(k->first);
	free(k->s);
	free(k->task_of);
	free(k->A);
	free(k->B);
	*k = (struct factors){0};
}

void factors_add(const struct factors *k, int task, int o, int n, float *W)
{
	size_t d = (size_t)k->d;

#pragma omp parallel for num_threads( \
	threads_for(0.2 * n * k->d * (k->first[task + 1] - k->first[task]))) schedule(static)
	for (int i = 0; i < n; i++) {
		float *w = W + (size_t)i * d;

		for (int j = k->first[task]; j < k->first[task + 1]; j++) {
			const float *a = k->A + (size_t)j * d;
			float b = (float)(k->s[task] *
					  (double)k->B[(size_t)(o + i) * (size_t)k->R + (size_t)j]);

			for (size_t e = 0; e < d; e++)
				w[e] += b * a[e];
		}
	}
}
