/* st_header.c: the header of one safetensors file: its JSON, and what it says about the tensors.
 *
 * Nothing in a file is believed before it agrees with something else: the header's length with the
 * file's size, a tensor's bytes with its shape, the tensors' offsets with each other and with the
 * end of the file. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonwords.h"
#include "files/looks.h"
#include "files/safetensors/st_private.h"

enum { NAME_MAX_BYTES = 1000 };

static const struct {
	const char *name;
	enum st_dtype dtype;
	unsigned size;
} DTYPE[] = {
	{"F32", ST_F32, 4},       {"F16", ST_F16, 2},       {"BF16", ST_BF16, 2},
	{"F64", ST_OTHER, 8},     {"I64", ST_OTHER, 8},     {"I32", ST_OTHER, 4},
	{"I16", ST_OTHER, 2},     {"I8", ST_OTHER, 1},      {"U64", ST_OTHER, 8},
	{"U32", ST_OTHER, 4},     {"U16", ST_OTHER, 2},     {"U8", ST_OTHER, 1},
	{"BOOL", ST_OTHER, 1},    {"C64", ST_OTHER, 8},     {"F8_E4M3", ST_OTHER, 1},
	{"F8_E5M2", ST_OTHER, 1}, {"F8_E8M0", ST_OTHER, 1},
};

/* A JSON tree takes many times the memory of its text. A header is three levels deep, and a
 * tensor's entry has three brackets in 48 bytes. A text with more brackets than this is refused
 * before a tree is built. */
static void check_header_text(const struct shard *f, const char *text, size_t n)
{
	size_t brackets = 0;
	int depth = 0;
	bool string = false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '[')) {
			brackets++;
			if (++depth > 3)
				die("'%s': the header is no safetensors header: nested more than "
				    "three deep at byte %zu",
				    f->path, i + 8);
		} else if (!string && (c == '}' || c == ']'))
			depth--;
	}
	if (brackets > n / 16 + 8)
		die("'%s': the header is no safetensors header: %zu brackets in %zu bytes", f->path,
		    brackets, n);
}

static json_t *header_load(const struct shard *f, uint64_t *data_start)
{
	unsigned char head[8];
	uint64_t n = 0;
	if (f->size < sizeof(head))
		die("'%s': expected a safetensors file, found %llu bytes: truncated?", f->path,
		    (unsigned long long)f->size);
	st_read_bytes(f, head, sizeof(head), 0);
	for (int i = 7; i >= 0; i--)
		n = n << 8 | head[i];
	if (n > HEADER_MAX) {
		looks_check_download(f->path);
		die("'%s': not a safetensors file: its first 8 bytes announce a header of %llu "
		    "bytes (limit %d)",
		    f->path, (unsigned long long)n, HEADER_MAX);
	}
	if (n > f->size - sizeof(head))
		die("'%s' is truncated: the header should have %llu bytes, the file has %llu after "
		    "its first 8",
		    f->path, (unsigned long long)n, (unsigned long long)(f->size - sizeof(head)));

	char *text = xmalloc(n + 1);
	st_read_bytes(f, text, n, sizeof(head));
	if (n == 0 || text[0] != '{')
		die("'%s': not a safetensors file: the header should start with '{'", f->path);
	check_header_text(f, text, n);
	json_error_t error;
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (!o)
		die("'%s': the header is not valid JSON: %s (byte %d)", f->path,
		    json_words(&error, text, n), error.position + 8);
	free(text);
	*data_start = sizeof(head) + n;
	return o;
}

static uint64_t header_uint(const struct shard *f, const char *tensor, const char *key,
			    const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		die("'%s': tensor '%s': %s: expected integers of at least 0", f->path, tensor, key);
	return (uint64_t)json_integer_value(v);
}

/* dtype and shape; returns the bytes that these two imply. */
static uint64_t read_shape(const struct shard *f, struct st_tensor *t, const json_t *dtype,
			   const json_t *shape)
{
	size_t k = 0, kinds = sizeof(DTYPE) / sizeof(DTYPE[0]);
	uint64_t bytes;
	if (!json_is_string(dtype))
		die("'%s': tensor '%s': dtype: expected a string", f->path, t->name);
	while (k < kinds && strcmp(DTYPE[k].name, json_string_value(dtype)) != 0)
		k++;
	if (k == kinds)
		die("'%s': tensor '%s': unknown dtype '%.32s'", f->path, t->name,
		    json_string_value(dtype));
	t->dtype = DTYPE[k].dtype;
	t->type = DTYPE[k].name;
	bytes = DTYPE[k].size;

	if (!json_is_array(shape) || json_array_size(shape) > MAX_DIM)
		die("'%s': tensor '%s': shape: expected a list of at most %d numbers", f->path,
		    t->name, MAX_DIM);
	t->ndim = (int)json_array_size(shape);
	for (int i = 0; i < MAX_DIM; i++) {
		t->dim[i] = i < t->ndim ? header_uint(f, t->name, "shape",
						      json_array_get(shape, (size_t)i))
					: 1;
		if (__builtin_mul_overflow(bytes, (uint64_t)t->dim[i], &bytes))
			die("'%s': tensor '%s': its shape has more elements than can be counted",
			    f->path, t->name);
	}
	return bytes;
}

