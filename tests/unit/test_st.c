/* test_st.c: safetensors: values of every type, files written and read back, and everything that
 * can be wrong in a file. EMOTION_DIR: folder of the small real case (optional). */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/rng.h"
#include "child.h"
#include "files/safetensors/st.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char *real_case; /* EMOTION_DIR, absolute */

/* ---- helpers ---- */

static void write_file(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Writes a file with exactly this text as its header, and data. */
static void write_st(const char *path, const char *header, const void *data, size_t n)
{
	size_t h = strlen(header);
	unsigned char *b = xmalloc(8 + h + n);
	for (int i = 0; i < 8; i++)
		b[i] = (unsigned char)((uint64_t)h >> (8 * i));
	memcpy(b + 8, header, h);
	if (n > 0)
		memcpy(b + 8 + h, data, n);
	write_file(path, b, 8 + h + n);
	free(b);
}

static size_t elements(const struct st_tensor *t)
{
	return t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
}

/* Opens, reads every tensor, closes. */
static void open_and_read(void *path)
{
	struct st *s = st_open(path);
	for (int i = 0; i < st_count(s); i++) {
		const struct st_tensor *t = st_at(s, i);
		size_t n = elements(t);
		float *x = xarray(n + 1, sizeof(*x));
		if (t->dtype != ST_OTHER)
			st_read(s, t, 0, n, x);
		free(x);
	}
	st_close(s);
}

static void refuses(const char *path, const char *message)
{
	struct child c = child_run(open_and_read, (void *)(uintptr_t)path);
	assert_true(child_said(&c, message));
	assert_int_equal(c.code, EXIT_WORLD);
}

static void accepts(const char *path)
{
	struct child c = child_run(open_and_read, (void *)(uintptr_t)path);
	assert_string_equal(c.err, "");
	assert_int_equal(c.code, CHILD_RETURNED);
}

/* ---- writing and reading back ---- */

static void test_round_trip(void **state)
{
	float a[6] = {1, -2, 3.5f, 0x1p-149f, 0x1.fffffep127f, -0.0f}, b[3] = {7, 8, 9}, x[6];
	unsigned char head[8];
	(void)state;
	struct st_out *o = st_create("out/a.safetensors");
	st_declare(o, "z.weight", 2, 3);
	st_declare(o, "a \"quoted\\\" ε", 3, 0);
	st_declare(o, "empty", 0, 5);
	st_write(o, a, 4);
	st_write(o, a + 4, 2);
	st_write(o, b, 0);
	st_write(o, b, 3);
	assert_int_equal(entries_in("out"), 1); /* under a temporary name */
	assert_int_not_equal(access("out/a.safetensors", F_OK), 0);
	st_commit(o);
	assert_int_equal(entries_in("out"), 1);

	FILE *f = fopen("out/a.safetensors", "rb");
	assert_int_equal(fread(head, 1, 8, f), 8);
	assert_int_equal(head[0] % 8, 0); /* the data are aligned */
	fclose(f);

	struct st *s = st_open("out/a.safetensors");
	assert_int_equal(st_count(s), 3);
	assert_string_equal(st_at(s, 0)->name, "a \"quoted\\\" ε");
	assert_string_equal(st_at(s, 1)->name, "empty");
	assert_string_equal(st_at(s, 2)->name, "z.weight");
	assert_null(st_find(s, "z"));
	assert_ptr_equal(st_find(s, "z.weight"), st_at(s, 2));
	st_read(s, st_need(s, "z.weight", 2, 3), 0, 6, x);
	assert_memory_equal(x, a, sizeof(a));
	st_read(s, st_need(s, "z.weight", 2, 3), 2, 3, x);
	assert_memory_equal(x, a + 2, 3 * sizeof(*a));
	st_read(s, st_need(s, "a \"quoted\\\" ε", 3, 0), 0, 3, x);
	assert_memory_equal(x, b, sizeof(b));
	st_read(s, st_need(s, "empty", 0, 5), 0, 0, x);
	st_close(s);
	st_close(NULL);
}

static void test_no_tensors(void **state)
{
	(void)state;
	st_commit(st_create("none.safetensors"));
	struct st *s = st_open("none.safetensors");
	assert_int_equal(st_count(s), 0);
	assert_null(st_find(s, "x"));
	st_close(s);
}

static void write_too_few(void *arg)
{
	float x[2] = {0, 0};
	(void)arg;
	struct st_out *o = st_create("few.safetensors");
	st_declare(o, "x", 3, 0);
	st_write(o, x, 2);
	st_commit(o);
}

static void write_too_many(void *arg)
{
	float x[4] = {0, 0, 0, 0};
	(void)arg;
	struct st_out *o = st_create("many.safetensors");
	st_declare(o, "x", 3, 0);
	st_write(o, x, 4);
}

static void declare_twice(void *arg)
{
	(void)arg;
	struct st_out *o = st_create("twice.safetensors");
	st_declare(o, "x", 3, 0);
	st_declare(o, "x", 3, 0);
}

static void test_misuse(void **state)
{
	void (*const misuse[])(void *) = {write_too_few, write_too_many, declare_twice};
	const char *const message[] = {"fewer elements", "more elements", "declared twice"};
	(void)state;
	for (size_t i = 0; i < COUNT(misuse); i++) {
		struct child c = child_run(misuse[i], NULL);
		assert_true(child_said(&c, message[i]));
		assert_int_equal(c.signal, SIGABRT);
	}
	assert_int_not_equal(access("few.safetensors", F_OK), 0);
}

static void write_past_limit(void *arg)
{
	float x[64] = {0};
	struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
	(void)arg;
	setrlimit(RLIMIT_FSIZE, &limit);
	struct st_out *o = st_create("w/large.safetensors");
	st_declare(o, "x", 4096, 0);
	for (int i = 0; i < 64; i++)
		st_write(o, x, 64);
	st_commit(o);
}

static void test_failing_write(void **state)
{
	(void)state;
	struct child c = child_run(write_past_limit, NULL);
	assert_true(child_said(&c, "'w/large.safetensors': File too large"));
	assert_int_equal(c.code, EXIT_WORLD);
	assert_int_equal(entries_in("w"), 0);
}

/* ---- values ---- */

/* From the definition of the formats, not from bits. */
static float half_value(unsigned h)
{
	int e = h >> 10 & 31, m = h & 1023;
	double x = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
	return (float)(h >> 15 ? -x : x);
}

static float bfloat_value(unsigned h)
{
	int e = h >> 7 & 255, m = h & 127;
	double x = e ? ldexp(128 + m, e - 134) : ldexp(m, -133);
	return (float)(h >> 15 ? -x : x);
}

/* Every finite value of a 16-bit type, in order. n need not be a multiple of anything. */
static void check_all_values(const char *dtype, unsigned special, float (*value)(unsigned))
{
	char header[128];
	uint16_t *h = xarray(65536, sizeof(*h));
	size_t n = 0;
	for (unsigned i = 0; i < 65536; i++)
		if ((i & special) != special)
			h[n++] = (uint16_t)i;
	n -= 3;
	snprintf(header, sizeof(header),
		 "{\"x\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", dtype, n,
		 2 * n);
	write_st("all.safetensors", header, h, 2 * n);

	struct st *s = st_open("all.safetensors");
	float *x = xarray(n + 1, sizeof(*x));
	x[n] = 42;
	st_read(s, st_need(s, "x", n, 0), 0, n, x);
	assert_true(x[n] == 42);
	for (size_t i = 0; i < n; i++) {
		float y = value(h[i]);
		assert_memory_equal(&x[i], &y, sizeof(y));
	}
	st_close(s);
	free(x);
	free(h);
}

static void test_half(void **state)
{
	(void)state;
	check_all_values("F16", 0x7c00, half_value);
}

static void test_bfloat(void **state)
{
	(void)state;
	check_all_values("BF16", 0x7f80, bfloat_value);
}

/* Parts, at odd places, of a tensor that takes several reads. */
static void test_parts(void **state)
{
	enum { N = 300001 };
	const size_t part[][2] = {{0, N},  {0, 0},  {N, 0},      {N - 1, 1},  {1, 63},
				  {1, 64}, {7, 65}, {131071, 2}, {5, 262144}, {131073, 168928}};
	static float a[N], x[N + 1];
	static uint16_t h[N];
	(void)state;
	for (int i = 0; i < N; i++) {
		h[i] = (uint16_t)(i % 0x7c00);
		a[i] = (float)i;
	}
	write_st("f32.safetensors",
		 "{\"x\":{\"dtype\":\"F32\",\"shape\":[300001],\"data_offsets\":[0,1200004]}}", a,
		 sizeof(a));
	write_st("f16.safetensors",
		 "{\"x\":{\"dtype\":\"F16\",\"shape\":[300001],\"data_offsets\":[0,600002]}}", h,
		 sizeof(h));
	struct st *s = st_open("f32.safetensors"), *t = st_open("f16.safetensors");
	for (size_t k = 0; k < COUNT(part); k++) {
		size_t first = part[k][0], n = part[k][1];
		x[n] = 42;
		st_read(s, st_at(s, 0), first, n, x);
		for (size_t i = 0; i < n; i++)
			assert_true(x[i] == a[first + i]);
		st_read(t, st_at(t, 0), first, n, x);
		for (size_t i = 0; i < n; i++)
			assert_true(x[i] == half_value(h[first + i]));
		assert_true(x[n] == 42);
	}
	st_close(s);
	st_close(t);
}

static void test_nonfinite(void **state)
{
	enum { N = 200000 };
	static const struct {
		size_t at;
		float value;
		const char *message;
	} CASE[] = {
		{0, NAN, "tensor 'x': element 0 is NaN"},
		{63, INFINITY, "element 63 is infinite"},
		{64, -INFINITY, "element 64 is infinite"},
		{65536, -NAN, "element 65536 is NaN"},
		{199999, INFINITY, "element 199999 is infinite"},
		{199980, NAN, "element 199980 is NaN"},
	};
	static float a[N];
	static uint16_t h[N];
	(void)state;
	for (size_t k = 0; k < COUNT(CASE); k++) {
		a[CASE[k].at] = CASE[k].value;
		write_st("bad.safetensors",
			 "{\"x\":{\"dtype\":\"F32\",\"shape\":[2,100000],\"data_offsets\":[0,"
			 "800000]}}",
			 a, sizeof(a));
		refuses("bad.safetensors", CASE[k].message);
		a[CASE[k].at] = 0;
		h[CASE[k].at] = isnan(CASE[k].value) ? 0x7c01 : 0xfc00;
		write_st("bad.safetensors",
			 "{\"x\":{\"dtype\":\"F16\",\"shape\":[2,100000],\"data_offsets\":[0,"
			 "400000]}}",
			 h, sizeof(h));
		refuses("bad.safetensors", CASE[k].message);
		h[CASE[k].at] = isnan(CASE[k].value) ? 0xffff : 0x7f80;
		write_st("bad.safetensors",
			 "{\"x\":{\"dtype\":\"BF16\",\"shape\":[2,100000],\"data_offsets\":[0,"
			 "400000]}}",
			 h, sizeof(h));
		refuses("bad.safetensors", CASE[k].message);
		h[CASE[k].at] = 0;
	}
}

static void read_integers(void *arg)
{
	float x[2];
	(void)arg;
	struct st *s = st_open("int.safetensors");
	st_read(s, st_find(s, "x"), 0, 2, x);
}

static void test_other_types(void **state)
{
	static const char data[32];
	(void)state;
	write_st("int.safetensors",
		 "{\"x\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},\"y\":{"
		 "\"dtype\":\"BOOL\","
		 "\"shape\":[2,2,2,2],\"data_offsets\":[16,32]}}   ",
		 data, 32);
	accepts("int.safetensors");
	struct child c = child_run(read_integers, NULL);
	assert_true(child_said(&c, "tensor 'x': expected F32, F16 or BF16"));
}

/* ---- wrong files ---- */

static void test_headers(void **state)
{
	static const struct {
		const char *header;
		size_t data; /* bytes behind it */
		const char *message;
	} CASE[] = {
		{"", 0, "not a safetensors file"},
		{"[]", 0, "should start with '{'"},
		{" {}", 0, "should start with '{'"},
		{"{\"x\":", 0, "not valid JSON"},
		{"{}x", 0, "not valid JSON"},
		{"{}", 4, "the tensors end at byte 10, but the file has 14"},
		{"{\"x\":1}", 0, "header entry 'x': expected an object"},
		{"{\"__metadata__\":[]}", 0, "header entry '__metadata__': expected an object"},
		{"{\"x\":{}}", 0, "expected the keys dtype, shape and data_offsets"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4,
		 "and no others"},
		{"{\"x\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
		 "dtype: expected a string"},
		{"{\"x\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
		 "unknown dtype 'F4'"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4,
		 "shape: expected a list"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
		 "at most 4 numbers"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
		 "shape: expected integers"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4,
		 "shape: expected integers"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4,
		 "shape: expected integers"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
		 "data_offsets: expected two numbers"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,true]}}", 4,
		 "data_offsets: expected integers"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
		 "takes 4 bytes, data_offsets are [4, 0]"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,4]}}", 4,
		 "F32 of shape (2, 3) takes 24 bytes"},
		/* 2^62 × 4 = 2^64, 2^32 × 2^32, and 2^62 × 2^62 × 0 */
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}"
		 "}",
		 0, "more elements than can be counted"},
		{"{\"x\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]"
		 "}}",
		 0, "more elements than can be counted"},
		{"{\"x\":{\"dtype\":\"F16\",\"shape\":[4611686018427387904,4611686018427387904,0],"
		 "\"data_offsets\":[0,0]}}",
		 0, "more elements"},
		{"{\"x\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],\"data_offsets\":[0,"
		 "9223372036854775807]}}",
		 4, "is truncated"},
		{"{\"x\":{\"dtype\":\"U8\",\"shape\":[18446744073709551616],\"data_offsets\":[0,0]}"
		 "}",
		 4, "not valid JSON"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3,
		 "is truncated: tensor 'x' ends at byte"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
		 "there is a gap"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"y\":{\"dtype\":"
		 "\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
		 12, "tensor 'y' starts at byte 8 of the data, expected 4: there is a gap"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"y\":{\"dtype\":"
		 "\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
		 12, "tensor 'y' starts at byte 4 of the data, expected 8: it overlaps"},
		{"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"x\":{\"dtype\":"
		 "\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
		 8, "duplicate"},
		{"{\"x\":{\"a\":{\"b\":{}}}}", 0, "nested more than three deep"},
		{"{\"x\\\"{{{{\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}", 0,
		 "is no safetensors header"},
		{"{\"\xff\":{}}", 0, "not valid JSON"},
		{"{\"a\\u0000b\":{}}", 0, "not valid JSON"},
	};
	static const char data[16];
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		write_st("bad.safetensors", CASE[i].header, data, CASE[i].data);
		refuses("bad.safetensors", CASE[i].message);
		refuses("bad.safetensors", "'bad.safetensors'");
	}
}

