/* h5.c: the HDF5 files between the stages.
 *
 * Equal data must give equal bytes, in whatever portions and order the rows are written (the portion depends on the batch
 * size). HDF5 places a chunk in the file when it first leaves the cache, so the order of writing would show. Hence early
 * allocation: all chunks of a dataset get their place when the dataset is created. That writes them once with zeros, which
 * costs a copy into the page cache; chunk sizes do not change afterwards (fletcher32 adds 4 bytes, always).
 *
 * The chunk cache of a dataset holds two chunks or more, so that going through the rows in order reads and writes each chunk
 * once; at most MAX_DATASETS datasets of a file are open at a time, which bounds the memory of a file to about 16 MiB
 * unless one row is larger than a chunk.
 *
 * The HDF5 library prints nothing and has no part in exit(): after a failed write it would try again, and print. */
#include "h5.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "h5form.h"
#include "out.h"
#include "sums.h"

enum {
	CHUNK_BYTES = 512 * 1024,  /* a chunk is read whole to get one row of it, and has its own place and checksum */
	CACHE_BYTES = 2048 * 1024, /* per open dataset */
	CACHE_SLOTS = 101,         /* prime, over 10 times the chunks that fit */
	MAX_DATASETS = 8,
	HALF_BUFFER = 64 * 1024,   /* elements converted at a time */
};

struct dataset {
	char *path;
	hid_t id;
	enum h5_type type;
	size_t rows, cols; /* cols 0: rank 1 */
	unsigned long used; /* the file's clock at the last use; 0: free */
};

struct h5 {
	hid_t file;
	char *path; /* the final name, for messages too */
	bool writing;
	unsigned long clock;
	struct dataset open[MAX_DATASETS];
};

/* ------------------------------------------------------------ float16
 *
 * In plain integer arithmetic: 5 GB/s of float32 on a core of an AVX-512 Xeon, several times what a checksummed file takes. */

static uint32_t bits_of(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof(u));
	return u;
}

static float float_of(uint32_t u)
{
	float x;
	memcpy(&x, &u, sizeof(x));
	return x;
}

/* Round to nearest even. Half has 5 exponent bits (bias 15) and 10 of fraction, float 8 (bias 127) and 23. */
static uint16_t half_of(float x)
{
	uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
	if (a > 0x7f800000) /* NaN: quiet, with the upper bits of its payload, as the hardware does */
		return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));
	if (a >= 0x477ff000) /* from 65520 = 65504 + half a step on: infinity */
		return (uint16_t)(sign | 0x7c00);
	if (a < 0x38800000) {
		/* Below 2^-14 the step is 2^-24. 0.5 + |x| has its last bit at 2^-24, so the adder does the rounding. */
		return (uint16_t)(sign | (bits_of(float_of(a) + 0.5f) - 0x3f000000));
	}
	/* Rebias the exponent by 112; add just under half a step, and one more if the kept part is odd. */
	return (uint16_t)(sign | ((a - (112u << 23) + 0xfff + (a >> 13 & 1)) >> 13));
}

static float float_of_half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = h & 0x7fff;
	if (a >= 0x7c00) /* a signalling NaN becomes quiet, as in hardware */
		return float_of(sign | 0x7f800000 | a << 13 | (a > 0x7c00 ? 0x400000 : 0));
	if (a >= 0x0400)
		return float_of(sign | ((a << 13) + (112u << 23)));
	return float_of(sign | bits_of((float)a * 0x1p-24f));
}

static void halves_from_floats(uint16_t *h, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h[i] = half_of(x[i]);
}

static void floats_from_halves(float *x, const uint16_t *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = float_of_half(h[i]);
}

/* ------------------------------------------------------------ errors */

struct reason {
	char text[256]; /* the operating system's words where there are any, else the innermost HDF5 message */
	bool from_system;
	bool damaged; /* a checksum did not agree */
};

static herr_t see_error(unsigned n, const H5E_error2_t *e, void *arg)
{
	static const char mark[] = "error message = '";
	struct reason *r = arg;
	const char *desc = e->desc ? e->desc : "", *words = strstr(desc, mark);
	(void)n;
	if (strstr(desc, "checksum") || strstr(desc, "filter returned failure"))
		r->damaged = true;
	if (words && !r->from_system) {
		words += sizeof(mark) - 1;
		snprintf(r->text, sizeof(r->text), "%.*s", (int)strcspn(words, "'"), words);
		r->from_system = true;
	} else if (!*r->text) {
		snprintf(r->text, sizeof(r->text), "%s", desc);
	}
	return 0;
}

