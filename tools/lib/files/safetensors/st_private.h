/* st_private.h: what the sources of st share; all others include st.h. */
#ifndef ST_PRIVATE_H
#define ST_PRIVATE_H

#include "files/safetensors/st.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data are little-endian and are read and written here as they are"
#endif
_Static_assert(sizeof(size_t) == 8, "sizes of tensors are counted in size_t");

enum {
	HEADER_MAX = 100000000, /* bytes; the limit of the format's own reader */
	MAX_DIM = 4,
	SHAPE_TEXT = 128,
};

struct shard {
	char *path;
	int fd;
	uint64_t size;
};

struct st {
	char *path;
	int nfiles;
	struct shard *file;
	int n, room;
	struct st_tensor *tensor;
};

/* st.c */
/* Reads n bytes of the file from `offset`; die() when the file ends before. */
void st_read_bytes(const struct shard *f, void *dst, size_t n, uint64_t offset);
const char *st_shape_text(const size_t *dim, int ndim,
			  char *buf); /* "(512, 256)", into buf[SHAPE_TEXT] */
int st_by_name(const void *a,
	       const void *b); /* the order of struct st_tensor, for qsort and bsearch */

/* st_header.c */
/* Checks the header of s->file[file] and appends its tensors to s->tensor; die() at any error. */
void st_add_tensors(struct st *s, int file);

#endif
