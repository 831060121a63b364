/* targets.h: the modules of a site that any adapter of the merge targets, and their stacked
 * low-rank factors; also the corrected modules (corrected.h), whose factors have no rows. */
#ifndef TARGETS_H
#define TARGETS_H

#include "adapter/adapter.h"
#include "adapter/linears.h"
#include "base/opts.h"
#include "model/site.h"

struct targets {
	int N; /* adapters, in task order */
	struct adapter **adapter;
	const struct geometry *m;
	int n; /* modules of the site, by stack, block and slot */
	struct module *module;
	int ncorrected;
	struct module *corrected; /* of all sites */
};

/* Opens every task's adapter and lists the site's modules; die() where there are none. `template`:
 * a path with {task}. also: names of further modules (linears.h). correct: names of linears that
 * are corrected (corrected.h). */
void targets_open(struct targets *t, const struct geometry *m, const char *template,
		  const struct strlist *tasks, struct site site, const struct strlist *also,
		  const struct strlist *correct);
/* Whether module i is a corrected one. */
bool targets_corrects(const struct targets *t, int i);
void targets_close(struct targets *t);

/* The raw factors of module i, of all adapters: B = [B_1 … B_N], A = [A_1; …; A_N]. An adapter that
 * does not target the module has no rows. */
struct factors {
	int R, d, d_out, N;
	int *first; /* (N+1): adapter t's rows of A and columns of B are first[t] … first[t+1]-1 */
	double *s;  /* (N) ΔW_t = s B_t A_t; 0 where not targeted */
	int *task_of; /* (R) the adapter of each row of A */
	float *A;     /* (R, d) */
	float *B;     /* (d_out, R) */
};

void factors_load(struct factors *k, const struct targets *t, int i);
/* The factors of one adapter only; the others have no rows. Call the first, which leaves B NULL,
 * then the second. */
void stack_load_A(struct factors *k, const struct targets *t, int i, int task);
void stack_load_B(struct factors *k, const struct targets *t, int i, int task);
void factors_release(struct factors *k); /* zero is fine */
/* Bytes of A and B with R rows in all. */
size_t factors_bytes(int R, int d, int d_out);
/* W (n, d) += rows [o, o+n) of ΔW_t. */
void factors_add(const struct factors *k, int task, int o, int n, float *W);
/* The largest R and the largest d_out of the site's modules, for planning. */
void targets_sizes(const struct targets *t, int *R, int *d_out);

#endif
