/* textfile.c: see textfile.h. */
#include "files/textfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/looks.h"

enum { BUFFER = 1 << 16 };

struct textfile {
	char *path;
	FILE *f;
	size_t have, at; /* bytes of the buffer: read, and handed out */
	int line, last;  /* of the last byte; the last byte */
	char buffer[BUFFER];
};

static void fill(struct textfile *t)
{
	t->have = fread(t->buffer, 1, BUFFER, t->f);
	t->at = 0;
	if (ferror(t->f))
		die("cannot read '%s': %s", t->path, strerror(errno));
}

static void check_size(const struct textfile *t, size_t max_bytes)
{
	struct stat st;
	if (fstat(fileno(t->f), &st))
		die("cannot open '%s': %s", t->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		die("cannot read '%s': %s", t->path, strerror(EISDIR));
	if (S_ISREG(st.st_mode) && (unsigned long long)st.st_size > max_bytes)
		die("'%s': expected at most %zu bytes, found %lld", t->path, max_bytes,
		    (long long)st.st_size);
}

/* Words of a server's answer can also begin a table, so these looks are not checked. */
static void check_look(const struct textfile *t, const char *expected)
{
	enum look l = looks_like(t->buffer, t->have);
	if ((l != LOOKS_UNKNOWN && l < LOOKS_HTML) || l == LOOKS_LFS)
		die("'%s' looks like %s, but %s is expected: %s", t->path, looks_name(l), expected,
		    looks_advice(l));
}

struct textfile *textfile_open(const char *path, size_t max_bytes, const char *expected)
{
	checksums_check(path);
	struct textfile *t = xcalloc(1, sizeof *t);
	t->path = xstrdup(path);
	t->line = 1;
	t->f = fopen(path, "rbe");
	if (!t->f)
		die("cannot open '%s': %s", path, strerror(errno));
	check_size(t, max_bytes);
	fill(t);
	check_look(t, expected);
	t->at = looks_mark(t->buffer, t->have);
	return t;
}

int textfile_next(struct textfile *t)
{
	if (t->at == t->have && t->have > 0)
		fill(t);
	int byte = t->at < t->have ? (unsigned char)t->buffer[t->at++] : EOF;
	t->line += t->last == '\n' || (t->last == '\r' && byte != '\n');
	t->last = byte;
	if (byte == 0)
		die("'%s' line %d: a zero byte is no part of a text: is this a binary file?",
		    t->path, t->line);
	return byte;
}

int textfile_line(const struct textfile *t)
{
	return t->line;
}

const char *textfile_path(const struct textfile *t)
{
	return t->path;
}

void textfile_close(struct textfile *t)
{
	if (!t)
		return;
	fclose(t->f);
	free(t->path);
	free(t);
}
