/* st.c: see st.h.
 *
 * Nothing in a file is believed before it is compared with something else: the header's length with the file's size, a
 * tensor's bytes with its shape, the tensors' offsets with each other and with the end of the file. After st_open() every
 * [offset, offset + bytes) lies in its file, so a read that ends early means that the file was cut meanwhile. */
#include "st.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "die.h"
#include "jsonx.h"
#include "out.h"
#include "sums.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data are little-endian and are read and written here as they are"
#endif
_Static_assert(sizeof(size_t) == 8, "sizes of tensors are counted in size_t");

enum {
	HEADER_MAX = 100000000, /* bytes; the limit of the format's own reader */
	MAX_DIM = 4,
	BLOCK = 64, /* elements converted and checked at once: a fixed count, so that -O2 vectorises it */
	PIECE = 1 << 18, /* bytes per pread: still in the second-level cache when it is converted and checked */
	SHAPE_TEXT = 128,
	NAME_MAX_BYTES = 1000,
};

struct shard {
	char *path;
	int fd;
	uint64_t size;
};

struct st {
	char *path;
	int nfiles;
	struct shard *file;
	int n, room;
	struct st_tensor *tensor;
};

static const struct {
	const char *name;
	enum st_dtype dtype;
	unsigned size;
} DTYPE[] = {
	{"F32", ST_F32, 4},        {"F16", ST_F16, 2},        {"BF16", ST_BF16, 2},      {"F64", ST_OTHER, 8},
	{"I64", ST_OTHER, 8},      {"I32", ST_OTHER, 4},      {"I16", ST_OTHER, 2},      {"I8", ST_OTHER, 1},
	{"U64", ST_OTHER, 8},      {"U32", ST_OTHER, 4},      {"U16", ST_OTHER, 2},      {"U8", ST_OTHER, 1},
	{"BOOL", ST_OTHER, 1},     {"C64", ST_OTHER, 8},      {"F8_E4M3", ST_OTHER, 1},  {"F8_E5M2", ST_OTHER, 1},
	{"F8_E8M0", ST_OTHER, 1},
};

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);
	return n >= k && strcmp(s + n - k, tail) == 0;
}

/* "(512, 256)" */
static const char *shape_text(const size_t *dim, int ndim, char *buf)
{
	size_t used = (size_t)snprintf(buf, SHAPE_TEXT, "(");
	for (int i = 0; i < ndim; i++)
		used += (size_t)snprintf(buf + used, SHAPE_TEXT - used, "%s%zu", i ? ", " : "", dim[i]);
	snprintf(buf + used, SHAPE_TEXT - used, ")");
	return buf;
}

/* ---- Bytes ---- */

static void read_bytes(const struct shard *f, void *dst, size_t n, uint64_t offset)
{
	char *p = dst;
	while (n > 0) {
		ssize_t k = pread(f->fd, p, n, (off_t)offset);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("cannot read '%s': %s", f->path, strerror(errno));
		if (k == 0)
			die("'%s' was cut while it was read: %zu bytes are missing at byte %llu", f->path, n, (unsigned long long)offset);
		p += k;
		n -= (size_t)k;
		offset += (uint64_t)k;
	}
}

static struct shard shard_open(const char *path)
{
	struct shard f = {.path = xstrdup(path)};
	struct stat sb;
	sums_check(path);
	f.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to hang on a fifo; a plain file does not mind */
	if (f.fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	if (fstat(f.fd, &sb) != 0)
		die("cannot stat '%s': %s", path, strerror(errno));
	if (!S_ISREG(sb.st_mode))
		die("'%s': expected a safetensors file, found a folder or a device", path);
	f.size = (uint64_t)sb.st_size;
	return f;
}

/* ---- The header ---- */

/* A JSON tree takes many times its text. A header is three levels deep and a tensor's entry takes 48 bytes for its three brackets, so a
 * text with more brackets than that is not built into a tree at all. */
static void check_header_text(const struct shard *f, const char *text, size_t n)
{
	size_t brackets = 0;
	int depth = 0;
	bool string = false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '[')) {
			brackets++;
			if (++depth > 3)
				die("'%s': the header is no safetensors header: nested more than three deep at byte %zu", f->path, i + 8);
		} else if (!string && (c == '}' || c == ']'))
			depth--;
	}
	if (brackets > n / 16 + 8)
		die("'%s': the header is no safetensors header: %zu brackets in %zu bytes", f->path, brackets, n);
}

