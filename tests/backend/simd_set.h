/* simd_set.h: a part of simd_sets.h: simd.c for the instruction set SET, with its functions as a
 * struct simd_set. CLONES is the set's attribute. SUPPORTED tells whether this CPU has the set.
 * Included once per set. */
#undef SIMD_H
#include "backend/simd.c"

CLONES static void JOIN(exp_all, SET)(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = exp_poly(x[i]);
}

static int JOIN(here, SET)(void)
{
	return SUPPORTED;
}

#define NAME_OF_(set) #set
#define NAME_OF(set) NAME_OF_(set)
static const struct simd_set JOIN(simd_set, SET) = {
	.name = NAME_OF(SET),
	.here = JOIN(here, SET),
	.exp = JOIN(exp_all, SET),
	.to_bf16 = simd_to_bf16,
	.rmsnorm = simd_rmsnorm,
	.softmax = simd_softmax,
	.dot_f64 = simd_dot_f64,
	.transpose = simd_transpose,
	.softcap = simd_softcap,
	.gelu = simd_gelu,
	.silu = simd_silu,
};

#undef NAME_OF_
#undef NAME_OF
#undef CLONES
#undef SUPPORTED
#undef SET
