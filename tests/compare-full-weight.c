/* compare-full_weight.c: solutions of the full weight (with_pretrain_matrix) against a direct
 * evaluation in float64. It uses the rows from which they were fitted, WORK/own/TASK/SITE.h5 and
 * WORK/merged/TASK/SITE.h5 (KEEP_ACTS=1), the base's weights and the adapters. --iteration K: the
 * solutions of jacobi's iteration, WORK/iterKK. compare-mats tests what MATS makes of the fit.
 *
 *   W = (Σ c V_t (C_t + α₁‖C_t‖ I)) (Σ c (H_t + Λ_t) + 1e-4 I)⁻¹,   V_t = W0 + ΔW_t
 *   C_t = Xᵀ diag(w) Xm,   H_t = Xmᵀ diag(w) Xm,   c_t = ‖V_t‖² / ‖X V_tᵀ‖²
 *   Λ_t = α₂‖H_t‖ I, or with --camr-… ‖H_t‖ diag(α_c (1 − h/Σh) + β_c)
 *
 * --kappa: w by the definition in dcs.h, from the adapters' whole outputs ΔW_j x. Without it w = 1,
 * and there is no 1e-4.
 *
 * It shares nothing with the solver: it has no factors, no Grams in float32, and a general solver.
 * Prints the worst module. Ends with 1 where it is over --max. */
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/h5/h5.h"
#include "forward/solution.h"
#include "model/site.h"

static const char *model_dir, *loras, *work, *site_arg, *tasks_arg;
static double alpha_1, alpha_2, camr_alpha = -1, camr_beta, kappa = -1, most;
static int iteration;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"loras", 0, OPT_STRING, &loras, true, 0, 0, "DIR", "folder of adapters"},
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR", "the merge"},
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "all tasks"},
	{"alpha-1", 0, OPT_FLOAT, &alpha_1, true, 0, 1, "X", "ridge on C"},
	{"alpha-2", 0, OPT_FLOAT, &alpha_2, false, 0, 1, "X", "ridge on H"},
	{"camr-alpha", 0, OPT_FLOAT, &camr_alpha, false, -1, 1, "X", "CAMR's on H instead"},
	{"camr-beta", 0, OPT_FLOAT, &camr_beta, false, 0, 1, "X", "and what is the same for all"},
	{"kappa", 0, OPT_FLOAT, &kappa, false, -1, 100, "X", "DCS's exponent"},
	{"iteration", 0, OPT_INT, &iteration, false, 0, 99, "K", "jacobi's iteration"},
	{"max", 0, OPT_FLOAT, &most, true, 0, 1, "X", "largest relative difference"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "compare-full-weight",
				 .summary = "check solutions of whole weights directly",
				 .opts = options};

struct task {
	struct adapter *adapter;
	double *X, *Xm; /* (P, d) */
	size_t P;
};

static struct geometry m;
static struct strlist tasks;
static struct task *task;
static size_t d;

/* WORK, or the iteration's folder in it. */
static char *folder(void)
{
	return iteration ? xformat("%s/iter%02d", work, iteration) : xstrdup(work);
}

static double *read_rows(const char *in, const char *side, const char *name, size_t *P)
{
	char *path = xformat("%s/%s/%s/%s.h5", in, side, name, site_arg);
	struct h5 *f = h5_open(path, "iteris-acts", 1);
	double *x;

	h5_shape(f, "/rows", P, &d);
	x = xarray(*P * d, sizeof(*x));
	h5_read_double(f, "/rows", 0, *P, x);
	h5_close(f);
	free(path);
	return x;
}

/* C (n, k) += scale · A (n, l) B, B (l, k), or Bᵀ with B (k, l). */
static void product(double *C, const double *A, const double *B, size_t n, size_t l, size_t k,
		    bool transposed, double scale)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < k; j++) {
			double sum = 0;

			for (size_t e = 0; e < l; e++)
				sum += A[i * l + e] * B[transposed ? j * l + e : e * k + j];
			C[i * k + j] += scale * sum;
		}
}

static double sum_of_squares(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sum;
}

/* V (d_out, d) += ΔW_t. */
static void add_delta(double *V, int t, struct module q, size_t d_out)
{
	const struct lora *l = adapter_find(task[t].adapter, q);
	size_t r;
	float *A, *B;

	if (!l)
		return;
	r = (size_t)l->r;
	A = xarray(r * d, sizeof(*A));
	B = xarray(d_out * r, sizeof(*B));
	lora_read_A(task[t].adapter, l, A);
	lora_read_B(task[t].adapter, l, B);
	for (size_t o = 0; o < d_out; o++)
		for (size_t e = 0; e < r; e++)
			for (size_t i = 0; i < d; i++)
				V[o * d + i] +=
					l->scale * (double)B[o * r + e] * (double)A[e * d + i];
	free(B);
	free(A);
}