static json_t *header_load(const struct shard *f, uint64_t *data_start)
{
	unsigned char head[8];
	uint64_t n = 0;
	if (f->size < sizeof(head))
		die("'%s': expected a safetensors file, found %llu bytes: truncated?", f->path, (unsigned long long)f->size);
	read_bytes(f, head, sizeof(head), 0);
	for (int i = 7; i >= 0; i--)
		n = n << 8 | head[i];
	if (n > HEADER_MAX)
		die("'%s': not a safetensors file: its first 8 bytes announce a header of %llu bytes (limit %d)", f->path,
		    (unsigned long long)n, HEADER_MAX);
	if (n > f->size - sizeof(head))
		die("'%s' is truncated: the header should have %llu bytes, the file has %llu after its first 8", f->path,
		    (unsigned long long)n, (unsigned long long)(f->size - sizeof(head)));

	char *text = xmalloc(n + 1);
	read_bytes(f, text, n, sizeof(head));
	if (n == 0 || text[0] != '{')
		die("'%s': not a safetensors file: the header should start with '{'", f->path);
	check_header_text(f, text, n);
	json_error_t error;
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (!o)
		die("'%s': the header is not valid JSON: %s (byte %d)", f->path, error.text, error.position + 8);
	free(text);
	*data_start = sizeof(head) + n;
	return o;
}

static uint64_t header_uint(const struct shard *f, const char *tensor, const char *key, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		die("'%s': tensor '%s': %s: expected integers of at least 0", f->path, tensor, key);
	return (uint64_t)json_integer_value(v);
}

/* dtype and shape; returns the bytes that these two imply. */
static uint64_t read_shape(const struct shard *f, struct st_tensor *t, const json_t *dtype, const json_t *shape)
{
	size_t k = 0, kinds = sizeof(DTYPE) / sizeof(DTYPE[0]);
	uint64_t bytes;
	if (!json_is_string(dtype))
		die("'%s': tensor '%s': dtype: expected a string", f->path, t->name);
	while (k < kinds && strcmp(DTYPE[k].name, json_string_value(dtype)) != 0)
		k++;
	if (k == kinds)
		die("'%s': tensor '%s': unknown dtype '%.32s'", f->path, t->name, json_string_value(dtype));
	t->dtype = DTYPE[k].dtype;
	bytes = DTYPE[k].size;

	if (!json_is_array(shape) || json_array_size(shape) > MAX_DIM)
		die("'%s': tensor '%s': shape: expected a list of at most %d numbers", f->path, t->name, MAX_DIM);
	t->ndim = (int)json_array_size(shape);
	for (int i = 0; i < MAX_DIM; i++) {
		t->dim[i] = i < t->ndim ? header_uint(f, t->name, "shape", json_array_get(shape, (size_t)i)) : 1;
		if (__builtin_mul_overflow(bytes, (uint64_t)t->dim[i], &bytes))
			die("'%s': tensor '%s': its shape has more elements than can be counted", f->path, t->name);
	}
	return bytes;
}

static void read_entry(const struct shard *f, struct st_tensor *t, const json_t *entry, uint64_t data_start)
{
	const json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
	const json_t *span = json_object_get(entry, "data_offsets");
	char buf[SHAPE_TEXT];
	if (!dtype || !shape || !span || json_object_size(entry) != 3)
		die("'%s': tensor '%s': expected the keys dtype, shape and data_offsets, and no others", f->path, t->name);
	uint64_t need = read_shape(f, t, dtype, shape);
	if (!json_is_array(span) || json_array_size(span) != 2)
		die("'%s': tensor '%s': data_offsets: expected two numbers", f->path, t->name);
	uint64_t begin = header_uint(f, t->name, "data_offsets", json_array_get(span, 0));
	uint64_t end = header_uint(f, t->name, "data_offsets", json_array_get(span, 1));
	if (end < begin || end - begin != need)
		die("'%s': tensor '%s': %s of shape %s takes %llu bytes, data_offsets are [%llu, %llu]", f->path, t->name,
		    json_string_value(dtype), shape_text(t->dim, t->ndim, buf), (unsigned long long)need, (unsigned long long)begin,
		    (unsigned long long)end);
	/* No overflow: both are below 2^63 + 2^27. Whether the file reaches that far is checked with all tensors in hand. */
	t->offset = data_start + begin;
	t->bytes = need;
}

