/* h5_rows.c: rows of datasets, to and from memory. */
#include <hdf5.h>
#include <stdlib.h>

#include "die.h"
#include "h5.h"
#include "h5_private.h"
#include "half.h"

enum { HALF_BUFFER = 64 * 1024 }; /* elements converted at a time */

static const char *const type_names[] = {"float16", "float32", "float64", "int32"};

static size_t row_elements(const struct dataset *d)
{
	return d->cols ? d->cols : 1;
}

/* Rows [row0, row0+nrows) in the file, and in memory. */
struct selection {
	hid_t file, memory;
};

static struct selection select_rows(const struct dataset *d, size_t row0, size_t nrows)
{
	hsize_t start[2] = {row0, 0}, count[2] = {nrows, d->cols};
	struct selection s = {h5_must(H5Dget_space(d->id)), h5_must(H5Screate_simple(d->cols ? 2 : 1, count, NULL))};
	h5_must(H5Sselect_hyperslab(s.file, H5S_SELECT_SET, start, NULL, count, NULL));
	return s;
}

static void selection_close(struct selection s)
{
	H5Sclose(s.file);
	H5Sclose(s.memory);
}

static void write_rows(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, hid_t mem, const void *data)
{
	struct selection s = select_rows(d, row0, nrows);
	if (H5Dwrite(d->id, mem, s.memory, s.file, H5P_DEFAULT, data) < 0)
		h5_fail(f, "write", "dataset", d->path);
	selection_close(s);
}

static void read_rows(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, hid_t mem, void *data)
{
	struct selection s = select_rows(d, row0, nrows);
	if (H5Dread(d->id, mem, s.memory, s.file, H5P_DEFAULT, data) < 0)
		h5_fail(f, "read", "dataset", d->path);
	selection_close(s);
}

/* Rows of float16 are converted here, a buffer at a time: HDF5's own conversion to a type it does not know from the
 * compiler goes bit by bit. */
static void write_halves(struct h5 *f, struct dataset *d, size_t row0, size_t nrows, const float *data)
{
	size_t cols = row_elements(d), portion = cols < HALF_BUFFER ? HALF_BUFFER / cols : 1;
	uint16_t *h = xarray((portion < nrows ? portion : nrows) * cols, sizeof(*h));
	hid_t type = h5_disk_type(H5_F16);
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
	hid_t type = h5_disk_type(H5_F16);
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
	struct dataset *d = h5_dataset_open(f, path);
	if (nrows > d->rows || row0 > d->rows - nrows)
		BUG("rows %zu+%zu of '%s', which has %zu", row0, nrows, path, d->rows);
	if ((d->type == H5_I32) != integers)
		BUG("'%s' is %s", path, type_names[d->type]);
	return d;
}

static struct dataset *for_reading(struct h5 *f, const char *path, size_t row0, size_t nrows, bool integers)
{
	struct dataset *d = h5_dataset_open(f, path);
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
