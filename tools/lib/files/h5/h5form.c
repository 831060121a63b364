/* h5form.c: see h5form.h. Structures and messages have the names of the HDF5 File Format
 * Specification, version 3.0.
 *
 * Every block of metadata is claimed before it is read. It must lie in the file, have its
 * signature, and overlap no other block: two readings of the same bytes are how the library gets
 * confused. All claimed blocks together are no larger than the file, which bounds memory and
 * time. */
#include "files/h5/h5form.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"

enum { SUPERBLOCK = 48, MAX_OBJECTS = 1 << 16, MAX_LAYOUT = 64, PAGE_BITS = 10 };
static const uint64_t UNDEFINED = UINT64_MAX;

struct file_span {
	uint64_t at, n;
};

struct form {
	const char *path;
	int fd;
	uint64_t size, claimed;
	struct file_span *span;
	int nspans, room;
	uint64_t *object; /* addresses of object headers; each occurs once */
	int nobjects;
};

_Noreturn static void bad(const struct form *f, uint64_t at, const char *what)
{
	die("'%s' is damaged: %s at byte %" PRIu64, f->path, what, at);
}

static uint64_t get(const unsigned char *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void peek(const struct form *f, uint64_t at, size_t n, unsigned char *p)
{
	ssize_t k;

	if (at > f->size || n > f->size - at)
		bad(f, at, "a block beyond the end");
	while ((k = pread(f->fd, p, n, (off_t)at)) < 0 && errno == EINTR)
		;
	if (k < 0)
		die("cannot read '%s': %s", f->path, strerror(errno));
	if ((size_t)k != n)
		bad(f, at, "the end comes too early");
}

static void claim(struct form *f, uint64_t at, uint64_t n)
{
	if (at > f->size || n > f->size - at || n > f->size - f->claimed)
		bad(f, at, "a block beyond the end");
	if (f->nspans == f->room) {
		f->room = f->room ? 2 * f->room : 256;
		f->span = xrealloc(f->span, (size_t)f->room * sizeof(*f->span));
	}
	f->span[f->nspans++] = (struct file_span){at, n};
	f->claimed += n;
}

/* Claims and reads a block, allocated. It is at least as long as its signature, which may be
 * NULL. */
static unsigned char *claim_block(struct form *f, uint64_t at, uint64_t n, const char *signature)
{
	unsigned char *p;

	claim(f, at, n);
	p = xmalloc(n);
	peek(f, at, n, p);
	if (signature && (n < 4 || memcmp(p, signature, 4)))
		bad(f, at, "a block without its signature");
	return p;
}

static int by_place(const void *a, const void *b)
{
	const struct file_span *s = a, *t = b;

	return s->at < t->at ? -1 : s->at > t->at;
}

static void check_overlaps(struct form *f)
{
	qsort(f->span, (size_t)f->nspans, sizeof(*f->span), by_place);
	for (int i = 1; i < f->nspans; i++)
		if (f->span[i].at - f->span[i - 1].at < f->span[i - 1].n)
			bad(f, f->span[i].at, "two blocks in one place");
}

static void add_object(struct form *f, uint64_t at)
{
	for (int i = 0; i < f->nobjects; i++)
		if (f->object[i] == at)
			return;
	if (f->nobjects == MAX_OBJECTS)
		bad(f, at, "too many objects");
	if (!(f->nobjects & (f->nobjects - 1))) /* room is the next power of two */
		f->object = xrealloc(f->object, (f->nobjects ? 2 * (size_t)f->nobjects : 1) *
							sizeof(*f->object));
	f->object[f->nobjects++] = at;
}

/* ------------------------------------------------------------ messages
 *
 * Each handler gets the body of a message, and says whether h5 could have written it. */

struct object {
	struct form *f;
	unsigned seen; /* bits: the kinds of messages so far */
	int rank;
	uint64_t dims[2], element; /* bytes of an element */
	unsigned char layout[MAX_LAYOUT];
	size_t nlayout;
	struct file_span *more; /* continuation blocks */
	int nmore;
};

static const struct {
	const char *bytes;
	size_t n, element;
} types[] = {
	{"\x10\x08\0\0\x08\0\0\0\0\0\x40\0", 12, 8}, /* int64: attributes */
	{"\x10\x08\0\0\x04\0\0\0\0\0\x20\0", 12, 4}, /* int32 */
	{"\x11\x20\x3f\0\x08\0\0\0\0\0\x40\0\x34\x0b\0\x34\xff\x03\0\0", 20, 8}, /* float64 */
	{"\x11\x20\x1f\0\x04\0\0\0\0\0\x20\0\x17\x08\0\x17\x7f\0\0\0", 20, 4},   /* float32 */
	{"\x11\x20\x0f\0\x02\0\0\0\0\0\x10\0\x0a\x05\0\x0a\x0f\0\0\0", 20, 2},   /* float16 */
};

/* Bytes of an element of this type; 0: it is none of our types. */
static uint64_t type_size(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (n == types[i].n && !memcmp(p, types[i].bytes, n))
			return types[i].element;
	return 0;
}

static bool is(const unsigned char *p, size_t n, const char *bytes, size_t want)
{
	return n == want && !memcmp(p, bytes, n);
}

static bool nil(struct object *o, const unsigned char *p, size_t n)
{
	(void)o, (void)p, (void)n;
	return true;
}

static bool dataspace(struct object *o, const unsigned char *p, size_t n)
{
	int rank = n > 4 ? p[1] : 0;

	if ((rank != 1 && rank != 2) || n != 4 + 16 * (size_t)rank || p[0] != 2 || p[2] != 1 ||
	    p[3] != 1)
		return false;
	o->rank = rank;
	o->dims[1] = 1;
	for (int i = 0; i < rank; i++)
		o->dims[i] = get(p + 4 + 8 * i, 8);
	return !memcmp(p + 4, p + 4 + 8 * rank, 8 * (size_t)rank); /* of fixed size */
}

/* No members and no flags. No order of creation, no heap, no trees. */
static bool in_header_only(struct object *o, const unsigned char *p, size_t n)
{
	(void)o;
	return is(p, n, "\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 18);
}

static bool datatype(struct object *o, const unsigned char *p, size_t n)
{
	return (o->element = type_size(p, n)) != 0;
}

static bool fill_value(struct object *o, const unsigned char *p, size_t n)
{
	(void)o;
	return is(p, n, "\3\5", 2); /* all space at once, no fill value written */
}

static bool link_message(struct object *o, const unsigned char *p, size_t n)
{
	if (n < 12 || p[0] != 1 || p[1] != 0 || n != 11 + (size_t)p[2] ||
	    memchr(p + 3, '/', p[2]) || memchr(p + 3, 0, p[2]))
		return false;
	add_object(o->f, get(p + 3 + p[2], 8));
	return true;
}

static bool layout(struct object *o, const unsigned char *p, size_t n)
{
	if (n > MAX_LAYOUT)
		return false;
	memcpy(o->layout, p, n); /* checked when the shape is known */
	o->nlayout = n;
	return true;
}

static bool group_info(struct object *o, const unsigned char *p, size_t n)
{
	(void)o;
	return is(p, n, "\0\1\xff\xff\0\0", 6);
}

static bool filters(struct object *o, const unsigned char *p, size_t n)
{
	(void)o;
	return is(p, n, "\2\1\3\0\0\0\0\0", 8); /* fletcher32, not optional */
}

/* A scalar: a 64-bit number, or a UTF-8 string of fixed length that ends with 0. */
static bool attribute(struct object *o, const unsigned char *p, size_t n)
{
	size_t name = n > 9 ? (size_t)get(p + 2, 2) : 0, type = n > 9 ? (size_t)get(p + 4, 2) : 0,
	       value;

	(void)o;
	if (name < 2 || 9 + name + type + 4 > n || p[0] != 3 || p[1] != 0 || get(p + 6, 2) != 4 ||
	    p[8] != 0)
		return false;
	if (memchr(p + 9, 0, name) != p + 9 + name - 1 ||
	    memcmp(p + 9 + name + type, "\2\0\0\0", 4))
		return false;
	if (type == 8)
		value = memcmp(p + 9 + name, "\x13\x10\0\0", 4) ? 0
								: (size_t)get(p + 9 + name + 4, 4);
	else
		value = (size_t)type_size(p + 9 + name, type);
	return value && n == 9 + name + type + 4 + value && (type == 8 || value == 8);
}

static bool continuation(struct object *o, const unsigned char *p, size_t n)
{
	if (n != 16)
		return false;
	if (!(o->nmore & (o->nmore - 1)))
		o->more =
			xrealloc(o->more, (o->nmore ? 2 * (size_t)o->nmore : 1) * sizeof(*o->more));
	o->more[o->nmore++] = (struct file_span){get(p, 8), get(p + 8, 8)};
	return true;
}

static bool reference_count(struct object *o, const unsigned char *p, size_t n)
{
	(void)o;
	return n == 5 && p[0] == 0;
}

enum {
	NIL = 0,
	DATASPACE = 1,
	LINK_INFO = 2,
	DATATYPE = 3,
	FILL = 5,
	LINK = 6,
	LAYOUT = 8,
	GROUP_INFO = 10,
	FILTERS = 11,
	ATTRIBUTE = 12,
	CONTINUATION = 16,
	ATTRIBUTE_INFO = 21,
	REFERENCES = 22,
	KINDS
};

static const struct {
	bool (*fits)(struct object *o, const unsigned char *body, size_t n);
	unsigned char flags;
	bool many;
} kinds[KINDS] = {
	[NIL] = {nil, 0, true},
	[DATASPACE] = {dataspace, 0, false},
	[LINK_INFO] = {in_header_only, 0, false},
	[DATATYPE] = {datatype, 1, false},
	[FILL] = {fill_value, 1, false},
	[LINK] = {link_message, 0, true},
	[LAYOUT] = {layout, 0, false},
	[GROUP_INFO] = {group_info, 1, false},
	[FILTERS] = {filters, 1, false},
	[ATTRIBUTE] = {attribute, 0, true},
	[CONTINUATION] = {continuation, 0, true},
	[ATTRIBUTE_INFO] = {in_header_only, 4, false},
	[REFERENCES] = {reference_count, 4, false},
};

/* `at`: the address of p in the file. A rest that is too short for a message is a gap. */
static void check_messages(struct object *o, const unsigned char *p, uint64_t n, uint64_t at)
{
	while (n >= 4) {
		unsigned kind = p[0];
		size_t body = (size_t)get(p + 1, 2);

		if (kind >= KINDS || !kinds[kind].fits || p[3] != kinds[kind].flags ||
		    (!kinds[kind].many && o->seen & 1u << kind))
			bad(o->f, at, "an unexpected header message");
		if (body > n - 4 || !kinds[kind].fits(o, p + 4, body))
			bad(o->f, at, "a header message of another form");
		o->seen |= 1u << kind;
		p += 4 + body;
		at += 4 + body;
		n -= 4 + body;
	}
}

/* ------------------------------------------------------------ chunks */

static void check_chunk(struct form *f, const unsigned char *entry, size_t width, uint64_t bytes,
			uint64_t at)
{
	/* The chunk's address, its length with the checksum, and the filters that were skipped:
	 * none. */
	if (get(entry + 8, width) != bytes + 4 || get(entry + 8 + width, 4))
		bad(f, at, "a chunk of another length");
	claim(f, get(entry, 8), bytes + 4);
}

/* Entries of a data block, or of one of its pages. */
static void check_entries(struct form *f, const unsigned char *p, uint64_t n, size_t entry,
			  uint64_t bytes, uint64_t at)
{
	for (uint64_t i = 0; i < n; i++)
		check_chunk(f, p + i * entry, entry - 12, bytes, at);
}

static void check_fixed_array(struct form *f, uint64_t at, uint64_t nchunks, uint64_t bytes)
{
	unsigned char *head = claim_block(f, at, 28, "FAHD"), *p;
	size_t entry = head[6];
	uint64_t data = get(head + 16, 8), page = 1 << PAGE_BITS,
		 npages = (nchunks + page - 1) / page, map = (npages + 7) / 8;
	bool paged = nchunks > page;

	if (head[4] != 0 || head[5] != 1 || entry < 13 || entry > 20 || head[7] != PAGE_BITS ||
	    get(head + 8, 8) != nchunks || nchunks > f->size)
		bad(f, at, "an index of chunks of another form");
	free(head);
	p = claim_block(f, data, 14 + (paged ? map : nchunks * entry) + 4, "FADB");
	if (p[4] != 0 || p[5] != 1 || get(p + 6, 8) != at)
		bad(f, data, "an index of chunks of another form");
	if (!paged)
		check_entries(f, p + 14, nchunks, entry, bytes, data);
	free(p);
	data += 14 + map + 4;
	for (uint64_t i = 0; paged && i < npages; i++) {
		uint64_t n = i + 1 < npages ? page : nchunks - i * page;

		p = claim_block(f, data, n * entry + 4, NULL);
		check_entries(f, p, n, entry, bytes, data);
		free(p);
		data += n * entry + 4;
	}
}

/* Chunks of whole rows. A single chunk has its address here; several have an index; a dataset
 * without chunks has neither. */
static void check_layout(struct object *o, uint64_t at)
{
	const unsigned char *p = o->layout;
	size_t width = p[4], index = 5 + ((size_t)o->rank + 1) * width;
	uint64_t chunk[3] = {0, 1, 0}, bytes, nchunks;

	if (o->nlayout < 5 || p[0] != 4 || p[1] != 2 || p[3] != o->rank + 1 || width < 1 ||
	    width > 8 || index + 10 > o->nlayout)
		bad(o->f, at, "a layout of another form");
	for (int i = 0; i < o->rank; i++)
		chunk[i] = get(p + 5 + (size_t)i * width, width);
	chunk[2] = get(p + 5 + (size_t)o->rank * width, width);
	if (!chunk[0] || !chunk[1] || chunk[1] != o->dims[1] || chunk[2] != o->element ||
	    __builtin_mul_overflow(chunk[0], chunk[1], &bytes) ||
	    __builtin_mul_overflow(bytes, o->element, &bytes) || bytes > UINT32_MAX - 4)
		bad(o->f, at, "chunks of another form");
	nchunks = o->dims[0] / chunk[0] + (o->dims[0] % chunk[0] != 0);
	if (p[index] == 1 && p[2] == 2 && o->nlayout == index + 21 && chunk[0] == o->dims[0]) {
		unsigned char entry[20];

		memcpy(entry, p + index + 13, 8);
		memcpy(entry + 8, p + index + 1, 12);
		check_chunk(o->f, entry, 8, bytes, at);
	} else if (p[index] == 3 && p[2] == 0 && o->nlayout == index + 10 &&
		   p[index + 1] == PAGE_BITS) {
		uint64_t array = get(p + index + 2, 8);

		if (nchunks)
			check_fixed_array(o->f, array, nchunks, bytes);
		else if (array != UNDEFINED)
			bad(o->f, at, "an index of no chunks");
	} else {
		bad(o->f, at, "an index of chunks of another form");
	}
}

/* ------------------------------------------------------------ objects */

static void check_object(struct form *f, uint64_t at)
{
	const unsigned group = 1u << LINK_INFO | 1u << GROUP_INFO,
		       dataset = 1u << DATASPACE | 1u << DATATYPE | 1u << FILL | 1u << LAYOUT |
				 1u << FILTERS;
	struct object o = {.f = f};
	unsigned char head[14], *p;
	size_t start;
	uint64_t n;

	peek(f, at, sizeof(head), head);
	start = 10 + ((size_t)1 << (head[5] & 3));
	n = get(head + 10, start - 10 < 4 ? start - 10 : 4);
	/* Version 2. No times, no order of creation; only the two limits that keep attributes in
	 * the header. */
	if (head[4] != 2 || (head[5] & ~3) != 0x10 || start > 14 ||
	    memcmp(head + 6, "\xff\xff\0\0", 4))
		bad(f, at, "an object header of another form");
	p = claim_block(f, at, start + n + 4, "OHDR");
	check_messages(&o, p + start, n, at + start);
	free(p);
	for (int i = 0; i < o.nmore; i++) {
		struct file_span s = o.more[i];

		if (s.n < 8)
			bad(f, s.at, "a continuation of no length");
		p = claim_block(f, s.at, s.n, "OCHK");
		check_messages(&o, p + 4, s.n - 8, s.at + 4);
		free(p);
	}
	free(o.more);
	if ((o.seen & (group | dataset | 1u << LINK)) == dataset)
		check_layout(&o, at);
	else if ((o.seen & (group | dataset)) != group)
		bad(f, at, "an object that is neither a group nor a dataset");
}

static void check_superblock(struct form *f)
{
	unsigned char p[SUPERBLOCK];

	if (f->size < SUPERBLOCK)
		bad(f, f->size, "truncated");
	peek(f, 0, SUPERBLOCK, p);
	if (p[8] != 3)
		die("'%s' is an HDF5 file of another program: expected superblock version 3, found "
		    "%d",
		    f->path, p[8]);
	if (p[9] != 8 || p[10] != 8 || p[11] != 0 || get(p + 12, 8) != 0 ||
	    get(p + 20, 8) != UNDEFINED)
		bad(f, 8, "a superblock of another form");
	if (get(p + 28, 8) != f->size)
		die("'%s' is damaged: it has %" PRIu64 " bytes, and should have %" PRIu64, f->path,
		    f->size, get(p + 28, 8));
	claim(f, 0, SUPERBLOCK);
	add_object(f, get(p + 36, 8));
}

void h5form_check(const char *path)
{
	struct form f = {.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	struct stat st;

	if (f.fd < 0 || fstat(f.fd, &st))
		die("cannot open '%s': %s", path, strerror(errno));
	f.size = (uint64_t)st.st_size;
	check_superblock(&f);
	for (int i = 0; i < f.nobjects; i++)
		check_object(&f, f.object[i]);
	check_overlaps(&f);
	close(f.fd);
	free(f.span);
	free(f.object);
}
