/* test_delta.c: ΔW as packed factors and as a weight, for every linear of a block, against the
 * product B A in float64; and what each source gives. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../backend/reference.h"
#include "base/die.h"
#include "base/opts.h"
#include "case.h"
#include "forward/delta.h"
#include "model/t5.h"

/* All widths differ. */
static const struct geometry sizes = {
	.family = &family_t5, .D = 7, .F = 13, .NH = 3, .HS = 4, .DI = 12, .gated = true};
enum { ROWS = 5, RANK = 2, LARGEST = 13 * 13 };

static float uniform(void)
{
	return (float)(drand48() * 2 - 1);
}

static float *filled(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = uniform();
	return x;
}

/* One ΔW of slot `slot`: W = B A, rounded to float32, and the result of delta_create(). */
struct change {
	int slot, d_in, d_out;
	float A[LARGEST], B[LARGEST], W[LARGEST];
};

static void change_make(struct change *c, int slot)
{
	c->slot = slot;
	c->d_in = module_d_in(&sizes, slot);
	c->d_out = module_d_out(&sizes, slot);
	filled(c->A, (size_t)(RANK * c->d_in));
	filled(c->B, (size_t)(c->d_out * RANK));
	for (int i = 0; i < c->d_out * c->d_in; i++)
		c->W[i] = (float)ref_dot(c->B + i / c->d_in * RANK, 1, c->A + i % c->d_in,
					 (size_t)c->d_in, RANK)
				  .value;
}

static void close_to(float have, double want, double size)
{
	if (!(fabs((double)have - want) <= 20 * 0x1p-24 * (size + 1e-3)))
		fail_msg("%.9g, expected %.9g", (double)have, want);
}

/* x Wᵀ of ROWS rows. */
static void apply(const struct change *c, const struct delta *d, float *y, const float *x)
{
	float u[ROWS * RANK];

	if (d->W[0]) {
		be->linear(y, c->d_out, x, c->d_in, d->W[0], ROWS, false);
		return;
	}
	be->linear(u, d->R, x, c->d_in, d->A, ROWS, false);
	be->linear(y, c->d_out, u, d->R, d->B[0], ROWS, false);
}

static void check_linear(const struct change *c, const struct delta *d)
{
	float x[ROWS * LARGEST], y[ROWS * LARGEST];

	filled(x, (size_t)(ROWS * c->d_in));
	apply(c, d, y, x);
	for (int i = 0; i < ROWS * c->d_out; i++) {
		struct exact e = ref_dot(x + i / c->d_out * c->d_in, 1,
					 c->W + i % c->d_out * c->d_in, 1, c->d_in);

		close_to(y[i], e.value, e.size * RANK);
	}
}

/* Keys of the encoder's output: q̃_h = W_hᵀ q_h; W_h are the rows of W that belong to the head. */
static void apply_keys(const struct delta *d, float *Q, const float *q)
{
	float u[ROWS * 3 * RANK];
	int NH = sizes.NH, HS = sizes.HS, D = sizes.D;

	if (d->W_head) {
		be->linear_heads(Q, NH * D, D, q, NH * HS, HS, d->W_head, NH, ROWS, false);
		return;
	}
	be->linear_heads(u, NH * d->R, d->R, q, NH * HS, HS, d->B_head, NH, ROWS, false);
	be->linear(Q, D, u, d->R, d->A, ROWS * NH, false);
}

static void check_keys(const struct change *c, const struct delta *d)
{
	int NH = sizes.NH, HS = sizes.HS, D = sizes.D;
	float q[ROWS * LARGEST], Q[ROWS * LARGEST];

	filled(q, (size_t)(ROWS * NH * HS));
	apply_keys(d, Q, q);
	for (int i = 0; i < ROWS * NH * D; i++) {
		int h = i / D % NH;
		struct exact e =
			ref_dot(q + i / D * HS, 1, c->W + h * HS * D + i % D, (size_t)D, HS);

		close_to(Q[i], e.value, e.size * RANK);
	}
}

/* Values of the encoder's output: W_h u_h. */
static void apply_values(const struct delta *d, float *ctx, const float *U)
{
	float u[ROWS * 3 * RANK];
	int NH = sizes.NH, HS = sizes.HS, D = sizes.D;

	if (d->W_head) {
		be->linear_heads(ctx, NH * HS, HS, U, NH * D, D, d->W_head, NH, ROWS, false);
		return;
	}
	be->linear(u, d->R, U, D, d->A, ROWS * NH, false);
	be->linear_heads(ctx, NH * HS, HS, u, NH * d->R, d->R, d->B_head, NH, ROWS, false);
}

