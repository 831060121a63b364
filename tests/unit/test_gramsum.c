/* test_gramsum.c: Gram files of shards are added to the numbers of the whole, and shards that do
 * not belong together are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/shard.h"
#include "child.h"
#include "files/h5/h5_lower.h"
#include "merge/gramfile.h"
#include "merge/gramsum.h"

/* More rows than a tile, and than a block that is added at a time. */
enum { D = 700, R = 3, SHARDS = 3 };

/* A shard's file: what differs between the shards, and from what it should be. */
struct made {
	const char *site, *name, *module;
	int d, said; /* said: another width as the attribute d; 0: d */
	long P, largest_row;
	double largest_norm, scale; /* all numbers are multiples of `scale` */
	bool two_sided, keeps_C;
};

static double cell(int i, int j)
{
	return (i % 17) - 0.25 * (j % 13);
}

static double symmetric(int i, int j)
{
	return i > j ? cell(i, j) : cell(j, i);
}

static void write_matrix(struct h5 *f, const char *path, int rows, const struct made *m, bool tiles)
{
	double *row = xarray((size_t)m->d, sizeof(*row));

	if (tiles)
		lower_dataset(f, path, m->d);
	else
		h5_dataset(f, path, H5_F64, (size_t)rows, (size_t)m->d);
	for (int i = 0; i < rows; i++) {
		for (int j = 0; j < m->d; j++)
			row[j] = m->scale * (tiles ? symmetric(i, j) : cell(i, j));
		if (tiles)
			lower_write(f, path, m->d, i, 1, row);
		else
			h5_write_double(f, path, (size_t)i, 1, row);
	}
	free(row);
}

static void write_module(struct h5 *f, const struct made *m)
{
	char *group = xformat("/modules/%s", m->module), *AC = xformat("%s/AC", group),
	     *H = xformat("%s/H", group);

	h5_link(f, "/H", H);
	write_matrix(f, AC, R, m, false);
	h5_set_int(f, group, "r", R);
	h5_set_double(f, group, "scale", 2);
	h5_set_double(f, group, "w_norm2", 5);
	h5_set_double(f, group, "xw_norm2", 7 * m->scale);
	h5_set_double(f, group, "xxm_norm", 1);
	h5_set_double(f, group, "h_norm", 1);
	h5_set_double(f, group, "y_norm2", 11 * m->scale);
	if (m->keeps_C)
		h5_set_double(f, group, "yw_norm2", 13 * m->scale);
	h5_set_int(f, group, "h_shared", 1);
	free(H);
	free(AC);
	free(group);
}

static void write_shard(const char *path, const struct made *m)
{
	struct h5 *f = h5_create(path, "iteris-grams", GRAMFILE_VERSION);

	write_matrix(f, "/H", m->d, m, true);
	if (m->two_sided)
		write_matrix(f, "/C", m->d, m, false);
	write_module(f, m);
	h5_set_string(f, "/", "site", m->site);
	h5_set_string(f, "/", "task", m->name);
	h5_set_string(f, "/", "features", "tokens");
	h5_set_int(f, "/", "d", m->said ? m->said : m->d);
	h5_set_int(f, "/", "P", m->P);
	h5_set_double(f, "/", "reg_ceof", 0);
	h5_set_int(f, "/", "use_dcs", 0);
	h5_set_int(f, "/", "largest_row", m->largest_row);
	h5_set_double(f, "/", "largest_norm", m->largest_norm);
	h5_commit(f);
}

static char *path[] = {(char *)(uintptr_t) "1.h5", (char *)(uintptr_t) "2.h5",
		       (char *)(uintptr_t) "3.h5"};

/* Shards of 10, 20 and 30 rows, in the proportion 1 : 2 : 4. */
static struct made shard(int k, bool two_sided, bool keeps_C)
{
	static const char *const name[] = {"tec/01", "tec/02", "tec/03"};
	static const double longest[] = {4, 9, 9};

	return (struct made){.site = "enc00-self",
			     .name = name[k],
			     .module = "encoder.q",
			     .d = D,
			     .P = 10 * (k + 1),
			     .largest_row = 5 + k,
			     .largest_norm = longest[k],
			     .scale = 1 << k,
			     .two_sided = two_sided,
			     .keeps_C = keeps_C};
}

static void sum_shards(void)
{
	struct gramsum s = {.site = "enc00-self", .task = "tec", .n = SHARDS};

	gramsum_open(&s, path);
	gramsum_make(&s, "sum.h5");
	gramsum_close(&s);
}

