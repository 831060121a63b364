/* clones.h: compiles a function for several instruction sets; the loader chooses one (x86-64).
 * Elsewhere, and under sanitizers, it is plain C. */
#ifndef CLONES_H
#define CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

#endif
