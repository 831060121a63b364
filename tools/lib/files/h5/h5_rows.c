/* h5_rows.c: rows of datasets, to and from memory. */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/h5/h5.h"
#include "files/h5/h5_private.h"
#include "files/half.h"

static const char *const type_names[] = {"float16", "float32", "float64", "int32"};

/* ------------------------------------------------------------ elements, between memory and disk;
 * both little-endian */

static void copy4(void *to, const void *from, size_t n)
{
	memcpy(to, from, 4 * n);
}

static void copy8(void *to, const void *from, size_t n)
{
	memcpy(to, from, 8 * n);
}

static void halves(void *to, const void *from, size_t n)
{
	halves_from_floats(to, from, n);
}

static void from_halves(void *to, const void *from, size_t n)
{
	floats_from_halves(to, from, n);
}

static void doubles_from_halves(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float x;

		floats_from_halves(&x, (const uint16_t *)from + i, 1);
		((double *)to)[i] = (double)x;
	}
}

static void narrow(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((float *)to)[i] = (float)((const double *)from)[i];
}

static void widen(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((double *)to)[i] = (double)((const float *)from)[i];
}

static struct conversion conversion(const struct dataset *d,
				    void (*const by_type[])(void *, const void *, size_t),
				    size_t bytes)
{
	void (*convert)(void *, const void *, size_t) = by_type[d->type];

	return (struct conversion){convert, d->cols ? d->cols : 1, bytes,
				   convert == copy4 || convert == copy8};
}

/* ------------------------------------------------------------ checks */

static struct dataset *for_writing(struct h5 *f, const char *path, size_t row0, size_t nrows,
				   bool integers)
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

static struct dataset *for_reading(struct h5 *f, const char *path, size_t row0, size_t nrows,
				   bool integers)
{
	struct dataset *d = h5_dataset_open(f, path);
	if (nrows > d->rows || row0 > d->rows - nrows)
		die("dataset '%s' of '%s': expected rows %zu to %zu, found %zu rows", path, f->path,
		    row0, row0 + nrows, d->rows);
	if ((d->type == H5_I32) != integers)
		die("dataset '%s' of '%s': expected %s, found %s", path, f->path,
		    integers ? "int32" : "floating point", type_names[d->type]);
	return d;
}

/* ------------------------------------------------------------ rows */

void h5_write_float(struct h5 *f, const char *path, size_t row0, size_t nrows, const float *data)
{
	static void (*const by_type[])(void *, const void *, size_t) = {
		[H5_F16] = halves, [H5_F32] = copy4, [H5_F64] = widen};
	struct dataset *d = for_writing(f, path, row0, nrows, false);
	struct conversion how = conversion(d, by_type, sizeof(*data));

	h5_chunks_write(f, d, row0, nrows, &how, data);
}

void h5_write_double(struct h5 *f, const char *path, size_t row0, size_t nrows, const double *data)
{
	static void (*const by_type[])(void *, const void *,
				       size_t) = {[H5_F32] = narrow, [H5_F64] = copy8};
	struct dataset *d = for_writing(f, path, row0, nrows, false);
	struct conversion how = conversion(d, by_type, sizeof(*data));

	if (d->type == H5_F16) /* through float32 it would be rounded twice */
		BUG("'%s' is float16: it is written from float", path);
	h5_chunks_write(f, d, row0, nrows, &how, data);
}

void h5_write_int(struct h5 *f, const char *path, size_t row0, size_t nrows, const int32_t *data)
{
	struct dataset *d = for_writing(f, path, row0, nrows, true);
	struct conversion how = {copy4, d->cols ? d->cols : 1, sizeof(*data), true};

	h5_chunks_write(f, d, row0, nrows, &how, data);
}

void h5_read_float(struct h5 *f, const char *path, size_t row0, size_t nrows, float *data)
{
	static void (*const by_type[])(void *, const void *, size_t) = {
		[H5_F16] = from_halves, [H5_F32] = copy4, [H5_F64] = narrow};
	struct dataset *d = for_reading(f, path, row0, nrows, false);
	struct conversion how = conversion(d, by_type, sizeof(*data));

	h5_chunks_read(f, d, row0, nrows, &how, data);
}

void h5_read_double(struct h5 *f, const char *path, size_t row0, size_t nrows, double *data)
{
	static void (*const by_type[])(void *, const void *, size_t) = {
		[H5_F16] = doubles_from_halves, [H5_F32] = widen, [H5_F64] = copy8};
	struct dataset *d = for_reading(f, path, row0, nrows, false);
	struct conversion how = conversion(d, by_type, sizeof(*data));

	h5_chunks_read(f, d, row0, nrows, &how, data);
}

void h5_read_int(struct h5 *f, const char *path, size_t row0, size_t nrows, int32_t *data)
{
	struct dataset *d = for_reading(f, path, row0, nrows, true);
	struct conversion how = {copy4, d->cols ? d->cols : 1, sizeof(*data), true};

	h5_chunks_read(f, d, row0, nrows, &how, data);
}