/* Must be the first HDF5 call after the failed one: the next call clears the stack. */
static struct reason reason_now(void)
{
	struct reason r = {.text = ""};
	H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, see_error, &r); /* upward: the innermost comes first */
	if (!*r.text)
		snprintf(r.text, sizeof(r.text), "unknown HDF5 error");
	return r;
}

/* "cannot read dataset 'rows' of 'x.h5': …"; `what` is "dataset", "attribute" …, NULL for the file itself. */
_Noreturn static void fail(const struct h5 *f, const char *verb, const char *what, const char *obj)
{
	struct reason r = reason_now();
	if (!what && r.damaged)
		die("'%s' is damaged: %s", f->path, r.text);
	if (!what)
		die("cannot %s '%s': %s", verb, f->path, r.text);
	if (r.damaged)
		die("%s '%s' of '%s' is damaged: %s", what, obj, f->path, r.text);
	die("cannot %s %s '%s' of '%s': %s", verb, what, obj, f->path, r.text);
}

static void library_init(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	H5dont_atexit(); /* fails only if HDF5 is in use already, and then it is too late to matter */
	if (H5open() < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0)
		die("cannot start the HDF5 library");
}

/* For calls that fail only without memory or by a mistake here. */
static hid_t must(hid_t id)
{
	if (id < 0)
		die("HDF5: %s", reason_now().text);
	return id;
}

/* ------------------------------------------------------------ types */

static const char *const type_names[] = {"float16", "float32", "float64", "int32"};

/* The type on disk; the caller closes it. */
static hid_t disk_type(enum h5_type type)
{
	hid_t t;
	switch (type) {
	case H5_F16:
		/* IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. The fields first: they must lie inside the size. */
		t = must(H5Tcopy(H5T_IEEE_F32LE));
		must(H5Tset_fields(t, 15, 10, 5, 0, 10));
		must(H5Tset_size(t, 2));
		must(H5Tset_ebias(t, 15));
		return t;
	case H5_F32:
		return must(H5Tcopy(H5T_IEEE_F32LE));
	case H5_F64:
		return must(H5Tcopy(H5T_IEEE_F64LE));
	case H5_I32:
		return must(H5Tcopy(H5T_STD_I32LE));
	}
	BUG("type %d", (int)type);
}

static size_t type_bytes(enum h5_type type)
{
	return type == H5_F16 ? 2 : type == H5_F64 ? 8 : 4;
}

/* False when `t` is none of ours. */
static bool type_known(hid_t t, enum h5_type *type)
{
	for (int i = H5_F16; i <= H5_I32; i++) {
		hid_t ours = disk_type((enum h5_type)i);
		htri_t same = H5Tequal(t, ours);
		H5Tclose(ours);
		if (same > 0)
			return *type = (enum h5_type)i, true;
	}
	return false;
}

/* ------------------------------------------------------------ the form of a file
 *
 * Attributes and links stay in the headers of their objects, however many there are: h5form.c then has no heaps and trees to judge. No times. */

enum { ALL_COMPACT = 65535 };

static void plain_object(hid_t list)
{
	must(H5Pset_obj_track_times(list, false));
	must(H5Pset_attr_phase_change(list, ALL_COMPACT, 0));
}

static void plain_group(hid_t list)
{
	must(H5Pset_link_phase_change(list, ALL_COMPACT, 0));
}

/* ------------------------------------------------------------ open datasets */

/* Room for two chunks at least; w0 = 1: a chunk that was gone through completely is the first to leave. */
static hid_t access_list(size_t chunk_bytes)
{
	hid_t dapl = must(H5Pcreate(H5P_DATASET_ACCESS));
	size_t bytes = 2 * chunk_bytes > CACHE_BYTES ? 2 * chunk_bytes : CACHE_BYTES;
	must(H5Pset_chunk_cache(dapl, CACHE_SLOTS, bytes, 1.0));
	return dapl;
}

