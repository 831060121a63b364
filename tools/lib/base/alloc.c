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

char *xformat(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		BUG("format '%s'", fmt);
	char *s = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}
