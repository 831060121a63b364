/* st.h: reads and writes safetensors: one file, or a folder with model.safetensors or an index and
 * its shards.
 *
 * The header is an 8-byte little-endian length and JSON. It is checked before it is used: the
 * length against the file's size; offsets inside the data, sorted, without gap or overlap; bytes =
 * product of the shape × element size. Data are read with pread into the caller's memory and never
 * mapped, so memory stays as planned. */
#ifndef ST_H
#define ST_H

#include <stddef.h>
#include <stdint.h>

enum st_dtype { ST_F32, ST_F16, ST_BF16, ST_OTHER };

struct st_tensor {
	const char *name;
	enum st_dtype dtype;
	const char *type; /* dtype as in the file */
	int ndim;
	size_t dim[4];   /* unused dimensions are 1 */
	int file;        /* index of the shard */
	uint64_t offset; /* absolute position in the shard */
	uint64_t bytes;
};

struct st;

/* `path`: a .safetensors file, or a folder with model.safetensors or model.safetensors.index.json.
 * A folder with only pickle files (.bin, .pth, .pt) is refused, because unpickling runs code; the
 * message tells how to convert them. */
struct st *st_open(const char *path);
void st_close(struct st *s); /* NULL is fine */

int st_count(const struct st *s);
const struct st_tensor *st_at(const struct st *s, int i);              /* in name order */
const struct st_tensor *st_find(const struct st *s, const char *name); /* NULL: there is none */
/* die() when the tensor is missing or has another shape. `rows`, `cols` (cols = 0: one-dimensional)
 * come from config.json. */
const struct st_tensor *st_need(const struct st *s, const char *name, size_t rows, size_t cols);
const char *st_file(const struct st *s,
		    const struct st_tensor *t); /* path of the shard that holds it */

/* Elements [first, first+n) of the flattened tensor as float32. die() for a type other than F32,
 * F16 or BF16. die(), naming tensor and element, at NaN or Inf. */
void st_read(const struct st *s, const struct st_tensor *t, size_t first, size_t n, float *dst);

/* The first element in [first, first+n) that differs between two tensors of the same shape, or
 * first+n. Values are compared, so the types may differ. Only small pieces are read at a time. */
size_t st_first_difference(const struct st *s, const struct st_tensor *a, const struct st_tensor *b,
			   size_t first, size_t n);

/* Writing, tensor by tensor. Declare all tensors first (name, F32, shape), then write them in the
 * same order. The header has {"__metadata__": {"format": "pt"}}. */
struct st_out;
struct st_out *st_create(const char *target);
void st_declare(struct st_out *o, const char *name, size_t rows,
		size_t cols); /* cols = 0: one-dimensional */
void st_write(struct st_out *o, const float *data,
	      size_t n); /* appends n elements to the data; a tensor may be split anywhere */
void st_commit(struct st_out *o); /* BUG() unless exactly the declared elements were written */

#endif