static void test_first_bytes(void **state)
{
	static const unsigned char huge[10] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
	static const unsigned char over[10] = {0x01, 0xe1, 0xf5, 0x05, 0,
					       0,    0,    0,    '{',  '}'}; /* 100000001 */
	static const unsigned char most[10] = {0x00, 0xe1, 0xf5, 0x05, 0,
					       0,    0,    0,    '{',  '}'}; /* 100000000 */
	(void)state;
	write_file("bad.safetensors", huge, 0);
	refuses("bad.safetensors", "found 0 bytes");
	write_file("bad.safetensors", huge, 7);
	refuses("bad.safetensors", "found 7 bytes");
	write_file("bad.safetensors", huge, 10);
	refuses("bad.safetensors",
		"announce a header of 18446744073709551615 bytes (limit 100000000)");
	write_file("bad.safetensors", over, 10);
	refuses("bad.safetensors", "announce a header of 100000001 bytes");
	write_file("bad.safetensors", most, 10);
	refuses("bad.safetensors",
		"is truncated: the header should have 100000000 bytes, the file has 2");
}

/* A good file with two tensors, 3 floats and 4 halves, in the buffer. Returns its bytes. */
static size_t good_file(unsigned char *b)
{
	static const char header[] =
		"{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F32\",\"shape\":[3],"
		"\"data_offsets\":[0,12]},"
		"\"a\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[12,20]}}";
	size_t h = sizeof(header) - 1;
	memset(b, 0, 8 + h + 20);
	b[0] = (unsigned char)h;
	memcpy(b + 8, header, h);
	return 8 + h + 20;
}

