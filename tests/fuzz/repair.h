/* repair.h: corrects the checksums of a mutated HDF5 file, so that a fuzzer gets past them. */
#ifndef REPAIR_H
#define REPAIR_H

#include <stddef.h>
#include <stdint.h>

/* A block with a checksum: [at, at + n); the checksum's four bytes are at `sum`. */
struct span {
	size_t at, n, sum;
	int fletcher; /* of raw data; else HDF5's metadata checksum */
};

/* The blocks that can be found, at most `max`: superblock, object headers and their continuations,
 * fractal heaps, B-trees of version 2, fixed arrays, chunks. */
int spans_find(const uint8_t *data, size_t n, struct span *s, int max);
void spans_repair(uint8_t *data, const struct span *s, int n);

#endif
