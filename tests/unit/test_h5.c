/* test_h5.c: the files between stages: values, equal bytes, refusals, damage, full disks. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <hdf5.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/die.h"
#include "child.h"
#include "files/fletcher.h"
#include "files/h5/h5.h"
#include "files/h5/h5_lower.h"
#include "files/out.h"

#define SCHEMA "iteris-test"

static unsigned char *bytes_of(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	unsigned char *b = xmalloc(*n);
	assert_int_equal(fread(b, 1, *n, f), *n);
	fclose(f);
	return b;
}

static bool same_bytes(const char *p, const char *q)
{
	size_t n, m;
	unsigned char *a = bytes_of(p, &n), *b = bytes_of(q, &m);
	bool same = n == m && !memcmp(a, b, n);
	free(a);
	free(b);
	return same;
}

/* Reproducible numbers in [-0.5, 0.5). */
static float noise(uint32_t i)
{
	uint32_t u = i * 2654435761u;
	u ^= u >> 15;
	u *= 2246822519u;
	u ^= u >> 13;
	return (float)(u >> 8) * 0x1p-24f - 0.5f;
}

static void fails(void (*fn)(void *), const void *arg, const char *message)
{
	struct child c = child_run(fn, (void *)(uintptr_t)arg);
	assert_true(child_said(&c, message));
	assert_int_equal(c.code, EXIT_WORLD);
}

/* ------------------------------------------------------------ values */

static void test_attributes(void **state)
{
	(void)state;
	struct h5 *f = h5_create("a/attr.h5", SCHEMA, 3);
	h5_set_string(f, "/", "site", "enc00-self");
	h5_set_string(f, "/", "empty", "");
	h5_set_string(f, "/", "utf8", "α₁");
	h5_set_int(f, "/", "P", 4000000000);
	h5_group(f, "/modules/encoder.block.0.q/");
	h5_set_double(f, "/modules/encoder.block.0.q", "scale", 0.1);
	h5_dataset(f, "/modules/encoder.block.0.q/AC", H5_F64, 2, 3);
	h5_set_int(f, "/modules/encoder.block.0.q/AC", "on dataset", -1);
	assert_string_equal(h5_path(f), "a/attr.h5");
	assert_int_equal(h5_get_int(f, "/", "P"), 4000000000); /* a writer may also read */
	assert_int_equal(access("a/attr.h5", F_OK), -1);
	h5_commit(f);
	assert_int_equal(entries_in("a"), 1);

	f = h5_open("a/attr.h5", SCHEMA, 3);
	char *s = h5_get_string(f, "/", "site"), *e = h5_get_string(f, "/", "empty"),
	     *u = h5_get_string(f, "/", "utf8");
	assert_string_equal(s, "enc00-self");
	assert_string_equal(e, "");
	assert_string_equal(u, "α₁");
	free(s);
	free(e);
	free(u);
	assert_int_equal(h5_get_int(f, "/", "P"), 4000000000);
	assert_true(h5_get_double(f, "/", "P") == 4e9); /* an integer is a number */
	assert_true(h5_get_double(f, "modules/encoder.block.0.q", "scale") == 0.1);
	assert_int_equal(h5_get_int(f, "/modules/encoder.block.0.q/AC", "on dataset"), -1);
	h5_expect_string(f, "site", "enc00-self");
	h5_expect_int(f, "P", 4000000000);
	assert_true(h5_has(f, "/") && h5_has(f, "/modules") &&
		    h5_has(f, "modules/encoder.block.0.q/AC"));
	assert_false(h5_has(f, "/module") || h5_has(f, "/x/y/z") ||
		     h5_has(f, "/modules/encoder.block.0.q/AC/deeper"));
	h5_close(f);
	h5_close(NULL);
}

static void collect(const char *name, void *arg)
{
	strcat(arg, name);
	strcat(arg, " ");
}

static void test_groups_and_links(void **state)
{
	double one[4] = {1, 2, 3, 4}, two[4];
	size_t rows, cols;
	char list[200] = "";
	(void)state;
	struct h5 *f = h5_create("links.h5", SCHEMA, 1);
	h5_dataset(f, "H", H5_F64, 2, 2);
	h5_write_double(f, "H", 0, 2, one);
	/* More than eight attributes: HDF5 then stores them differently. */
	static const char *const names[] = {"v", "q", "o", "k", "z10", "z9", "a", "m", "b", "c"};
	for (int i = 0; i < 10; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/modules/%s/H", names[i]);
		h5_link(f, "/H", path);
	}
	h5_group(f, "/modules/q");
	h5_group(f, "/nothing");
	h5_commit(f);

	f = h5_open("links.h5", SCHEMA, 1);
	h5_each(f, "/modules", collect, list);
	assert_string_equal(list, "a b c k m o q v z10 z9 ");
	*list = 0;
	h5_each(f, "/nothing", collect, list);
	assert_string_equal(list, "");
	h5_each(f, "/", collect, list);
	assert_string_equal(list, "H modules nothing ");
	/* Ten datasets by name, more than are kept open. */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 10; i++) {
			char path[64];
			snprintf(path, sizeof(path), "/modules/%s/H", names[i]);
			h5_shape(f, path, &rows, &cols);
			assert_true(rows == 2 && cols == 2);
			memset(two, 0, sizeof(two));
			h5_read_double(f, path, 0, 2, two);
			assert_memory_equal(one, two, sizeof(one));
		}
	}
	h5_close(f);
}

