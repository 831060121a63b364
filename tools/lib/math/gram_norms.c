/* gram_norms.c: see grams.h. Norms of products with X: of X Wᵀ itself, in chunks of rows, or from
 * X's Gram K = XᵀX: ‖X Wᵀ‖² = tr(W K Wᵀ). With many rows and many weights K costs less: it is made
 * once, and only half of WᵀW is multiplied. */
#include <cblas.h>
#include <stdlib.h>

#include "backend/simd.h"
#include "base/die.h"
#include "base/threads.h"
#include "math/grams.h"

static size_t area(size_t a, size_t b)
{
	return a * b;
}

static int tiles_of(int n)
{
	return (n + GRAM_TILE - 1) / GRAM_TILE;
}

/* Sums the tiles' parts. Each part was made by one thread; the order is fixed. Frees part. */
static double sum_of(double *part, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += part[i];
	free(part);
	return sum;
}

/* Σ ‖B A x‖² over n rows x. With a = A x it is Σ aᵀ BtB a. a in float32, the rest in float64. */
static double tile_norm2(const float *X, int n, int d, const float *A, const double *BtB, int r)
{
	size_t count = area((size_t)n, (size_t)r);
	float *a = xarray(count, sizeof(*a));
	double *wide = xarray(2 * count, sizeof(*wide)), *Ba = wide + count, sum;

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, r, d, 1.0f, X, d, A, d, 0.0f, a, r);
	for (size_t i = 0; i < count; i++)
		wide[i] = (double)a[i];
	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, r, r, 1.0, wide, r, BtB, r, 0.0,
		    Ba, r);
	sum = cblas_ddot((blasint)count, wide, 1, Ba, 1);
	free(wide);
	free(a);
	return sum;
}

double gram_staged_norm2(const struct gram *g, int rows, const float *A, const double *BtB, int r)
{
	enum { ROWS = 24 }; /* of a tile: ten tiles of a full stage, for the threads */
	int tiles = (rows + ROWS - 1) / ROWS;
	double *part = xarray((size_t)tiles, sizeof(*part));

#pragma omp parallel for num_threads(threads_for(1.0 * rows * r * g->d / PRODUCTS_PER_NS)) \
	schedule(dynamic)
	for (int tile = 0; tile < tiles; tile++) {
		int i0 = tile * ROWS, n = rows - i0 < ROWS ? rows - i0 : ROWS;

		part[tile] = tile_norm2(g->stage[GRAM_SIDE_X] + area((size_t)i0, (size_t)g->d), n,
					g->d, A, BtB, r);
	}
	return sum_of(part, tiles);
}

/* Σ (W_iᵀ W_j) ∘ G_ij over one tile: rows from i0, columns from j0 of G. G_ij (mi, nj) has leading
 * dimension d. */
static double tile_trace(const float *W, int n, int d, const double *Gij, int i0, int mi, int j0,
			 int nj)
{
	float C[GRAM_TILE * GRAM_TILE];
	double sum = 0;

	cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, mi, nj, n, 1.0f, W + i0, d, W + j0, d,
		    0.0f, C, GRAM_TILE);
	for (int i = 0; i < mi; i++)
		for (int j = 0; j < nj; j++)
			sum += (double)C[i * GRAM_TILE + j] *
			       Gij[area((size_t)i, (size_t)d) + (size_t)j];
	return sum;
}

/* The tiles on and below the diagonal in rows [i0, i0+rows) of G, which are in the panel. Tiles
 * below the diagonal count twice. */
static double panel_trace(struct gram *g, const float *W, int n, int i0, int rows)
{
	int d = g->d, across = tiles_of(i0 + rows), down = tiles_of(rows);
	double *part = xcalloc(area((size_t)down, (size_t)across), sizeof(*part));

#pragma omp parallel for num_threads(threads_for(1.0 * rows * d * n / PRODUCTS_PER_NS)) \
	schedule(dynamic)
	for (int tile = 0; tile < down * across; tile++) {
		int i = tile / across * GRAM_TILE, j0 = tile % across * GRAM_TILE;
		int mi = rows - i < GRAM_TILE ? rows - i : GRAM_TILE,
		    nj = d - j0 < GRAM_TILE ? d - j0 : GRAM_TILE;

		if (j0 <= i0 + i)
			part[tile] = (j0 < i0 + i ? 2 : 1) *
				     tile_trace(W, n, d, g->panel + area((size_t)i, (size_t)d) + j0,
						i0 + i, mi, j0, nj);
	}
	return sum_of(part, down * across);
}

/* ‖X_i W_jᵀ‖² for one tile of rows and one of the weight. */
static double tile_squares(const float *X, int mi, const float *W, int nj, int d)
{
	float C[GRAM_TILE * GRAM_TILE];
	double sum = 0;

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, mi, nj, d, 1.0f, X, d, W, d, 0.0f, C,
		    GRAM_TILE);
	for (int i = 0; i < mi; i++)
		sum += simd_dot_f64(C + i * GRAM_TILE, C + i * GRAM_TILE, (size_t)nj);
	return sum;
}

double gram_staged_trace(const struct gram *g, int rows, const float *W, int n)
{
	int down = tiles_of(rows), across = tiles_of(n);
	double *part = xarray(area((size_t)down, (size_t)across), sizeof(*part));
	size_t d = (size_t)g->d;

#pragma omp parallel for num_threads(threads_for(1.0 * rows * n * g->d / PRODUCTS_PER_NS)) \
	schedule(dynamic)
	for (int tile = 0; tile < down * across; tile++) {
		int i0 = tile / across * GRAM_TILE, j0 = tile % across * GRAM_TILE;
		int mi = rows - i0 < GRAM_TILE ? rows - i0 : GRAM_TILE,
		    nj = n - j0 < GRAM_TILE ? n - j0 : GRAM_TILE;

		part[tile] = tile_squares(g->stage[GRAM_SIDE_X] + area((size_t)i0, d), mi,
					  W + area((size_t)j0, d), nj, g->d);
	}
	return sum_of(part, down * across);
}

/* In products, each times d. */
bool gram_rows_cost_less(double P, double d, double n, bool made)
{
	return n * P < ((made ? 0 : P * d) + n * d) / 2;
}

double gram_trace(struct gram *g, const float *W, int n)
{
	double sum = 0;

	for (int i0 = 0; i0 < g->d; i0 += GRAM_PANEL) {
		int rows = gram_fetch(g, i0);

		sum += panel_trace(g, W, n, i0, rows);
	}
	return sum;
}
