/* compare-deltas.c: are two merges the same? Compares the changes ΔW of every module: ‖ΔW_a − ΔW_b‖
 * / ‖ΔW_b‖ in the Frobenius norm, with products in float64. Each side is a PEFT folder, or a
 * safetensors file of ΔW itself ("<module>" or "<module>.weight").
 *
 * Prints the worst module. Ends with 1 where it is over --max, or where a module is only on one
 * side. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapter/adapter.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/safetensors/st.h"
#include "model/geometry.h"

static const char *model_dir, *a_arg, *b_arg;
static double most = 1e-5;
static bool weights;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"a", 0, OPT_STRING, &a_arg, true, 0, 0, "PATH", "adapter folder, or file of ΔW"},
	{"b", 0, OPT_STRING, &b_arg, true, 0, 0, "PATH", "the one that counts as right"},
	{"weights", 0, OPT_FLAG, &weights, false, 0, 0, NULL,
	 "b holds the merged weights W0+ΔW: compare those"},
	{"max", 0, OPT_FLOAT, &most, false, 0, 1e9, "X", "largest relative difference"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "compare-deltas",
				 .summary = "compare the weight changes of two merges",
				 .opts = options};

struct source {
	struct adapter *adapter;
	struct st *file;
};

static struct source source_open(const char *path, const struct geometry *m)
{
	struct source s = {0};
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		s.adapter = adapter_open(path, m);
	else
		s.file = st_open(path);
	return s;
}

static void source_close(struct source *s)
{
	adapter_close(s->adapter);
	st_close(s->file);
}

/* ΔW (d_out, d_in) of an adapter's module, or NULL. */
static double *product(const struct adapter *a, const struct geometry *m, struct module q)
{
	const struct lora *l = adapter_find(a, q);
	size_t d_in = (size_t)module_d_in(m, q.slot), d_out = (size_t)module_d_out(m, q.slot);
	float *A, *B;
	double *W;

	if (!l)
		return NULL;
	A = xarray((size_t)l->r * d_in, sizeof(*A));
	B = xarray((size_t)l->r * d_out, sizeof(*B));
	W = xcalloc(d_in * d_out, sizeof(*W));
	lora_read_A(a, l, A);
	lora_read_B(a, l, B);
	for (size_t o = 0; o < d_out; o++)
		for (int r = 0; r < l->r; r++) {
			double b = l->scale * (double)B[o * (size_t)l->r + (size_t)r];

			for (size_t i = 0; i < d_in; i++)
				W[o * d_in + i] += b * (double)A[(size_t)r * d_in + i];
		}
	free(A);
	free(B);
	return W;
}

static double *stored(const struct st *f, const struct geometry *m, struct module q)
{
	char *name = module_name(m, q), *weight = xformat("%s.weight", name);
	size_t d_in = (size_t)module_d_in(m, q.slot), d_out = (size_t)module_d_out(m, q.slot),
	       n = d_in * d_out;
	const struct st_tensor *t = st_find(f, name) ? st_find(f, name) : st_find(f, weight);
	double *W = NULL;

	if (t) {
		float *x = xarray(n, sizeof(*x));

		st_read(f, st_need(f, t->name, d_out, d_in), 0, n, x);
		W = xarray(n, sizeof(*W));
		for (size_t i = 0; i < n; i++)
			W[i] = (double)x[i];
		free(x);
	}
	free(name);
	free(weight);
	return W;
}

static double *delta(const struct source *s, const struct geometry *m, struct module q)
{
	return s->adapter ? product(s->adapter, m, q) : stored(s->file, m, q);
}

static double difference(const double *a, const double *b, size_t n)
{
	double diff = 0, norm = 0;

	for (size_t i = 0; i < n; i++) {
		diff += (a[i] - b[i]) * (a[i] - b[i]);
		norm += b[i] * b[i];
	}
	return diff == 0 ? 0 : sqrt(diff / norm);
}

struct worst {
	int modules;
	double difference;
	char *name;
};

/* W += W0. */
static void add_base(double *W, const struct geometry *m, struct module q)
{
	struct st *base = st_open(model_dir);
	double *W0 = stored(base, m, q);

	for (size_t i = 0; i < (size_t)module_d_in(m, q.slot) * (size_t)module_d_out(m, q.slot);
	     i++)
		W[i] += W0[i];
	free(W0);
	st_close(base);
}

static void compare(struct worst *w, const struct geometry *m, const struct source *a,
		    const struct source *b, struct module q)
{
	char *name = module_name(m, q);
	double *x = delta(a, m, q), *y = delta(b, m, q), d;

	if (!x != !y)
		die("%s is in '%s' only", name, x ? a_arg : b_arg);
	if (x && weights)
		add_base(x, m, q);
	if (x) {
		d = difference(x, y,
			       (size_t)module_d_in(m, q.slot) * (size_t)module_d_out(m, q.slot));
		if (!w->modules++ || !(d <= w->difference)) {
			w->difference = d;
			free(w->name);
			w->name = xstrdup(name);
		}
	}
	free(name);
	free(x);
	free(y);
}

int main(int argc, char **argv)
{
	struct worst w = {0};
	struct source a, b;
	struct geometry m;
	bool good;

	opts_parse(&tool, argc, argv);
	m = geometry_load(model_dir);
	a = source_open(a_arg, &m);
	b = source_open(b_arg, &m);
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < m.L[s] * SLOTS; i++)
			if (slot_exists(&m, s, (i % SLOTS)))
				compare(&w, &m, &a, &b, (struct module){s, i / SLOTS, (i % SLOTS)});
	if (!w.modules)
		die("no module in common");
	good = w.difference <= most;
	printf("%d modules, worst %.3g (%s), allowed %.3g\n", w.modules, w.difference, w.name,
	       most);
	free(w.name);
	source_close(&a);
	source_close(&b);
	return !good;
}
