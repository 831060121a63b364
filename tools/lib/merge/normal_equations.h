/* normal_equations.h: the tasks' Gram files of a site, summed into one module's system (solve.h).
 * What is wrong with a file or with the data is die(). */
#ifndef NORMAL_EQUATIONS_H
#define NORMAL_EQUATIONS_H

#include "adapter/targets.h"
#include "files/h5/h5.h"
#include "math/solve.h"

struct normal_equations {
	/* the caller's */
	const char *site; /* name */
	const struct strlist *tasks;
	int d;
	double alpha_1;
	struct ridge ridge;
	/* equations_open()'s */
	double *manual;   /* (N) m_t */
	struct h5 **gram; /* (N) */
	bool dcs;
	double *panel; /* (EQUATIONS_ROWS, d) */
};
enum { EQUATIONS_ROWS = 256 }; /* of a d × d matrix at a time */

/* grams: path with {task}; manual: "1,0.5,…" for every task, or one number for all. */
void equations_open(struct normal_equations *s, const char *grams, const char *manual);
void equations_close(struct normal_equations *s);
size_t equations_bytes(int d);

/* Sums all tasks into q; module: its name; stack: its factors. c (N) becomes the coefficients. */
void equations_sum(struct normal_equations *s, struct solve *q, const char *module,
		   const struct factors *k, double *c);
/* solve_system(), with DCS's ridge where the Grams are weighted; returns the condition. */
double equations_solve(struct normal_equations *s, struct solve *q, const char *module);
/* For the full-weight path, after equations_sum(): C (d, d) = Σ c m C_t; returns the ridge τ of Σ c
 * m G_t = C + τ I. */
double equations_sum_C(struct normal_equations *s, const char *module, const double *c, double *C);
/* Σ c m ‖X (W0+ΔW_t)ᵀ‖² of the rows as weighted. */
double equations_full_norm2(struct normal_equations *s, const char *module, const double *c);

/* "largest_row_task", "largest_row" and "largest_row_norm" of `out`: the longest row of any task,
 * which is what to look at when a float16 run overflows or a condition is bad. */
void equations_write_largest(struct normal_equations *s, struct h5 *out);

#endif
