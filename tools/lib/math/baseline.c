/* baseline.c: see baseline.h. */
#include "math/baseline.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/die.h"

enum { PANEL = 64 }; /* rows or columns of M in float64 at a time */

/* ------------------------------------------------------------ ties */

static void swap(float *a, float *b)
{
	float t = *a;

	*a = *b;
	*b = t;
}

/* The k-th largest (from 1) of x (n), by Hoare's selection with the middle entry as pivot. Both
 * scans stop at equal entries, so many equal ones (zeros) cost no extra time. */
static float kth_largest(float *x, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1, at = k - 1;

	while (lo < hi) {
		float pivot = x[lo + (hi - lo) / 2];
		size_t i = lo, j = hi;

		for (;;) {
			while (x[i] > pivot)
				i++;
			while (x[j] < pivot)
				j--;
			if (i >= j)
				break;
			swap(&x[i++], &x[j--]);
		}
		if (at <= j) /* [lo, j] ≥ pivot ≥ [j+1, hi], and lo ≤ j < hi */
			hi = j;
		else
			lo = j + 1;
	}
	return x[at];
}

struct ties_trim ties_trim_find(float *x, size_t n, double density)
{
	size_t keep = (size_t)(density * (double)n), above = 0;
	struct ties_trim t;

	keep = keep < 1 ? 1 : keep > n ? n : keep;
	for (size_t i = 0; i < n; i++)
		x[i] = fabsf(x[i]);
	t.least = kth_largest(x, n, keep);
	for (size_t i = 0; i < n; i++)
		above += x[i] > t.least;
	t.equal = keep - above;
	return t;
}

void ties_trim_apply(struct ties_trim *t, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float size = fabsf(x[i]);

		if (size > t->least)
			continue;
		if (size == t->least && t->equal > 0)
			t->equal--;
		else
			x[i] = 0;
	}
}

void ties_elect(float *out, const float *const *x, int N, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0, kept = 0;
		int count = 0;

		for (int t = 0; t < N; t++)
			sum += (double)x[t][i];
		for (int t = 0; t < N; t++)
			if ((double)x[t][i] * sum > 0) {
				kept += (double)x[t][i];
				count++;
			}
		out[i] = count ? (float)(kept / count) : 0;
	}
}

/* ------------------------------------------------------------ dare */

void dare_add(float *out, const float *x, size_t n, double density, struct rng *rng)
{
	for (size_t i = 0; i < n; i++)
		if (rng_uniform(rng) < density)
			out[i] += (float)((double)x[i] / density);
}

/* ------------------------------------------------------------ the cut to low rank */

static size_t smaller(int m, int n)
{
	return (size_t)(m < n ? m : n);
}

static size_t larger(int m, int n)
{
	return (size_t)(m > n ? m : n);
}

/* LAPACK's own minimum for dsyevr: 26 k and 10 k. */
size_t truncate_doubles(int m, int n, int r)
{
	size_t k = smaller(m, n);

	return k * k + k + k * (size_t)r + 26 * k + PANEL * larger(m, n);
}

size_t truncate_ints(int m, int n)
{
	return 12 * smaller(m, n);
}

/* G (k, k) = M Mᵀ (k = m) or Mᵀ M (k = n), the lower triangle. Returns the trace, ‖M‖². */
static double small_gram(double *G, const float *M, int m, int n, double *panel)
{
	int k = m <= n ? m : n;
	double trace = 0;

	memset(G, 0, (size_t)k * (size_t)k * sizeof(*G));
	/* Panels along the long side of M: (m, PANEL) columns, or (PANEL, n) rows. */
	for (int at = 0, long_side = m <= n ? n : m; at < long_side; at += PANEL) {
		int w = long_side - at < PANEL ? long_side - at : PANEL;

		for (int i = 0; m <= n && i < m; i++)
			for (int j = 0; j < w; j++)
				panel[i * w + j] =
					(double)M[(size_t)i * (size_t)n + (size_t)(at + j)];
		for (int i = 0; m > n && i < w; i++)
			for (int j = 0; j < n; j++)
				panel[i * n + j] =
					(double)M[(size_t)(at + i) * (size_t)n + (size_t)j];
		cblas_dsyrk(CblasRowMajor, CblasLower, m <= n ? CblasNoTrans : CblasTrans, k, w, 1,
			    panel, m <= n ? w : n, 1, G, k);
	}
	for (int i = 0; i < k; i++)
		trace += G[(size_t)i * (size_t)k + (size_t)i];
	return trace;
}