/* A symmetric matrix in tiles: written in one way, read in another. */
static void write_lower(const char *path, int d, int step)
{
	double *rows = xarray((size_t)(step * d) + 1, sizeof(*rows));
	struct h5 *f = h5_create(path, SCHEMA, 1);

	lower_dataset(f, "/m", d);
	for (int i0 = 0; i0 < d; i0 += step) {
		int n = d - i0 < step ? d - i0 : step;

		for (int i = 0; i < n; i++)
			for (int j = 0; j < d; j++) /* nothing is above the diagonal */
				rows[i * d + j] = j <= i0 + i ? (i0 + i) * 1000 + j : -1;
		lower_write(f, "/m", d, i0, n, rows);
	}
	h5_commit(f);
	free(rows);
}

static void check_lower(struct h5 *f, int d, int i0, int n)
{
	double *rows = xarray((size_t)(n * d) + 1, sizeof(*rows));

	lower_read(f, "/m", d, i0, n, rows);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < d; j++) {
			int a = i0 + i > j ? i0 + i : j, b = i0 + i > j ? j : i0 + i;

			assert_true(rows[i * d + j] == a * 1000 + b);
		}
	free(rows);
}

/* ‖·‖² of that matrix, from its elements and from the dataset, in blocks of rows that are no
 * tiles. */
static void check_norm(struct h5 *f, int d)
{
	size_t rows, b, step = 37;
	double right = 0, found = 0;

	h5_shape(f, "/m", &rows, &b);
	double *cells = xarray(step * b, sizeof(*cells));
	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++) {
			double v = (i > j ? i : j) * 1000 + (i > j ? j : i);

			right += v * v;
		}
	for (size_t row0 = 0; row0 < rows; row0 += step) {
		size_t n = rows - row0 < step ? rows - row0 : step;

		h5_read_double(f, "/m", row0, n, cells);
		found += lower_norm2(d, row0, n, cells);
	}
	assert_true(fabs(found - right) <= 1e-11 * right);
	free(cells);
}

static void test_lower(void **state)
{
	static const int widths[] = {1, 7, LOWER_TILE, LOWER_TILE + 1, 2 * LOWER_TILE, 700};
	double tile[LOWER_TILE * LOWER_TILE];

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		int d = widths[i], b = lower_tile(d);
		struct h5 *f;

		assert_true(b <= LOWER_TILE &&
			    (d + b - 1) / b == (d + LOWER_TILE - 1) / LOWER_TILE);
		write_lower("a.h5", d, b);
		write_lower("b.h5", d, 100);
		assert_true(same_bytes("a.h5", "b.h5"));
		f = h5_open("a.h5", SCHEMA, 1);
		lower_expect(f, "/m", d);
		check_lower(f, d, 0, d);
		check_norm(f, d);
		for (int i0 = 0; i0 < d; i0 += 90)
			check_lower(f, d, i0, d - i0 < 90 ? d - i0 : 90);
		lower_read_tile(f, "/m", d, (d - 1) / b, 0, tile);
		assert_true(tile[0] == (d - 1) / b * b * 1000);
		assert_true(d <= b || tile[b] == (d % b == 1 ? 0 : ((d - 1) / b * b + 1) * 1000));
		assert_true(d > b || d == 1 || (tile[1] == 1000 && tile[b] == 1000));
		h5_close(f);
	}
}

enum { P = 700, D = 1000 }; /* 700 x 1000 float32: 2.8 MB, six chunks, the last one partly filled */

static float *make_rows(void)
{
	float *x = xarray(P * D, sizeof(*x));
	for (size_t i = 0; i < P * D; i++)
		x[i] = noise((uint32_t)i);
	return x;
}

