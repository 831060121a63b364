/* h5.h: the HDF5 files that stages pass to each other.
 *
 * Every file has the root attributes schema ("iteris-acts"), schema_version and complete (1,
 * written last). Datasets are chunked by rows, with a fletcher32 checksum. There are no times,
 * hosts or paths inside, so equal data give equal bytes. Writers go through out.h.
 *
 * Every return value of HDF5 is checked. Every failure is die(), naming file and object; a checksum
 * error says "damaged". Files are opened with H5F_CLOSE_SEMI. The library's own printing of errors
 * is off.
 *
 * float16 datasets are IEEE half: h5dump prints them, h5py reads them as float16. The conversion
 * from and to float happens here. float16 rows are written only from float, because HDF5's own
 * conversion from double does not round ties to even. */
#ifndef H5_H
#define H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h5_type { H5_F16, H5_F32, H5_F64, H5_I32 };

/* The whole contents of a released file (release-files.c). Its name and time remain; its data are
 * gone. */
#define H5_RELEASED_WORDS "released: its work is done; KEEP_ACTS=1 keeps such files"
#define H5_RELEASED H5_RELEASED_WORDS "\n"

struct h5; /* one open file, for reading or for writing */

struct h5 *h5_create(const char *target, const char *schema, int version);
/* Writes complete = 1, closes, commits. */
void h5_commit(struct h5 *f);
/* Closes a file that was created, and removes it. NULL is fine. */
void h5_discard(struct h5 *f);

/* Opens a file and checks schema, version and complete. Otherwise die(): expected, found, file. */
struct h5 *h5_open(const char *path, const char *schema, int version);
void h5_close(struct h5 *f); /* for readers; NULL is fine */
const char *h5_path(const struct h5 *f);
/* For readers: frees the memory of the open datasets; the file stays open. */
void h5_rest(struct h5 *f);

/* Attributes of the root (obj = "/"), or of a group or dataset ("/modules/encoder.block.0…").
 * Reading a missing one is die(). */
void h5_set_int(struct h5 *f, const char *obj, const char *name, long v);
void h5_set_double(struct h5 *f, const char *obj, const char *name, double v);
void h5_set_string(struct h5 *f, const char *obj, const char *name, const char *v);
long h5_get_int(struct h5 *f, const char *obj, const char *name);
double h5_get_double(struct h5 *f, const char *obj, const char *name);
char *h5_get_string(struct h5 *f, const char *obj, const char *name); /* allocated */
bool h5_has_attribute(struct h5 *f, const char *obj,
		      const char *name);    /* of an object that is there */
bool h5_has(struct h5 *f, const char *obj); /* whether a group or dataset with this path exists */
/* die() unless the root's string or int attribute has this value: the message names file,
 * attribute, expected, found. */
void h5_expect_string(struct h5 *f, const char *name, const char *v);
void h5_expect_int(struct h5 *f, const char *name, long v);

/* Creates a group, and missing groups above it. An existing group is not changed. h5_set_* needs an
 * existing object. */
void h5_group(struct h5 *f, const char *path);
/* Creates a dataset (rank 1 or 2; cols = 0: rank 1), and missing groups above it. */
void h5_dataset(struct h5 *f, const char *path, enum h5_type type, size_t rows, size_t cols);
/* Gives a dataset or group a second name (hard link). */
void h5_link(struct h5 *f, const char *path, const char *newpath);
/* The shape of a dataset; die() if it is missing or has another rank than 1 or 2. */
void h5_shape(struct h5 *f, const char *path, size_t *rows, size_t *cols);
/* die() unless the dataset has this shape. */
void h5_expect_shape(struct h5 *f, const char *path, size_t rows, size_t cols);

/* Moves rows [row0, row0+nrows) to or from memory (row-major, no padding). The type in memory is
 * float, double or int32_t; it is converted to or from the type in the file. float to float16
 * rounds to nearest even; the caller must check for overflow to infinity. */
void h5_write_float(struct h5 *f, const char *path, size_t row0, size_t nrows, const float *data);
void h5_write_double(struct h5 *f, const char *path, size_t row0, size_t nrows, const double *data);
void h5_write_int(struct h5 *f, const char *path, size_t row0, size_t nrows, const int32_t *data);
void h5_read_float(struct h5 *f, const char *path, size_t row0, size_t nrows, float *data);
void h5_read_double(struct h5 *f, const char *path, size_t row0, size_t nrows, double *data);
void h5_read_int(struct h5 *f, const char *path, size_t row0, size_t nrows, int32_t *data);

/* Calls fn(name, arg) for each member of a group, in alphabetical order. */
void h5_each(struct h5 *f, const char *group, void (*fn)(const char *name, void *arg), void *arg);

#endif
