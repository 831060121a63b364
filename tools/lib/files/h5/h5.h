/* h5.h: the HDF5 files that the stages pass to each other.
 *
 * Every file has the root attributes schema ("iteris-acts"), schema_version, complete (1, written
 * last); datasets are chunked by rows with a fletcher32 checksum, without times, hosts or paths
 * inside, so equal data give equal bytes. Writers go through out.h. Every HDF5 return value is
 * checked; every failure is die() naming file and object (a checksum error says "damaged"). Open
 * with H5F_CLOSE_SEMI; the HDF5 library's own error stack printing is off. float16 datasets are
 * IEEE half (h5dump prints them, h5py reads float16); conversion to and from float in memory is
 * done here, so float16 rows are written from float only (HDF5's own conversion from double does
 * not round ties to even). */
#ifndef H5_H
#define H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h5_type { H5_F16, H5_F32, H5_F64, H5_I32 };

/* The whole contents of a file that was released (release-files.c): its name and time are kept, its
 * data are gone. */
#define H5_RELEASED_WORDS "released: its work is done; KEEP_ACTS=1 keeps such files"
#define H5_RELEASED H5_RELEASED_WORDS "\n"

struct h5; /* one open file, for reading or for writing */

struct h5 *h5_create(const char *target, const char *schema, int version);
/* Writes complete = 1, closes, commits. */
void h5_commit(struct h5 *f);

/* Opens and checks schema, version and complete; anything else is die(): expected, found, file. */
struct h5 *h5_open(const char *path, const char *schema, int version);
void h5_close(struct h5 *f); /* readers; NULL is fine */
const char *h5_path(const struct h5 *f);
/* Readers: gives back what the open datasets hold in memory; the file stays open. */
void h5_rest(struct h5 *f);

/* Attributes of the root (obj = "/") or of a group or dataset ("/modules/encoder.block.0…").
 * Readers die when it is missing. */
void h5_set_int(struct h5 *f, const char *obj, const char *name, long v);
void h5_set_double(struct h5 *f, const char *obj, const char *name, double v);
void h5_set_string(struct h5 *f, const char *obj, const char *name, const char *v);
long h5_get_int(struct h5 *f, const char *obj, const char *name);
double h5_get_double(struct h5 *f, const char *obj, const char *name);
char *h5_get_string(struct h5 *f, const char *obj, const char *name); /* allocated */
bool h5_has(struct h5 *f, const char *obj); /* a group or dataset of this path exists */
/* die() unless the string or int attribute of the root is this: the message names file, attribute,
 * expected, found. */
void h5_expect_string(struct h5 *f, const char *name, const char *v);
void h5_expect_int(struct h5 *f, const char *name, long v);

/* Creates a group, and any missing groups above it; one that exists is left as it is. h5_set_*
 * wants its object to exist. */
void h5_group(struct h5 *f, const char *path);
/* Creates a dataset (rank 1 or 2; cols = 0 for rank 1) and any missing groups above it. */
void h5_dataset(struct h5 *f, const char *path, enum h5_type type, size_t rows, size_t cols);
/* A second name for a dataset or group (hard link). */
void h5_link(struct h5 *f, const char *path, const char *newpath);
/* Shape of a dataset; dies if it is missing or its rank is not 1 or 2. */
void h5_shape(struct h5 *f, const char *path, size_t *rows, size_t *cols);
/* die() unless the shape is this. */
void h5_expect_shape(struct h5 *f, const char *path, size_t rows, size_t cols);

/* Rows [row0, row0+nrows) to or from memory (row-major, no padding); the memory type is float,
 * double or int32_t and converted to or from the type on disk (float16 from float: round to nearest
 * even; overflow to infinity is the caller's to check). */
void h5_write_float(struct h5 *f, const char *path, size_t row0, size_t nrows, const float *data);
void h5_write_double(struct h5 *f, const char *path, size_t row0, size_t nrows, const double *data);
void h5_write_int(struct h5 *f, const char *path, size_t row0, size_t nrows, const int32_t *data);
void h5_read_float(struct h5 *f, const char *path, size_t row0, size_t nrows, float *data);
void h5_read_double(struct h5 *f, const char *path, size_t row0, size_t nrows, double *data);
void h5_read_int(struct h5 *f, const char *path, size_t row0, size_t nrows, int32_t *data);

/* Names of the members of a group, in alphabetical order: calls fn(name, arg) for each. */
void h5_each(struct h5 *f, const char *group, void (*fn)(const char *name, void *arg), void *arg);

#endif