static void test_rows(void **state)
{
	float *x = make_rows(), *y = xcalloc(P * D, sizeof(*y));
	double *z = xcalloc(P * D, sizeof(*z));
	size_t rows, cols;
	(void)state;
	for (int type = H5_F32; type <= H5_F64; type++) {
		struct h5 *f = h5_create("rows.h5", SCHEMA, 1);
		h5_dataset(f, "rows", (enum h5_type)type, P, D);
		for (size_t r = 0, n; r < P; r += n) {
			n = r * 7 % 31 + 1; /* portions of many sizes, across chunks */
			n = n > P - r ? P - r : n;
			h5_write_float(f, "rows", r, n, x + r * D);
		}
		h5_write_float(f, "rows", P, 0, x);
		h5_commit(f);
		f = h5_open("rows.h5", SCHEMA, 1);
		h5_expect_shape(f, "rows", P, D);
		memset(y, 0, P * D * sizeof(*y));
		for (size_t r = 0, n; r < P; r += n) {
			n = r * 5 % 17 + 1;
			n = n > P - r ? P - r : n;
			h5_read_float(f, "rows", r, n, y + r * D);
		}
		assert_memory_equal(x, y, P * D * sizeof(*x));
		h5_read_double(f, "rows", 0, P, z);
		for (size_t i = 0; i < P * D; i++)
			assert_true(z[i] == (double)x[i]);
		h5_close(f);
	}

	/* One dimension, a row larger than a chunk, and integers. */
	int32_t ids[5] = {1, -2, INT32_MAX, INT32_MIN, 0}, got[5] = {0};
	struct h5 *f = h5_create("rows.h5", SCHEMA, 1);
	h5_dataset(f, "ids", H5_I32, 5, 0);
	h5_dataset(f, "wide", H5_F32, 2, P * D / 2);
	h5_write_int(f, "ids", 2, 3, ids + 2);
	h5_write_float(f, "wide", 1, 1, x + P * D / 2);
	h5_write_float(f, "wide", 0, 1, x);
	h5_write_int(f, "ids", 0, 2, ids);
	h5_commit(f);
	f = h5_open("rows.h5", SCHEMA, 1);
	h5_shape(f, "ids", &rows, &cols);
	assert_true(rows == 5 && cols == 0);
	h5_read_int(f, "ids", 0, 5, got);
	assert_memory_equal(ids, got, sizeof(ids));
	memset(y, 0, P * D * sizeof(*y));
	h5_read_float(f, "wide", 0, 2, y);
	assert_memory_equal(x, y, P * D * sizeof(*x));
	h5_close(f);
	free(x);
	free(y);
	free(z);
}

static void test_no_rows(void **state)
{
	static const enum h5_type types[] = {H5_F16, H5_F32, H5_F64, H5_I32};
	char name[16];
	size_t rows, cols;
	(void)state;
	struct h5 *f = h5_create("none.h5", SCHEMA, 1);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		h5_dataset(f, name, types[i], 0, 16);
		snprintf(name, sizeof(name), "v%d", i);
		h5_dataset(f, name, types[i], 0, 0);
	}
	h5_write_float(f, "m0", 0, 0, NULL);
	h5_write_int(f, "v3", 0, 0, NULL);
	h5_commit(f);
	f = h5_open("none.h5", SCHEMA, 1);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		h5_shape(f, name, &rows, &cols);
		assert_true(rows == 0 && cols == 16);
		snprintf(name, sizeof(name), "v%d", i);
		h5_expect_shape(f, name, 0, 0);
	}
	h5_read_float(f, "m0", 0, 0, NULL);
	h5_read_double(f, "v2", 0, 0, NULL);
	h5_close(f);
}

/* ------------------------------------------------------------ float16 */

/* The value of a half, and the half to which a float rounds, by the words of the standard. */
static double half_value(unsigned h)
{
	int e = h >> 10 & 31, m = h & 1023;
	double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
	return h & 0x8000 ? -v : v;
}

static double rounded_to_half(double x)
{
	int e;
	double a = fabs(x);
	if (isnan(x) || isinf(x))
		return x;
	if (a >= 65520) /* half a step above the largest, 65504 */
		return copysign(INFINITY, x);
	frexp(a, &e);
	double step = ldexp(1, (e < -13 ? -13 : e) - 11);
	return copysign(rint(a / step) * step, x); /* rint: to nearest, ties to even */
}

static float *make_float16_cases(size_t *count)
{
	size_t n = 0, room = 65536 * 8 + 100000;
	float *x = xarray(room, sizeof(*x));
	for (unsigned h = 0; h < 65536; h++) {
		float v = (float)half_value(h), next = (float)half_value(h + 1),
		      middle = (v + next) / 2;
		x[n++] = v;
		if ((h & 0x7fff) >= 0x7c00)
			continue;
		if ((h & 0x7fff) == 0x7bff)
			middle = copysignf(65520, v);
		x[n++] = middle;
		x[n++] = nextafterf(middle, 0);
		x[n++] = nextafterf(middle, v < 0 ? -INFINITY : INFINITY);
		x[n++] = nextafterf(v, 0);
		x[n++] = nextafterf(v, v < 0 ? -INFINITY : INFINITY);
	}
	for (uint32_t i = 0; i < 100000; i++) { /* any bits */
		uint32_t u = i * 2654435761u ^ i >> 3;
		memcpy(&x[n++], &u, sizeof(u));
	}
	assert_true(n <= room);
	*count = n;
	return x;
}

