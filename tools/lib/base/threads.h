/* threads.h: how many threads compute, and how they wait for each other. Both are decided only
 * here.
 *
 * Waiting: OpenMP's threads wait at the end of every parallel loop, and between loops. By default
 * they spin for milliseconds before they sleep. Beside other busy programs a spinning thread takes
 * the processor from the thread that it waits for. A program with this module spins for 50
 * microseconds. If the user has set GOMP_SPINCOUNT or OMP_WAIT_POLICY, that setting is used.
 *
 * Sharing: a loop is worth sharing only if it computes for longer than another thread takes to wake
 * up. Every parallel loop says how long it takes: #pragma omp parallel for
 * num_threads(threads_for(nanoseconds)).
 *
 * Outside these loops OpenMP's own count is 1. So libraries start no threads, and their results do
 * not depend on any count. */
#ifndef THREADS_H
#define THREADS_H

enum { THREADS_MOST = 1024 }; /* far above any machine; catches -t 10000 typed for -t 1 */

/* Multiply-adds per nanosecond of one core with AVX2, in a product of float32 matrices. For
 * estimates. */
enum { PRODUCTS_PER_NS = 24 };

/* OMP_NUM_THREADS where the user set it, else cpus_available(). */
int threads_default(void);

/* From now on n threads share a parallel loop. Before the first call: one. */
void threads_use(int n);

/* The number of threads for a loop that takes one thread this many nanoseconds: 1, or all. An
 * estimate within a factor of 3 is enough. */
int threads_for(double nanoseconds);

#endif