static void dataset_close(struct h5 *f, struct dataset *d)
{
	if (!d->used)
		return;
	/* A writer's close puts the cached chunks on disk: this is where a full disk shows. */
	if (H5Dclose(d->id) < 0)
		fail(f, f->writing ? "write" : "close", "dataset", d->path);
	free(d->path);
	memset(d, 0, sizeof(*d));
}

static struct dataset *dataset_find(struct h5 *f, const char *path)
{
	for (int i = 0; i < MAX_DATASETS; i++) {
		if (f->open[i].used && !strcmp(f->open[i].path, path)) {
			f->open[i].used = ++f->clock;
			return &f->open[i];
		}
	}
	return NULL;
}

/* The free or least recently used place, made free. */
static struct dataset *dataset_place(struct h5 *f)
{
	struct dataset *oldest = &f->open[0];
	for (int i = 1; i < MAX_DATASETS; i++)
		if (f->open[i].used < oldest->used)
			oldest = &f->open[i];
	dataset_close(f, oldest);
	return oldest;
}

static struct dataset *dataset_keep(struct h5 *f, struct dataset d, const char *path)
{
	struct dataset *place = dataset_place(f);
	*place = d;
	place->path = xstrdup(path);
	place->used = ++f->clock;
	return place;
}

/* Fills in type and shape; the size of a chunk (0: not chunked) goes to *chunk_bytes. */
static void dataset_inspect(struct h5 *f, struct dataset *d, const char *path, size_t *chunk_bytes)
{
	hsize_t dims[2] = {0, 0}, chunk[2] = {0, 0};
	hid_t type = H5Dget_type(d->id), space = H5Dget_space(d->id), dcpl = H5Dget_create_plist(d->id);
	if (type < 0 || space < 0 || dcpl < 0)
		fail(f, "read", "dataset", path);
	int rank = H5Sget_simple_extent_ndims(space);
	if (rank != 1 && rank != 2)
		die("dataset '%s' of '%s': expected 1 or 2 dimensions, found %d", path, f->path, rank);
	if (!type_known(type, &d->type))
		die("dataset '%s' of '%s': expected float16, float32, float64 or int32 elements, found another type", path,
		    f->path);
	if (H5Sget_simple_extent_dims(space, dims, NULL) < 0)
		fail(f, "read", "dataset", path);
	*chunk_bytes = 0;
	if (H5Pget_layout(dcpl) == H5D_CHUNKED && H5Pget_chunk(dcpl, rank, chunk) == rank)
		*chunk_bytes = (size_t)chunk[0] * (size_t)(rank == 2 ? chunk[1] : 1) * type_bytes(d->type);
	d->rows = (size_t)dims[0];
	d->cols = rank == 2 ? (size_t)dims[1] : 0;
	H5Tclose(type);
	H5Sclose(space);
	H5Pclose(dcpl);
}

static struct dataset *dataset_open(struct h5 *f, const char *path)
{
	struct dataset *d = dataset_find(f, path), fresh = {0};
	size_t chunk_bytes;
	if (d)
		return d;
	if (!h5_has(f, path))
		die("'%s' has no dataset '%s'", f->path, path);
	hid_t dapl = access_list(0);
	fresh.id = H5Dopen2(f->file, path, dapl);
	if (fresh.id < 0)
		fail(f, "open", "dataset", path);
	H5Pclose(dapl);
	dataset_inspect(f, &fresh, path, &chunk_bytes);
	if (2 * chunk_bytes > CACHE_BYTES) { /* only now is the chunk's size known: open again with room for it */
		dapl = access_list(chunk_bytes);
		H5Dclose(fresh.id);
		fresh.id = H5Dopen2(f->file, path, dapl);
		if (fresh.id < 0)
			fail(f, "open", "dataset", path);
		H5Pclose(dapl);
	}
	return dataset_keep(f, fresh, path);
}

/* ------------------------------------------------------------ files */

/* The oldest format that has checksums on all its metadata, and no newer one: the bytes do not depend on the library's age. (1.8's has none on the
 * index of chunks: one wrong bit there, and a chunk reads as zeros.)
 * Locks are off: a file under its final name is never written again, and some network file systems have none. */
