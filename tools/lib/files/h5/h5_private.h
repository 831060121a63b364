/* h5_private.h: what the sources of h5 share; h5.h is the contract. */
#ifndef H5_PRIVATE_H
#define H5_PRIVATE_H

#include <hdf5.h>

#include "files/h5/h5.h"

enum { MAX_DATASETS = 8 }; /* most open datasets of a file */

/* The chunks of a dataset, of whole rows each. */
struct chunks {
	size_t rows, row_bytes, n; /* n: number of chunks */
	size_t held;               /* number of the chunk in memory; (size_t)-1: none */
	bool changed;              /* it has changes that are not written yet */
	unsigned char *data;       /* (rows, row_bytes) with the checksum behind */
	unsigned char *unwritten;  /* (n) chunks written since the dataset was created; NULL: all */
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
	char *path; /* the final name, also for messages */
	bool writing;
	unsigned long clock;
	size_t unstarted; /* bytes written since the system was last told to begin */
	struct dataset open[MAX_DATASETS];
};

/* ------------------------------------------------------------ errors: h5_error.c */

struct reason {
	char text[256]; /* dies with the operating system's message if there is one, else with the
			   innermost HDF5 message */
	bool from_system;
	bool damaged; /* dies because of a wrong checksum */
};

/* Must be the first HDF5 call after the failed one, because the next call clears the error
 * stack. */
struct reason h5_reason_now(void);
/* "cannot read dataset 'rows' of 'x.h5': …". `what`: "dataset", "attribute", …; NULL: the file
 * itself. */
_Noreturn void h5_fail(const struct h5 *f, const char *verb, const char *what, const char *obj);
/* For calls that fail only for lack of memory or by a mistake in this program. */
hid_t h5_must(hid_t id);

/* ------------------------------------------------------------ the form of a file: h5.c */

/* For the creation list of a file, group or dataset; of a file or group. */
void h5_plain_object(hid_t list);
void h5_plain_group(hid_t list);

/* ------------------------------------------------------------ groups: h5_link.c */

/* Creates the missing groups among the components of `path`; with or without the last component. */
void h5_make_groups(struct h5 *f, const char *path, bool last);

/* ------------------------------------------------------------ datasets: h5_dataset.c */

/* The dataset with this path. If too many are open, the least recently used one is closed. */
struct dataset *h5_dataset_open(struct h5 *f, const char *path);
void h5_datasets_close(struct h5 *f);

/* ------------------------------------------------------------ chunks: h5_chunk.c */

/* How elements are converted between memory and a chunk. */
struct conversion {
	void (*convert)(void *to, const void *from, size_t n);
	size_t row, bytes; /* elements in a row; bytes of an element in memory */
	bool plain;        /* both are the same bytes */
};

/* For a dataset that was just created (fresh), or opened. */
void h5_chunks_init(struct chunks *c, size_t dataset_rows, size_t rows, size_t row_bytes,
		    bool fresh);
/* Rows [row0, row0+nrows) must exist. */
void h5_chunks_write(struct h5 *f, struct dataset *d, size_t row0, size_t nrows,
		     const struct conversion *how, const void *from);
void h5_chunks_read(struct h5 *f, struct dataset *d, size_t row0, size_t nrows,
		    const struct conversion *how, void *to);
/* Closes a dataset. In a file that is being written, unwritten changes go to the disk. */
void h5_chunks_close(struct h5 *f, struct dataset *d);

#endif