static void read_entry(const struct shard *f, struct st_tensor *t, const json_t *entry,
		       uint64_t data_start)
{
	const json_t *dtype = json_object_get(entry, "dtype"),
		     *shape = json_object_get(entry, "shape");
	const json_t *span = json_object_get(entry, "data_offsets");
	char buf[SHAPE_TEXT];
	if (!dtype || !shape || !span || json_object_size(entry) != 3)
		die("'%s': tensor '%s': expected the keys dtype, shape and data_offsets, and no "
		    "others",
		    f->path, t->name);
	uint64_t need = read_shape(f, t, dtype, shape);
	if (!json_is_array(span) || json_array_size(span) != 2)
		die("'%s': tensor '%s': data_offsets: expected two numbers", f->path, t->name);
	uint64_t begin = header_uint(f, t->name, "data_offsets", json_array_get(span, 0));
	uint64_t end = header_uint(f, t->name, "data_offsets", json_array_get(span, 1));
	if (end < begin || end - begin != need)
		die("'%s': tensor '%s': %s of shape %s takes %llu bytes, data_offsets are [%llu, "
		    "%llu]",
		    f->path, t->name, json_string_value(dtype), st_shape_text(t->dim, t->ndim, buf),
		    (unsigned long long)need, (unsigned long long)begin, (unsigned long long)end);
	/* No overflow: both are below 2^63 + 2^27. Whether the file reaches that far is checked
	 * with all tensors in hand. */
	t->offset = data_start + begin;
	t->bytes = need;
}

static int by_offset(const void *a, const void *b)
{
	const struct st_tensor *x = a, *y = b;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* The tensors of one file must lie side by side from the start of the data to the end of the file.
 */
static void check_layout(const struct shard *f, struct st_tensor *t, int n, uint64_t data_start)
{
	uint64_t at = data_start;
	if (n > 0)
		qsort(t, (size_t)n, sizeof(*t), by_offset);
	for (int i = 0; i < n; i++) {
		if (t[i].offset != at)
			die("'%s': tensor '%s' starts at byte %llu of the data, expected %llu: %s",
			    f->path, t[i].name, (unsigned long long)(t[i].offset - data_start),
			    (unsigned long long)(at - data_start),
			    t[i].offset < at ? "it overlaps the one before" : "there is a gap");
		at += t[i].bytes;
		if (at > f->size)
			die("'%s' is truncated: tensor '%s' ends at byte %llu, the file has %llu",
			    f->path, t[i].name, (unsigned long long)at,
			    (unsigned long long)f->size);
	}
	if (at != f->size)
		die("'%s': the tensors end at byte %llu, but the file has %llu", f->path,
		    (unsigned long long)at, (unsigned long long)f->size);
}

static struct st_tensor *tensor_add(struct st *s)
{
	if (s->n == s->room) {
		if (s->room > INT32_MAX / 2)
			die("'%s': too many tensors", s->path);
		s->room = s->room ? 2 * s->room : 64;
		s->tensor = xrealloc(s->tensor, (size_t)s->room * sizeof(*s->tensor));
	}
	return &s->tensor[s->n++];
}

void st_add_tensors(struct st *s, int file)
{
	const struct shard *f = &s->file[file];
	uint64_t data_start;
	json_t *o = header_load(f, &data_start);
	const char *name;
	json_t *entry;
	int first = s->n;
	json_object_foreach (o, name, entry) {
		if (!json_is_object(entry))
			die("'%s': header entry '%s': expected an object", f->path, name);
		if (strcmp(name, "__metadata__") == 0)
			continue;
		if (strlen(name) > NAME_MAX_BYTES)
			die("'%s': a tensor's name has %zu bytes (limit %d)", f->path, strlen(name),
			    NAME_MAX_BYTES);
		struct st_tensor *t = tensor_add(s);
		*t = (struct st_tensor){.name = xstrdup(name), .file = file};
		read_entry(f, t, entry, data_start);
	}
	json_decref(o);
	check_layout(f, s->tensor ? s->tensor + first : NULL, s->n - first, data_start);
}
