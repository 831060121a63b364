/* gram_cpu.c: the CPU twin's Gram. One thread computes each tile of G, over all rows of X in one
 * order.
 *
 * Rows in float32 go through the kernels of the linears (gemm_private.h): Y's columns take the
 * place of a weight, X's columns the place of rows. Where few rows are summed in float64, OpenBLAS
 * is used. */
#include <cblas.h>
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_private.h"
#include "backend/simd.h"
#include "base/die.h"
#include "base/threads.h"

/* Columns [i0, i0+mi) of few rows, in float64; G is their first row. A decoder's rows are few and
 * alike, because every sample begins with the same token. So their rounding errors add up instead
 * of cancelling, and the solve multiplies them by up to 1/alpha. */
static void rows_f64(double *G, const float *X, const float *Y, int P, int m, int n, int i0, int mi,
		     int nj)
{
	double *x = gemm_scratch(1, sizeof(double) * (size_t)P * (size_t)mi),
	       *y = gemm_scratch(2, sizeof(double) * (size_t)P * (size_t)nj);

	for (size_t p = 0; p < (size_t)P; p++) {
		for (int i = 0; i < mi; i++)
			x[p * (size_t)mi + (size_t)i] = (double)X[p * (size_t)m + (size_t)(i0 + i)];
		for (int j = 0; j < nj; j++)
			y[p * (size_t)nj + (size_t)j] = (double)Y[p * (size_t)n + (size_t)j];
	}
	cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, mi, nj, P, 1.0, x, mi, y, nj, 1.0, G,
		    n);
}

enum { GRAM_ROWS = 256 }; /* rows of G at a time in float64, in one thread */
static void gram_f64(double *G, const float *X, const float *Y, int P, int m, int n, int i0,
		     int rows)
{
#pragma omp parallel for num_threads(threads_for(2.0 * rows * n * P / PRODUCTS_PER_NS)) \
	schedule(dynamic)
	for (int i = 0; i < rows; i += GRAM_ROWS) {
		int mi = rows - i < GRAM_ROWS ? rows - i : GRAM_ROWS;

		rows_f64(G + (size_t)i * (size_t)n, X, Y, P, m, n, i0 + i, mi,
			 X == Y ? i0 + i + mi : n);
	}
}

/* Columns [i0, i0+mi) of X as the dense rows of a whole tile; its other rows are zero. */
static const float *column_tile(const float *X, int P, int m, int i0, int mi)
{
	size_t row = (size_t)P;
	float *x = gemm_scratch(1, sizeof(float) * GEMM_TILE * row);

	simd_transpose(x, row, X + i0, (size_t)m, row, (size_t)mi);
	memset(x + (size_t)mi * row, 0, sizeof(float) * (size_t)(GEMM_TILE - mi) * row);
	return x;
}

/* mi rows of G, up to and including the panel of column `end`. */
static void rows_f32(double *G, const float *x, const struct be_weight *W,
		     const struct gemm_kernel *const kernel[2], int mi, int end)
{
	for (int j = 0; j < W->npanels && j * GEMM_PANEL < end; j++) {
		int nj = W->panel[j].n;
		float *c = gemm_scratch(2, sizeof(float) * GEMM_TILE * GEMM_PANEL);

		gemm_kernel_run(kernel[j == W->npanels - 1], c, x, W->panel[j].packed);
		for (int i = 0; i < mi; i++)
			simd_add_f64(G + (size_t)i * (size_t)W->n + (size_t)j * GEMM_PANEL,
				     c + (size_t)i * (size_t)nj, (size_t)nj);
	}
}

static void gram_f32(double *G, const float *X, const float *Y, int P, int m, int n, int i0,
		     int rows)
{
	struct be_weight *W = gemm_pack(Y, n, P, n, true, BE_F32);
	const struct gemm_kernel *kernel[2] = {
		gemm_kernel(GEMM_TILE, W->panel[0].n, P, BE_F32),
		gemm_kernel(GEMM_TILE, W->panel[W->npanels - 1].n, P, BE_F32)};

#pragma omp parallel for num_threads(threads_for(1.0 * rows * n * P / PRODUCTS_PER_NS)) \
	schedule(dynamic)
	for (int i = 0; i < rows; i += GEMM_TILE) {
		int mi = rows - i < GEMM_TILE ? rows - i : GEMM_TILE;

		rows_f32(G + (size_t)i * (size_t)n, column_tile(X, P, m, i0 + i, mi), W, kernel, mi,
			 X == Y ? i0 + i + mi : n);
	}
	gemm_weight_free(W);
}

void gemm_gram(double *G, const float *X, const float *Y, int P, int m, int n, int i0, int rows)
{
	_Static_assert(GRAM_BLOCK % GRAM_ROWS == 0 && GRAM_BLOCK % GEMM_TILE == 0, "equal bits");
	BUG_IF((X == Y && m != n) || i0 % GRAM_BLOCK || rows > m - i0);
	for (int p = 0; p < P; p += GRAM_CHUNK) {
		int some = P - p < GRAM_CHUNK ? P - p : GRAM_CHUNK;
		const float *x = X + (size_t)p * (size_t)m,
			    *y = X == Y ? x : Y + (size_t)p * (size_t)n;

		(P <= GRAM_F64_ROWS ? gram_f64 : gram_f32)(G, x, y, some, m, n, i0, rows);
	}
}

/* A thread's rows in float64 and its tile; and the packed chunk of Y. */
size_t gemm_gram_bytes(int d, int threads)
{
	size_t D = (size_t)d, few = GRAM_F64_ROWS * (D + GRAM_ROWS) * sizeof(double),
	       tile = GEMM_TILE * (GRAM_CHUNK + GEMM_PANEL) * sizeof(float);

	return (size_t)threads * (few + tile) + GRAM_CHUNK * D * sizeof(float);
}

void gemm_mirror(double *G, int m)
{
	enum { SQUARE = 64 }; /* fits the cache */

#pragma omp parallel for num_threads(threads_for(0.5 * m * m)) schedule(dynamic)
	for (int i0 = 0; i0 < m; i0 += SQUARE)
		for (int j0 = i0; j0 < m; j0 += SQUARE)
			for (int i = i0; i < i0 + SQUARE && i < m; i++)
				for (int j = j0 > i ? j0 : i + 1; j < j0 + SQUARE && j < m; j++)
					G[(size_t)i * (size_t)m + (size_t)j] =
						G[(size_t)j * (size_t)m + (size_t)i];
}
