/* normal_equations.h: sums the tasks' Gram files of a site into the normal equations of one module
 * (solve.h). Errors in files or data are die(). */
#ifndef NORMAL_EQUATIONS_H
#define NORMAL_EQUATIONS_H

#include "adapter/targets.h"
#include "files/h5/h5.h"
#include "math/full_weight.h"
#include "math/solve.h"

struct normal_equations {
	/* the caller's */
	const char *site; /* name */
	const struct strlist *tasks;
	int d;
	double alpha_1;
	struct ridge ridge;
	/* set by equations_open() */
	double *manual;   /* (N) |m_t| */
	double *sign;     /* (N) of m_t, 1 or −1: which of ΔW_t and −ΔW_t is fitted */
	struct h5 **gram; /* (N) */
	bool dcs;
	double *panel; /* (EQUATIONS_ROWS, d) */
};
enum { EQUATIONS_ROWS = 256 }; /* rows of a d × d matrix that are read at a time */

/* grams: a path with {task}. manual: "1,0.5,…", a number for each task, or one number for all. A
 * task with m_t < 0 is to be forgotten: −ΔW_t is fitted with weight |m_t|, over the same rows and
 * with the same c_t, so that Σ c |m| H stays positive definite (negation, as in task arithmetic:
 * Ilharco et al., ICLR 2023). */
void equations_open(struct normal_equations *s, const char *grams, const char *manual);
void equations_close(struct normal_equations *s);
size_t equations_bytes(int d);

/* Sums all tasks into q. module: its name; stack: the factors. The coefficients are written to c
 * (N). */
void equations_sum(struct normal_equations *s, struct solve *q, const char *module,
		   const struct factors *k, double *c);
/* Rows from c on of columns [c, c+n) of Σ c m H, into P (d − c, n); cm (N): c m. c is a multiple of
 * lower_tile(d), and tile is a tile's workspace. */
void equations_panel(struct normal_equations *s, const char *module, const double *cm, int c, int n,
		     double *tile, double *P);
/* ‖H_t‖_F */
double equations_norm(struct normal_equations *s, const char *module, int t);
/* solve_system(), with DCS's ridge where the Grams are weighted. Returns the condition. */
double equations_solve(struct normal_equations *s, struct solve *q, const char *module);
/* Whether a task is to be forgotten. */
bool equations_negate(const struct normal_equations *s);
/* Full weights, after equations_sum(): sets C (d, d) = Σ c m C_t. Returns the ridge τ of Σ c m G_t
 * = C + τ I. */
double equations_sum_C(struct normal_equations *s, const char *module, const double *c, double *C);
/* Σ c m ‖X (W0+ΔW_t)ᵀ‖², from the weighted rows. */
double equations_full_norm2(struct normal_equations *s, const char *module, const double *c);

/* What each task lost by the solution W, from the weighted rows. */
struct misfits {
	double *misfit, *target; /* (N) ‖X ΔW_tᵀ − Xm Wᵀ‖², ‖X ΔW_tᵀ‖² */
};
void misfits_init(struct misfits *m, int N);
void misfits_release(struct misfits *m);
/* Reads the tasks' Grams once more. c (N): the coefficients. With factors, call it after
 * solve_residual(). With full weights, W0+ΔW_t takes the place of ΔW_t, and no m_t may be below 0;
 * call it after full_weight_products_add() over all rows. */
void equations_misfits(struct normal_equations *s, struct solve *q, const char *module,
		       const struct factors *k, const double *BtB, const double *c,
		       struct misfits *m);
void equations_full_misfits(struct normal_equations *s, struct full_weight *x, const char *module,
			    const struct factors *k, struct misfits *m);
/* √( Σ c m misfit / Σ c m target ); 0 where that target is 0. */
double equations_residual(const struct normal_equations *s, const double *c,
			  const struct misfits *m);
/* Writes datasets (N) of `group`. task_residual: √(misfit / target); NaN where the target is 0, as
 * for a task that does not target the module. task_share: c m misfit / Σ c m misfit; 0 where that
 * sum is 0. */
void equations_write_misfits(const struct normal_equations *s, struct h5 *out, const char *group,
			     const double *c, const struct misfits *m);

/* Writes the attributes "largest_row_task", "largest_row" and "largest_row_norm" to `out`: the
 * longest row of any task. Look at this row first when a float16 run overflows or a condition is
 * bad. */
void equations_write_largest(struct normal_equations *s, struct h5 *out);

#endif