static hid_t file_access_list(void)
{
	hid_t fapl = must(H5Pcreate(H5P_FILE_ACCESS));
	must(H5Pset_fclose_degree(fapl, H5F_CLOSE_SEMI));
	must(H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110));
	must(H5Pset_file_locking(fapl, false, true));
	return fapl;
}

struct h5 *h5_create(const char *target, const char *schema, int version)
{
	library_init();
	struct h5 *f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(target);
	f->writing = true;
	hid_t fapl = file_access_list(), fcpl = must(H5Pcreate(H5P_FILE_CREATE));
	plain_object(fcpl);
	plain_group(fcpl);
	/* out_begin() has made the file exclusively, under a name that is only ours. */
	f->file = H5Fcreate(out_begin(target), H5F_ACC_TRUNC, fcpl, fapl);
	if (f->file < 0)
		fail(f, "create", NULL, NULL);
	H5Pclose(fapl);
	H5Pclose(fcpl);
	h5_set_string(f, "/", "schema", schema);
	h5_set_int(f, "/", "schema_version", version);
	return f;
}

static void h5_release(struct h5 *f)
{
	free(f->path);
	free(f);
}

void h5_commit(struct h5 *f)
{
	if (!f->writing)
		BUG("commit of '%s', which is open for reading", f->path);
	for (int i = 0; i < MAX_DATASETS; i++)
		dataset_close(f, &f->open[i]);
	h5_set_int(f, "/", "complete", 1);
	/* On a full disk H5Fflush fails where H5Fclose may return 0. */
	if (H5Fflush(f->file, H5F_SCOPE_LOCAL) < 0 || H5Fclose(f->file) < 0)
		fail(f, "write", NULL, NULL);
	out_commit(f->path);
	h5_release(f);
}

/* The messages of the system for a file that is not there; HDF5 would wrap them in its own. */
static void need_hdf5(const char *path)
{
	static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
	unsigned char head[8] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	ssize_t n = read(fd, head, sizeof(head));
	if (n < 0)
		die("cannot read '%s': %s", path, strerror(errno));
	close(fd);
	/* Ours have no user block, so the signature is at the very start. */
	if (n == (ssize_t)sizeof(head) && !memcmp(head, H5_SPENT, sizeof(head)))
		die("'%s' was " H5_SPENT_WORDS, path);
	if (n != (ssize_t)sizeof(head) || memcmp(head, signature, sizeof(head)))
		die("'%s' is not an HDF5 file", path);
}

static bool root_has_attribute(struct h5 *f, const char *name)
{
	htri_t there = H5Aexists_by_name(f->file, "/", name, H5P_DEFAULT);
	if (there < 0)
		fail(f, "read", NULL, NULL);
	return there > 0;
}

struct h5 *h5_open(const char *path, const char *schema, int version)
{
	library_init();
	sums_check(path);
	need_hdf5(path);
	h5form_check(path);
	struct h5 *f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(path);
	hid_t fapl = file_access_list();
	f->file = H5Fopen(path, H5F_ACC_RDONLY, fapl);
	if (f->file < 0)
		fail(f, "open", NULL, NULL);
	H5Pclose(fapl);
	if (!root_has_attribute(f, "schema"))
		die("'%s': expected schema '%s', found a file without schema", path, schema);
	char *found = h5_get_string(f, "/", "schema");
	if (strcmp(found, schema))
		die("'%s': expected schema '%s', found '%s'", path, schema, found);
	free(found);
	long v = h5_get_int(f, "/", "schema_version");
	if (v != version)
		die("'%s': expected version %d of schema '%s', found %ld", path, version, schema, v);
	if (!root_has_attribute(f, "complete") || h5_get_int(f, "/", "complete") != 1)
		die("'%s' is not complete: it has no attribute 'complete' of value 1", path);
	return f;
}

void h5_close(struct h5 *f)
{
	if (!f)
		return;
	if (f->writing)
		BUG("close of '%s', which is open for writing", f->path);
	for (int i = 0; i < MAX_DATASETS; i++)
		dataset_close(f, &f->open[i]);
	if (H5Fclose(f->file) < 0)
		fail(f, "close", NULL, NULL);
	h5_release(f);
}

const char *h5_path(const struct h5 *f)
{
	return f->path;
}

/* ------------------------------------------------------------ attributes */