static void near(double found, double right)
{
	assert_true(fabs(found - right) <= 1e-12 * fabs(right));
}

/* ‖·‖_F of the added matrix. */
static double norm(double (*of)(int, int))
{
	double sum = 0;

	for (int i = 0; i < D; i++)
		for (int j = 0; j < D; j++)
			sum += of(i, j) * of(i, j);
	return 7 * sqrt(sum);
}

static void check_matrices(struct h5 *f, bool keeps_C)
{
	double *row = xarray(D, sizeof(*row));

	for (int i = 0; i < D; i += 99) {
		lower_read(f, "/modules/encoder.q/H", D, i, 1, row);
		for (int j = 0; j < D; j++)
			assert_true(row[j] == 7 * symmetric(i, j));
		if (keeps_C)
			h5_read_double(f, "/modules/encoder.q/C", (size_t)i, 1, row);
		for (int j = 0; keeps_C && j < D; j++)
			assert_true(row[j] == 7 * cell(i, j));
	}
	h5_read_double(f, "/modules/encoder.q/AC", R - 1, 1, row);
	for (int j = 0; j < D; j++)
		assert_true(row[j] == 7 * cell(R - 1, j));
	free(row);
}

static void check_sum(bool two_sided, bool keeps_C)
{
	static const char group[] = "/modules/encoder.q";

	for (int k = 0; k < SHARDS; k++) {
		const struct made m = shard(k, two_sided, keeps_C);

		write_shard(path[k], &m);
	}
	sum_shards();
	struct h5 *f = h5_open("sum.h5", "iteris-grams", GRAMFILE_VERSION);
	h5_expect_string(f, "task", "tec");
	h5_expect_int(f, "P", 60);
	h5_expect_int(f, "largest_row", 10 + 6); /* of two equal rows, the first */
	near(h5_get_double(f, "/", "largest_norm"), 9);
	near(h5_get_double(f, group, "w_norm2"), 5);
	near(h5_get_double(f, group, "xw_norm2"), 49);
	near(h5_get_double(f, group, "y_norm2"), 77);
	near(h5_get_double(f, group, "h_norm"), norm(symmetric));
	near(h5_get_double(f, group, "xxm_norm"), norm(two_sided ? cell : symmetric));
	assert_true(h5_has_attribute(f, group, "yw_norm2") == keeps_C);
	assert_true(h5_has(f, "/C") == keeps_C);
	if (keeps_C)
		near(h5_get_double(f, group, "yw_norm2"), 91);
	check_matrices(f, keeps_C);
	h5_close(f);
}

static void test_sum(void **state)
{
	(void)state;
	check_sum(false, false); /* regmean: C is H */
	check_sum(true, false);
	check_sum(true, true); /* full weights: a fit reads C */
}

static void sum_in_child(void *arg)
{
	(void)arg;
	sum_shards();
}

/* The second of three files is another one than it should be. */
static void test_refusals(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		static const char *const says[] = {
			"'2.h5': expected site 'enc00-self', found 'enc01-self'",
			"'2.h5': expected task 'tec/02', found 'tec/03'",
			"'2.h5' is of the modules encoder.k, but '1.h5' of encoder.q",
			"'2.h5': expected d 700, found 600",
			"'2.h5' has no dataset '/C'",
		};
		struct made m = shard(1, true, false);

		for (int k = 0; k < SHARDS; k++) {
			const struct made right = shard(k, true, false);

			write_shard(path[k], &right);
		}
		m.site = i == 0 ? "enc01-self" : m.site;
		m.name = i == 1 ? "tec/03" : m.name;
		m.module = i == 2 ? "encoder.k" : m.module;
		m.d = i == 3 ? 600 : m.d;
		m.two_sided = i != 4;
		write_shard(path[1], &m);
		struct child c = child_run(sum_in_child, NULL);
		assert_int_equal(c.code, 1);
		assert_true(child_said(&c, says[i]));
	}
}

/* The first file has tiles of another width than it says. */
static void test_wrong_width(void **state)
{
	struct made m = shard(0, true, false);

	(void)state;
	m.said = 600;
	write_shard(path[0], &m);
	struct child c = child_run(sum_in_child, NULL);
	assert_int_equal(c.code, 1);
	assert_true(child_said(
		&c, "dataset '/H' of '1.h5': expected shape 1200 x 200, found 1404 x 234"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wrong_width),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
