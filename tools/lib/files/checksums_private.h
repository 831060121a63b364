/* checksums_private.h: what checksums.c and checksums_lines.c share. */
#ifndef CHECKSUMS_PRIVATE_H
#define CHECKSUMS_PRIVATE_H

#include "files/checksums.h"

/* Makes a line with its own digest at the end (allocated). */
char *checksums_format(uint64_t digest, uint64_t size, const char *name, const char *made_of);

#endif