/* An attribute's message names the attribute and the object it belongs to. */
_Noreturn static void fail_attribute(struct h5 *f, const char *verb, const char *obj, const char *name)
{
	struct reason r = reason_now();
	if (r.damaged)
		die("attribute '%s' of '%s' in '%s' is damaged: %s", name, obj, f->path, r.text);
	die("cannot %s attribute '%s' of '%s' in '%s': %s", verb, name, obj, f->path, r.text);
}

static void set_attribute(struct h5 *f, const char *obj, const char *name, hid_t disk, hid_t mem, const void *v)
{
	if (!f->writing)
		BUG("'%s' is open for reading", f->path);
	if (!h5_has(f, obj))
		BUG("attribute '%s' of '%s', which '%s' does not have", name, obj, f->path);
	hid_t space = must(H5Screate(H5S_SCALAR));
	hid_t a = H5Acreate_by_name(f->file, obj, name, disk, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	if (a < 0 || H5Awrite(a, mem, v) < 0)
		fail_attribute(f, "write", obj, name);
	if (H5Aclose(a) < 0)
		fail_attribute(f, "write", obj, name);
	H5Sclose(space);
}

void h5_set_int(struct h5 *f, const char *obj, const char *name, long v)
{
	set_attribute(f, obj, name, H5T_STD_I64LE, H5T_NATIVE_LONG, &v);
}

void h5_set_double(struct h5 *f, const char *obj, const char *name, double v)
{
	set_attribute(f, obj, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &v);
}

/* Fixed length: stored inside the object's header and covered by its checksum, which a string of variable length is not. */
void h5_set_string(struct h5 *f, const char *obj, const char *name, const char *v)
{
	hid_t t = must(H5Tcopy(H5T_C_S1));
	must(H5Tset_size(t, strlen(v) + 1));
	must(H5Tset_cset(t, H5T_CSET_UTF8));
	set_attribute(f, obj, name, t, t, v);
	H5Tclose(t);
}

/* Opens a scalar attribute and its type, whose class is to be one of two. */
static hid_t open_attribute(struct h5 *f, const char *obj, const char *name, H5T_class_t a, H5T_class_t b, const char *kind,
                            hid_t *type)
{
	if (!h5_has(f, obj))
		die("'%s' has no '%s'", f->path, obj);
	htri_t there = H5Aexists_by_name(f->file, obj, name, H5P_DEFAULT);
	if (there < 0)
		fail_attribute(f, "read", obj, name);
	if (!there)
		die("'%s' of '%s' has no attribute '%s'", obj, f->path, name);
	hid_t id = H5Aopen_by_name(f->file, obj, name, H5P_DEFAULT, H5P_DEFAULT);
	hid_t space = id < 0 ? id : H5Aget_space(id);
	*type = id < 0 ? id : H5Aget_type(id);
	if (id < 0 || space < 0 || *type < 0)
		fail_attribute(f, "read", obj, name);
	H5T_class_t c = H5Tget_class(*type);
	if ((c != a && c != b) || H5Sget_simple_extent_npoints(space) != 1)
		die("attribute '%s' of '%s' in '%s': expected %s, found another type or more than one value", name, obj, f->path,
		    kind);
	H5Sclose(space);
	return id;
}

static void read_number(struct h5 *f, const char *obj, const char *name, H5T_class_t also, const char *kind, hid_t mem, void *v)
{
	hid_t type, id = open_attribute(f, obj, name, H5T_INTEGER, also, kind, &type);
	if (H5Aread(id, mem, v) < 0)
		fail_attribute(f, "read", obj, name);
	H5Tclose(type);
	H5Aclose(id);
}

long h5_get_int(struct h5 *f, const char *obj, const char *name)
{
	long v = 0;
	read_number(f, obj, name, H5T_INTEGER, "an integer", H5T_NATIVE_LONG, &v);
	return v;
}

double h5_get_double(struct h5 *f, const char *obj, const char *name)
{
	double v = 0;
	read_number(f, obj, name, H5T_FLOAT, "a number", H5T_NATIVE_DOUBLE, &v);
	return v;
}

char *h5_get_string(struct h5 *f, const char *obj, const char *name)
{
	hid_t type, id = open_attribute(f, obj, name, H5T_STRING, H5T_STRING, "a string", &type);
	char *v = xcalloc(H5Tget_size(type) + 1, 1);
	if (H5Aread(id, type, v) < 0)
		fail_attribute(f, "read", obj, name);
	H5Tclose(type);
	H5Aclose(id);
	return v;
}

void h5_expect_string(struct h5 *f, const char *name, const char *v)
{
	char *found = h5_get_string(f, "/", name);
	if (strcmp(found, v))
		die("'%s': expected %s '%s', found '%s'", f->path, name, v, found);
	free(found);
}

void h5_expect_int(struct h5 *f, const char *name, long v)
{
	long found = h5_get_int(f, "/", name);
	if (found != v)
		die("'%s': expected %s %ld, found %ld", f->path, name, v, found);
}

/* ------------------------------------------------------------ groups and links */

/* H5Lexists wants every group on the way to exist, so the path is walked. */
bool h5_has(struct h5 *f, const char *obj)
{
	char *path = xstrdup(obj);
	bool there = true;
	for (char *s = path; there && *s;) {
		s += strspn(s, "/");
		if (!*s)
			break;
		s += strcspn(s, "/");
		char kept = *s;
		*s = 0;
		htri_t link = H5Lexists(f->file, path, H5P_DEFAULT);
		if (link < 0)
			fail(f, "look up", "object", path);
		there = link > 0 && H5Oexists_by_name(f->file, path, H5P_DEFAULT) > 0;
		*s = kept;
		/* The next step down needs a group, not a dataset, to stand on. */
		if (there && kept) {
			H5O_info_t info;
			*s = 0;
			if (H5Oget_info_by_name(f->file, path, &info, H5P_DEFAULT) < 0)
				fail(f, "look up", "object", path);
			*s = kept;
			there = info.type == H5O_TYPE_GROUP;
		}
	}
	free(path);
	return there;
}

static void group_create(struct h5 *f, const char *path)
{
	/* Not by H5Pset_create_intermediate_group: groups made so carry the time of day. */
	hid_t gcpl = must(H5Pcreate(H5P_GROUP_CREATE));
	plain_object(gcpl);
	plain_group(gcpl);
	hid_t g = H5Gcreate2(f->file, path, H5P_DEFAULT, gcpl, H5P_DEFAULT);
	if (g < 0 || H5Gclose(g) < 0)
		fail(f, "create", "group", path);
	H5Pclose(gcpl);
}

/* The missing groups among the first components of `path`: all of them, or all but the last. */
static void make_groups(struct h5 *f, const char *path, bool last)
{
	if (!f->writing)
		BUG("'%s' is open for reading", f->path);
	char *p = xstrdup(path);
	for (char *s = p + strspn(p, "/"); *s;) {
		s += strcspn(s, "/");
		if (!*s && !last)
			break;
		char kept = *s;
		*s = 0;
		if (!h5_has(f, p))
			group_create(f, p);
		*s = kept;
		s += strspn(s, "/");
	}
	free(p);
}

void h5_group(struct h5 *f, const char *path)
{
	make_groups(f, path, true);
}

void h5_link(struct h5 *f, const char *path, const char *newpath)
{
	make_groups(f, newpath, false);
	if (H5Lcreate_hard(f->file, path, f->file, newpath, H5P_DEFAULT, H5P_DEFAULT) < 0)
		fail(f, "create", "link", newpath);
}

struct names {
	char **name;
	int n;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
	struct names *l = arg;
	(void)group;
	(void)info;
	l->name = xrealloc(l->name, (size_t)(l->n + 1) * sizeof(*l->name));
	l->name[l->n++] = xstrdup(name);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void h5_each(struct h5 *f, const char *group, void (*fn)(const char *name, void *arg), void *arg)
{
	struct names l = {NULL, 0};
	if (!h5_has(f, group))
		die("'%s' has no group '%s'", f->path, group);
	/* Collected first, so that fn may do as it likes with the file. */
	if (H5Literate_by_name(f->file, group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &l, H5P_DEFAULT) < 0)
		fail(f, "list", "group", group);
	if (l.n)
		qsort(l.name, (size_t)l.n, sizeof(*l.name), compare_names);
	for (int i = 0; i < l.n; i++) {
		fn(l.name[i], arg);
		free(l.name[i]);
	}
	free(l.name);
}

/* ------------------------------------------------------------ datasets */

/* Whole rows, about CHUNK_BYTES; the rows are spread evenly, so that the last chunk, which takes the place of a full one, is
 * nearly full. */
static size_t chunk_rows(size_t rows, size_t row_bytes)
{
	size_t most = row_bytes && row_bytes < CHUNK_BYTES ? CHUNK_BYTES / row_bytes : 1;
	if (!rows)
		return 1;
	size_t chunks = (rows + most - 1) / most;
	return (rows + chunks - 1) / chunks;
}

static hid_t creation_list(int rank, const hsize_t *chunk)
{
	hid_t dcpl = must(H5Pcreate(H5P_DATASET_CREATE));
	plain_object(dcpl);
	must(H5Pset_chunk(dcpl, rank, chunk));
	must(H5Pset_fletcher32(dcpl));
	must(H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY));
	must(H5Pset_fill_time(dcpl, H5D_FILL_TIME_ALLOC));
	return dcpl;
}

void h5_dataset(struct h5 *f, const char *path, enum h5_type type, size_t rows, size_t cols)
{
	make_groups(f, path, false);
	int rank = cols ? 2 : 1;
	size_t row_bytes = (cols ? cols : 1) * type_bytes(type);
	hsize_t dims[2] = {rows, cols}, chunk[2] = {chunk_rows(rows, row_bytes), cols};
	hid_t dcpl = creation_list(rank, chunk), dapl = access_list((size_t)chunk[0] * row_bytes);
	hid_t space = must(H5Screate_simple(rank, dims, NULL)), t = disk_type(type);
	struct dataset d = {.type = type, .rows = rows, .cols = cols};
	d.id = H5Dcreate2(f->file, path, t, space, H5P_DEFAULT, dcpl, dapl);
	if (d.id < 0)
		fail(f, "create", "dataset", path);
	H5Tclose(t);
	H5Sclose(space);
	H5Pclose(dapl);
	H5Pclose(dcpl);
	dataset_keep(f, d, path);
}

void h5_shape(struct h5 *f, const char *path, size_t *rows, size_t *cols)
{
	const struct dataset *d = dataset_open(f, path);
	*rows = d->rows;
	*cols = d->cols;
}

void h5_expect_shape(struct h5 *f, const char *path, size_t rows, size_t cols)
{
	const struct dataset *d = dataset_open(f, path);
	if (d->rows == rows && d->cols == cols)
		return;
	char *want = cols ? xformat("%zu x %zu", rows, cols) : xformat("%zu", rows);
	char *have = d->cols ? xformat("%zu x %zu", d->rows, d->cols) : xformat("%zu", d->rows);
	die("dataset '%s' of '%s': expected shape %s, found %s", path, f->path, want, have);
}

/* ------------------------------------------------------------ rows */

static size_t row_elements(const struct dataset *d)
{
	return d->cols ? d->cols : 1;
}

static void write_rows(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, hid_t mem, const void *data)
{
	int rank = d->cols ? 2 : 1;
	hsize_t start[2] = {row0, 0}, count[2] = {nrows, d->cols};
	hid_t file = must(H5Dget_space(d->id)), memory = must(H5Screate_simple(rank, count, NULL));
	must(H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL));
	if (H5Dwrite(d->id, mem, memory, file, H5P_DEFAULT, data) < 0)
		fail(f, "write", "dataset", d->path);
	H5Sclose(file);
	H5Sclose(memory);
}

