/* system.h: the tasks' Gram files of a site, summed into one module's system (solve.h). What is
 * wrong with a file or with the data is die(). */
#ifndef SYSTEM_H
#define SYSTEM_H

#include "adapter/targets.h"
#include "files/h5/h5.h"
#include "math/solve.h"

struct system {
	/* the caller's */
	const char *site; /* name */
	const struct strlist *tasks;
	int d;
	double alpha_1;
	struct ridge ridge;
	/* system_open()'s */
	double *manual;   /* (N) m_t */
	struct h5 **gram; /* (N) */
	bool dcs;
	double *panel; /* (SYSTEM_ROWS, d) */
};
enum { SYSTEM_ROWS = 256 }; /* of a d × d matrix at a time */

/* grams: path with {task}; manual: "1,0.5,…" for every task, or one number for all. */
void system_open(struct system *s, const char *grams, const char *manual);
void system_close(struct system *s);
size_t system_bytes(int d);

/* Sums all tasks into q; module: its name; stack: its factors. c (N) becomes the coefficients. */
void system_sum(struct system *s, struct solve *q, const char *module, const struct stack *k,
		double *c);
/* solve_system(), with DCS's ridge where the Grams are weighted; returns the condition. */
double system_solve(struct system *s, struct solve *q, const char *module);
/* For the dense path, after system_sum(): C (d, d) = Σ c m C_t; returns the ridge τ of Σ c m G_t =
 * C + τ I. */
double system_sum_C(struct system *s, const char *module, const double *c, double *C);
/* Σ c m ‖X (W0+ΔW_t)ᵀ‖² of the rows as weighted. */
double system_whole_norm2(struct system *s, const char *module, const double *c);

/* "largest_row_task", "largest_row" and "largest_row_norm" of `out`: the longest row of any task,
 * which is what to look at when a float16 run overflows or a condition is bad. */
void system_write_largest(struct system *s, struct h5 *out);

#endif
