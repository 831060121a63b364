/* history.h: what an iteration stores in its solution files for later iterations, and the options
 * of the tools that continue from it.
 *
 * All is in the group /modules/<name>.
 * - Low rank: attribute pairs = n; datasets mats_W and mats_G (n R, d), oldest first. Both
 *   datasets are absent until there is a pair.
 * - Full weights: dataset mats_G (d_out, d) = G(W_{k−1}). Where the step was plain, it is a
 *   second name of W. Earlier pairs are read from the files of earlier iterations, so that nothing
 *   is stored twice. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>

#include "forward/solution.h"
#include "math/mats.h"

struct iteration_args {
	int k; /* from 1; 0: the method does not iterate */
	const char *previous;
	bool use_mats;
	int history_size;
	double regularization;
};

/* Entries for the tools' option tables; the tools include config/keys.h. */
#define ITERATION_OPTIONS(args, previous_help)                                                     \
	{"iteration", 0,     OPT_INT,                                                              \
	 &(args).k,   false, 0,                                                                    \
	 1e6,         "K",   "method jacobi: its iteration, from 1"},                              \
		{"previous", 0, OPT_STRING, &(args).previous, false, 0, 0, "FILE", previous_help}, \
		KEY_OPTION(use_mats, (args).use_mats),                                             \
		KEY_OPTION(mats_history_size, (args).history_size),                                \
		KEY_OPTION(mats_regularization, (args).regularization)

/* die_usage() where the options do not fit the method. */
void history_check(const struct iteration_args *args, const char *method);

/* Says what MATS did with the module; silent where it did nothing. */
void history_say(const char *module, enum mats_outcome outcome);

/* Opens the solution of iteration k−1 of the same merge. die() where site, task list or iteration
 * differ. */
struct solution *history_open(const char *path, const char *site, const char *tasks, int k);
/* The module of the same name; die() where there is none, or its shape differs. R 0: a full
 * weight. */
const struct solution_module *history_find(const struct solution *s, const char *module, int R,
					   int d_in, int d_out);
/* Reads A (R, d) of the module, and into m the newest pairs that it has room for. m is empty
 * before. */
void history_read(const struct solution *s, const struct solution_module *k, double *A,
		  struct mats *m);
/* Dataset uncut_A (R, d): the A of iteration k before it was cut (cut.h). MATS and the convergence
 * test go on from it. */
void history_write_uncut(struct h5 *f, const char *group, int R, int d, const double *A);
/* ‖B A − B' A'‖ for a change B A (d_out, d) of rank R and the module's change B' A' in s, which may
 * have another B. s NULL: ‖B A‖. */
double history_distance(const struct solution *s, const char *module, const double *A,
			const float *B, int R, int d, int d_out);
void history_write(struct h5 *f, const char *group, const struct mats *m);

/* Full weights: the solutions of iterations k−1, k−2, …, newest first. There are as many as
 * iteration k has pairs. */
struct past {
	int n;
	struct solution **solution;
};
enum { PAST_ROWS = 32 }; /* rows at a time; sums of products are formed part by part */
/* How many solutions iteration k needs; without MATS only the previous one. */
int past_needed(const struct iteration_args *args);
/* Opens them from args->previous. In the first iteration there are none. */
void past_open(struct past *p, const struct iteration_args *args, const char *site,
	       const char *tasks);
void past_close(struct past *p); /* zero is fine */
/* Fills m with the pairs of rows [row0, row0+m->R) of the module's (rows, d). G: the same rows of
 * G(W_{k−1}), the newest. */
void past_read(const struct past *p, const char *module, size_t row0, size_t rows, const float *G,
	       struct mats *m);

#endif