static void read_rows(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, hid_t mem, void *data)
{
	int rank = d->cols ? 2 : 1;
	hsize_t start[2] = {row0, 0}, count[2] = {nrows, d->cols};
	hid_t file = must(H5Dget_space(d->id)), memory = must(H5Screate_simple(rank, count, NULL));
	must(H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL));
	if (H5Dread(d->id, mem, memory, file, H5P_DEFAULT, data) < 0)
		fail(f, "read", "dataset", d->path);
	H5Sclose(file);
	H5Sclose(memory);
}

/* Rows of float16 are converted here, a buffer at a time: HDF5's own conversion to a type it does not know from the
 * compiler goes bit by bit. */
static void write_halves(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, const float *data)
{
	size_t cols = row_elements(d), portion = cols < HALF_BUFFER ? HALF_BUFFER / cols : 1;
	uint16_t *h = xarray((portion < nrows ? portion : nrows) * cols, sizeof(*h));
	hid_t type = disk_type(H5_F16);
	for (size_t i = 0; i < nrows; i += portion) {
		size_t n = nrows - i < portion ? nrows - i : portion;
		halves_from_floats(h, data + i * cols, n * cols);
		write_rows(f, d, row0 + i, n, type, h);
	}
	H5Tclose(type);
	free(h);
}