static int by_offset(const void *a, const void *b)
{
	const struct st_tensor *x = a, *y = b;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct st_tensor *)a)->name, ((const struct st_tensor *)b)->name);
}

/* The tensors of one file must lie side by side from the start of the data to the end of the file. */
static void check_layout(const struct shard *f, struct st_tensor *t, int n, uint64_t data_start)
{
	uint64_t at = data_start;
	if (n > 0)
		qsort(t, (size_t)n, sizeof(*t), by_offset);
	for (int i = 0; i < n; i++) {
		if (t[i].offset != at)
			die("'%s': tensor '%s' starts at byte %llu of the data, expected %llu: %s", f->path, t[i].name,
			    (unsigned long long)(t[i].offset - data_start), (unsigned long long)(at - data_start),
			    t[i].offset < at ? "it overlaps the one before" : "there is a gap");
		at += t[i].bytes;
		if (at > f->size)
			die("'%s' is truncated: tensor '%s' ends at byte %llu, the file has %llu", f->path, t[i].name, (unsigned long long)at,
			    (unsigned long long)f->size);
	}
	if (at != f->size)
		die("'%s': the tensors end at byte %llu, but the file has %llu", f->path, (unsigned long long)at,
		    (unsigned long long)f->size);
}

static struct st_tensor *tensor_add(struct st *s)
{
	if (s->n == s->room) {
		if (s->room > INT32_MAX / 2)
			die("'%s': too many tensors", s->path);
		s->room = s->room ? 2 * s->room : 64;
		s->tensor = xrealloc(s->tensor, (size_t)s->room * sizeof(*s->tensor));
	}
	return &s->tensor[s->n++];
}

/* Appends the tensors of s->file[file]. */
static void add_tensors(struct st *s, int file)
{
	const struct shard *f = &s->file[file];
	uint64_t data_start;
	json_t *o = header_load(f, &data_start);
	const char *name;
	json_t *entry;
	int first = s->n;
	json_object_foreach(o, name, entry) {
		if (!json_is_object(entry))
			die("'%s': header entry '%s': expected an object", f->path, name);
		if (strcmp(name, "__metadata__") == 0)
			continue;
		if (strlen(name) > NAME_MAX_BYTES)
			die("'%s': a tensor's name has %zu bytes (limit %d)", f->path, strlen(name), NAME_MAX_BYTES);
		struct st_tensor *t = tensor_add(s);
		*t = (struct st_tensor){.name = xstrdup(name), .file = file};
		read_entry(f, t, entry, data_start);
	}
	json_decref(o);
	check_layout(f, s->tensor ? s->tensor + first : NULL, s->n - first, data_start);
}

/* ---- One file, or an index and its shards ---- */

static void open_single(struct st *s, const char *file)
{
	s->file = xcalloc(1, sizeof(*s->file));
	s->file[0] = shard_open(file);
	s->nfiles = 1;
	add_tensors(s, 0);
	if (s->n > 0)
		qsort(s->tensor, (size_t)s->n, sizeof(*s->tensor), by_name);
}

/* Index of the shard DIR/NAME, opened if it is new. */
static int shard_add(struct st *s, const char *dir, const char *index, const char *name)
{
	if (strchr(name, '/') || name[0] == '.' || !ends_with(name, ".safetensors"))
		die("'%s': weight_map: expected the plain name of a .safetensors file of the same folder, found '%.200s'", index, name);
	char *path = xformat("%s/%s", dir, name);
	for (int i = s->nfiles - 1; i >= 0; i--) {
		if (strcmp(s->file[i].path, path) == 0) {
			free(path);
			return i;
		}
	}
	s->file = xrealloc(s->file, ((size_t)s->nfiles + 1) * sizeof(*s->file));
	s->file[s->nfiles] = shard_open(path);
	free(path);
	return s->nfiles++;
}