static void test_float16(void **state)
{
	size_t n;
	float *x = make_float16_cases(&n), *y = xarray(n, sizeof(*y)), *z = xarray(n, sizeof(*z));
	(void)state;
	/* All at once and in small portions: vectorised loops, and their tails. */
	struct h5 *f = h5_create("half-all.h5", SCHEMA, 1);
	h5_dataset(f, "rows", H5_F16, n, 0);
	h5_write_float(f, "rows", 0, n, x);
	h5_commit(f);
	f = h5_create("half-some.h5", SCHEMA, 1);
	h5_dataset(f, "rows", H5_F16, n, 0);
	for (size_t i = 0; i < n; i += 7)
		h5_write_float(f, "rows", i, n - i < 7 ? n - i : 7, x + i);
	h5_commit(f);
	assert_true(same_bytes("half-all.h5", "half-some.h5"));

	f = h5_open("half-all.h5", SCHEMA, 1);
	h5_read_float(f, "rows", 0, n, y);
	for (size_t i = 0; i < n; i += 7)
		h5_read_float(f, "rows", i, n - i < 7 ? n - i : 7, z + i);
	h5_close(f);
	assert_memory_equal(y, z, n * sizeof(*y));
	for (size_t i = 0; i < n; i++) {
		float want = (float)rounded_to_half((double)x[i]);
		if (isnan(x[i]) ? !isnan(y[i]) : memcmp(&want, &y[i], sizeof(want)))
			fail_msg("%a became %a, expected %a", (double)x[i], (double)y[i],
				 (double)want);
	}
	free(x);
	free(y);
	free(z);
}

/* HDF5's own conversion, which uses the type's description in the file, must give the same. */
static void test_float16_type(void **state)
{
	enum { N = 0x7c00 }; /* all finite halves, without their signs */
	float *x = xarray(N, sizeof(*x));
	double *y = xarray(N, sizeof(*y));
	(void)state;
	for (unsigned h = 0; h < N; h++)
		x[h] = (float)half_value(h);
	struct h5 *f = h5_create("half.h5", SCHEMA, 1);
	h5_dataset(f, "rows", H5_F16, N / 4, 4);
	h5_write_float(f, "rows", 0, N / 4, x);
	h5_commit(f);
	f = h5_open("half.h5", SCHEMA, 1);
	h5_read_double(f, "rows", 0, N / 4, y);
	h5_close(f);
	for (unsigned h = 0; h < N; h++)
		assert_true(y[h] == (double)x[h]);
	free(x);
	free(y);
}

/* ------------------------------------------------------------ equal bytes */

static void write_portions(const char *path, const float *x, size_t portion, bool backwards)
{
	struct h5 *f = h5_create(path, SCHEMA, 1);
	h5_set_string(f, "/", "task", "tec");
	h5_dataset(f, "/rows", H5_F32, P, D);
	h5_dataset(f, "/half/rows", H5_F16, P, D);
	h5_set_double(f, "/half", "c", 0.3);
	for (size_t k = 0, last = (P - 1) / portion; k <= last; k++) {
		size_t r = (backwards ? last - k : k) * portion,
		       n = P - r < portion ? P - r : portion;
		h5_write_float(f, "/rows", r, n, x + r * D);
		h5_write_float(f, "/half/rows", r, n, x + r * D);
	}
	h5_commit(f);
}

static void test_equal_bytes(void **state)
{
	float *x = make_rows();
	(void)state;
	write_portions("all.h5", x, P, false);
	sleep(1); /* a stored time would show, because HDF5 keeps seconds */
	usleep(100000);
	write_portions("some.h5", x, 13, false);
	write_portions("back.h5", x, 50, true);
	assert_true(same_bytes("all.h5", "some.h5"));
	assert_true(same_bytes("all.h5", "back.h5"));
	free(x);
}

/* ------------------------------------------------------------ refusals */

static void open_first_in_child(void *path)
{
	h5_close(h5_open(path, SCHEMA, 1));
}

static void open_in_child(void *path)
{
	struct h5 *f = h5_open(path, SCHEMA, 2);
	h5_expect_string(f, "site", "enc00-self");
	h5_expect_int(f, "P", 10);
	h5_expect_shape(f, "rows", 10, 4);
	h5_get_double(f, "/", "nothing");
}

static void write_small(const char *path, const char *schema, int version, const char *site, long p)
{
	struct h5 *f = h5_create(path, schema, version);
	float x[40] = {0};
	h5_set_string(f, "/", "site", site);
	h5_set_int(f, "/", "P", p);
	h5_dataset(f, "rows", H5_F32, (size_t)p, 4);
	h5_write_float(f, "rows", 0, (size_t)(p < 10 ? p : 10), x);
	h5_commit(f);
}

/* Writes a file with HDF5 itself, in our form, with some of the attributes. */
static hid_t create_by_hand(const char *path, bool schema, bool complete)
{
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), fcpl = H5Pcreate(H5P_FILE_CREATE),
	      s = H5Screate(H5S_SCALAR), t = H5Tcopy(H5T_C_S1), f;
	long one = 1;
	H5Tset_size(t, sizeof(SCHEMA));
	H5Tset_cset(t, H5T_CSET_UTF8);
	H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110);
	H5Pset_obj_track_times(fcpl, false);
	H5Pset_attr_phase_change(fcpl, 65535, 0);
	H5Pset_link_phase_change(fcpl, 65535, 0);
	f = H5Fcreate(path, H5F_ACC_TRUNC, fcpl, fapl);
	if (schema) {
		hid_t a = H5Acreate2(f, "schema", t, s, H5P_DEFAULT, H5P_DEFAULT);
		assert_true(H5Awrite(a, t, SCHEMA) >= 0);
		H5Aclose(a);
	}
	for (int i = 0; i < schema + complete; i++) {
		hid_t a = H5Acreate2(f, i ? "complete" : "schema_version", H5T_STD_I64LE, s,
				     H5P_DEFAULT, H5P_DEFAULT);
		assert_true(H5Awrite(a, H5T_NATIVE_LONG, &one) >= 0);
		H5Aclose(a);
	}
	H5Tclose(t);
	H5Sclose(s);
	H5Pclose(fapl);
	H5Pclose(fcpl);
	return f;
}

