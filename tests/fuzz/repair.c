/* repair.c: see repair.h. After the HDF5 File Format Specification, version 3.0. It looks for what
 * the library writes with 8-byte addresses. Nothing that it finds is believed: a span must lie in
 * the file. */
#include "repair.h"

#include <string.h>

/* A function of the HDF5 library, which exports it but does not declare it. */
extern uint32_t H5_checksum_metadata(const void *data, size_t n, uint32_t seed);
extern uint32_t H5_checksum_fletcher32(const void *data, size_t n);

struct file {
	const uint8_t *p;
	size_t n;
	struct span *span;
	int nspans, max;
};

static uint64_t get(const struct file *f, size_t at, int bytes)
{
	uint64_t v = 0;

	for (int i = bytes - 1; i >= 0; i--)
		v = v << 8 | (at + (size_t)i < f->n ? f->p[at + (size_t)i] : 0);
	return v;
}

static int is(const struct file *f, size_t at, const char *signature)
{
	return at < f->n && f->n - at >= 4 && !memcmp(f->p + at, signature, 4);
}

static void add(struct file *f, size_t at, size_t n, size_t sum, int fletcher)
{
	if (f->nspans < f->max && at <= f->n && n <= f->n - at && n > 4 && sum >= at &&
	    sum + 4 <= at + n)
		f->span[f->nspans++] = (struct span){at, n, sum, fletcher};
}

/* A block whose last four bytes are its checksum; n does not count them. */
static void block(struct file *f, size_t at, size_t n)
{
	if (n <= f->n)
		add(f, at, n + 4, at + n, 0);
}

static void chunk(struct file *f, uint64_t at, uint64_t n)
{
	if (at < f->n && n <= f->n && n > 4)
		add(f, (size_t)at, (size_t)n, (size_t)(at + n) - 4, 1);
}

/* Header and data block; entries of chunks with filters: address, bytes, mask. */
static void fixed_array(struct file *f, size_t at)
{
	size_t entry = (size_t)get(f, at + 6, 1), n = (size_t)get(f, at + 8, 8),
	       data = (size_t)get(f, at + 16, 8);

	block(f, at, 24);
	if (!is(f, data, "FADB") || n > 65536)
		return;
	block(f, data, 14 + n * entry);
	for (size_t i = 0; i < n && entry > 12; i++)
		chunk(f, get(f, data + 14 + i * entry, 8),
		      get(f, data + 22 + i * entry, entry - 12 < 8 ? (int)entry - 12 : 8));
}

/* Chunked, version 4: a single chunk with a filter has its size here, several have an index. */
static void layout(struct file *f, size_t at)
{
	size_t ndims = (size_t)get(f, at + 3, 1),
	       index = at + 5 + ndims * (size_t)get(f, at + 4, 1);

	if (get(f, at, 1) != 4 || get(f, at + 1, 1) != 2)
		return;
	if (get(f, index, 1) == 1 && get(f, at + 2, 1) & 2)
		chunk(f, get(f, index + 13, 8), get(f, index + 1, 8));
}

enum { LAYOUT = 0x08, CONTINUATION = 0x10 };

/* Messages of [at, end): layouts and continuations. */
static void messages(struct file *f, size_t at, size_t end, int flags, int depth)
{
	size_t head = flags & 4 ? 6 : 4;

	while (at + head < end && end <= f->n) {
		size_t n = (size_t)get(f, at + 1, 2), body = at + head;

		if (get(f, at, 1) == LAYOUT)
			layout(f, body);
		if (get(f, at, 1) == CONTINUATION && depth < 8) {
			size_t more = (size_t)get(f, body, 8), bytes = (size_t)get(f, body + 8, 8);

			if (is(f, more, "OCHK") && bytes > 8 && bytes <= f->n) {
				block(f, more, bytes - 4);
				messages(f, more + 4, more + bytes - 4, flags, depth + 1);
			}
		}
		at = body + n;
	}
}

static void object(struct file *f, size_t at)
{
	int flags = (int)get(f, at + 5, 1), width = 1 << (flags & 3);
	size_t start = at + 6 + (flags & 32 ? 16 : 0) + (flags & 16 ? 4 : 0),
	       n = (size_t)get(f, start, width);

	start += (size_t)width;
	if (n > f->n)
		return;
	block(f, at, start + n - at);
	messages(f, start, start + n, flags, 0);
}

/* The header, and the block that is all of a small heap. Its checksum precedes its contents. */
static void heap(struct file *f, size_t at)
{
	size_t root = (size_t)get(f, at + 132, 8), size = (size_t)get(f, at + 112, 8),
	       offset = ((size_t)get(f, at + 128, 2) + 7) / 8;

	block(f, at, 142);
	if (get(f, at + 9, 1) & 2 && is(f, root, "FHDB"))
		add(f, root, size, root + 13 + offset, 0);
}

static void tree(struct file *f, size_t at)
{
	size_t record = (size_t)get(f, at + 10, 2), root = (size_t)get(f, at + 16, 8),
	       n = (size_t)get(f, at + 24, 2);

	block(f, at, 34);
	if (is(f, root, "BTLF"))
		block(f, root, 6 + n * record);
}

int spans_find(const uint8_t *data, size_t n, struct span *s, int max)
{
	static const struct {
		const char *signature;
		void (*found)(struct file *f, size_t at);
	} kinds[] = {{"OHDR", object}, {"FRHP", heap}, {"BTHD", tree}, {"FAHD", fixed_array}};
	struct file f = {data, n, s, 0, max};

	if (n > 48 && data[8] >= 2)
		block(&f, 0, 44);
	for (size_t at = 0; at + 4 <= n; at++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
			if (is(&f, at, kinds[k].signature))
				kinds[k].found(&f, at);
	return f.nspans;
}

void spans_repair(uint8_t *data, const struct span *s, int n)
{
	for (int i = 0; i < n; i++) {
		uint8_t *sum = data + s[i].sum;
		uint32_t v;

		memset(sum, 0, 4); /* zero, as when a heap block's checksum was computed; other
				      blocks end before theirs */
		if (s[i].fletcher)
			v = H5_checksum_fletcher32(data + s[i].at, s[i].n - 4);
		else
			v = H5_checksum_metadata(
				data + s[i].at,
				s[i].sum + 4 == s[i].at + s[i].n ? s[i].n - 4 : s[i].n, 0);
		for (int k = 0; k < 4; k++)
			sum[k] = (uint8_t)(v >> 8 * k);
	}
}
