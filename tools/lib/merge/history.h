/* history.h: what an iteration keeps in its solution files for the next ones, and the options of
 * the tools that go on from it.
 *
 * Group /modules/<name>. Low rank: attribute pairs = n, datasets mats_W and mats_G (n R, d), oldest
 * first; neither before there is a pair. Whole weights: dataset mats_G (d_out, d) = G(W_{k−1}), a
 * second name of W where the step was plain; the pairs before are in the files of the iterations
 * before, so that none is stored twice. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>

#include "forward/solution.h"
#include "math/mats.h"

struct iteration_args {
	int k; /* from 1; 0: the method has no iterations */
	const char *previous;
	bool use_mats;
	int history_size;
	double regularization;
};

/* Options of the tools' tables; these include config/keys.h. */
#define ITERATION_OPTIONS(args, previous_help)                                                     \
	{"iteration", 0,     OPT_INT,                                                              \
	 &(args).k,   false, 0,                                                                    \
	 1e6,         "K",   "method jacobi: its iteration, from 1"},                              \
		{"previous", 0, OPT_STRING, &(args).previous, false, 0, 0, "FILE", previous_help}, \
		KEY_OPTION(use_mats, (args).use_mats),                                             \
		KEY_OPTION(mats_history_size, (args).history_size),                                \
		KEY_OPTION(mats_regularization, (args).regularization)

/* die_usage() where the options and the method's name do not fit together. */
void history_check(const struct iteration_args *args, const char *method);

/* Says what MATS made of the module, where it made anything of it. */
void history_say(const char *module, enum mats_outcome outcome);

/* The solution of iteration k−1 of the same merge; die() when it is of another site, task list or
 * iteration. */
struct solution *history_open(const char *path, const char *site, const char *tasks, int k);
/* The module of the same name; die() where there is none of this shape. R 0: a full weight. */
const struct solution_module *history_find(const struct solution *s, const char *module, int R,
					   int d_in, int d_out);
/* A (R, d) of the module, and its pairs into m (empty before; the newest that it has room for). */
void history_read(const struct solution *s, const struct solution_module *k, double *A,
		  struct mats *m);
void history_write(struct h5 *f, const char *group, const struct mats *m);

/* Whole weights: the solutions of iterations k−1, k−2, …, as many as there are pairs at iteration
 * k, newest first. */
struct past {
	int n;
	struct solution **solution;
};
enum { PAST_ROWS = 32 }; /* at a time: sums of products go by these parts */
/* How many that are; without MATS only the one before. */
int past_needed(const struct iteration_args *args);
/* From args->previous; none in the first iteration. */
void past_open(struct past *p, const struct iteration_args *args, const char *site,
	       const char *tasks);
void past_close(struct past *p); /* zero is fine */
/* m becomes the pairs of rows [row0, row0+m->R) of the module's (rows, d); G: those rows of
 * G(W_{k−1}), the newest. */
void past_read(const struct past *p, const char *module, size_t row0, size_t rows, const float *G,
	       struct mats *m);

#endif
