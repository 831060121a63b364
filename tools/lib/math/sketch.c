/* sketch.c: see sketch.h. */
#include "math/sketch.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/rng.h"

static size_t area(int a, int b)
{
	return (size_t)a * (size_t)b;
}

static int widest(const struct sketch *s)
{
	return s->most > SKETCH_SIZE ? s->most : SKETCH_SIZE;
}

void sketch_init(struct sketch *s, struct layout *l, int d, int most)
{
	*s = (struct sketch){.d = d, .most = most};
	s->A = layout_host(l, area(most, d) * sizeof(float));
	s->V = layout_host(l, area(SKETCH_SIZE, d) * sizeof(float));
	s->HV = layout_aligned(l, area(SKETCH_SIZE, d) * sizeof(double));
	s->back = layout_host(l, area(d, widest(s)) * sizeof(double));
	s->T = layout_array(l, area(GRAM_CHUNK, widest(s)) * sizeof(float));
	s->FV = layout_array(l, area(d, SKETCH_SIZE) * sizeof(double));
	s->FA = layout_array(l, area(d, most) * sizeof(double));
	if (l) { /* sketch_run() packs V and A */
		layout_pack(l, s->V, SKETCH_SIZE, d, d, false, BE_F32);
		layout_pack(l, s->A, most, d, d, false, BE_F32);
	}
}

void sketch_release(struct sketch *s)
{
	if (!s->T)
		return;
	be->free(s->T);
	be->free(s->FV);
	be->free(s->FA);
	free(s->A);
	free(s->V);
	free(s->HV);
	free(s->back);
	*s = (struct sketch){0};
}

/* The products of H with vectors are in float64, which counts twice. */
static double products(double P, double d, int r)
{
	const int of_H = SKETCH_STEPS * SKETCH_TOP + SKETCH_SIZE;

	return 2 * P * d * (SKETCH_SIZE + r) + 2 * d * d * of_H;
}

bool sketch_pays(size_t P, int d, int r)
{
	return P > GRAM_F64_ROWS && products((double)P, d, r) < (double)P * d * d;
}

double sketch_products(size_t P, int d, int r)
{
	return sketch_pays(P, d, r) ? products((double)P, d, r) : (double)P * d * d;
}

void sketch_clear(struct sketch *s)
{
	s->r = 0;
}

void sketch_add(struct sketch *s, const float *A, int r)
{
	BUG_IF(r > s->most - s->r);
	memcpy(s->A + area(s->r, s->d), A, area(r, s->d) * sizeof(float));
	s->r += r;
}

/* ------------------------------------------------------------ the vectors */

static void random_signs(float *v, size_t n, struct rng *random)
{
	for (size_t i = 0; i < n; i++)
		v[i] = rng_next(random) >> 63 ? 1 : -1;
}

/* y (d) less its part in the first n rows of Q, which are orthonormal. Twice, because the first
 * time cancels. */
static void remove_part(double *y, const double *Q, int n, int d)
{
	for (int i = 0; i < 2 * n; i++) {
		const double *q = Q + area(i % n, d);

		cblas_daxpy(d, -cblas_ddot(d, q, 1, y, 1), q, 1, y, 1);
	}
}

/* Gram-Schmidt. A row that depends on those before it becomes 0. */
static void orthonormalise(double *Y, int n, int d)
{
	const double dependent = 1e-12; /* what rounding leaves of such a row */

	for (int i = 0; i < n; i++) {
		double *y = Y + area(i, d), before = cblas_dnrm2(d, y, 1), after;

		remove_part(y, Y, i, d);
		after = cblas_dnrm2(d, y, 1);
		cblas_dscal(d, after > dependent * before ? 1 / after : 0, y, 1);
	}
}

static void to_float(float *v, const double *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (float)y[i];
}

/* V's probes, from Q in float64. */
static void make_probes(struct sketch *s, const double *Q, struct rng *random)
{
	double *omega = xarray((size_t)s->d, sizeof(*omega));

	for (int j = SKETCH_TOP; j < SKETCH_SIZE; j++) {
		float *v = s->V + area(j, s->d);

		random_signs(v, (size_t)s->d, random);
		for (int i = 0; i < s->d; i++)
			omega[i] = (double)v[i];
		remove_part(omega, Q, SKETCH_TOP, s->d);
		to_float(v, omega, (size_t)s->d);
	}
	free(omega);
}

