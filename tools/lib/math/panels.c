/* panels.c: see panels.h.
 *
 * BLAS and LAPACK run on one thread inside ours. Each product is a fixed tile, so equal data
 * give equal bits for any -t. */
#include "math/panels.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/die.h"
#include "base/threads.h"

/* The sides of one product, and the rows of one substitution. */
enum { TILE_ROWS = 512, TILE_COLUMNS = 256, STRIP = 256 };

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

int panels_count(int d, int width)
{
	return (d + width - 1) / width;
}

static int first_column(const struct panels *p, int k)
{
	return k * p->width;
}

int panels_columns(const struct panels *p, int k)
{
	return smaller(p->width, p->d - first_column(p, k));
}

size_t panels_bytes(int d, int width)
{
	size_t doubles =
		area(d, width) + area(width, width) + area(PANEL_ROWS, width) + 3 * (size_t)d;

	return doubles * sizeof(double) + (size_t)d * sizeof(int);
}

void panels_place(struct panels *p, void *slab)
{
	double *at = slab;

	p->P = at, at += area(p->d, p->width);
	p->top = at, at += area(p->width, p->width);
	p->rows = at, at += area(PANEL_ROWS, p->width);
	p->sums = at, at += p->d;
	p->v = at, at += p->d;
	p->x = at, at += p->d;
	p->sign = (int *)(void *)at;
	openblas_set_num_threads(1);
}

/* ------------------------------------------------------------ the factor */

/* Nanoseconds of so many multiply-adds in float64, on one thread. */
static double nanoseconds(double products)
{
	return 2 * products / PRODUCTS_PER_NS;
}

/* P (n, w) −= rows (n, u) top (w, u)ᵀ. */
static void subtract(double *P, const double *rows, const double *top, int n, int w, int u)
{
#pragma omp parallel for collapse(2) num_threads(threads_for(nanoseconds(1.0 * n * w * u))) \
	schedule(dynamic)
	for (int i = 0; i < n; i += TILE_ROWS)
		for (int j = 0; j < w; j += TILE_COLUMNS)
			cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans,
				    smaller(TILE_ROWS, n - i), smaller(TILE_COLUMNS, w - j), u,
				    -1.0, rows + area(i, u), u, top + area(j, u), u, 1.0,
				    P + area(i, w) + j, w);
}

/* Takes panel j out of panel k, which is in P. */
static void update(struct panels *p, int k, int j)
{
	int c = first_column(p, k), w = panels_columns(p, k), u = panels_columns(p, j);

	p->read(p->arg, j, c, w, p->top);
	subtract(p->P, p->top, p->top, w, w, u);
	for (int i = c + w, n; i < p->d; i += n) {
		n = smaller(PANEL_ROWS, p->d - i);
		p->read(p->arg, j, i, n, p->rows);
		subtract(p->P + area(i - c, w), p->rows, p->top, n, w, u);
	}
}

/* Rows below the diagonal block: P = P L_kkᵀ⁻¹. */
static void divide(double *P, int rows, int w)
{
#pragma omp parallel for num_threads(threads_for(nanoseconds(0.5 * rows * w * w))) schedule(dynamic)
	for (int i = w; i < rows; i += STRIP)
		cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit,
			    smaller(STRIP, rows - i), w, 1.0, P, w, P + area(i, w), w);
}

static void clear_above(double *P, int w)
{
	for (int i = 0; i < w; i++)
		memset(P + area(i, w) + i + 1, 0, (size_t)(w - 1 - i) * sizeof(*P));
}

/* Adds |S| of panel k's lower triangle to the sums of columns and, by symmetry, of rows. Returns
 * whether it is finite. */
static bool add_sums(struct panels *p, int k)
{
	int c = first_column(p, k), w = panels_columns(p, k);

	for (int i = c; i < p->d; i++)
		for (int j = 0; j < w && c + j <= i; j++) {
			double s = fabs(p->P[area(i - c, w) + (size_t)j]);

			p->sums[c + j] += s;
			if (c + j < i)
				p->sums[i] += s;
		}
	for (int i = c; i < p->d; i++)
		if (!isfinite(p->sums[i]))
			return false;
	return true;
}

