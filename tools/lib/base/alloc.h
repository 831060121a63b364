/* alloc.h: allocation that only needs xmalloc(), whatever xmalloc() does when memory runs out:
 * die.c ends the tool, the fuzzers' survive.c continues. Included by die.h. */
#ifndef ALLOC_H
#define ALLOC_H

#include <stdarg.h>
#include <stddef.h>

#define PRINTF_LIKE(a, b) __attribute__((format(printf, a, b)))

void *xarray(size_t n, size_t size); /* refuses a product that overflows */
/* At a multiple of 64 bytes. BLAS sums a vector in an order that depends on its address, and
 * results must not depend on it. */
void *xaligned(size_t n, size_t size);
char *xstrdup(const char *s);
char *xformat(const char *fmt, ...) PRINTF_LIKE(1, 2);
char *xvformat(const char *fmt, va_list ap) PRINTF_LIKE(1, 0);

#endif