static void mean_to_one(double *w, size_t P)
{
	double sum = 0;

	for (size_t p = 0; p < P; p++)
		sum += w[p];
	for (size_t p = 0; p < P; p++)
		w[p] *= (double)P / sum;
}

/* v (P): the variance, over the adapters, of their outputs on task t's rows, divided by d_out. */
static void variances(double *v, int t, struct module q, size_t d_out)
{
	size_t P = task[t].P, n = P * d_out;
	double *D = xcalloc(d_out * d, sizeof(*D)), *y = xarray(n, sizeof(*y)),
	       *mean = xcalloc(n, sizeof(*mean));

	memset(v, 0, P * sizeof(*v));
	for (int pass = 0; pass < 2; pass++)
		for (int j = 0; j < tasks.n; j++) {
			memset(D, 0, d_out * d * sizeof(*D));
			memset(y, 0, n * sizeof(*y));
			add_delta(D, j, q, d_out);
			product(y, task[t].X, D, P, d, d_out, true, 1);
			for (size_t i = 0; i < n; i++)
				if (!pass)
					mean[i] += y[i] / tasks.n;
				else
					v[i / d_out] += (y[i] - mean[i]) * (y[i] - mean[i]) /
							tasks.n / (double)d_out;
		}
	free(mean);
	free(y);
	free(D);
}

static double *weights(int t, struct module q, size_t d_out)
{
	size_t P = task[t].P;
	double *w = xarray(P, sizeof(*w)), lo = INFINITY, hi = -INFINITY;

	for (size_t p = 0; p < P; p++)
		w[p] = 1;
	if (kappa < 0)
		return w;
	variances(w, t, q, d_out);
	for (size_t p = 0; p < P; p++) {
		lo = fmin(lo, log1p(w[p]));
		hi = fmax(hi, log1p(w[p]));
	}
	for (size_t p = 0; p < P; p++)
		w[p] = exp(-kappa * (log1p(w[p]) - lo) / (hi - lo));
	mean_to_one(w, P);
	for (size_t p = 0; p < P; p++)
		w[p] = fmin(fmax(w[p], 0.1), 3);
	mean_to_one(w, P);
	return w;
}

/* G (d, d) = aᵀ diag(w) b; returns its norm. */
static double gram(double *G, const double *a, const double *b, const double *w, size_t P)
{
	memset(G, 0, d * d * sizeof(*G));
	for (size_t p = 0; p < P; p++)
		for (size_t i = 0; i < d; i++)
			for (size_t j = 0; j < d; j++)
				G[i * d + j] += w[p] * a[p * d + i] * b[p * d + j];
	return sqrt(sum_of_squares(G, d * d));
}

/* H += Λ; norm = ‖H‖. */
static void add_ridge(double *H, double norm)
{
	double trace = 0;

	for (size_t i = 0; i < d; i++)
		trace += H[i * (d + 1)];
	for (size_t i = 0; i < d; i++) {
		double *h = &H[i * (d + 1)];

		*h += norm * (camr_alpha < 0 ? alpha_2 : camr_alpha * (1 - *h / trace) + camr_beta);
	}
}

/* Adds task t's share to W (d_out, d), the right-hand sides, and S (d, d); V (d_out, d) is W0. */
static void add_task(double *W, double *S, double *V, int t, struct module q, size_t d_out)
{
	const struct task *k = &task[t];
	double *w = weights(t, q, d_out), *G = xarray(d * d, sizeof(*G)),
	       *Y = xcalloc(k->P * d_out, sizeof(*Y)), c, norm;

	add_delta(V, t, q, d_out);
	product(Y, k->X, V, k->P, d, d_out, true, 1);
	c = sum_of_squares(V, d_out * d) / sum_of_squares(Y, k->P * d_out);
	norm = gram(G, k->X, k->Xm, w, k->P);
	for (size_t i = 0; i < d; i++)
		G[i * (d + 1)] += alpha_1 * norm;
	product(W, V, G, d_out, d, d, false, c);
	add_ridge(G, gram(G, k->Xm, k->Xm, w, k->P));
	for (size_t i = 0; i < d * d; i++)
		S[i] += c * G[i];
	free(Y);
	free(G);
	free(w);
}

