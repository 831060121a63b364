/* emu.h: settings of the test double of the CUDA device, and what tests can ask it.
 * - CUDAEMU: when work is done. 0 (default): at once, threads in ascending order. 1: as late as
 *   the order of the streams allows, threads in descending order. More: at random moments and in
 *   random order, with this seed.
 * - CUDAEMU_FAIL=N: the N-th call that can fail does fail.
 * - CUDAEMU_MEMORY: bytes of the device (default 16 GB).
 * - CUDAEMU_DEVICES: number of devices (1).
 * - CUDAEMU_CAPABILITY: 80 (default) is compute capability 8.0.
 * - CUDAEMU_LOG=FILE: every program that used the device appends a line when it ends: name, most
 *   bytes allocated, bytes left allocated. */
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