/* Every name of the index is in the shard that it names, and every tensor of the shards is in the index. */
static void check_index(const struct st *s, const char *index, const json_t *map, const int *shard)
{
	const char *name;
	json_t *value;
	int i = 0;
	for (int k = 1; k < s->n; k++)
		if (strcmp(s->tensor[k - 1].name, s->tensor[k].name) == 0)
			die("'%s': tensor '%s' is in two shards, '%s' and '%s'", index, s->tensor[k].name, s->file[s->tensor[k - 1].file].path,
			    s->file[s->tensor[k].file].path);
	json_object_foreach((json_t *)map, name, value) {
		const struct st_tensor *t = st_find(s, name);
		if (!t || t->file != shard[i])
			die("'%s' says that tensor '%s' is in '%s', but it is not", index, name, s->file[shard[i]].path);
		i++;
	}
	for (int k = 0; k < s->n; k++)
		if (!json_object_get(map, s->tensor[k].name))
			die("'%s' does not list tensor '%s' of '%s'", index, s->tensor[k].name, s->file[s->tensor[k].file].path);
}

static void open_index(struct st *s, const char *dir, const char *index)
{
	json_t *o = jsonx_load(index, HEADER_MAX), *value;
	const json_t *map = json_object_get(o, "weight_map");
	const char *name;
	int i = 0;
	if (!json_is_object(map) || json_object_size(map) == 0)
		die("'%s': weight_map: expected an object of tensor names and file names", index);
	int *shard = xarray(json_object_size(map), sizeof(*shard));
	json_object_foreach((json_t *)map, name, value) {
		if (!json_is_string(value))
			die("'%s': weight_map: '%s': expected a file name", index, name);
		shard[i++] = shard_add(s, dir, index, json_string_value(value));
	}
	for (int f = 0; f < s->nfiles; f++)
		add_tensors(s, f);
	if (s->n > 0)
		qsort(s->tensor, (size_t)s->n, sizeof(*s->tensor), by_name);
	check_index(s, index, map, shard);
	free(shard);
	json_decref(o);
}

static bool is_pickle(const char *name)
{
	return ends_with(name, ".bin") || ends_with(name, ".pth") || ends_with(name, ".pt") || ends_with(name, ".ckpt");
}

/* There is no safetensors file where one was asked for: says so, and why a pickle file beside it will not do. */
static _Noreturn void die_missing(const char *dir, const char *wanted)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	if (!d)
		die("cannot open '%s': %s", dir, strerror(errno));
	while ((e = readdir(d)))
		if (is_pickle(e->d_name))
			die("'%s' has no %s, and pickle files such as its '%s' are not read, because unpickling runs code from the file; convert it "
			    "in Python: save_pretrained(folder, safe_serialization=True)", dir, wanted, e->d_name);
	closedir(d);
	die("'%s' has no %s", dir, wanted);
}

static void open_folder(struct st *s, const char *dir)
{
	char *single = xformat("%s/model.safetensors", dir);
	char *index = xformat("%s/model.safetensors.index.json", dir);
	if (access(single, F_OK) == 0)
		open_single(s, single);
	else if (access(index, F_OK) == 0)
		open_index(s, dir, index);
	else
		die_missing(dir, "model.safetensors or model.safetensors.index.json");
	free(single);
	free(index);
}

/* A missing file may have a pickle beside it. */
static _Noreturn void die_missing_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		die_missing(".", path);
	char *dir = xstrdup(path);
	dir[slash == path ? 1 : slash - path] = '\0';
	die_missing(dir, slash + 1);
}

struct st *st_open(const char *path)
{
	struct stat sb;
	struct st *s = xcalloc(1, sizeof(*s));
	s->path = xstrdup(path);
	if (stat(path, &sb) != 0) {
		if (errno == ENOENT && ends_with(path, ".safetensors"))
			die_missing_file(path);
		die("cannot open '%s': %s", path, strerror(errno));
	}
	if (S_ISDIR(sb.st_mode))
		open_folder(s, path);
	else if (is_pickle(path))
		die("'%s': pickle files are not read, because unpickling runs code from the file; expected safetensors", path);
	else
		open_single(s, path);
	return s;
}

void st_close(struct st *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n; i++)
		free((char *)s->tensor[i].name);
	for (int i = 0; i < s->nfiles; i++) {
		close(s->file[i].fd);
		free(s->file[i].path);
	}
	free(s->tensor);
	free(s->file);
	free(s->path);
	free(s);
}

/* ---- Tensors ---- */

int st_count(const struct st *s)
{
	return s->n;
}

const struct st_tensor *st_at(const struct st *s, int i)
{
	BUG_IF(i < 0 || i >= s->n);
	return &s->tensor[i];
}