static void test_cut_anywhere(void **state)
{
	unsigned char b[512];
	size_t n = good_file(b);
	(void)state;
	write_file("good.safetensors", b, n);
	accepts("good.safetensors");
	for (size_t k = 0; k < n; k++) {
		write_file("cut.safetensors", b, k);
		refuses("cut.safetensors", "truncated");
	}
}

/* Random damage: one line and exit 1, or a file that is still whole. Never a signal; a sanitizer's
 * report has an exit status of its own. */
static void test_damage(void **state)
{
	static const char bits[] = "{}[]\",:0123456789-.eE\\ un\xff";
	struct rng r;
	(void)state;
	rng_seed(&r, 20240607);
	for (int i = 0; i < 400; i++) {
		unsigned char b[512];
		size_t n = good_file(b);
		for (uint64_t k = rng_below(&r, 4) + 1; k > 0; k--) {
			size_t at = rng_below(&r, 3) ? 8 + rng_below(&r, n - 28) : rng_below(&r, n);
			b[at] = rng_below(&r, 2)
					? (unsigned char)bits[rng_below(&r, sizeof(bits) - 1)]
					: (unsigned char)rng_next(&r);
		}
		write_file("damaged.safetensors", b, n);
		struct child c = child_run(open_and_read, (char[]){"damaged.safetensors"});
		assert_int_equal(c.signal, 0);
		if (c.code != CHILD_RETURNED) {
			assert_int_equal(c.code, EXIT_WORLD);
			assert_true(child_said(&c, "'damaged.safetensors'"));
		}
	}
}

