/* bf16.h: float32 to bfloat16 on the bits. The CPU, the kernels and the test double share one
 * function, so all round alike. */
#ifndef BF16_H
#define BF16_H

#include <stdint.h>

#ifdef __CUDACC__
#define BF16_FUNCTION static __host__ __device__ inline
#else
#define BF16_FUNCTION static inline
#endif

/* u: the bits of a float32. Round to nearest even; NaN stays NaN. */
BF16_FUNCTION uint16_t bf16_round(uint32_t u)
{
	u = (u & 0x7fffffffu) > 0x7f800000u ? u | 0x400000u : u + 0x7fffu + ((u >> 16) & 1u);
	return (uint16_t)(u >> 16);
}

#endif