static void write_incomplete(const char *path, bool schema)
{
	assert_true(H5Fclose(create_by_hand(path, schema, false)) >= 0);
}

static void write_of_others(const char *path)
{
	hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(H5Fclose(f) >= 0);
}

/* The library's own function, which it exports for its tests. */
extern uint32_t H5_checksum_fletcher32(const void *data, size_t n);

/* Lengths around the lanes and turns of fletcher.c. Random bytes, all zeros, all ones: sums that
 * are 0 modulo 65535. */
static void test_checksum(void **state)
{
	enum { MOST = 3 * 64 * 256 + 200 };
	unsigned char *x = xmalloc(MOST);
	uint32_t seed = 1;
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		for (size_t i = 0; i < MOST; i++) {
			seed = seed * 1664525 + 1013904223;
			x[i] = kind == 0   ? (unsigned char)(seed >> 24)
			       : kind == 1 ? 0
			       : kind == 2 ? 0xff
					   : (unsigned char)(i == 40);
		}
		for (size_t n = 2; n <= MOST; n += n < 1000 ? 2 : 1822)
			assert_int_equal(fletcher32(x, n), H5_checksum_fletcher32(x, n));
	}
	free(x);
}

/* Rows that are never written are zeros, wherever the written portions begin and end. Other
 * programs can read the file. */
static void test_gaps(void **state)
{
	enum { ROWS = 1000, COLS = 512 }; /* four chunks */
	float *x = xcalloc(ROWS * COLS, sizeof(*x)), *y = xarray(ROWS * COLS, sizeof(*y));
	static const size_t portion[][2] = {{900, 30}, {10, 200}, {255, 2}, {300, 1}, {5, 300}};
	struct h5 *f = h5_create("gaps.h5", SCHEMA, 1);
	(void)state;
	h5_dataset(f, "x", H5_F32, ROWS, COLS);
	for (size_t p = 0; p < sizeof(portion) / sizeof(*portion); p++) {
		float *from = x + portion[p][0] * COLS;
		for (size_t i = 0; i < portion[p][1] * COLS; i++)
			from[i] = noise((uint32_t)(i + p));
		h5_write_float(f, "x", portion[p][0], portion[p][1], from);
		h5_read_float(f, "x", 0, 7, y); /* also in a file that is being written */
		assert_memory_equal(x, y, 7 * COLS * sizeof(*x));
	}
	h5_commit(f);
	hid_t file = H5Fopen("gaps.h5", H5F_ACC_RDONLY, H5P_DEFAULT),
	      d = H5Dopen2(file, "x", H5P_DEFAULT);
	assert_true(H5Dread(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, y) >= 0);
	assert_true(H5Dclose(d) >= 0 && H5Fclose(file) >= 0);
	assert_memory_equal(x, y, ROWS * COLS * sizeof(*x));
	free(x), free(y);
}

/* More chunks than one page of their index holds. With h5_dataset.c's chunks that would be half a
 * gigabyte; here a chunk is one row. */