static void read_halves(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, float *data)
{
	size_t cols = row_elements(d), portion = cols < HALF_BUFFER ? HALF_BUFFER / cols : 1;
	uint16_t *h = xarray((portion < nrows ? portion : nrows) * cols, sizeof(*h));
	hid_t type = disk_type(H5_F16);
	for (size_t i = 0; i < nrows; i += portion) {
		size_t n = nrows - i < portion ? nrows - i : portion;
		read_rows(f, d, row0 + i, n, type, h);
		floats_from_halves(data + i * cols, h, n * cols);
	}
	H5Tclose(type);
	free(h);
}

static struct dataset *for_writing(struct h5 *f, const char *path, size_t row0, size_t nrows, bool integers)
{
	if (!f->writing)
		BUG("'%s' is open for reading", f->path);
	struct dataset *d = dataset_open(f, path);
	if (nrows > d->rows || row0 > d->rows - nrows)
		BUG("rows %zu+%zu of '%s', which has %zu", row0, nrows, path, d->rows);
	if ((d->type == H5_I32) != integers)
		BUG("'%s' is %s", path, type_names[d->type]);
	return d;
}

static struct dataset *for_reading(struct h5 *f, const char *path, size_t row0, size_t nrows, bool integers)
{
	struct dataset *d = dataset_open(f, path);
	if (nrows > d->rows || row0 > d->rows - nrows)
		die("dataset '%s' of '%s': expected rows %zu to %zu, found %zu rows", path, f->path, row0, row0 + nrows, d->rows);
	if ((d->type == H5_I32) != integers)
		die("dataset '%s' of '%s': expected %s, found %s", path, f->path, integers ? "int32" : "floating point",
		    type_names[d->type]);
	return d;
}