static void read_after_cut(void *arg)
{
	float x[3];
	(void)arg;
	struct st *s = st_open("good.safetensors");
	const struct st_tensor *t = st_find(s, "b");
	if (truncate("good.safetensors", (off_t)t->offset + 5))
		abort();
	st_read(s, t, 0, 3, x);
}

static void test_cut_while_open(void **state)
{
	unsigned char b[512];
	(void)state;
	write_file("good.safetensors", b, good_file(b));
	struct child c = child_run(read_after_cut, NULL);
	assert_true(child_said(
		&c, "'good.safetensors' was cut while it was read: 7 bytes are missing"));
	assert_int_equal(c.code, EXIT_WORLD);
}

static void test_no_plain_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("fifo.safetensors", 0600), 0);
	refuses("fifo.safetensors", "expected a safetensors file, found a folder or a device");
	refuses("nowhere/x.safetensors", "cannot open 'nowhere': No such file");
	refuses("nowhere", "cannot open 'nowhere': No such file");
	assert_int_equal(mkdir("empty", 0777), 0);
	refuses("empty", "'empty' has no model.safetensors or model.safetensors.index.json");
	refuses("empty/x.safetensors", "'empty' has no x.safetensors");
}

static void test_pickle(void **state)
{
	(void)state;
	assert_int_equal(mkdir("pickle", 0777), 0);
	write_file("pickle/pytorch_model.bin", "x", 1);
	refuses("pickle", "pickle files such as its 'pytorch_model.bin' are not read, because "
			  "unpickling runs code");
	refuses("pickle/adapter_model.safetensors",
		"has no adapter_model.safetensors, and pickle files");
	refuses("pickle/pytorch_model.bin", "unpickling runs code");
}

