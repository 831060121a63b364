/* grams.c: see grams.h. */
#include "math/grams.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "backend/simd.h"
#include "base/die.h"

static size_t area(size_t a, size_t b)
{
	return a * b;
}

/* Of `rows` rows, those of the panel from row i0 on. */
static int panel_rows(int rows, int i0)
{
	return rows - i0 < GRAM_PANEL ? rows - i0 : GRAM_PANEL;
}

void gram_init(struct gram *g, struct layout *l, int d, int block)
{
	size_t D = (size_t)d;

	BUG_IF(block < d && block % GRAM_BLOCK);
	*g = (struct gram){.d = d, .block = block};
	if (!l) /* BLAS runs inside our threads, one call a thread. */
		openblas_set_num_threads(1);
	g->G = layout_array(l, area((size_t)block, D) * sizeof(double));
	g->X = layout_array(l, area(GRAM_CHUNK, D) * sizeof(float));
	g->Xm = layout_array(l, area(GRAM_CHUNK, D) * sizeof(float));
	g->stage[0] = layout_host(l, area(GRAM_STAGE, D) * sizeof(float));
	g->stage[1] = layout_host(l, area(GRAM_STAGE, D) * sizeof(float));
	g->panel = layout_host(l, area(GRAM_PANEL, D) * sizeof(double));
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
	*g = (struct gram){0};
}

/* The sum of squares is finite exactly when the row is: squares of float32 cannot overflow
 * float64. */