const struct st_tensor *st_find(const struct st *s, const char *name)
{
	const struct st_tensor key = {.name = name};
	return s->n ? bsearch(&key, s->tensor, (size_t)s->n, sizeof(*s->tensor), by_name) : NULL;
}

const struct st_tensor *st_need(const struct st *s, const char *name, size_t rows, size_t cols)
{
	const struct st_tensor *t = st_find(s, name);
	size_t want[MAX_DIM] = {rows, cols, 1, 1};
	int ndim = cols ? 2 : 1;
	char found[SHAPE_TEXT], expected[SHAPE_TEXT];
	shape_text(want, ndim, expected);
	if (!t)
		die("'%s': missing tensor '%s' of shape %s", s->path, name, expected);
	if (t->ndim != ndim || t->dim[0] != rows || (cols && t->dim[1] != cols))
		die("'%s': tensor '%s': expected shape %s, found %s", st_file(s, t), name, expected, shape_text(t->dim, t->ndim, found));
	return t;
}

const char *st_file(const struct st *s, const struct st_tensor *t)
{
	return s->file[t->file].path;
}

/* ---- Elements ---- */

static inline uint32_t f32_bits(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof(u));
	return u;
}

static inline float f32_of_bits(uint32_t u)
{
	float x;
	memcpy(&x, &u, sizeof(x));
	return x;
}

/* IEEE half: sign 1, exponent 5 (bias 15), fraction 10. Moved to float's places the exponent is 127 - 15 = 112 too small; the
 * all-ones exponent (infinity, NaN) needs as much again. Below 2^-14 the value is fraction × 2^-24: exactly 2^-14 (1 + fraction/2^10)
 * - 2^-14, which never goes through a float subnormal and so does not depend on the flush-to-zero mode. Selection by mask: with a
 * branch the loop is not vectorised. */
static inline float f32_of_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, em = h & 0x7fff;
	uint32_t is_special = 0u - (em >= 0x7c00), is_small = 0u - (em < 0x400);
	uint32_t bits = (em << 13) + (112u << 23) + (is_special & 112u << 23);
	uint32_t small = f32_bits(f32_of_bits((em << 13) + (113u << 23)) - 0x1p-14f);
	return f32_of_bits(sign | (small & is_small) | (bits & ~is_small));
}

static void convert_f16(float *restrict dst, const uint16_t *restrict src)
{
	for (int i = 0; i < BLOCK; i++)
		dst[i] = f32_of_f16(src[i]);
}

static void convert_bf16(float *restrict dst, const uint16_t *restrict src)
{
	for (int i = 0; i < BLOCK; i++)
		dst[i] = f32_of_bits((uint32_t)src[i] << 16);
}

static void convert(float *dst, const uint16_t *src, size_t n, enum st_dtype dtype)
{
	void (*block)(float *restrict, const uint16_t *restrict) = dtype == ST_F16 ? convert_f16 : convert_bf16;
	size_t whole = n / BLOCK * BLOCK;
	for (size_t i = 0; i < whole; i += BLOCK)
		block(dst + i, src + i);
	if (whole < n) {
		uint16_t in[BLOCK] = {0};
		float out[BLOCK];
		memcpy(in, src + whole, (n - whole) * sizeof(*in));
		block(out, in);
		memcpy(dst + whole, out, (n - whole) * sizeof(*out));
	}
}

static inline bool is_finite(float x)
{
	return (f32_bits(x) & 0x7f800000u) != 0x7f800000u;
}

