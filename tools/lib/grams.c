/* grams.c: see grams.h. */
#include "grams.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "be.h"
#include "die.h"

enum { TILE = 128 }; /* of WᵀW; divides GRAM_PANEL. 64 KB of float32, on the thread's stack */

static size_t area(size_t a, size_t b)
{
	return a * b;
}

static size_t tiles_of(int d)
{
	return (size_t)(d + TILE - 1) / TILE;
}

size_t gram_bytes(int d)
{
	size_t D = (size_t)d;

	return sizeof(double) * (area(D, D) + area(GRAM_PANEL, D) + area(GRAM_PANEL / TILE, tiles_of(d))) +
	       sizeof(float) * (2 * area(GRAM_CHUNK, D) + 2 * area(GRAM_STAGE, D));
}

void gram_init(struct gram *g, int d)
{
	size_t D = (size_t)d;

	*g = (struct gram){.d = d};
	/* BLAS runs inside our threads, one call a thread. */
	openblas_set_num_threads(1);
	g->G = be->alloc(area(D, D) * sizeof(double));
	g->X = be->alloc(area(GRAM_CHUNK, D) * sizeof(float));
	g->Xm = be->alloc(area(GRAM_CHUNK, D) * sizeof(float));
	g->stage[0] = xarray(area(GRAM_STAGE, D), sizeof(float));
	g->stage[1] = xarray(area(GRAM_STAGE, D), sizeof(float));
	g->panel = xarray(area(GRAM_PANEL, D), sizeof(double));
	g->part = xarray(area(GRAM_PANEL / TILE, tiles_of(d)), sizeof(double));
}

void gram_release(struct gram *g)
{
	if (!g->G)
		return;
	be->free(g->G);
	be->free(g->X);
	be->free(g->Xm);
	free(g->stage[0]);
	free(g->stage[1]);
	free(g->panel);
	free(g->part);
	*g = (struct gram){0};
}

/* The sum of squares is finite exactly when the row is: squares of float32 cannot overflow float64. */
static int check_rows(struct gram *g, enum gram_side side, size_t row0, size_t n, bool note_largest)
{
	size_t d = (size_t)g->d;

	for (size_t i = 0; i < n; i++) {
		const float *x = g->stage[side] + i * d;
		double sum = 0;

		for (size_t j = 0; j < d; j++)
			sum += (double)x[j] * (double)x[j];
		if (!isfinite(sum)) {
			g->bad_row = row0 + i;
			g->bad_side = side;
			return 1;
		}
		if (note_largest && sqrt(sum) > g->largest_norm) {
			g->largest_norm = sqrt(sum);
			g->largest_row = row0 + i;
		}
	}
	return 0;
}

static int read_side(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0, size_t n, bool note_largest)
{
	rows->read(rows->arg, side, row0, n, g->stage[side]);
	return check_rows(g, side, row0, n, note_largest);
}

int gram_stage(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0, size_t n)
{
	bool blend = side == GRAM_SIDE_XM && !rows->same && rows->rho != 0;
	float *x = g->stage[GRAM_SIDE_X], *xm = g->stage[GRAM_SIDE_XM];
	float rho = (float)rows->rho;

	BUG_IF(n > GRAM_STAGE);
	if (read_side(g, rows, side, row0, n, side == GRAM_SIDE_XM || rows->same))
		return 1;
	if (!blend)
		return 0;
	if (read_side(g, rows, GRAM_SIDE_X, row0, n, false))
		return 1;
	for (size_t i = 0; i < n * (size_t)g->d; i++)
		xm[i] = (1 - rho) * xm[i] + rho * x[i];
	return 0;
}

/* A chunk of a side, by stages, to the device: staged, weighted, put. */
static int put_side(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0, size_t n)
{
	size_t d = (size_t)g->d;
	float *device = side == GRAM_SIDE_X ? g->X : g->Xm;

	for (size_t i = 0; i < n; i += GRAM_STAGE) {
		size_t some = n - i < GRAM_STAGE ? n - i : GRAM_STAGE;
		float *x = g->stage[side];

		if (gram_stage(g, rows, side, row0 + i, some))
			return 1;
		for (size_t p = 0; rows->w && p < some; p++) {
			float root = (float)sqrt(rows->w[row0 + i + p]);

			for (size_t j = 0; j < d; j++)
				x[p * d + j] *= root;
		}
		be->put(device + i * d, x, some * d * sizeof(float));
	}
	return 0;
}

/* G = 0, through a zeroed panel: the backend has no fill. */
static void clear(struct gram *g)
{
	size_t d = (size_t)g->d;

	memset(g->panel, 0, GRAM_PANEL * d * sizeof(double));
	for (size_t i = 0; i < d; i += GRAM_PANEL)
		be->put(g->G + i * d, g->panel, (d - i < GRAM_PANEL ? d - i : GRAM_PANEL) * d * sizeof(double));
}

