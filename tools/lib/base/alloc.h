/* alloc.h: what is built on xmalloc() alone, whatever that does when there is no memory (die.c ends
 * the tool; the fuzzers' survive.c goes on). Included by die.h. */
#ifndef ALLOC_H
#define ALLOC_H

#include <stddef.h>

#define PRINTF_LIKE(a, b) __attribute__((format(printf, a, b)))

void *xarray(size_t n, size_t size); /* refuses a product that overflows */
/* At a multiple of 64 bytes: BLAS sums vectors in an order that depends on where they start, and
 * results may not depend on that. */
void *xaligned(size_t n, size_t size);
char *xstrdup(const char *s);
char *xformat(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
