/* gram_cpu.c: the CPU twin's Gram: blocks of rows of G, each by one thread, all rows of X in a fixed order.
 *
 * dnnl_sgemm for chunks of rows in float32, OpenBLAS where few rows are summed in float64. */
#include <cblas.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

#include "die.h"
#include "gemm.h"

/* Per-thread work space, kept between calls: [0], [1] rows as float64; [0] also a block's chunk sum. */
static void *scratch(int which, size_t bytes)
{
	static _Thread_local struct { void *p; size_t bytes; } kept[2];

	if (bytes > kept[which].bytes) {
		free(kept[which].p);
		kept[which].p = xmalloc(bytes);
		kept[which].bytes = bytes;
	}
	return kept[which].p;
}

/* Few rows, in float64: a decoder's rows are few and alike (every sample begins with the same token), so their rounding
 * errors add up instead of cancelling, and the solve multiplies them by up to 1/alpha. */
static void gram_rows_f64(double *G, const float *X, const float *Y, int P, int m, int n, int i0, int mi, int nj)
{
	double *x = scratch(0, sizeof(double) * (size_t)P * (size_t)mi), *y = scratch(1, sizeof(double) * (size_t)P * (size_t)nj);

	for (size_t p = 0; p < (size_t)P; p++) {
		for (int i = 0; i < mi; i++)
			x[p * (size_t)mi + (size_t)i] = (double)X[p * (size_t)m + (size_t)(i0 + i)];
		for (int j = 0; j < nj; j++)
			y[p * (size_t)nj + (size_t)j] = (double)Y[p * (size_t)n + (size_t)j];
	}
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, mi, nj, P, 1.0, x, mi, y, nj, 1.0,
	            G + (size_t)i0 * (size_t)n, n);
}

/* Rows [i0, i0+mi) of the Gram, the first nj columns, over all chunks of rows. */
static void gram_rows(double *G, const float *X, const float *Y, int P, int m, int n, int i0, int mi, int nj)
{
	float *c = scratch(0, sizeof(float) * (size_t)mi * (size_t)nj);

	for (int p = 0; p < P; p += GRAM_CHUNK) {
		int rows = P - p < GRAM_CHUNK ? P - p : GRAM_CHUNK;

		if (dnnl_sgemm('T', 'N', mi, nj, rows, 1.0f, X + (size_t)p * (size_t)m + i0, m, Y + (size_t)p * (size_t)n, n, 0.0f, c, nj) !=
		    dnnl_success)
			BUG("dnnl_sgemm %d %d %d", mi, nj, rows);
		for (int i = 0; i < mi; i++)
			for (int j = 0; j < nj; j++)
				G[(size_t)(i0 + i) * (size_t)n + (size_t)j] += (double)c[(size_t)i * (size_t)nj + (size_t)j];
	}
}

/* The upper triangle from the lower one, by squares that stay in the cache. */
static void mirror(double *G, int m)
{
	enum { SQUARE = 64 };

#pragma omp parallel for schedule(dynamic)
	for (int i0 = 0; i0 < m; i0 += SQUARE)
		for (int j0 = i0; j0 < m; j0 += SQUARE)
			for (int i = i0; i < i0 + SQUARE && i < m; i++)
				for (int j = j0 > i ? j0 : i + 1; j < j0 + SQUARE && j < m; j++)
					G[(size_t)i * (size_t)m + (size_t)j] = G[(size_t)j * (size_t)m + (size_t)i];
}

void gemm_gram(double *G, const float *X, const float *Y, int P, int m, int n)
{
	enum { ROWS = 256 }; /* of G at a time, one thread each */
	bool symmetric = X == Y;

	BUG_IF(symmetric && m != n);
#pragma omp parallel for schedule(dynamic)
	for (int i = 0; i < m; i += ROWS) {
		int mi = m - i < ROWS ? m - i : ROWS;

		(P <= GRAM_F64_ROWS ? gram_rows_f64 : gram_rows)(G, X, Y, P, m, n, i, mi, symmetric ? i + mi : n);
	}
	if (symmetric)
		mirror(G, m);
}