void h5_write_float(struct h5 *f, const char *path, size_t row0, size_t nrows, const float *data)
{
	struct dataset *d = for_writing(f, path, row0, nrows, false);
	if (nrows && d->type == H5_F16)
		write_halves(f, d, row0, nrows, data);
	else if (nrows)
		write_rows(f, d, row0, nrows, H5T_NATIVE_FLOAT, data);
}

void h5_write_double(struct h5 *f, const char *path, size_t row0, size_t nrows, const double *data)
{
	struct dataset *d = for_writing(f, path, row0, nrows, false);
	if (d->type == H5_F16) /* HDF5 would convert, and round ties away from zero */
		BUG("'%s' is float16: it is written from float", path);
	if (nrows)
		write_rows(f, d, row0, nrows, H5T_NATIVE_DOUBLE, data);
}

void h5_write_int(struct h5 *f, const char *path, size_t row0, size_t nrows, const int32_t *data)
{
	struct dataset *d = for_writing(f, path, row0, nrows, true);
	if (nrows)
		write_rows(f, d, row0, nrows, H5T_NATIVE_INT32, data);
}

void h5_read_float(struct h5 *f, const char *path, size_t row0, size_t nrows, float *data)
{
	struct dataset *d = for_reading(f, path, row0, nrows, false);
	if (nrows && d->type == H5_F16)
		read_halves(f, d, row0, nrows, data);
	else if (nrows)
		read_rows(f, d, row0, nrows, H5T_NATIVE_FLOAT, data);
}

void h5_read_double(struct h5 *f, const char *path, size_t row0, size_t nrows, double *data)
{
	struct dataset *d = for_reading(f, path, row0, nrows, false);
	if (nrows)
		read_rows(f, d, row0, nrows, H5T_NATIVE_DOUBLE, data);
}

void h5_read_int(struct h5 *f, const char *path, size_t row0, size_t nrows, int32_t *data)
{
	struct dataset *d = for_reading(f, path, row0, nrows, true);
	if (nrows)
		read_rows(f, d, row0, nrows, H5T_NATIVE_INT32, data);
}
