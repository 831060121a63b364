/* test_solution.c: a solution file, written and read back; what the reader refuses; the merged
 * model that keeps files open; and ΔW packed from a file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/opts.h"
#include "child.h"
#include "forward/delta.h"
#include "forward/solution.h"
#include "model/geometry.h"
#include "model/t5.h"

static char *scratch;

/* Two blocks each, all widths different. */
static const struct geometry MODEL = {.family = &family_t5,
				      .D = 6,
				      .DI = 4,
				      .F = 8,
				      .NH = 2,
				      .HS = 2,
				      .V = 32,
				      .L = {12, 2},
				      .gated = true};

static int enter(void **state)
{
	(void)state;
	scratch = scratch_enter();
	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	return 0;
}

static int leave(void **state)
{
	(void)state;
	scratch_leave(scratch);
	return 0;
}

static char *site_of(struct module q)
{
	static char name[32];

	return site_name(MODEL.family, site_of_module(MODEL.family, q), name);
}

/* A file of one module: a pair of rank R with A[i] = i, B[i] = 1 + i; R 0: W[i] = 10 + i. */
static void write_one(const char *path, struct module q, int R, int d_in, int d_out)
{
	struct h5 *out = solution_create(path);
	char *name = module_name(&MODEL, q), *group = xformat("/modules/%s", name);
	double A[64];
	float B[64], W[64];

	for (int i = 0; i < 64; i++) {
		A[i] = i;
		B[i] = (float)(1 + i);
		W[i] = (float)(10 + i);
	}
	h5_group(out, group);
	solution_sizes(out, group, R, d_in, d_out);
	if (R) {
		solution_double(out, group, "A", (size_t)R, (size_t)d_in, A);
		solution_float(out, group, "B", (size_t)d_out, (size_t)R, B);
	} else {
		solution_float(out, group, "W", (size_t)d_out, (size_t)d_in, W);
	}
	h5_set_double(out, group, "norm", 2.5);
	solution_attributes(out, &(struct solution_of){site_of(q), "sweep", "a,b", d_in, 2}, R);
	h5_commit(out);
	free(group);
	free(name);
}

static const struct module Q = {0, 1, SELF_Q}, K = {0, 0, SELF_K};

static void test_round_trip(void **state)
{
	(void)state;
	write_one("s/enc01-self.h5", Q, 2, 6, 4);
	struct solution *s = solution_open("s/enc01-self.h5", "enc01-self");
	char *name = module_name(&MODEL, Q);
	const struct solution_module *k = solution_find(s, name);
	float B[2];
	double A[6];

	assert_int_equal(s->n, 1);
	assert_string_equal(s->site, "enc01-self");
	assert_non_null(k);
	assert_null(solution_find(s, "encoder.block.1"));
	assert_int_equal(k->R, 2);
	assert_int_equal(k->d_in, 6);
	assert_int_equal(k->d_out, 4);
	solution_expect(s, k, 6, 4);
	solution_read_double(s, k, "A", 1, 1, A);
	assert_true(A[0] == 6 && A[5] == 11);
	solution_rest(s);
	solution_read_float(s, k, "B", 3, 1, B);
	assert_true(B[0] == 7 && B[1] == 8);
	assert_true(solution_figure(s, k, "norm") == 2.5);
	solution_close(s);
	solution_close(NULL);
	free(name);
}

static void test_whole(void **state)
{
	(void)state;
	write_one("s/whole.h5", Q, 0, 6, 4);
	struct solution *s = solution_open("s/whole.h5", NULL);
	float W[6];

	assert_int_equal(s->module[0].R, 0);
	solution_read_float(s, &s->module[0], "W", 3, 1, W);
	assert_true(W[0] == 28 && W[5] == 33);
	solution_close(s);
}

/* ------------------------------------------------------------ what is refused */

static void open_other_site(void *arg)
{
	(void)arg;
	write_one("bad.h5", Q, 2, 6, 4);
	solution_open("bad.h5", "enc00-self");
}

