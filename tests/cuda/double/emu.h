/* emu.h: what tests may ask of the test double of the CUDA device, and how it is set.
 *
 * CUDAEMU          0 (default): work is done at once, threads in ascending order; 1: as late as the
 * streams' order allows, threads descending; more: at random moments and in random order, by this
 * seed CUDAEMU_FAIL     N: the N-th call that can fail does CUDAEMU_MEMORY   bytes of the device
 * (default 16 GB); CUDAEMU_DEVICES (1); CUDAEMU_CAPABILITY (80: compute capability 8.0) CUDAEMU_LOG
 * FILE: every program that used the device appends a line when it ends: name, most bytes allocated,
 * bytes left allocated */
#ifndef EMU_H
#define EMU_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t emu_live(void); /* bytes of device memory allocated */
size_t emu_peak(void);

#ifdef __cplusplus
}
#endif

#endif
