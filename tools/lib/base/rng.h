/* rng.h: a small random generator of our own, so that a seed gives the same draw on every machine
 * and libc.
 *
 * It is xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018).
 * splitmix64 fills its 256 bits from the seed. Integer arithmetic only; not for secrets. */
#ifndef RNG_H
#define RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4]; /* never all zero */
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform on 0 … n-1, without bias; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform on [0, 1), a multiple of 2^-53. */
double rng_uniform(struct rng *r);
/* A uniform permutation of a[0 … n-1], in place. */
void rng_shuffle(struct rng *r, int *a, int n);

#endif
