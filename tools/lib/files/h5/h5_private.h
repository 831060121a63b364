/* h5_private.h: what the files of h5 share; h5.h is the contract. */
#ifndef H5_PRIVATE_H
#define H5_PRIVATE_H

#include <hdf5.h>

#include "files/h5/h5.h"

enum { MAX_DATASETS = 8 }; /* open at a time, of a file */

/* The chunks of a dataset, of whole rows each. */
struct chunks {
	size_t rows, row_bytes, n; /* n: chunks */
	size_t held;               /* the one in memory; (size_t)-1: none */
	bool changed;              /* and not written yet */
	unsigned char *data;       /* (rows, row_bytes), and the checksum */
	unsigned char *unwritten;  /* (n), since the dataset was created; NULL: all were */
};

struct dataset {
	char *path;
	hid_t id;
	enum h5_type type;
	size_t rows, cols; /* cols 0: rank 1 */
	struct chunks chunks;
	unsigned long used; /* the file's clock at the last use; 0: free */
};

struct h5 {
	hid_t file;
	char *path; /* the final name, for messages too */
	bool writing;
	unsigned long clock;
	struct dataset open[MAX_DATASETS];
};

/* ------------------------------------------------------------ errors: h5_error.c */

struct reason {
	char text[256]; /* the operating system's words where there are any, else the innermost HDF5
			   message */
	bool from_system;
	bool damaged; /* a checksum did not agree */
};

/* Must be the first HDF5 call after the failed one: the next call clears the stack. */
struct reason h5_reason_now(void);
/* "cannot read dataset 'rows' of 'x.h5': …"; `what` is "dataset", "attribute" …, NULL for the file
 * itself. */
_Noreturn void h5_fail(const struct h5 *f, const char *verb, const char *what, const char *obj);
/* For calls that fail only without memory or by a mistake here. */
hid_t h5_must(hid_t id);

/* ------------------------------------------------------------ the form of a file: h5.c */

/* For the creation list of a file, a group or a dataset; of a file or a group. */
void h5_plain_object(hid_t list);
void h5_plain_group(hid_t list);

/* ------------------------------------------------------------ groups: h5_link.c */

/* The missing groups among the first components of `path`: all of them, or all but the last. */
void h5_make_groups(struct h5 *f, const char *path, bool last);

/* ------------------------------------------------------------ datasets: h5_dataset.c */

/* The one of this path; where as many as may be are open, the least recently used is closed. */
struct dataset *h5_dataset_open(struct h5 *f, const char *path);
void h5_datasets_close(struct h5 *f);

/* ------------------------------------------------------------ chunks: h5_chunk.c */

/* Elements on their way between memory and a chunk. */
struct conversion {
	void (*convert)(void *to, const void *from, size_t n);
	size_t row, bytes; /* elements of a row; bytes of an element in memory */
};

/* Of a dataset that has been created (fresh) or opened. */
void h5_chunks_init(struct chunks *c, size_t dataset_rows, size_t rows, size_t row_bytes,
		    bool fresh);
/* Rows [row0, row0+nrows), which exist. */
void h5_chunks_write(struct h5 *f, struct dataset *d, size_t row0, size_t nrows,
		     const struct conversion *how, const void *from);
void h5_chunks_read(struct h5 *f, struct dataset *d, size_t row0, size_t nrows,
		    const struct conversion *how, void *to);
/* Of a file that is written: what is not on disk yet goes there. */
void h5_chunks_close(struct h5 *f, struct dataset *d);

#endif