static int check_rows(struct gram *g, enum gram_side side, size_t row0, size_t n, bool note_largest)
{
	size_t d = (size_t)g->d;

	for (size_t i = 0; i < n; i++) {
		const float *x = g->stage[side] + i * d;
		double sum = simd_dot_f64(x, x, d);

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

static int read_side(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0,
		     size_t n, bool note_largest)
{
	rows->read(rows->arg, side, row0, n, g->stage[side]);
	return check_rows(g, side, row0, n, note_largest);
}

int gram_stage(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0,
	       size_t n)
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

/* Stages rows as a product takes them, and multiplies them by their weights. */
static int stage_weighted(struct gram *g, const struct gram_rows *rows, enum gram_side side,
			  size_t row0, size_t n)
{
	size_t d = (size_t)g->d;
	float *x = g->stage[side];

	if (gram_stage(g, rows, side, row0, n))
		return 1;
	for (size_t p = 0; rows->w && p < n; p++) {
		float root = (float)sqrt(rows->w[row0 + p]);

		for (size_t j = 0; j < d; j++)
			x[p * d + j] *= root;
	}
	return 0;
}

/* Moves a chunk of a side to the device, stage by stage. */
static int put_side(struct gram *g, const struct gram_rows *rows, enum gram_side side, size_t row0,
		    size_t n)
{
	size_t d = (size_t)g->d;
	float *device = side == GRAM_SIDE_X ? g->X : g->Xm;

	for (size_t i = 0; i < n; i += GRAM_STAGE) {
		size_t some = n - i < GRAM_STAGE ? n - i : GRAM_STAGE;

		if (stage_weighted(g, rows, side, row0 + i, some))
			return 1;
		be->put(device + i * d, g->stage[side], some * d * sizeof(float));
	}
	return 0;
}

int gram_put_difference(struct gram *g, const struct gram_rows *rows, size_t row0, size_t n)
{
	size_t d = (size_t)g->d;
	float *x = g->stage[GRAM_SIDE_X];
	const float *xm = g->stage[GRAM_SIDE_XM];

	for (size_t i = 0; i < n; i += GRAM_STAGE) {
		size_t some = n - i < GRAM_STAGE ? n - i : GRAM_STAGE;

		if (stage_weighted(g, rows, GRAM_SIDE_XM, row0 + i, some) ||
		    stage_weighted(g, rows, GRAM_SIDE_X, row0 + i, some))
			return 1;
		for (size_t j = 0; j < some * d; j++)
			x[j] -= xm[j];
		be->put(g->X + i * d, x, some * d * sizeof(float));
		be->put(g->Xm + i * d, xm, some * d * sizeof(float));
	}
	return 0;
}

/* G = 0 in n rows, by copying a zero panel: the backend has no fill. */
static void clear(struct gram *g, int n)
{
	size_t d = (size_t)g->d;

	memset(g->panel, 0, GRAM_PANEL * d * sizeof(double));
	for (int i = 0; i < n; i += GRAM_PANEL)
		be->put(g->G + (size_t)i * d, g->panel,
			(size_t)panel_rows(n, i) * d * sizeof(double));
}

static bool is_symmetric(const struct gram_rows *rows, enum gram_kind kind)
{
	return rows->same || kind != GRAM_X_XM;
}

/* Makes rows [i0, i0+m) of G. */
static int run_block(struct gram *g, const struct gram_rows *rows, enum gram_kind kind, int i0,
		     int m)
{
	bool need_x = rows->same || kind != GRAM_XM_XM, need_xm = !rows->same && kind != GRAM_X_X;
	float *left = need_x ? g->X : g->Xm, *right = need_xm ? g->Xm : g->X;

	clear(g, m);
	for (size_t p = 0; p < rows->P; p += GRAM_CHUNK) {
		size_t n = rows->P - p < GRAM_CHUNK ? rows->P - p : GRAM_CHUNK;

		if (need_xm && put_side(g, rows, GRAM_SIDE_XM, p, n))
			return 1;
		if (need_x && put_side(g, rows, GRAM_SIDE_X, p, n))
			return 1;
		be->gram(g->G, left, right, (int)n, g->d, g->d, i0, m);
	}
	return 0;
}

/* Moves the block of rows [i0, i0+m) to the store. */
static void store_block(struct gram *g, int i0, int m)
{
	size_t d = (size_t)g->d;

	for (int i = 0; i < m; i += GRAM_PANEL) {
		int n = panel_rows(m, i);

		be->get(g->panel, g->G + area((size_t)i, d), area((size_t)n, d) * sizeof(double));
		g->store.put(g->store.arg, i0 + i, n, g->panel);
	}
}

static int run_blocks(struct gram *g, const struct gram_rows *rows, enum gram_kind kind)
{
	g->store.begin(g->store.arg, g->d, is_symmetric(rows, kind));
	for (int i0 = 0; i0 < g->d; i0 += g->block) {
		int m = g->d - i0 < g->block ? g->d - i0 : g->block;

		if (run_block(g, rows, kind, i0, m))
			return 1;
		store_block(g, i0, m);
	}
	return 0;
}

int gram_run(struct gram *g, const struct gram_rows *rows, enum gram_kind kind)
{
	if (kind == GRAM_XM_XM)
		g->largest_norm = -1;
	if (g->block < g->d)
		return run_blocks(g, rows, kind);
	if (run_block(g, rows, kind, 0, g->d))
		return 1;
	if (is_symmetric(rows, kind))
		be->mirror(g->G, g->d);
	return 0;
}

void gram_get(const struct gram *g, int i0, int n, double *out)
{
	if (g->block < g->d) {
		g->store.get(g->store.arg, i0, n, out);
		return;
	}
	be->get(out, g->G + area((size_t)i0, (size_t)g->d),
		area((size_t)n, (size_t)g->d) * sizeof(double));
}

int gram_fetch(struct gram *g, int i0)
{
	int n = panel_rows(g->d, i0);

	gram_get(g, i0, n, g->panel);
	return n;
}

double gram_norm(struct gram *g)
{
	double sum = 0;

	for (int i0 = 0; i0 < g->d; i0 += GRAM_PANEL) {
		size_t n = area((size_t)gram_fetch(g, i0), (size_t)g->d);

		sum += cblas_ddot((blasint)n, g->panel, 1, g->panel, 1);
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
		int rows = gram_fetch(g, i0);

		cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, r, g->d, rows, 1.0, a + i0,
			    g->d, g->panel, g->d, 1.0, AG, g->d);
	}
	free(a);
}
