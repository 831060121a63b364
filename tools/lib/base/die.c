/* die.c: one-line messages on stderr, the ways out of a tool, and memory that is never NULL.
 *
 * A message is formatted whole and written with one write(), so that lines of tools side by side
 * under make do not mix. A file name or a library's message may contain line breaks: they become
 * spaces. */
#include "base/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/host.h"

const char *prog_name = "iteris";
int note_quiet;

static void write_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, s, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return; /* stderr is gone; nobody can be told */
		s += k;
		n -= (size_t)k;
	}
}

/* "TOOL: ", or "TOOL (job 17.0 on node3): " in a step of Slurm. As snprintf(). */
static int put_head(char *s, size_t size)
{
	const char *job = host_job();

	return job ? snprintf(s, size, "%s (%s): ", prog_name, job)
		   : snprintf(s, size, "%s: ", prog_name);
}

static void say_line(const char *fmt, va_list ap)
{
	char small[1024], *line = small;
	va_list again;
	va_copy(again, ap);
	int head = put_head(NULL, 0);
	int body = vsnprintf(NULL, 0, fmt, ap);
	if (head < 0 || body < 0) {
		va_end(again);
		return;
	}
	size_t n = (size_t)head + (size_t)body;
	/* Plain malloc, because the message may say that memory ran out. Without memory the line is
	 * cut. */
	if (n + 2 > sizeof(small)) {
		line = malloc(n + 2);
		if (!line) {
			line = small;
			n = sizeof(small) - 2;
		}
	}
	put_head(line, n + 1);
	if ((size_t)head < n)
		vsnprintf(line + head, n + 1 - (size_t)head, fmt, again);
	va_end(again);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[n] = '\n';
	write_all(STDERR_FILENO, line, n + 1);
	if (line != small)
		free(line);
}

#define SAY(fmt)                      \
	do {                          \
		va_list ap_;          \
		va_start(ap_, fmt);   \
		say_line((fmt), ap_); \
		va_end(ap_);          \
	} while (0)

void die(const char *fmt, ...)
{
	SAY(fmt);
	exit(EXIT_WORLD);
}

void die_usage(const char *fmt, ...)
{
	SAY(fmt);
	exit(EXIT_USAGE);
}

void die_data(const char *fmt, ...)
{
	SAY(fmt);
	exit(EXIT_DATA);
}

void warn(const char *fmt, ...)
{
	SAY(fmt);
}

void note(const char *fmt, ...)
{
	if (!note_quiet)
		SAY(fmt);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	warn("bug at %s:%d: %s", file, line, text);
	abort();
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		die("out of memory: cannot get %zu bytes", size);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	/* calloc itself refuses a product that overflows. */
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		die("out of memory: cannot get %zu times %zu bytes", n, size);
	return p;
}

void *xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);
	if (!q)
		die("out of memory: cannot get %zu bytes", size);
	return q;
}