static void test_many_chunks(void **state)
{
	enum { N = 2500 };
	hid_t f = create_by_hand("many.h5", true, true), dcpl = H5Pcreate(H5P_DATASET_CREATE),
	      space, d;
	hsize_t dims[1] = {N}, one[1] = {1};
	int x[N];
	(void)state;
	for (int i = 0; i < N; i++)
		x[i] = 7 * i;
	space = H5Screate_simple(1, dims, NULL);
	H5Pset_obj_track_times(dcpl, false);
	H5Pset_attr_phase_change(dcpl, 65535, 0);
	H5Pset_chunk(dcpl, 1, one);
	H5Pset_fletcher32(dcpl);
	H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY);
	H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER);
	d = H5Dcreate2(f, "x", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
	assert_true(H5Dwrite(d, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
	H5Sclose(space);
	H5Pclose(dcpl);
	assert_true(H5Dclose(d) >= 0 && H5Fclose(f) >= 0);
	memset(x, 0, sizeof(x));
	struct h5 *h = h5_open("many.h5", SCHEMA, 1);
	h5_read_int(h, "x", 0, N, x);
	h5_close(h);
	for (int i = 0; i < N; i++)
		assert_int_equal(x[i], 7 * i);
}

static void test_refusals(void **state)
{
	(void)state;
	fails(open_in_child, "absent.h5", "cannot open 'absent.h5': No such file or directory");
	make_folder("folder.h5");
	fails(open_in_child, "folder.h5", "cannot read 'folder.h5': Is a directory");
	out_write_text("text.h5", "not at all an HDF5 file");
	fails(open_in_child, "text.h5", "'text.h5' is not an HDF5 file");
	out_write_text("empty.h5", "");
	fails(open_in_child, "empty.h5", "'empty.h5' is not an HDF5 file");
	write_of_others("others.h5");
	fails(open_in_child, "others.h5",
	      "'others.h5' is an HDF5 file of another program: expected superblock version 3, "
	      "found 0");
	write_incomplete("bare.h5", false);
	fails(open_in_child, "bare.h5",
	      "'bare.h5': expected schema 'iteris-test', found a file without schema");
	write_small("grams.h5", "iteris-grams", 2, "enc00-self", 10);
	fails(open_in_child, "grams.h5",
	      "'grams.h5': expected schema 'iteris-test', found 'iteris-grams'");
	write_small("old.h5", SCHEMA, 1, "enc00-self", 10);
	fails(open_in_child, "old.h5",
	      "'old.h5': expected version 2 of schema 'iteris-test', found 1");
	write_incomplete("part.h5", true);
	fails(open_first_in_child, "part.h5", "'part.h5' is not complete");
	write_small("site.h5", SCHEMA, 2, "enc01-self", 10);
	fails(open_in_child, "site.h5",
	      "'site.h5': expected site 'enc00-self', found 'enc01-self'");
	write_small("p.h5", SCHEMA, 2, "enc00-self", 9);
	fails(open_in_child, "p.h5", "'p.h5': expected P 10, found 9");
	write_small("good.h5", SCHEMA, 2, "enc00-self", 10);
	fails(open_in_child, "good.h5", "'/' of 'good.h5' has no attribute 'nothing'");
}

enum wrong { SHAPE, MISSING, RANGE, INTEGERS, MISSING_GROUP, ATTRIBUTE_TYPE, ATTRIBUTE_OBJECT };

static void misuse_in_child(void *arg)
{
	struct h5 *f = h5_open("good.h5", SCHEMA, 2);
	float x[40];
	int32_t i[40];
	switch (*(enum wrong *)arg) {
	case SHAPE: h5_expect_shape(f, "rows", 10, 0); break;
	case MISSING: h5_read_float(f, "state", 0, 1, x); break;
	case RANGE: h5_read_float(f, "rows", 9, 2, x); break;
	case INTEGERS: h5_read_int(f, "rows", 0, 1, i); break;
	case MISSING_GROUP: h5_each(f, "/modules", NULL, NULL); break;
	case ATTRIBUTE_TYPE: h5_get_int(f, "/", "site"); break;
	case ATTRIBUTE_OBJECT: h5_get_int(f, "/modules/q", "r");
	}
}

static void test_misuse(void **state)
{
	static const struct {
		enum wrong wrong;
		const char *message;
	} cases[] = {
		{SHAPE, "dataset 'rows' of 'good.h5': expected shape 10, found 10 x 4"},
		{MISSING, "'good.h5' has no dataset 'state'"},
		{RANGE, "dataset 'rows' of 'good.h5': expected rows 9 to 11, found 10 rows"},
		{INTEGERS, "dataset 'rows' of 'good.h5': expected int32, found float32"},
		{MISSING_GROUP, "'good.h5' has no group '/modules'"},
		{ATTRIBUTE_TYPE, "attribute 'site' of '/' in 'good.h5': expected an integer"},
		{ATTRIBUTE_OBJECT, "'good.h5' has no '/modules/q'"},
	};
	(void)state;
	write_small("good.h5", SCHEMA, 2, "enc00-self", 10);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		fails(misuse_in_child, &cases[i].wrong, cases[i].message);
}

/* ------------------------------------------------------------ damage */

static void copy_with(const char *from, const char *to, size_t cut, size_t flip)
{
	size_t n;
	unsigned char *b = bytes_of(from, &n);
	if (flip)
		b[flip] ^= 0x10;
	FILE *f = fopen(to, "wb");
	assert_int_equal(fwrite(b, 1, cut ? cut : n, f), cut ? cut : n);
	assert_int_equal(fclose(f), 0);
	free(b);
}

static void read_all_in_child(void *path)
{
	float *x = xarray(P * D, sizeof(*x));
	struct h5 *f = h5_open(path, SCHEMA, 1);
	h5_read_float(f, "/rows", 0, P, x);
	h5_read_float(f, "/half/rows", 0, P, x);
	h5_get_double(f, "/half", "c");
	h5_close(f);
}

static void test_damage(void **state)
{
	size_t n;
	float *x = make_rows();
	(void)state;
	write_portions("whole.h5", x, P, false);
	free(x);
	free(bytes_of("whole.h5", &n));
	struct child c = child_run(read_all_in_child, (void *)(uintptr_t) "whole.h5");
	assert_int_equal(c.code, CHILD_RETURNED);

	copy_with("whole.h5", "bad.h5", n / 2, 0);
	fails(read_all_in_child, "bad.h5", "'bad.h5' is damaged: it has ");
	copy_with("whole.h5", "bad.h5", 0, n / 3); /* rows fill almost all of the file */
	fails(read_all_in_child, "bad.h5",
	      "dataset '/rows' of 'bad.h5' is damaged: a chunk has another checksum than its data");
	copy_with("whole.h5", "bad.h5", 0,
		  60); /* just behind the superblock of 48 bytes: the root's header */
	fails(read_all_in_child, "bad.h5", "'bad.h5' is damaged: ");
	copy_with("whole.h5", "bad.h5", 0, 20); /* inside the superblock */
	fails(read_all_in_child, "bad.h5", "'bad.h5' is damaged: ");
}

/* Flips one bit in every byte, except in the large chunks, which fletcher32 is known to cover. The
 * reader refuses the file, or finds what was written, because the byte is not used. Ten attributes
 * are more than an object's header holds; three chunks need an index. */

enum { NATTR = 10, WIDE = 70000 }; /* a float32 row is over half a chunk: one chunk each */

static char *attr_name(int i)
{
	static char name[16];
	snprintf(name, sizeof(name), "a%d", i);
	return name;
}

static void write_everything(const char *path)
{
	struct h5 *f = h5_create(path, SCHEMA, 1);
	float *x = xarray(WIDE, sizeof(*x));
	h5_dataset(f, "/group/small", H5_F64, 2, 3);
	h5_write_double(f, "/group/small", 0, 2, (double[]){1, 2, 3, 4, 5, 6});
	h5_link(f, "/group/small", "/group/again");
	h5_dataset(f, "/rows", H5_F32, 3, WIDE);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < WIDE; j++)
			x[j] = noise((uint32_t)(i * WIDE + j));
		h5_write_float(f, "/rows", (size_t)i, 1, x);
	}
	for (int i = 0; i < NATTR; i++)
		h5_set_double(f, "/group", attr_name(i), 1.5 * i);
	h5_set_string(f, "/", "site", "enc00-self");
	h5_commit(f);
	free(x);
}

