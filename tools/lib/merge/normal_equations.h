/* normal_equations.h: sums the tasks' Gram files of a site into the normal equations of one module
 * (solve.h). Errors in files or data are die(). */
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
	/* set by equations_open() */
	double *manual;   /* (N) m_t */
	struct h5 **gram; /* (N) */
	bool dcs;
	double *panel; /* (EQUATIONS_ROWS, d) */
};
enum { EQUATIONS_ROWS = 256 }; /* rows of a d × d matrix that are read at a time */

/* grams: a path with {task}. manual: "1,0.5,…", a number for each task, or one number for all. */
void equations_open(struct normal_equations *s, const char *grams, const char *manual);
void equations_close(struct normal_equations *s);
size_t equations_bytes(int d);

/* Sums all tasks into q. module: its name; stack: the factors. The coefficients are written to c
 * (N). */
void equations_sum(struct normal_equations *s, struct solve *q, const char *module,
		   const struct factors *k, double *c);
/* solve_system(), with DCS's ridge where the Grams are weighted. Returns the condition. */
double equations_solve(struct normal_equations *s, struct solve *q, const char *module);
/* Full weights, after equations_sum(): sets C (d, d) = Σ c m C_t. Returns the ridge τ of Σ c m G_t
 * = C + τ I. */
double equations_sum_C(struct normal_equations *s, const char *module, const double *c, double *C);
/* Σ c m ‖X (W0+ΔW_t)ᵀ‖², from the weighted rows. */
double equations_full_norm2(struct normal_equations *s, const char *module, const double *c);

/* Writes the attributes "largest_row_task", "largest_row" and "largest_row_norm" to `out`: the
 * longest row of any task. Look at this row first when a float16 run overflows or a condition is
 * bad. */
void equations_write_largest(struct normal_equations *s, struct h5 *out);

#endif