/* m ≤ n: B = U, A = Uᵀ M. Z is the last column of U, of the largest eigenvalue; the next ones are
 * before it. */
static void factor_left(const float *M, int m, int n, int r, const double *Z, float *B, double *A)
{
	memset(A, 0, (size_t)r * (size_t)n * sizeof(*A));
	for (int i = 0; i < r; i++) {
		const double *z = Z - (size_t)i * (size_t)m;
		double *a = A + (size_t)i * (size_t)n;

		for (int row = 0; row < m; row++) {
			const float *x = M + (size_t)row * (size_t)n;

			B[(size_t)row * (size_t)r + (size_t)i] = (float)z[row];
			for (int j = 0; j < n; j++)
				a[j] += z[row] * (double)x[j];
		}
	}
}

/* m > n: A = Vᵀ, B = M V. */
static void factor_right(const float *M, int m, int n, int r, const double *Z, float *B, double *A)
{
	for (int i = 0; i < r; i++)
		memcpy(A + (size_t)i * (size_t)n, Z - (size_t)i * (size_t)n,
		       (size_t)n * sizeof(*A));
	for (int row = 0; row < m; row++)
		for (int i = 0; i < r; i++) {
			const float *x = M + (size_t)row * (size_t)n;
			double sum = 0;

			for (int j = 0; j < n; j++)
				sum += (double)x[j] * A[(size_t)i * (size_t)n + (size_t)j];
			B[(size_t)row * (size_t)r + (size_t)i] = (float)sum;
		}
}

/* The squares that the r largest of the eigenvalues lambda (n) keep; the smallest first. */
static double kept_by(const double *lambda, int n, int r)
{
	double kept = 0;

	for (int i = n - r; i < n; i++)
		kept += lambda[i] > 0 ? lambda[i] : 0;
	return kept;
}

static int least_rank(const double *lambda, int n, double share, double norm2)
{
	int r = 1;

	while (r < n && norm2 - kept_by(lambda, n, r) > (1 - share) * norm2)
		r++;
	return r;
}

int baseline_truncate(const float *M, int m, int n, int *r, double share, float *B, double *A,
		      double *error, double *work, int *iwork)
{
	int k = m < n ? m : n, most = *r, found = 0, info;
	size_t k2 = (size_t)k * (size_t)k;
	double *G = work, *lambda = G + k2, *Z = lambda + k, *inner = Z + (size_t)k * (size_t)most,
	       *panel = inner + 26 * (size_t)k, *largest = inner - k;
	double norm2, kept;

	BUG_IF(most < 1 || most > k);
	openblas_set_num_threads(1); /* equal data give equal bits for any -t */
	for (size_t i = 0; i < (size_t)m * (size_t)n; i++)
		if (!isfinite(M[i]))
			return 1;
	norm2 = small_gram(G, M, m, n, panel);
	/* Row-major lower is column-major upper. */
	info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'V', 'I', 'U', k, G, k, 0, 0, k - most + 1, k,
				   0, &found, lambda, Z, k, iwork, inner, 26 * k, iwork + 2 * k,
				   10 * k);
	if (info || found != most)
		return 2;
	if (share > 0)
		*r = least_rank(lambda, most, share, norm2);
	kept = kept_by(lambda, most, *r);
	*error = norm2 > kept ? sqrt((norm2 - kept) / norm2) : 0;
	if (m <= n)
		factor_left(M, m, n, *r, largest, B, A);
	else
		factor_right(M, m, n, *r, largest, B, A);
	return 0;
}