static int make_panel(struct panels *p, int k)
{
	int c = first_column(p, k), w = panels_columns(p, k), info;

	p->system(p->arg, k, p->P);
	if (!add_sums(p, k))
		return -1;
	for (int j = 0; j < k; j++)
		update(p, k, j);
	info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', w, p->P, w);
	if (info)
		return c + info;
	clear_above(p->P, w);
	divide(p->P, p->d - c, w);
	p->keep(p->arg, k, p->P, p->sums);
	return 0;
}

int panels_factor(struct panels *p)
{
	memset(p->sums, 0, (size_t)p->d * sizeof(*p->sums));
	if (p->done)
		p->read_sums(p->arg, p->done - 1, p->sums);
	for (; p->done < panels_count(p->d, p->width); p->done++) {
		int info = make_panel(p, p->done);

		if (info)
			return info;
	}
	return 0;
}

/* ------------------------------------------------------------ products with it */

/* Calls use(p, X, r, k, i, n) for the rows of panel k below its diagonal block, which is in top;
 * the n rows from row i of the matrix are in rows. */
static void below(struct panels *p, double *X, int r, int k,
		  void (*use)(struct panels *, double *, int, int, int, int))
{
	for (int i = first_column(p, k) + panels_columns(p, k), n; i < p->d; i += n) {
		n = smaller(PANEL_ROWS, p->d - i);
		p->read(p->arg, k, i, n, p->rows);
		use(p, X, r, k, i, n);
	}
}

static void read_top(struct panels *p, int k)
{
	p->read(p->arg, k, first_column(p, k), panels_columns(p, k), p->top);
}

/* X's columns i −= X's columns of panel k, times rowsᵀ. */
static void forward(struct panels *p, double *X, int r, int k, int i, int n)
{
	int w = panels_columns(p, k);
	const double *x = X + first_column(p, k);

	if (r == 1) /* a product would pack the rows */
		cblas_dgemv(CblasRowMajor, CblasNoTrans, n, w, -1.0, p->rows, w, x, 1, 1.0, X + i,
			    1);
	else
		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, r, n, w, -1.0, x, p->d,
			    p->rows, w, 1.0, X + i, p->d);
}

/* X's columns of panel k −= X's columns i, times rows. */
static void backward(struct panels *p, double *X, int r, int k, int i, int n)
{
	int w = panels_columns(p, k);
	double *x = X + first_column(p, k);

	if (r == 1)
		cblas_dgemv(CblasRowMajor, CblasTrans, n, w, -1.0, p->rows, w, X + i, 1, 1.0, x, 1);
	else
		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, r, w, n, -1.0, X + i, p->d,
			    p->rows, w, 1.0, x, p->d);
}

/* X's columns of panel k += X's columns i, times rows. */
static void multiply(struct panels *p, double *X, int r, int k, int i, int n)
{
	int w = panels_columns(p, k);

	cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, r, w, n, 1.0, X + i, p->d, p->rows,
		    w, 1.0, X + first_column(p, k), p->d);
}

static void solve_top(struct panels *p, double *X, int r, int k, CBLAS_TRANSPOSE transposed)
{
	int w = panels_columns(p, k);

	cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, transposed, CblasNonUnit, r, w, 1.0,
		    p->top, w, X + first_column(p, k), p->d);
}

void panels_solve(struct panels *p, double *X, int r)
{
	int n = panels_count(p->d, p->width);

	for (int k = 0; r > 0 && k < n; k++) {
		read_top(p, k);
		solve_top(p, X, r, k, CblasTrans);
		below(p, X, r, k, forward);
	}
	for (int k = n - 1; r > 0 && k >= 0; k--) {
		below(p, X, r, k, backward);
		read_top(p, k);
		solve_top(p, X, r, k, CblasNoTrans);
	}
}

void panels_multiply(struct panels *p, double *X, int r)
{
	for (int k = 0; r > 0 && k < panels_count(p->d, p->width); k++) {
		int w = panels_columns(p, k);

		read_top(p, k);
		cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, r, w,
			    1.0, p->top, w, X + first_column(p, k), p->d);
		below(p, X, r, k, multiply);
	}
}

double panels_condition(struct panels *p)
{
	double norm = 0, inverse = 0;
	int more = 0, state[3] = {0};

	for (int i = 0; i < p->d; i++)
		norm = fmax(norm, p->sums[i]);
	do { /* it asks for products with S⁻¹, which is its own transpose */
		LAPACKE_dlacn2_work(p->d, p->v, p->x, p->sign, &inverse, &more, state);
		if (more)
			panels_solve(p, p->x, 1);
	} while (more);
	return norm * inverse;
}
