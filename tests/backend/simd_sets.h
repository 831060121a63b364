/* simd_sets.h: backend/simd.c, compiled once for each instruction set of base/clones.h. Each copy
 * can then be called on a CPU that has the set: simd_sets[]. */
#ifndef SIMD_SETS_H
#define SIMD_SETS_H

#include <stddef.h>
#include <stdint.h>

struct simd_set {
	const char *name;
	int (*here)(void);
	void (*exp)(float *x, size_t n);
	void (*to_bf16)(uint16_t *y, const float *x, size_t n);
	void (*rmsnorm)(float *y, const float *x, const float *g, size_t n, float eps);
	void (*softmax)(float *x, size_t n);
	double (*dot_f64)(const float *x, const float *y, size_t n);
	void (*transpose)(float *y, size_t ldy, const float *x, size_t ldx, size_t rows,
			  size_t cols);
	void (*softcap)(float *x, float cap, size_t n);
	void (*gelu)(float *x, const float *g, size_t n);
	void (*silu)(float *x, const float *g, size_t n);
};

/* The set's name is appended to the name of every function of simd.c. */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define exp_poly JOIN(exp_poly, SET)
#define tanh_poly JOIN(tanh_poly, SET)
#define simd_to_bf16 JOIN(simd_to_bf16, SET)
#define simd_rmsnorm JOIN(simd_rmsnorm, SET)
#define simd_softmax JOIN(simd_softmax, SET)
#define simd_add JOIN(simd_add, SET)
#define simd_add_f64 JOIN(simd_add_f64, SET)
#define simd_dot_f64 JOIN(simd_dot_f64, SET)
#define simd_transpose JOIN(simd_transpose, SET)
#define simd_relu JOIN(simd_relu, SET)
#define simd_rotate JOIN(simd_rotate, SET)
#define simd_softcap JOIN(simd_softcap, SET)
#define simd_gelu JOIN(simd_gelu, SET)
#define simd_silu JOIN(simd_silu, SET)

/* simd.c takes CLONES from here. */
#define CLONES_H

#define SET base
#define SUPPORTED 1
#define CLONES
#include "simd_set.h"

#ifdef __x86_64__
#define SET avx2
#define SUPPORTED __builtin_cpu_supports("avx2")
#define CLONES __attribute__((target("avx2")))
#include "simd_set.h"

#define SET avx512f
#define SUPPORTED __builtin_cpu_supports("avx512f")
#define CLONES __attribute__((target("avx512f")))
#include "simd_set.h"
#endif

static const struct simd_set *const simd_sets[] = {
	&simd_set_base,
#ifdef __x86_64__
	&simd_set_avx2,
	&simd_set_avx512f,
#endif
};

#endif
