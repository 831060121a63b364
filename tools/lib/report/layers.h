/* layers.h: the solutions of a merge, module by module, and the place of each in the model. */
#ifndef LAYERS_H
#define LAYERS_H

#include <stdbool.h>

#include "base/strlist.h"

struct layer_module {
	char *site, *name;
	int stack, kind;  /* indices into layers.stack and .kind */
	int block;        /* number within its stack */
	int rank;         /* 0: a full weight */
	double cut_error; /* relative, of the cut to this rank; NaN: it was not cut */
	bool fitted;      /* the other members are set */
	double residual, condition;
	double *task_residual, *task_share; /* (tasks) */
};

/* Rows of the same linears in all blocks: "SelfAttention.q" of the encoder. */
struct layer_kind {
	char *name;
	int stack;
	int step; /* T5: its number within the block; −1: the name has none */
};
struct layer_stack {
	char *name; /* "encoder", "decoder", "model" */
	int blocks; /* the largest number plus 1 */
	int at;     /* blocks of earlier stacks */
};

struct layers {
	int tasks, n, kinds, stacks;
	struct layer_module *module; /* in the order of the sites */
	struct layer_kind *kind;     /* by stack */
	struct layer_stack *stack;
	int blocks;       /* of all stacks */
	bool fitted, cut; /* whether any module is */
};

/* WORK/solution/SITE.h5 of each site; N tasks. */
void layers_read(struct layers *l, const char *work, const struct strlist *sites, int N);
void layers_release(struct layers *l);

/* A layer counted over all stacks, from 0: the blocks of the stacks one after the other. */
int layers_position(const struct layers *l, const struct layer_module *m);
/* Mean residual of a task over the modules of a layer; NaN: it has none in this layer. */
double layers_task_mean(const struct layers *l, int position, int task);
/* The largest condition of a layer's modules; 0: it has none. */
double layers_condition(const struct layers *l, int position);
/* The smallest and the largest rank of a module; 0: a full weight. */
void layers_ranks(const struct layers *l, int *least, int *most);
/* "encoder 3"; with one stack "layer 3" (allocated). */
char *layers_label(const struct layers *l, int position);

/* report.tsv (allocated): one line per module and task; of a module that was cut but not fitted,
 * one line. */
char *layers_table(const struct layers *l, const struct strlist *tasks);

#endif