int gram_run(struct gram *g, const struct gram_rows *rows, enum gram_kind kind)
{
	bool need_x = rows->same || kind != GRAM_XM_XM, need_xm = !rows->same && kind != GRAM_X_X;
	float *left = need_x ? g->X : g->Xm, *right = need_xm ? g->Xm : g->X;

	clear(g);
	if (kind == GRAM_XM_XM)
		g->largest_norm = -1;
	for (size_t p = 0; p < rows->P; p += GRAM_CHUNK) {
		size_t n = rows->P - p < GRAM_CHUNK ? rows->P - p : GRAM_CHUNK;

		if (need_xm && put_side(g, rows, GRAM_SIDE_XM, p, n))
			return 1;
		if (need_x && put_side(g, rows, GRAM_SIDE_X, p, n))
			return 1;
		be->gram(g->G, left, right, (int)n, g->d, g->d);
	}
	return 0;
}

void gram_get(const struct gram *g, int i0, int n, double *out)
{
	be->get(out, g->G + area((size_t)i0, (size_t)g->d), area((size_t)n, (size_t)g->d) * sizeof(double));
}

/* Fetches the panel of G that starts at row i0; returns its number of rows. */
static int fetch(struct gram *g, int i0)
{
	int n = g->d - i0 < GRAM_PANEL ? g->d - i0 : GRAM_PANEL;

	gram_get(g, i0, n, g->panel);
	return n;
}

double gram_norm(struct gram *g)
{
	double sum = 0;

	for (int i0 = 0; i0 < g->d; i0 += GRAM_PANEL) {
		size_t n = area((size_t)fetch(g, i0), (size_t)g->d);

		for (size_t i = 0; i < n; i++)
			sum += g->panel[i] * g->panel[i];
	}
	return sqrt(sum);
}

void gram_thin(struct gram *g, double *AG, const float *A, int r)
{
	size_t d = (size_t)g->d, n = area((size_t)r, d);
	double *a = xarray(n, sizeof(*a));

	for (size_t i = 0; i < n; i++)
		a[i] = (double)A[i];
	memset(AG, 0, n * sizeof(double));
	for (int i0 = 0; r > 0 && i0 < g->d; i0 += GRAM_PANEL) {
		int rows = fetch(g, i0);

		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, r, g->d, rows, 1.0, a + i0, g->d, g->panel, g->d, 1.0, AG, g->d);
	}
	free(a);
}

double gram_norm2(struct gram *g, const float *A, const double *BtB, int r)
{
	size_t d = (size_t)g->d;
	double *AG = xarray(area((size_t)r, d), sizeof(*AG)), sum = 0;

	gram_thin(g, AG, A, r);
	for (size_t i = 0; i < (size_t)r; i++)
		for (size_t j = 0; j < (size_t)r; j++) {
			double dot = 0;

			for (size_t e = 0; e < d; e++)
				dot += AG[i * d + e] * (double)A[j * d + e];
			sum += BtB[i * (size_t)r + j] * dot;
		}
	free(AG);
	return sum;
}

/* Σ (W_iᵀ W_j) ∘ G_ij over one tile, rows from i0 and columns from j0 of G; G_ij (mi, nj) with leading dimension d. */
static double tile_trace(const float *W, int n, int d, const double *Gij, int i0, int mi, int j0, int nj)
{
	float C[TILE * TILE];
	double sum = 0;

	cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, mi, nj, n, 1.0f, W + i0, d, W + j0, d, 0.0f, C, TILE);
	for (int i = 0; i < mi; i++)
		for (int j = 0; j < nj; j++)
			sum += (double)C[i * TILE + j] * Gij[area((size_t)i, (size_t)d) + (size_t)j];
	return sum;
}

/* The tiles on and below the diagonal among rows [i0, i0+rows) of G, which the panel holds; those below count twice. */
static double panel_trace(struct gram *g, const float *W, int n, int i0, int rows)
{
	int d = g->d, across = (i0 + rows + TILE - 1) / TILE, down = (rows + TILE - 1) / TILE;
	double sum = 0;

#pragma omp parallel for schedule(dynamic)
	for (int tile = 0; tile < down * across; tile++) {
		int i = tile / across * TILE, j0 = tile % across * TILE;
		int mi = rows - i < TILE ? rows - i : TILE, nj = d - j0 < TILE ? d - j0 : TILE;

		g->part[tile] = 0;
		if (j0 <= i0 + i)
			g->part[tile] = (j0 < i0 + i ? 2 : 1) *
			                tile_trace(W, n, d, g->panel + area((size_t)i, (size_t)d) + j0, i0 + i, mi, j0, nj);
	}
	for (int tile = 0; tile < down * across; tile++)
		sum += g->part[tile];
	return sum;
}

double gram_trace(struct gram *g, const float *W, int n)
{
	double sum = 0;

	for (int i0 = 0; i0 < g->d; i0 += GRAM_PANEL) {
		int rows = fetch(g, i0);

		sum += panel_trace(g, W, n, i0, rows);
	}
	return sum;
}
