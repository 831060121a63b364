/* baseline.h: merging by the weights alone, elementwise on the full changes ΔW_t of one module.
 * Pure maths: no files, no printing.
 *
 * ties (Yadav et al., NeurIPS 2023): of every ΔW_t the `density` share of entries of largest
 * magnitude is kept; per entry the sign of the kept entries' sum is elected; the result is the mean
 * of those kept entries that have that sign. Trimmed per module. dare (Yu et al., ICML 2024): of
 * every ΔW_t each entry is kept with probability `density` and divided by it; the results are
 * summed. Both give a matrix of full rank; baseline_truncate() cuts it to a pair of factors. */
#ifndef BASELINE_H
#define BASELINE_H

#include <stddef.h>

#include "base/rng.h"

/* Which entries of one task's ΔW are kept by ties: all whose magnitude is above `least`, and the
 * first `equal` of those that have just that one, in row-major order. Zeros are never kept. */
struct ties_trim {
	float least;
	size_t equal;
};

/* The trim that keeps floor(density · n) of the n entries of x (one at least); x's order is lost.
 */
struct ties_trim ties_trim_find(float *x, size_t n, double density);
/* Sets to zero what is not kept, in n consecutive entries of the task; t->equal counts down. */
void ties_trim_apply(struct ties_trim *t, float *x, size_t n);
/* out (n) = mean over the tasks of the trimmed entries x[t] (N arrays of n) whose sign is that of
 * their sum; 0 where that is 0. */
void ties_elect(float *out, const float *const *x, int N, size_t n);

/* out (n) += x (n), each entry dropped with probability 1 − density, else divided by density. */
void dare_add(float *out, const float *x, size_t n, double density, struct rng *rng);

/* Doubles that baseline_truncate() works in, and its ints. */
size_t truncate_doubles(int m, int n, int r);
size_t truncate_ints(int m, int n);
/* The best M ≈ B A of rank r ≤ min(m, n): M (m, n), B (m, r), A (r, n), by the eigenvectors of the
 * smaller of M Mᵀ and Mᵀ M in float64, the largest first. *error = ‖M − B A‖ / ‖M‖ (Frobenius; 0
 * for M = 0). Returns 0; 1: M is not finite; 2: no convergence. */
int baseline_truncate(const float *M, int m, int n, int r, float *B, double *A, double *error,
		      double *work, int *iwork);

#endif
