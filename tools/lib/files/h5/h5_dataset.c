/* h5_dataset.c: datasets: their types, their chunks, and which of a file are open.
 *
 * Equal data must give equal bytes, in whatever portions and order rows are written. The portions
 * depend on the batch size. HDF5 places a chunk in the file when it is first written, so the order
 * of writing would show. So all chunks are allocated when the dataset is created.
 *
 * An open dataset holds one chunk (h5_chunk.c). Going through the rows in order reads and writes
 * each chunk once. At most MAX_DATASETS datasets of a file are open at a time. So a file takes at
 * most about 4 MiB, unless a row is larger than a chunk. */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/h5/h5.h"
#include "files/h5/h5_private.h"

enum {
	CHUNK_BYTES = 512 * 1024, /* to get one row, its chunk is read whole; each chunk has its own
				     place and checksum */
};

/* ------------------------------------------------------------ types */

static hid_t disk_type(enum h5_type type)
{
	hid_t t;
	switch (type) {
	case H5_F16:
		/* IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. The fields are set first,
		 * because they must lie inside the size. */
		t = h5_must(H5Tcopy(H5T_IEEE_F32LE));
		h5_must(H5Tset_fields(t, 15, 10, 5, 0, 10));
		h5_must(H5Tset_size(t, 2));
		h5_must(H5Tset_ebias(t, 15));
		return t;
	case H5_F32: return h5_must(H5Tcopy(H5T_IEEE_F32LE));
	case H5_F64: return h5_must(H5Tcopy(H5T_IEEE_F64LE));
	case H5_I32: return h5_must(H5Tcopy(H5T_STD_I32LE));
	}
	BUG("type %d", (int)type);
}

static size_t type_bytes(enum h5_type type)
{
	return type == H5_F16 ? 2 : type == H5_F64 ? 8 : 4;
}

static size_t row_bytes(const struct dataset *d)
{
	return (d->cols ? d->cols : 1) * type_bytes(d->type);
}

/* False when `t` is none of our types. */
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

/* ------------------------------------------------------------ open datasets */

static void dataset_close(struct h5 *f, struct dataset *d)
{
	if (!d->used)
		return;
	h5_chunks_close(f, d);
	if (H5Dclose(d->id) < 0)
		h5_fail(f, f->writing ? "write" : "close", "dataset", d->path);
	free(d->path);
	memset(d, 0, sizeof(*d));
}

void h5_datasets_close(struct h5 *f)
{
	for (int i = 0; i < MAX_DATASETS; i++)
		dataset_close(f, &f->open[i]);
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

/* A free place, or that of the least recently used dataset, which is closed. */
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

/* Fills in type and shape. h5form.c has already checked the layout. */
static void dataset_inspect(struct h5 *f, struct dataset *d, const char *path)
{
	hsize_t dims[2] = {0, 0}, chunk[2] = {0, 0};
	hid_t type = H5Dget_type(d->id), space = H5Dget_space(d->id),
	      dcpl = H5Dget_create_plist(d->id);
	if (type < 0 || space < 0 || dcpl < 0)
		h5_fail(f, "read", "dataset", path);
	int rank = H5Sget_simple_extent_ndims(space);
	if (rank != 1 && rank != 2)
		die("dataset '%s' of '%s': expected 1 or 2 dimensions, found %d", path, f->path,
		    rank);
	if (!type_known(type, &d->type))
		die("dataset '%s' of '%s': expected float16, float32, float64 or int32 elements, "
		    "found another type",
		    path, f->path);
	if (H5Sget_simple_extent_dims(space, dims, NULL) < 0)
		h5_fail(f, "read", "dataset", path);
	d->rows = (size_t)dims[0];
	d->cols = rank == 2 ? (size_t)dims[1] : 0;
	if (H5Pget_layout(dcpl) != H5D_CHUNKED || H5Pget_chunk(dcpl, rank, chunk) != rank ||
	    !chunk[0] || (rank == 2 && chunk[1] != dims[1]))
		die("dataset '%s' of '%s': expected chunks of whole rows", path, f->path);
	h5_chunks_init(&d->chunks, d->rows, (size_t)chunk[0], row_bytes(d), false);
	H5Tclose(type);
	H5Sclose(space);
	H5Pclose(dcpl);
}

struct dataset *h5_dataset_open(struct h5 *f, const char *path)
{
	struct dataset *d = dataset_find(f, path), fresh = {0};
	if (d)
		return d;
	if (!h5_has(f, path))
		die("'%s' has no dataset '%s'", f->path, path);
	fresh.id = H5Dopen2(f->file, path, H5P_DEFAULT);
	if (fresh.id < 0)
		h5_fail(f, "open", "dataset", path);
	dataset_inspect(f, &fresh, path);
	return dataset_keep(f, fresh, path);
}

/* ------------------------------------------------------------ datasets */

/* Whole rows, about CHUNK_BYTES. Rows are spread evenly, so that the last chunk is nearly full: it
 * takes the space of a full one. */
static size_t chunk_rows(size_t rows, size_t bytes)
{
	size_t most = bytes && bytes < CHUNK_BYTES ? CHUNK_BYTES / bytes : 1;
	if (!rows)
		return 1;
	size_t chunks = (rows + most - 1) / most;
	return (rows + chunks - 1) / chunks;
}

static hid_t creation_list(int rank, const hsize_t *chunk)
{
	hid_t dcpl = h5_must(H5Pcreate(H5P_DATASET_CREATE));
	h5_plain_object(dcpl);
	h5_must(H5Pset_chunk(dcpl, rank, chunk));
	h5_must(H5Pset_fletcher32(dcpl));
	h5_must(H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY));
	h5_must(H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER));
	return dcpl;
}

void h5_dataset(struct h5 *f, const char *path, enum h5_type type, size_t rows, size_t cols)
{
	h5_make_groups(f, path, false);
	int rank = cols ? 2 : 1;
	struct dataset d = {.type = type, .rows = rows, .cols = cols};
	hsize_t dims[2] = {rows, cols}, chunk[2] = {chunk_rows(rows, row_bytes(&d)), cols};
	hid_t dcpl = creation_list(rank, chunk),
	      space = h5_must(H5Screate_simple(rank, dims, NULL)), t = disk_type(type);
	d.id = H5Dcreate2(f->file, path, t, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
	if (d.id < 0)
		h5_fail(f, "create", "dataset", path);
	H5Tclose(t);
	H5Sclose(space);
	H5Pclose(dcpl);
	h5_chunks_init(&d.chunks, rows, (size_t)chunk[0], row_bytes(&d), true);
	dataset_keep(f, d, path);
}

void h5_shape(struct h5 *f, const char *path, size_t *rows, size_t *cols)
{
	const struct dataset *d = h5_dataset_open(f, path);
	*rows = d->rows;
	*cols = d->cols;
}

void h5_expect_shape(struct h5 *f, const char *path, size_t rows, size_t cols)
{
	const struct dataset *d = h5_dataset_open(f, path);
	if (d->rows == rows && d->cols == cols)
		return;
	char *want = cols ? xformat("%zu x %zu", rows, cols) : xformat("%zu", rows);
	char *have = d->cols ? xformat("%zu x %zu", d->rows, d->cols) : xformat("%zu", d->rows);
	die("dataset '%s' of '%s': expected shape %s, found %s", path, f->path, want, have);
}