/* V, and H V of the V that is rounded to float32, as the rows' products take it. */
static void choose_vectors(struct sketch *s, struct gram *g)
{
	struct rng random;

	rng_seed(&random, 1);
	random_signs(s->V, area(SKETCH_TOP, s->d), &random);
	for (int step = 0; step < SKETCH_STEPS; step++) {
		gram_thin(g, s->HV, s->V, SKETCH_TOP);
		orthonormalise(s->HV, SKETCH_TOP, s->d);
		to_float(s->V, s->HV, area(SKETCH_TOP, s->d));
	}
	make_probes(s, s->HV, &random);
	gram_thin(g, s->HV, s->V, SKETCH_SIZE);
}

/* ------------------------------------------------------------ the pass over the rows */

static struct be_weight *pack(const float *rows, int n, int d)
{
	return n ? be->weight_pack(rows, n, d, d, false, BE_F32) : NULL;
}

/* Sums of a chunk of n rows, which are on the device. */
static void add_chunk(struct sketch *s, struct gram *g, const struct be_weight *V,
		      const struct be_weight *A, int n)
{
	be->linear(s->T, SKETCH_SIZE, g->Xm, s->d, V, n, false);
	be->gram(s->FV, g->X, s->T, n, s->d, SKETCH_SIZE, 0, s->d);
	if (!A)
		return;
	be->linear(s->T, s->r, g->X, s->d, A, n, false);
	be->gram(s->FA, g->Xm, s->T, n, s->d, s->r, 0, s->d);
}

static int run_chunks(struct sketch *s, struct gram *g, const struct gram_rows *rows,
		      const struct be_weight *V, const struct be_weight *A)
{
	for (size_t p = 0; p < rows->P; p += GRAM_CHUNK) {
		size_t n = rows->P - p < GRAM_CHUNK ? rows->P - p : GRAM_CHUNK;

		if (gram_put_difference(g, rows, p, n))
			return 1;
		add_chunk(s, g, V, A, (int)n);
	}
	return 0;
}

/* The backend has no fill. */
static void clear_sums(struct sketch *s)
{
	memset(s->back, 0, area(s->d, widest(s)) * sizeof(double));
	be->put(s->FV, s->back, area(s->d, SKETCH_SIZE) * sizeof(double));
	be->put(s->FA, s->back, area(s->d, s->r) * sizeof(double));
}

int sketch_run(struct sketch *s, struct gram *g, const struct gram_rows *rows)
{
	struct be_weight *V, *A = pack(s->A, s->r, s->d);
	int bad;

	BUG_IF(rows->same);
	choose_vectors(s, g);
	clear_sums(s);
	V = pack(s->V, SKETCH_SIZE, s->d);
	bad = run_chunks(s, g, rows, V, A);
	be->weight_free(V);
	if (A)
		be->weight_free(A);
	return bad;
}

/* ------------------------------------------------------------ the results */

/* Σ over vectors [j0, j1) of ‖H v‖² and ‖C v‖². */
struct sums {
	double h, c;
};

/* s->back holds F V. */
static struct sums sums_of(const struct sketch *s, int j0, int j1)
{
	struct sums sum = {0, 0};

	for (int j = j0; j < j1; j++)
		for (int i = 0; i < s->d; i++) {
			double h = s->HV[area(j, s->d) + (size_t)i],
			       c = h + s->back[area(i, SKETCH_SIZE) + (size_t)j];

			sum.h += h * h;
			sum.c += c * c;
		}
	return sum;
}

double sketch_norm(struct sketch *s, double h)
{
	struct sums top, rest;
	double left;

	be->get(s->back, s->FV, area(s->d, SKETCH_SIZE) * sizeof(double));
	top = sums_of(s, 0, SKETCH_TOP);
	rest = sums_of(s, SKETCH_TOP, SKETCH_SIZE);
	left = fmax(h * h - top.h, 0);
	return sqrt(top.c + (rest.h > 0 ? left * rest.c / rest.h : 0));
}

void sketch_thin(struct sketch *s, struct gram *g, double *AC, int r0, int r)
{
	BUG_IF(r0 + r > s->r);
	gram_thin(g, AC, s->A + area(r0, s->d), r);
	be->get(s->back, s->FA, area(s->d, s->r) * sizeof(double));
	for (int j = 0; j < r; j++)
		for (int i = 0; i < s->d; i++)
			AC[area(j, s->d) + (size_t)i] += s->back[area(i, s->r) + (size_t)(r0 + j)];
}
