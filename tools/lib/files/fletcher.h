/* fletcher.h: the checksum of HDF5's fletcher32 filter (HDF5 file format specification, "Fletcher32
 * checksum"). */
#ifndef FLETCHER_H
#define FLETCHER_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of n bytes, n even. With k big-endian 16-bit words w_i it is (Σ (k−i) w_i) · 2^16 +
 * Σ w_i, both sums modulo 65535. A sum over zeros only gives 0; any other sum that is 0 modulo
 * 65535 gives 65535. */
uint32_t fletcher32(const void *data, size_t n);

#endif
