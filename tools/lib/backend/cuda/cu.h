/* cu.h: the one seam between the kernels and what compiles them: nvcc, or g++ against the test
 * double (tests/cuda/double). */
#ifndef CU_H
#define CU_H

#ifdef __CUDACC__
/* Launches a kernel on a stream; its value says whether it could be. */
#define LAUNCH(kernel, grid, block, stream, ...) \
	(kernel<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__), cudaGetLastError())
/* An array of the block's shared memory. */
#define SHARED(T, name, n) __shared__ T name[n]
#else
#include "emu.hpp"
#endif

#endif