/* ---- what the model needs ---- */

static void need_missing(void *s)
{
	st_need(s, "c", 7, 5);
}

static void need_shape(void *s)
{
	st_need(s, "a", 2, 3);
}

static void need_rank(void *s)
{
	st_need(s, "a", 4, 0);
}

static void test_need(void **state)
{
	unsigned char b[512];
	(void)state;
	write_file("good.safetensors", b, good_file(b));
	struct st *s = st_open("good.safetensors");
	struct child c = child_run(need_missing, s);
	assert_true(child_said(&c, "'good.safetensors': missing tensor 'c' of shape (7, 5)"));
	c = child_run(need_shape, s);
	assert_true(child_said(
		&c, "'good.safetensors': tensor 'a': expected shape (2, 3), found (2, 2)"));
	c = child_run(need_rank, s);
	assert_true(
		child_said(&c, "'good.safetensors': tensor 'a': expected shape (4), found (2, 2)"));
	assert_string_equal(st_file(s, st_need(s, "b", 3, 0)), "good.safetensors");
	st_close(s);
}

/* ---- index and shards ---- */

static void write_index(const char *map)
{
	char text[512];
	snprintf(text, sizeof(text), "{\"metadata\":{\"total_size\":1},\"weight_map\":%s}", map);
	write_file("sharded/model.safetensors.index.json", text, strlen(text));
}

static void write_shards(void)
{
	const float one[3] = {1, 2, 3}, two[2] = {4, 5};
	mkdir("sharded", 0777);
	write_st("sharded/m-1.safetensors",
		 "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"d\":{\"dtype\":"
		 "\"F32\",\"shape\":[2],"
		 "\"data_offsets\":[4,12]}}",
		 one, 12);
	write_st("sharded/m-2.safetensors",
		 "{\"c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", two, 8);
}

static void test_shards(void **state)
{
	float x[2];
	(void)state;
	write_shards();
	write_index(
		"{\"a\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\",\"d\":\"m-1.safetensors\"}");
	struct st *s = st_open("sharded");
	assert_int_equal(st_count(s), 3);
	assert_string_equal(st_at(s, 1)->name, "c");
	assert_string_equal(st_file(s, st_at(s, 1)), "sharded/m-2.safetensors");
	st_read(s, st_need(s, "c", 2, 0), 0, 2, x);
	assert_true(x[0] == 4 && x[1] == 5);
	st_read(s, st_need(s, "d", 2, 0), 0, 2, x);
	assert_true(x[0] == 2 && x[1] == 3);
	st_close(s);
}

