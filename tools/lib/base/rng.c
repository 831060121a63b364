/* rng.c: see rng.h. */
#include "base/rng.h"

#include "base/die.h"

static uint64_t rotate_left(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

/* splitmix64: a Weyl sequence (step = 2^64 / golden ratio) through a 64-bit mixer. It is a
 * bijection of its counter, so four consecutive outputs are never all zero. */
static uint64_t splitmix64(uint64_t *counter)
{
	uint64_t z = *counter += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t out = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return out;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	BUG_IF(n == 0);
	/* The lowest 2^64 mod n values are drawn again. The number of the others is a multiple of
	 * n. */
	uint64_t first = (0 - n) % n;
	uint64_t x;
	do
		x = rng_next(r);
	while (x < first);
	return x % n;
}

double rng_uniform(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/* Fisher and Yates, starting from the end. */
void rng_shuffle(struct rng *r, int *a, int n)
{
	for (int i = n - 1; i > 0; i--) {
		int j = (int)rng_below(r, (uint64_t)i + 1);
		int t = a[i];
		a[i] = a[j];
		a[j] = t;
	}
}