static bool reads_everything(const char *path)
{
	struct h5 *f = h5_open(path, SCHEMA, 1);
	double small[6];
	float *x = xarray(3 * WIDE, sizeof(*x));
	bool same = true;
	for (int i = 0; i < NATTR; i++)
		same &= h5_get_double(f, "/group", attr_name(i)) == 1.5 * i;
	h5_expect_string(f, "site", "enc00-self");
	h5_read_double(f, "/group/again", 0, 2, small);
	for (int i = 0; i < 6; i++)
		same &= small[i] == i + 1;
	h5_read_float(f, "/rows", 0, 3, x);
	for (int i = 0; i < 3 * WIDE; i += 97)
		same &= x[i] == noise((uint32_t)i);
	free(x);
	h5_close(f);
	return same;
}

static void read_everything_in_child(void *path)
{
	if (!reads_everything(path))
		_exit(77);
}

/* Where the chunks of /rows begin. All have the same size. */
static hsize_t find_chunks(const char *path, haddr_t *at)
{
	hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT),
	      d = H5Dopen2(file, "/rows", H5P_DEFAULT), all = H5Dget_space(d);
	hsize_t n, offset[2], size = 0;
	unsigned mask;
	assert_true(H5Dget_num_chunks(d, all, &n) >= 0);
	assert_int_equal(n, 3);
	for (hsize_t i = 0; i < n; i++)
		assert_true(H5Dget_chunk_info(d, all, i, offset, &mask, &at[i], &size) >= 0);
	H5Sclose(all);
	H5Dclose(d);
	H5Fclose(file);
	return size;
}

static void test_every_byte(void **state)
{
	haddr_t at[3];
	size_t n, refused = 0, unused = 0;
	(void)state;
	write_everything("whole.h5");
	assert_true(reads_everything("whole.h5"));
	hsize_t size = find_chunks("whole.h5", at);
	unsigned char *b = bytes_of("whole.h5", &n);
	FILE *f = fopen("flip.h5", "wb");
	assert_int_equal(fwrite(b, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	int fd = open("flip.h5", O_RDWR);
	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < 3; k++)
			if (i == at[k])
				i += (size_t)size;
		if (i >= n)
			break;
		unsigned char bad = (unsigned char)(b[i] ^ 1u << i % 8);
		assert_int_equal(pwrite(fd, &bad, 1, (off_t)i), 1);
		struct child c = child_run(read_everything_in_child, (void *)(uintptr_t) "flip.h5");
		assert_int_equal(pwrite(fd, &b[i], 1, (off_t)i), 1);
		if (c.code != EXIT_WORLD && c.code != CHILD_RETURNED)
			fail_msg("bit %d of byte %zu flipped: the reader ended with %d, signal %d",
				 (int)(i % 8), i, c.code, c.signal);
		*(c.code == EXIT_WORLD ? &refused : &unused) += 1;
	}
	print_message("# %zu flips refused, %zu in bytes without use\n", refused, unused);
	assert_true(refused > unused);
	close(fd);
	free(b);
}