static void test_bad_index(void **state)
{
	static const struct {
		const char *map, *message;
	} CASE[] = {
		{"[]", "weight_map: expected an object"},
		{"{}", "weight_map: expected an object"},
		{"{\"a\":7}", "'a': expected a file name"},
		{"{\"a\":\"../good.safetensors\"}",
		 "expected the plain name of a .safetensors file of the same folder, found "
		 "'../good.safetensors'"},
		{"{\"a\":\"/etc/passwd\"}", "expected the plain name"},
		{"{\"a\":\"..\"}", "expected the plain name"},
		{"{\"a\":\"\"}", "expected the plain name"},
		{"{\"a\":\"m-1.bin\"}", "expected the plain name of a .safetensors file"},
		{"{\"a\":\"m-3.safetensors\"}",
		 "cannot open 'sharded/m-3.safetensors': No such file"},
		{"{\"a\":\"m-1.safetensors\",\"d\":\"m-1.safetensors\",\"e\":\"m-1.safetensors\"}",
		 "tensor 'e' is in 'sharded/m-1.safetensors', but it is not"},
		{"{\"a\":\"m-2.safetensors\",\"c\":\"m-2.safetensors\",\"d\":\"m-1.safetensors\"}",
		 "tensor 'a' is in 'sharded/m-2.safetensors', but it is not"},
		{"{\"a\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\"}",
		 "does not list tensor 'd' of 'sharded/m-1.safetensors'"},
		{"{\"a\":\"m-1.safetensors\",\"a\":\"m-2.safetensors\"}", "duplicate"},
		{"{\"a\":\"m-1.safetensors\",\"d\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\","
		 "\"x\":\"m-4.safetensors\"}",
		 "tensor 'a' is in two shards"},
	};
	const float one = 1;
	(void)state;
	write_shards();
	write_st("sharded/m-4.safetensors",
		 "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", &one, 4);
	for (size_t i = 0; i < COUNT(CASE); i++) {
		write_index(CASE[i].map);
		refuses("sharded", CASE[i].message);
	}
}

/* ---- the real case ---- */

static void test_real(void **state)
{
	(void)state;
	if (!real_case) {
		print_message("skipped: EMOTION_DIR is not set\n");
		skip();
	}
	char *dir = xformat("%s/model", real_case);
	struct st *s = st_open(dir);
	assert_int_equal(st_count(s), 134);
	const struct st_tensor *t = st_need(s, "shared.weight", 6016, 256);
	float *x = xarray(6016 * 256, sizeof(*x));
	double sum = 0, squares = 0;
	st_read(s, t, 0, 6016 * 256, x);
	for (int i = 0; i < 6016 * 256; i++) {
		sum += x[i];
		squares += (double)x[i] * x[i];
	}
	/* As NumPy gives them in float64. */
	assert_true(x[5] == 0.03963093459606171f && x[6016 * 256 - 1] == 0.3372576832771301f);
	assert_true(fabs(sum + 2825.479664994874) < 1e-6 &&
		    fabs(squares - 1555564.4030635513) < 1e-4);
	st_read(s, st_need(s, "decoder.final_layer_norm.weight", 256, 0), 255, 1, x);
	assert_true(x[0] == 1.009400725364685f);
	st_close(s);
	accepts(dir);
	free(x);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_no_tensors),
		cmocka_unit_test(test_misuse),        cmocka_unit_test(test_failing_write),
		cmocka_unit_test(test_half),          cmocka_unit_test(test_bfloat),
		cmocka_unit_test(test_parts),         cmocka_unit_test(test_nonfinite),
		cmocka_unit_test(test_other_types),   cmocka_unit_test(test_headers),
		cmocka_unit_test(test_first_bytes),   cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_damage),        cmocka_unit_test(test_cut_while_open),
		cmocka_unit_test(test_no_plain_file), cmocka_unit_test(test_pickle),
		cmocka_unit_test(test_need),          cmocka_unit_test(test_shards),
		cmocka_unit_test(test_bad_index),     cmocka_unit_test(test_real),
	};
	const char *dir = getenv("EMOTION_DIR");
	real_case = dir ? realpath(dir, NULL) : NULL;
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("st", tests, NULL, NULL);
	scratch_leave(scratch);
	free(real_case);
	return failed;
}
