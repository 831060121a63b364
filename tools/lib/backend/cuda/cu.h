/* cu.h: the only place that knows what compiles the kernels: nvcc, or g++ for the test double
 * (tests/cuda/double). */
#ifndef CU_H
#define CU_H

#ifdef __CUDACC__
/* Launches a kernel on a stream. The value says whether it could be launched. */
#define LAUNCH(kernel, grid, block, stream, ...) \
	(kernel<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__), cudaGetLastError())
/* An array in the block's shared memory. */
#define SHARED(T, name, n) __shared__ T name[n]
#else
#include "emu.hpp"
#endif

#endif
