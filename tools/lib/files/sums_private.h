/* sums_private.h: what sums.c and sums_lines.c share. */
#ifndef SUMS_PRIVATE_H
#define SUMS_PRIVATE_H

#include "files/sums.h"

/* A line, its own digest at the end (allocated). */
char *sums_format(uint64_t digest, uint64_t size, const char *name, const char *made_of);

#endif
