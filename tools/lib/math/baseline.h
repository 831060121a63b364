/* baseline.h: merging from the weights alone, elementwise on the full changes ΔW_t of one module.
 * Pure maths: no files, no printing.
 * - ties (Yadav et al., NeurIPS 2023): keep the `density` share of each ΔW_t with the largest
 *   magnitude. At each entry, elect the sign of the sum of the kept values. The result is the mean
 *   of the kept values with that sign. ΔW_t is trimmed module by module.
 * - dare (Yu et al., ICML 2024): keep each entry of ΔW_t with probability `density`, and divide
 *   it by `density`. The result is the sum over the tasks.
 *
 * Both give a matrix of full rank; baseline_truncate() cuts it to two factors. */
#ifndef BASELINE_H
#define BASELINE_H

#include <stddef.h>

#include "base/rng.h"

/* The entries of one task's ΔW that ties keeps: all with a magnitude above `least`, and in
 * row-major order the first `equal` entries with exactly this magnitude. Zeros are never kept. */
struct ties_trim {
	float least;
	size_t equal;
};

/* The trim that keeps floor(density · n) of the n entries of x, at least one. The order of x is
 * lost. */
struct ties_trim ties_trim_find(float *x, size_t n, double density);
/* Sets the other entries to zero, in n consecutive entries of the task; t->equal counts down. */
void ties_trim_apply(struct ties_trim *t, float *x, size_t n);
/* out (n) = mean, over the tasks, of the trimmed entries x[t] (N arrays of n) with the sign of
 * their sum; 0 where the sum is 0. */
void ties_elect(float *out, const float *const *x, int N, size_t n);

/* out (n) += x (n). Each entry is dropped with probability 1 − density, else divided by density. */
void dare_add(float *out, const float *x, size_t n, double density, struct rng *rng);

/* Doubles and ints of baseline_truncate()'s workspace, for the largest rank r. */
size_t truncate_doubles(int m, int n, int r);
size_t truncate_ints(int m, int n);
/* The best M ≈ B A of rank *r ≤ min(m, n): M (m, n), B (m, *r), A (*r, n). It uses the largest
 * eigenvectors of the smaller of M Mᵀ and Mᵀ M, in float64. *error = ‖M − B A‖ / ‖M‖ (Frobenius; 0
 * for M = 0). share > 0: *r becomes the least rank, from 1 to *r, with 1 − *error² ≥ share; or it
 * stays. Returns 0; 1: M is not finite; 2: no convergence. */
int baseline_truncate(const float *M, int m, int n, int *r, double share, float *B, double *A,
		      double *error, double *work, int *iwork);

#endif