/* ------------------------------------------------------------ failing while writing */

static void write_in_child(void *arg)
{
	float *x = make_rows();
	(void)arg;
	write_portions("w/x.h5", x, 10, false);
	free(x);
}

static void write_limited(void *arg)
{
	struct rlimit r = {.rlim_cur = 1000000, .rlim_max = 1000000};
	setrlimit(RLIMIT_FSIZE, &r);
	write_in_child(arg);
}

static bool write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Mounts a file system on "w" that only this process sees. root may do this; other users may inside
 * a user namespace, if the system lets them. */
static bool mount_private(const char *options)
{
	char users[64], groups[64];
	snprintf(users, sizeof(users), "0 %ld 1\n", (long)getuid());
	snprintf(groups, sizeof(groups), "0 %ld 1\n", (long)getgid());
	if (unshare(CLONE_NEWNS)) {
		/* Both must be mapped, or nothing can be created there. A group can only be mapped
		 * after setgroups is given up. */
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) ||
		    !write_to("/proc/self/uid_map", users) ||
		    !write_to("/proc/self/setgroups", "deny") ||
		    !write_to("/proc/self/gid_map", groups))
			return false;
	}
	return !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "w", "tmpfs", 0, options);
}

/* With 64 KiB, attributes alone fill it until the last flush. */
static void write_on_full_disk(void *arg)
{
	bool large = *(bool *)arg;
	if (!mount_private("size=64k"))
		exit(77);
	if (large)
		write_in_child(NULL);
	struct h5 *f = h5_create("w/x.h5", SCHEMA, 1);
	char name[32];
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "attribute %d", i);
		h5_set_int(f, "/", name, i);
	}
	h5_commit(f);
}

static void stop_while_writing(void *arg)
{
	struct h5 *f = h5_create("w/x.h5", SCHEMA, 1);
	float x[4] = {0};
	(void)arg;
	h5_dataset(f, "rows", H5_F32, 1, 4);
	h5_write_float(f, "rows", 0, 1, x);
	if (arg)
		raise(SIGTERM);
	exit(CHILD_RETURNED); /* not committed */
}

static void write_out_of_range(void *arg)
{
	struct h5 *f = h5_create("w/x.h5", SCHEMA, 1);
	float x[4] = {0};
	(void)arg;
	h5_dataset(f, "rows", H5_F32, 1, 4);
	h5_write_float(f, "rows", 1, 1, x);
}

static void test_failing_writes(void **state)
{
	(void)state;
	make_folder("w");
	fails(write_limited, NULL, "of 'w/x.h5': File too large");
	assert_int_equal(entries_in("w"), 0);
	struct child c = child_run(stop_while_writing, NULL);
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_string_equal(c.err, "");
	assert_int_equal(entries_in("w"), 0);
	static int yes = 1;
	c = child_run(stop_while_writing, &yes);
	assert_int_equal(c.signal, SIGTERM);
	assert_int_equal(entries_in("w"), 0);
	c = child_run(write_out_of_range, NULL);
	assert_int_equal(c.signal, SIGABRT);
	assert_true(child_said(&c, "rows 1+1 of 'rows', which has 1"));
	remove_tree("w"); /* abort() removes nothing */
}

static void test_full_disk(void **state)
{
	static bool sizes[] = {false, true};
	(void)state;
	make_folder("w");
	for (int i = 0; i < 2; i++) {
		struct child c = child_run(write_on_full_disk, &sizes[i]);
		if (c.code == 77) {
			print_message("skip: no file system of our own here (unshare, mount)\n");
			skip();
		}
		assert_true(child_said(&c, "No space left on device"));
		assert_non_null(strstr(c.err, "'w/x.h5'"));
		assert_int_equal(c.code, EXIT_WORLD);
	}
}

static int starts;

/* In place of the system's. */
int sync_file_range(int fd, off_t from, off_t n, unsigned flags)
{
	(void)from, (void)n;
	assert_true(fd > 2);
	assert_int_equal(flags, SYNC_FILE_RANGE_WRITE);
	starts++;
	return 0;
}

/* The system is told to begin to write after every 4 MiB, and not for a small file. */
static void test_early_writes(void **state)
{
	enum { COLS = 1024, ROWS = 2400 }; /* 9.4 MiB */
	float *row = xcalloc(COLS, sizeof(*row));

	(void)state;
	for (int small = 0; small < 2; small++) {
		size_t rows = small ? 100 : ROWS;
		struct h5 *f = h5_create("early.h5", SCHEMA, 1);

		starts = 0;
		h5_dataset(f, "/x", H5_F32, rows, COLS);
		for (size_t i = 0; i < rows; i++)
			h5_write_float(f, "/x", i, 1, row);
		h5_commit(f);
		assert_int_equal(starts, small ? 0 : 2);
	}
	free(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_early_writes),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_groups_and_links),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_rows),
		cmocka_unit_test(test_float16),
		cmocka_unit_test(test_float16_type),
		cmocka_unit_test(test_equal_bytes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_failing_writes),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_many_chunks),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_lower),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("h5", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