static void check_values(const struct change *c, const struct delta *d)
{
	int NH = sizes.NH, HS = sizes.HS, D = sizes.D;
	float U[ROWS * LARGEST], ctx[ROWS * LARGEST];

	filled(U, (size_t)(ROWS * NH * D));
	apply_values(d, ctx, U);
	for (int i = 0; i < ROWS * NH * HS; i++) {
		int row = i / (NH * HS), h = i / HS % NH;
		struct exact e = ref_dot(U + (row * NH + h) * D, 1, c->W + i % (NH * HS) * D, 1, D);

		close_to(ctx[i], e.value, e.size * RANK);
	}
}

static void check(const struct change *c, const struct delta *d)
{
	if (c->slot == CROSS_K)
		check_keys(c, d);
	else if (c->slot == CROSS_V)
		check_values(c, d);
	else
		check_linear(c, d);
}

static void test_factors(void **state)
{
	(void)state;
	for (int slot = 0; slot < SLOTS; slot++) {
		struct change c;

		change_make(&c, slot);
		struct delta *d = delta_create(NULL, &sizes, slot, c.A, c.B, RANK, BE_F32);
		assert_int_equal(d->R, RANK);
		assert_null(d->W[0]);
		assert_null(d->W_head);
		check(&c, d);
		delta_free(d, &sizes);
	}
	delta_free(NULL, &sizes);
}

static void test_weights(void **state)
{
	(void)state;
	for (int slot = 0; slot < SLOTS; slot++) {
		struct change c;

		change_make(&c, slot);
		struct delta *d = delta_replace(NULL, &sizes, slot, c.W, BE_F32);
		assert_int_equal(d->R, 0);
		check(&c, d);
		delta_free(d, &sizes);
	}
}

/* ------------------------------------------------------------ sources */

/* s B A of an adapter's module, as ΔW e_j for every unit vector e_j. */
static void check_adapter_module(const struct adapter *a, const struct geometry *m, struct module q)
{
	const struct delta_source from = {.adapter = a};
	const struct lora *l = adapter_find(a, q);
	int n = module_d_out(m, q.slot), k = module_d_in(m, q.slot);
	struct delta *d = delta_load(&from, m, q, BE_F32);
	float *A = xcalloc((size_t)(l->r * k), sizeof(*A)),
	      *B = xcalloc((size_t)(n * l->r), sizeof(*B)),
	      *x = xcalloc((size_t)(k * k), sizeof(*x)),
	      *u = xcalloc((size_t)(k * l->r), sizeof(*u)),
	      *y = xcalloc((size_t)(k * n), sizeof(*y));

	lora_read_A(a, l, A);
	lora_read_B(a, l, B);
	for (int j = 0; j < k; j++)
		x[j * k + j] = 1;
	assert_int_equal(d->R, l->r);
	be->linear(u, l->r, x, k, d->A, k, false);
	be->linear(y, n, u, l->r, d->B[0], k, false);
	for (int i = 0; i < n * k; i++) {
		struct exact e = ref_dot(B + i % n * l->r, 1, A + i / n, (size_t)k, l->r);

		close_to(y[i], l->scale * e.value, l->scale * e.size);
	}
	delta_free(d, m);
	free(A), free(B), free(x), free(u), free(y);
}

static void test_sources(void **state)
{
	struct geometry m = geometry_load("data/demo/model");
	struct adapter *a = adapter_open("data/demo/loras/tec", &m);
	const struct delta_source from = {.adapter = a}, base = {.adapter = NULL};
	const struct module q = {0, 1, SELF_Q}, k = {0, 1, SELF_K};
	struct ranks ranks = {{0}};
	(void)state;
	check_adapter_module(a, &m, q);
	check_adapter_module(a, &m, (struct module){1, 0, SELF_V});
	assert_null(delta_load(&from, &m, k, BE_F32)); /* not targeted */
	assert_null(delta_load(&base, &m, q, BE_F32));
	delta_source_ranks(&base, &ranks);
	assert_int_equal(ranks_largest(&ranks), 1);
	delta_source_ranks(&from, &ranks);
	assert_int_equal(ranks.R[SELF_Q], a->r);
	assert_int_equal(ranks.R[SELF_K], 0);
	assert_int_equal(ranks_largest(&ranks), a->r);
	adapter_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_factors),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_sources),
	};

	prog_name = "test_delta";
	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
