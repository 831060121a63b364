/* st.h: safetensors, reading (one file, or a folder's model.safetensors or its index and shards)
 * and writing.
 *
 * The header (an 8-byte little-endian length, then JSON) is checked before anything is believed:
 * length against the file's size, offsets inside the data, sorted without gap or overlap, bytes =
 * product of the shape × element size. Data are read with pread into the caller's memory, never
 * mapped: the resident set stays what the caller planned. */
#ifndef ST_H
#define ST_H

#include <stddef.h>
#include <stdint.h>

enum st_dtype { ST_F32, ST_F16, ST_BF16, ST_OTHER };

struct st_tensor {
	const char *name;
	enum st_dtype dtype;
	const char *type; /* dtype as the file says it */
	int ndim;
	size_t dim[4];   /* unused ones are 1 */
	int file;        /* index of the shard */
	uint64_t offset; /* absolute, in that file */
	uint64_t bytes;
};

struct st;

/* `path`: a .safetensors file, or a folder that holds model.safetensors or
 * model.safetensors.index.json. A folder with only pickle files (.bin, .pth, .pt) is refused,
 * saying why (unpickling runs code) and how to convert. */
struct st *st_open(const char *path);
void st_close(struct st *s); /* NULL is fine */

int st_count(const struct st *s);
const struct st_tensor *st_at(const struct st *s, int i);              /* in name order */
const struct st_tensor *st_find(const struct st *s, const char *name); /* NULL: none */
/* die() when missing or of another shape; `rows`, `cols` (cols = 0: one-dimensional) as config.json
 * implies. */
const struct st_tensor *st_need(const struct st *s, const char *name, size_t rows, size_t cols);
const char *st_file(const struct st *s,
		    const struct st_tensor *t); /* path of the shard that holds it */

/* Elements [first, first+n) of the flattened tensor as float32. Not F32, F16 or BF16: die(). NaN or
 * Inf: die() naming tensor and element. */
void st_read(const struct st *s, const struct st_tensor *t, size_t first, size_t n, float *dst);

/* Index of the first element in [first, first+n) that two tensors of the same shape do not share,
 * or first+n. Values are compared, so the two may be stored in different types. Reads both in small
 * pieces. */
size_t st_first_difference(const struct st *s, const struct st_tensor *a, const struct st_tensor *b,
			   size_t first, size_t n);

/* Writing, tensor by tensor. Tensors are declared first (name, F32, shape), then written in the
 * order of declaration. The header carries {"__metadata__": {"format": "pt"}}. */
struct st_out;
struct st_out *st_create(const char *target);
void st_declare(struct st_out *o, const char *name, size_t rows,
		size_t cols); /* cols = 0: one-dimensional */
void st_write(struct st_out *o, const float *data,
	      size_t n); /* appends n elements to the data, any split */
void st_commit(
	struct st_out *o); /* die()s as BUG if fewer or more elements than declared were written */

#endif