/* Sizes that the datasets do not have, and sizes that are invalid. */
static void open_sizes(void *arg)
{
	const int *size = arg;
	struct h5 *out = solution_create("bad.h5");

	solution_sizes(out, (h5_group(out, "/modules/x"), "/modules/x"), size[0], size[1], size[2]);
	solution_double(out, "/modules/x", "A", 2, 6, (double[12]){0});
	solution_float(out, "/modules/x", "B", 4, 2, (float[8]){0});
	solution_attributes(out, &(struct solution_of){"enc01-self", "sweep", "a", 6, 1}, 2);
	h5_commit(out);
	solution_open("bad.h5", NULL);
}

static void expect_other_width(void *arg)
{
	(void)arg;
	write_one("bad.h5", Q, 2, 6, 4);
	struct solution *s = solution_open("bad.h5", NULL);

	solution_expect(s, &s->module[0], 6, 5);
}

static void rank_of_stranger(void *arg)
{
	struct geometry small = MODEL;
	struct ranks r = {{0}};

	(void)arg;
	small.L[0] = 1;
	write_one("bad.h5", Q, 2, 6, 4);
	ranks_of_solution(&r, &small, solution_open("bad.h5", NULL));
}

static void test_refused(void **state)
{
	static const struct {
		void (*fn)(void *);
		int size[3];
		const char *says;
	} cases[] = {
		{open_other_site, {0}, "expected site 'enc00-self', found 'enc01-self'"},
		{open_sizes,
		 {3, 6, 4},
		 "dataset '/modules/x/A' of 'bad.h5': expected shape 3 x 6, "
		 "found 2 x 6"},
		{open_sizes, {2, 6, 5}, "expected shape 5 x 2, found 4 x 2"},
		{open_sizes, {-1, 6, 4}, "'bad.h5': /modules/x: R is -1"},
		{open_sizes, {2, 0, 4}, "'bad.h5': /modules/x: d_in is 0"},
		{open_sizes, {0, 6, 4}, "has no dataset '/modules/x/W'"},
		{expect_other_width, {0}, "is 4 x 6, but the model's is 5 x 6"},
		{rank_of_stranger, {0}, "is no module of this model"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct child c = child_run(cases[i].fn, (void *)(uintptr_t)cases[i].size);

		assert_int_equal(c.code, 1);
		assert_true(child_said(&c, cases[i].says));
	}
}

/* ------------------------------------------------------------ the merged model */

enum { SITES = 12 };

/* A site in every block of the encoder; block b has rank 1 + b % 3. */
static struct merged *open_many(void)
{
	char *list = NULL;

	for (int b = 0; b < SITES; b++) {
		struct module q = {0, b, SELF_Q};
		char *path = xformat("many/%s.h5", site_of(q)),
		     *more = xformat("%s%s%s", list ? list : "", list ? "," : "", site_of(q));

		write_one(path, q, 1 + b % 3, 6, 4);
		free(path);
		free(list);
		list = more;
	}
	struct merged *g = merged_open(&MODEL, "many", list);

	free(list);
	return g;
}

static int open_files(void)
{
	return entries_in("/proc/self/fd");
}

/* An open file stays open. With more than MERGED_OPEN files, the least recently used one is
 * closed. */
static void test_merged_keeps(void **state)
{
	(void)state;
	struct merged *g = open_many();
	int before = open_files();
	struct solution *first = merged_solution(g, 0);

	assert_int_equal(merged_count(g), SITES);
	assert_int_equal(merged_site(g, 11).block, 11);
	assert_int_equal(open_files(), before + 1);
	assert_ptr_equal(merged_solution(g, 0), first);
	assert_int_equal(open_files(), before + 1);
	for (int i = 1; i < SITES; i++) {
		merged_solution(g, i);
		assert_ptr_equal(merged_solution(g, 0), first);
		assert_true(open_files() <= before + MERGED_OPEN);
	}
	assert_ptr_equal(merged_find(g, merged_site(g, 0)), first);
	assert_null(merged_find(g, site_encoder_output()));
	merged_close(g);
	merged_close(NULL);
	assert_int_equal(open_files(), before);
}

static void test_ranks(void **state)
{
	(void)state;
	struct merged *g = open_many();
	struct ranks r = {{0}}, whole = {{[SELF_Q] = RANK_WHOLE, [WO] = 2}};

	delta_source_ranks(&(struct delta_source){.merged = g}, &r);
	assert_int_equal(r.R[SELF_Q], 3);
	assert_int_equal(r.R[SELF_K], 0);
	assert_int_equal(ranks_largest(&r), 3);
	ranks_add(&r, &whole);
	assert_int_equal(r.R[SELF_Q], RANK_WHOLE);
	assert_int_equal(r.R[WO], 2);
	assert_int_equal(ranks_largest(&r), 2);
	assert_int_equal(ranks_largest(&(struct ranks){{0}}), 1);
	merged_close(g);
}

/* ------------------------------------------------------------ ΔW */

/* Y (1, n) = X (1, k) Wᵀ. */
static void product(float *y, const struct be_weight *w, const float *x, int n, int k)
{
	be->linear(y, n, x, k, w, 1, false);
}

static void test_delta(void **state)
{
	(void)state;
	write_one("d/enc01-self.h5", Q, 2, 6, 4);
	write_one("d/enc00-self.h5", K, 0, 6, 4);
	struct merged *g = merged_open(&MODEL, "d", "enc00-self,enc01-self");
	const struct delta_source from = {.merged = g};
	struct delta *pair = delta_load(&from, &MODEL, Q, BE_F32),
		     *whole = delta_load(&from, &MODEL, K, BE_F32);
	static const float x[6] = {1, 0, 0, 0, 0, 2};
	float u[2], y[4];

	assert_non_null(pair);
	assert_int_equal(pair->R, 2);
	product(u, pair->A, x, 2, 6); /* A x = (0 + 2·5, 6 + 2·11) */
	assert_true(u[0] == 10 && u[1] == 28);
	product(y, pair->B[0], u, 4, 2); /* row 3 of B is (7, 8) */
	assert_true(y[0] == 66 && y[3] == 294);
	assert_non_null(whole);
	assert_int_equal(whole->R, 0);
	assert_null(whole->A);
	product(y, whole->W[0], x, 4, 6); /* row 3 is 28 … 33 */
	assert_true(y[3] == 28 + 2 * 33);
	assert_null(delta_load(&from, &MODEL, (struct module){0, 1, SELF_V}, BE_F32));
	assert_null(delta_load(&from, &MODEL, (struct module){0, 3, SELF_Q}, BE_F32));
	assert_null(delta_load(&(struct delta_source){NULL}, &MODEL, Q, BE_F32));
	delta_free(pair, &MODEL);
	delta_free(whole, &MODEL);
	merged_close(g);
}

/* Keys and values of cross-attention are packed by heads: q̃ = Wkᵀ q and v = Wv u. */
static void test_delta_heads(void **state)
{
	static const struct module KEYS = {1, 0, CROSS_K}, VALUES = {1, 1, CROSS_V};
	static const float q[2] = {1, 2}, x[6] = {1, 0, 0, 0, 0, 2};
	float u[2], y[6];

	(void)state;
	write_one("h/encoder-output.h5", KEYS, 2, 6, 4);
	write_one("v/encoder-output.h5", VALUES, 2, 6, 4);
	struct merged *keys = merged_open(&MODEL, "h", "encoder-output"),
		      *values = merged_open(&MODEL, "v", "encoder-output");
	struct delta *k = delta_load(&(struct delta_source){.merged = keys}, &MODEL, KEYS, BE_F32),
		     *v = delta_load(&(struct delta_source){.merged = values}, &MODEL, VALUES,
				     BE_F32);

	assert_null(k->B[0]);
	product(u, k->B_head[1], q, 2, 2); /* rows 2, 3 of B are (5, 6), (7, 8): transposed */
	assert_true(u[0] == 5 + 2 * 7 && u[1] == 6 + 2 * 8);
	product(y, k->A, u, 6, 2); /* Aᵀ u; column 5 of A is (5, 11) */
	assert_true(y[5] == 5 * u[0] + 11 * u[1]);
	product(u, v->A, x, 2, 6);
	product(y, v->B_head[1], u, 2, 2);
	assert_true(y[0] == 5 * u[0] + 6 * u[1] && y[1] == 7 * u[0] + 8 * u[1]);
	delta_free(k, &MODEL);
	delta_free(v, &MODEL);
	merged_close(keys);
	merged_close(values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_whole),
		cmocka_unit_test(test_refused),     cmocka_unit_test(test_merged_keeps),
		cmocka_unit_test(test_ranks),       cmocka_unit_test(test_delta),
		cmocka_unit_test(test_delta_heads),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
