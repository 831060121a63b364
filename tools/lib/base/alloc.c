/* alloc.c: see alloc.h. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

void *xarray(size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		die("out of memory: cannot get %zu times %zu bytes", n, size);
	return xmalloc(n * size);
}

void *xaligned(size_t n, size_t size)
{
	enum { ALIGN = 64 };
	void *p = NULL;

	if (!size || n <= (SIZE_MAX - ALIGN) / size)
		p = aligned_alloc(ALIGN, (n * size + ALIGN) / ALIGN * ALIGN);
	if (!p)
		die("out of memory: cannot get %zu times %zu bytes", n, size);
	return p;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(xmalloc(n), s, n);
}

/* A short text is formatted once: on the stack, to learn its length. */
char *xvformat(const char *fmt, va_list ap)
{
	char text[256], *s;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		BUG("format '%s'", fmt);
	s = xmalloc((size_t)n + 1);
	if ((size_t)n < sizeof(text))
		memcpy(s, text, (size_t)n + 1);
	else
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

char *xformat(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvformat(fmt, ap);
	va_end(ap);
	return s;
}