/* Index of the first NaN or infinity, or n. */
static size_t first_nonfinite(const float *x, size_t n)
{
	size_t i = 0;
	for (; i + BLOCK <= n; i += BLOCK) {
		uint32_t bad = 0;
		for (int k = 0; k < BLOCK; k++)
			bad |= (f32_bits(x[i + (size_t)k]) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
		if (bad)
			break;
	}
	while (i < n && is_finite(x[i]))
		i++;
	return i;
}

void st_read(const struct st *s, const struct st_tensor *t, size_t first, size_t n, float *dst)
{
	if (t->dtype == ST_OTHER)
		die("'%s': tensor '%s': expected F32, F16 or BF16, found another type", st_file(s, t), t->name);
	size_t size = t->dtype == ST_F32 ? 4 : 2, total = t->bytes / size, piece = PIECE / size;
	BUG_IF(first > total || n > total - first);

#pragma omp parallel for schedule(static)
	for (size_t done = 0; done < n; done += piece) {
		size_t k = n - done < piece ? n - done : piece;
		uint16_t *half = size == 2 ? xarray(k, sizeof(*half)) : NULL;
		read_bytes(&s->file[t->file], half ? (void *)half : (void *)(dst + done), k * size, t->offset + (uint64_t)(first + done) * size);
		if (half)
			convert(dst + done, half, k, t->dtype);
		free(half);
		size_t bad = first_nonfinite(dst + done, k);
		if (bad < k)
			die("'%s': tensor '%s': element %zu is %s", st_file(s, t), t->name, first + done + bad,
			    dst[done + bad] != dst[done + bad] ? "NaN" : "infinite");
	}
}

/* ---- Writing ---- */

struct st_out {
	char *target, *path;
	int fd;
	json_t *header;
	uint64_t declared, written; /* bytes of data */
	bool started;               /* the header is in the file */
};

static void write_bytes(const struct st_out *o, const void *src, size_t n)
{
	const char *p = src;
	while (n > 0) {
		ssize_t k = write(o->fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("cannot write '%s': %s", o->target, strerror(errno));
		p += k;
		n -= (size_t)k;
	}
}

struct st_out *st_create(const char *target)
{
	struct st_out *o = xcalloc(1, sizeof(*o));
	o->target = xstrdup(target);
	o->path = xstrdup(out_begin(target));
	o->fd = open(o->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (o->fd < 0)
		die("cannot write '%s': %s", o->path, strerror(errno));
	o->header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
	if (!o->header)
		die("cannot write '%s': out of memory", target);
	return o;
}

void st_declare(struct st_out *o, const char *name, size_t rows, size_t cols)
{
	uint64_t bytes;
	BUG_IF(o->started);
	if (json_object_get(o->header, name))
		BUG("tensor '%s' declared twice", name);
	if (__builtin_mul_overflow((uint64_t)rows, (uint64_t)(cols ? cols : 1) * sizeof(float), &bytes) ||
	    bytes > INT64_MAX - o->declared)
		BUG("tensor '%s' is too large", name);
	json_int_t begin = (json_int_t)o->declared, end = (json_int_t)(o->declared + bytes);
	json_t *shape = cols ? json_pack("[I,I]", (json_int_t)rows, (json_int_t)cols) : json_pack("[I]", (json_int_t)rows);
	json_t *entry = json_pack("{s:s,s:o,s:[I,I]}", "dtype", "F32", "shape", shape, "data_offsets", begin, end);
	if (!entry || json_object_set_new(o->header, name, entry) != 0)
		die("cannot write '%s': tensor '%s': its name is not UTF-8, or memory ran out", o->target, name);
	o->declared += bytes;
}

/* Length, JSON, and spaces up to a multiple of 8, so that the data are aligned. */
static void write_header(struct st_out *o)
{
	char *text = json_dumps(o->header, JSON_COMPACT);
	if (!text)
		die("cannot write '%s': out of memory", o->target);
	size_t n = strlen(text), padded = (n + 7) / 8 * 8;
	BUG_IF(padded > HEADER_MAX);
	unsigned char head[8];
	for (int i = 0; i < 8; i++)
		head[i] = (unsigned char)((uint64_t)padded >> (8 * i));
	write_bytes(o, head, sizeof(head));
	write_bytes(o, text, n);
	write_bytes(o, "        ", padded - n);
	free(text);
	o->started = true;
}

void st_write(struct st_out *o, const float *data, size_t n)
{
	if (!o->started)
		write_header(o);
	if (n > (o->declared - o->written) / sizeof(float))
		BUG("more elements written than declared: '%s'", o->target);
	write_bytes(o, data, n * sizeof(float));
	o->written += (uint64_t)n * sizeof(float);
}

void st_commit(struct st_out *o)
{
	if (!o->started)
		write_header(o);
	if (o->written != o->declared)
		BUG("fewer elements written than declared: '%s'", o->target);
	if (close(o->fd) != 0)
		die("cannot write '%s': %s", o->target, strerror(errno));
	out_commit(o->target);
	json_decref(o->header);
	free(o->path);
	free(o->target);
	free(o);
}
