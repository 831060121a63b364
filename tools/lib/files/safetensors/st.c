/* st.c: a safetensors file's tensors and their elements; see st.h.
 *
 * After st_open() every [offset, offset + bytes) lies in its file. A read that ends early means
 * that the file was cut in the meantime. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "base/threads.h"
#include "files/safetensors/st_private.h"

enum {
	BLOCK = 64, /* elements that are converted and checked at once; a fixed number, so that -O2
		       vectorises the loop */
	COMPARED = 1 << 15, /* elements that are compared at once; different tensors mostly differ
			       in the first few */
	PIECE = 1 << 18, /* bytes per pread; they are still in the second-level cache when they are
			    converted and checked */
};

const char *st_shape_text(const size_t *dim, int ndim, char *buf)
{
	size_t used = (size_t)snprintf(buf, SHAPE_TEXT, "(");
	for (int i = 0; i < ndim; i++)
		used += (size_t)snprintf(buf + used, SHAPE_TEXT - used, "%s%zu", i ? ", " : "",
					 dim[i]);
	snprintf(buf + used, SHAPE_TEXT - used, ")");
	return buf;
}

void st_read_bytes(const struct shard *f, void *dst, size_t n, uint64_t offset)
{
	char *p = dst;
	while (n > 0) {
		ssize_t k = pread(f->fd, p, n, (off_t)offset);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("cannot read '%s': %s", f->path, strerror(errno));
		if (k == 0)
			die("'%s' was cut while it was read: %zu bytes are missing at byte %llu",
			    f->path, n, (unsigned long long)offset);
		p += k;
		n -= (size_t)k;
		offset += (uint64_t)k;
	}
}

int st_by_name(const void *a, const void *b)
{
	return strcmp(((const struct st_tensor *)a)->name, ((const struct st_tensor *)b)->name);
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
	return s->n ? bsearch(&key, s->tensor, (size_t)s->n, sizeof(*s->tensor), st_by_name) : NULL;
}

const struct st_tensor *st_need(const struct st *s, const char *name, size_t rows, size_t cols)
{
	const struct st_tensor *t = st_find(s, name);
	size_t want[MAX_DIM] = {rows, cols, 1, 1};
	int ndim = cols ? 2 : 1;
	char found[SHAPE_TEXT], expected[SHAPE_TEXT];
	st_shape_text(want, ndim, expected);
	if (!t)
		die("'%s': missing tensor '%s' of shape %s", s->path, name, expected);
	if (t->ndim != ndim || t->dim[0] != rows || (cols && t->dim[1] != cols))
		die("'%s': tensor '%s': expected shape %s, found %s", st_file(s, t), name, expected,
		    st_shape_text(t->dim, t->ndim, found));
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

/* IEEE half: sign 1, exponent 5 (bias 15), fraction 10. Moved to float's place the exponent is 127
 * - 15 = 112 too small. The all-ones exponent (infinity, NaN) needs another 112. Below 2^-14 the
 * value is fraction × 2^-24. This is exactly 2^-14 (1 + fraction/2^10) - 2^-14, which uses no float
 * subnormal and so does not depend on the flush-to-zero mode. Masks select the case, because a
 * branch would prevent vectorisation. */
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
	void (*block)(float *restrict, const uint16_t *restrict) =
		dtype == ST_F16 ? convert_f16 : convert_bf16;
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
		die("'%s': tensor '%s': expected F32, F16 or BF16, found %s", st_file(s, t),
		    t->name, t->type);
	size_t size = t->dtype == ST_F32 ? 4 : 2, total = t->bytes / size, piece = PIECE / size;
	BUG_IF(first > total || n > total - first);

#pragma omp parallel for num_threads(n > piece ? threads_for(0.3 * (double)(n * size)) : 1) \
	schedule(static)
	for (size_t done = 0; done < n; done += piece) {
		size_t k = n - done < piece ? n - done : piece;
		uint16_t *half = size == 2 ? xarray(k, sizeof(*half)) : NULL;
		st_read_bytes(&s->file[t->file], half ? (void *)half : (void *)(dst + done),
			      k * size, t->offset + (uint64_t)(first + done) * size);
		if (half)
			convert(dst + done, half, k, t->dtype);
		free(half);
		size_t bad = first_nonfinite(dst + done, k);
		if (bad < k)
			die("'%s': tensor '%s': element %zu is %s", st_file(s, t), t->name,
			    first + done + bad,
			    dst[done + bad] != dst[done + bad] ? "NaN" : "infinite");
	}
}

static size_t first_unequal(const float *x, const float *y, size_t n)
{
	size_t i = 0;
	while (i < n && x[i] == y[i])
		i++;
	return i;
}

size_t st_first_difference(const struct st *s, const struct st_tensor *a, const struct st_tensor *b,
			   size_t first, size_t n)
{
	size_t room = n < COMPARED ? n : COMPARED, end = first + n, same = room;
	float *x = xarray(room, sizeof(*x)), *y = xarray(room, sizeof(*y));
	for (; first < end && same == room; first += same) {
		size_t k = end - first < room ? end - first : room;
		st_read(s, a, first, k, x);
		st_read(s, b, first, k, y);
		same = first_unequal(x, y, k);
		room = k; /* the last piece is short */
	}
	free(x);
	free(y);
	return first;
}
