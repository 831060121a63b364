/* compare-mats.c: what MATS makes of full weights in jacobi's iteration K, against its formula on
 * whole matrices. It reads W and mats_G of WORK/iter01 … iterKK, as stored in float32. It takes all
 * pairs at once, and uses another solver than the tool.
 *
 *   R_j = G_j − W_{j−1};   γ = (ΔRᵀΔR + μ I)⁻¹ ΔRᵀ R_K in [−2, 2]
 *   W_K = G_K − Σ γ_j ΔG_j,   or G_K where ‖W_K − G_K‖ > 2 ‖G_K‖
 *
 * It also checks the file's norm ‖W_K‖ and change ‖W_K − W_{K−1}‖. Prints the worst module, and how
 * many modules differ from G_K. Ends with 1 where one is over --max, or where none is
 * accelerated. */
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/opts.h"
#include "forward/solution.h"

static const char *work, *site_arg;
static int iteration, history = 3;
static double mu = 1e-5, most;

static const struct opt options[] = {
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR", "the merge"},
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site"},
	{"iteration", 0, OPT_INT, &iteration, true, 3, 99, "K", "iteration"},
	{"history", 0, OPT_INT, &history, false, 1, 64, "N", "differences"},
	{"mu", 0, OPT_FLOAT, &mu, false, 0, 1, "X", "ridge"},
	{"max", 0, OPT_FLOAT, &most, true, 0, 1, "X", "largest relative difference"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "compare-mats",
				 .summary = "check an iteration's accelerated weights directly",
				 .opts = options};

enum { MOST = 66 };
static struct solution *file[MOST + 1]; /* by iteration, from 1 */
static double worst;
static int modules, accelerated;

/* The whole matrix of iteration k; *n: its size. */
static double *read_all(int k, const char *module, const char *name, size_t *n)
{
	const struct solution_module *q = solution_find(file[k], module);
	double *x;

	if (!q)
		die("'%s' has no module '%s'", h5_path(file[k]->file), module);
	*n = (size_t)q->d_out * (size_t)q->d_in;
	x = xarray(*n, sizeof(*x));
	solution_read_double(file[k], q, name, 0, (size_t)q->d_out, x);
	return x;
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static double distance(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sqrt(sum);
}

/* Turns W (n) = G_K into W_K. R, G: q + 1 pairs. */
static void accelerate(double *W, double **R, double **G, int q, size_t n)
{
	double N[MOST * MOST], gamma[MOST], **dR = xarray((size_t)q, sizeof(double *));
	int pivot[MOST];

	for (int j = 0; j < q; j++) {
		dR[j] = xarray(n, sizeof(double));
		for (size_t i = 0; i < n; i++)
			dR[j][i] = R[j + 1][i] - R[j][i];
	}
	for (int a = 0; a < q; a++) {
		for (int b = 0; b < q; b++)
			N[a * q + b] = dot(dR[a], dR[b], n) + (a == b ? mu : 0);
		gamma[a] = dot(dR[a], R[q], n);
	}
	if (LAPACKE_dgesv(LAPACK_ROW_MAJOR, q, 1, N, q, pivot, gamma, 1))
		die("singular");
	for (int j = 0; j < q; j++) {
		for (size_t i = 0; i < n; i++)
			W[i] -= fmin(fmax(gamma[j], -2), 2) * (G[j + 1][i] - G[j][i]);
		free(dR[j]);
	}
	free(dR);
	if (distance(W, G[q], n) > 2 * sqrt(dot(G[q], G[q], n)))
		for (size_t i = 0; i < n; i++)
			W[i] = G[q][i];
}

static void expect(const char *module, const char *what, double found, double wanted)
{
	if (!(fabs(found - wanted) <= 1e-12 * wanted))
		die("%s: %s is %.17g, not %.17g", module, what, found, wanted);
}

static void compare(const struct solution_module *k)
{
	const char *module = k->name;
	int q = iteration - 2 < history ? iteration - 2 : history, first = iteration - q;
	double *R[MOST], *G[MOST], *W, *want, *before;
	size_t n;

	for (int j = 0; j <= q; j++) {
		double *w = read_all(first + j - 1, module, "W", &n);

		G[j] = read_all(first + j, module, "mats_G", &n);
		R[j] = xarray(n, sizeof(double));
		for (size_t i = 0; i < n; i++)
			R[j][i] = G[j][i] - w[i];
		free(w);
	}
	want = read_all(iteration, module, "mats_G", &n);
	accelerate(want, R, G, q, n);
	accelerated += distance(want, G[q], n) > 0;
	W = read_all(iteration, module, "W", &n);
	before = read_all(iteration - 1, module, "W", &n);
	worst = fmax(worst, distance(W, want, n) / sqrt(dot(want, want, n)));
	expect(module, "norm", solution_figure(file[iteration], k, "norm"), sqrt(dot(W, W, n)));
	expect(module, "change", solution_figure(file[iteration], k, "change"),
	       distance(W, before, n));
	modules++;
	for (int j = 0; j <= q; j++) {
		free(G[j]);
		free(R[j]);
	}
	free(before);
	free(W);
	free(want);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	if (iteration > MOST)
		die_usage("at most %d iterations", MOST);
	for (int k = 1; k <= iteration; k++) {
		char *path = xformat("%s/iter%02d/solution/%s.h5", work, k, site_arg);

		file[k] = solution_open(path, site_arg);
		free(path);
	}
	for (int i = 0; i < file[iteration]->n; i++)
		compare(&file[iteration]->module[i]);
	printf("%s: %d modules, %d accelerated, worst relative difference %.3g, allowed %.3g\n",
	       site_arg, modules, accelerated, worst, most);
	for (int k = 1; k <= iteration; k++)
		solution_close(file[k]);
	return !accelerated || !(worst <= most);
}
