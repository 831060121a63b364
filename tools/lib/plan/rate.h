/* rate.h: how fast this machine computes. It is measured once, in two seconds of processor time at
 * most, and kept in a file beside the tools:
 *
 *   processor  backend  threads  float32  16 bits  float64  bytes  share
 *
 * A line of another processor, backend or number of threads does not count. Each rate is the best
 * of several bursts. The share is that of a processor which the measuring process had. Below 0.9
 * other programs were running, and the rates may be too low. Then they are measured again once the
 * machine's load is below half of its processors. */
#ifndef RATE_H
#define RATE_H

/* Per second of processor time, while all threads compute. On a device: per second. */
struct rate {
	double products;   /* floating-point operations of products in float32 */
	double products16; /* in the device's 16-bit type; the same as float32 where it has none */
	double products64; /* of a factorisation in float64 */
	double bytes;      /* copied with a checksum */
};

/* From FOLDER/rate.tsv, or measured and kept there. A folder that cannot be written keeps
 * nothing. */
struct rate rate_here(const char *folder, int threads);
/* Two cores with AVX2, roughly: where nothing is measured. */
struct rate rate_assumed(void);

#endif
