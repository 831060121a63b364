/* fletcher.h: the checksum of HDF5's fletcher32 filter (HDF5 file format specification, "Fletcher32
 * checksum"). */
#ifndef FLETCHER_H
#define FLETCHER_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes, n even: big-endian 16-bit words w_i, (Σ (k−i) w_i) · 2^16 + Σ w_i over k words, both
 * modulo 65535; 0 stands for a sum of zeros alone, 65535 for any other that is 0 modulo it. */
uint32_t fletcher32(const void *data, size_t n);

#endif