/* The module's W (d_out, d), computed directly. */
static double *direct(const struct st *base, struct module q, size_t d_out)
{
	char *name = module_name(&m, q), *weight = xformat("%s.weight", name);
	size_t n = d_out * d;
	double *W = xcalloc(n, sizeof(*W)), *V = xarray(n, sizeof(*V)),
	       *S = xcalloc(d * d, sizeof(*S));
	float *W0 = xarray(n, sizeof(*W0));
	lapack_int *pivot = xarray(d, sizeof(*pivot));

	st_read(base, st_need(base, weight, d_out, d), 0, n, W0);
	for (int t = 0; t < tasks.n; t++) {
		for (size_t i = 0; i < n; i++)
			V[i] = (double)W0[i];
		add_task(W, S, V, t, q, d_out);
	}
	for (size_t i = 0; i < d; i++)
		S[i * (d + 1)] += kappa < 0 ? 0 : 1e-4;
	/* S is symmetric, so columns are rows. W's rows are right-hand sides. */
	if (LAPACKE_dgesv(LAPACK_COL_MAJOR, (lapack_int)d, (lapack_int)d_out, S, (lapack_int)d,
			  pivot, W, (lapack_int)d))
		die("%s: singular", name);
	free(pivot);
	free(W0);
	free(S);
	free(V);
	free(weight);
	free(name);
	return W;
}

static double module_difference(const struct solution *solution, const struct st *base,
				struct module q)
{
	size_t d_out = (size_t)module_d_out(&m, q.slot), n = d_out * d;
	char *name = module_name(&m, q), *path = xformat("/modules/%s/mats_G", name);
	double *want = direct(base, q, d_out), *have = xarray(n, sizeof(*have)),
	       norm = sum_of_squares(want, n);

	const struct solution_module *k = solution_find(solution, name);

	if (!k)
		die("'%s' has no module '%s'", h5_path(solution->file), name);
	solution_expect(solution, k, (int)d, (int)d_out);
	solution_read_double(solution, k, h5_has(solution->file, path) ? "mats_G" : "W", 0, d_out,
			     have);
	for (size_t i = 0; i < n; i++)
		have[i] -= want[i];
	norm = sqrt(sum_of_squares(have, n) / norm);
	free(have);
	free(want);
	free(path);
	free(name);
	return norm;
}

static void open_tasks(const char *in)
{
	task = xcalloc((size_t)tasks.n, sizeof(*task));
	for (int t = 0; t < tasks.n; t++) {
		char *dir = xformat("%s/%s", loras, tasks.item[t]);
		size_t P;

		task[t].adapter = adapter_open(dir, &m);
		task[t].X = read_rows(work, "own", tasks.item[t], &task[t].P);
		task[t].Xm = iteration == 1 ? read_rows(work, "own", tasks.item[t], &P)
					    : read_rows(in, "merged", tasks.item[t], &P);
		if (P != task[t].P)
			die("%s: %zu rows of one side, %zu of the other", tasks.item[t], task[t].P,
			    P);
		free(dir);
	}
}

static void close_tasks(void)
{
	for (int t = 0; t < tasks.n; t++) {
		adapter_close(task[t].adapter);
		free(task[t].X);
		free(task[t].Xm);
	}
	free(task);
	strlist_release(&tasks);
}

static bool targeted(struct module q)
{
	for (int t = 0; t < tasks.n; t++)
		if (adapter_find(task[t].adapter, q))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	double worst = 0;
	struct solution *solution;
	struct site site;
	struct st *base;
	char *in, *path;
	int n = 0;

	opts_parse(&tool, argc, argv);
	m = geometry_load(model_dir);
	base = st_open(model_dir);
	tasks = strlist_split(tasks_arg, "--tasks");
	if (!site_parse(&m, site_arg, &site))
		die_usage("no site '%s'", site_arg);
	in = folder();
	open_tasks(in);
	path = xformat("%s/solution/%s.h5", in, site_arg);
	solution = solution_open(path, site_arg);
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < m.L[s] * SLOTS; i++) {
			struct module q = {s, i / SLOTS, (i % SLOTS)};

			if (!slot_exists(&m, s, q.slot) ||
			    site_compare(site_of_module(m.family, q), site) || !targeted(q))
				continue;
			worst = fmax(worst, module_difference(solution, base, q));
			n++;
		}
	printf("%s: %d modules, worst relative difference %.3g, allowed %.3g\n", site_arg, n, worst,
	       most);
	solution_close(solution);
	free(path);
	free(in);
	close_tasks();
	st_close(base);
	return !n || !(worst <= most);
}
