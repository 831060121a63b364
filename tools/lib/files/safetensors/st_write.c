/* st_write.c: writing a safetensors file; see st.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "files/out.h"
#include "files/safetensors/st_private.h"

struct st_out {
	char *target, *path;
	int fd;
	json_t *header;
	uint64_t declared, written; /* bytes of data */
	bool started;               /* the header has been written */
};

static void write_bytes(const struct st_out *o, const void *src, size_t n)
{
	const char *p = src;
	while (n > 0) {
		ssize_t k = write(o->fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("cannot write '%s': %s", o->target, strerror(errno));
		p += k;
		n -= (size_t)k;
	}
}

struct st_out *st_create(const char *target)
{
	struct st_out *o = xcalloc(1, sizeof(*o));
	o->target = xstrdup(target);
	o->path = xstrdup(out_begin(target));
	o->fd = open(o->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (o->fd < 0)
		die("cannot write '%s': %s", o->path, strerror(errno));
	o->header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
	if (!o->header)
		die("cannot write '%s': out of memory", target);
	return o;
}

void st_declare(struct st_out *o, const char *name, size_t rows, size_t cols)
{
	uint64_t bytes;
	BUG_IF(o->started);
	if (json_object_get(o->header, name))
		BUG("tensor '%s' declared twice", name);
	if (__builtin_mul_overflow((uint64_t)rows, (uint64_t)(cols ? cols : 1) * sizeof(float),
				   &bytes) ||
	    bytes > INT64_MAX - o->declared)
		BUG("tensor '%s' is too large", name);
	json_int_t begin = (json_int_t)o->declared, end = (json_int_t)(o->declared + bytes);
	json_t *shape = cols ? json_pack("[I,I]", (json_int_t)rows, (json_int_t)cols)
			     : json_pack("[I]", (json_int_t)rows);
	json_t *entry = json_pack("{s:s,s:o,s:[I,I]}", "dtype", "F32", "shape", shape,
				  "data_offsets", begin, end);
	if (!entry || json_object_set_new(o->header, name, entry) != 0)
		die("cannot write '%s': tensor '%s': its name is not UTF-8, or memory ran out",
		    o->target, name);
	o->declared += bytes;
}

/* Length, JSON, and spaces up to a multiple of 8, which aligns the data. */
static void write_header(struct st_out *o)
{
	char *text = json_dumps(o->header, JSON_COMPACT);
	if (!text)
		die("cannot write '%s': out of memory", o->target);
	size_t n = strlen(text), padded = (n + 7) / 8 * 8;
	BUG_IF(padded > HEADER_MAX);
	unsigned char head[8];
	for (int i = 0; i < 8; i++)
		head[i] = (unsigned char)((uint64_t)padded >> (8 * i));
	write_bytes(o, head, sizeof(head));
	write_bytes(o, text, n);
	write_bytes(o, "        ", padded - n);
	free(text);
	o->started = true;
}

void st_write(struct st_out *o, const float *data, size_t n)
{
	if (!o->started)
		write_header(o);
	if (n > (o->declared - o->written) / sizeof(float))
		BUG("more elements written than declared: '%s'", o->target);
	write_bytes(o, data, n * sizeof(float));
	o->written += (uint64_t)n * sizeof(float);
}

void st_commit(struct st_out *o)
{
	if (!o->started)
		write_header(o);
	if (o->written != o->declared)
		BUG("fewer elements written than declared: '%s'", o->target);
	if (close(o->fd) != 0)
		die("cannot write '%s': %s", o->target, strerror(errno));
	out_commit(o->target);
	json_decref(o->header);
	free(o->path);
	free(o->target);
	free(o);
}
