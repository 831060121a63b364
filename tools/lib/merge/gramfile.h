/* gramfile.h: the Gram file of a task and a site (grams/T/SITE.h5): what the solve needs of the
 * task's rows there.
 *
 *   H = XmᵀXm (d, d); for every module of the site that any adapter of the merge targets: A_t XᵀXm
 * (r, d) and the norms ‖XᵀXm‖_F, ‖W0+ΔW_t‖², ‖X (W0+ΔW_t)ᵀ‖², ‖X ΔW_tᵀ‖²
 *
 * X are the own side's rows, Xm (X tilde) the merged side's. No ridge is added: solve-layer does,
 * so that its parameters can change without this. Each of the task's own factors is read once;
 * with weights, the factors of all adapters besides. The DCS weights' mean is 1; the coefficient c
 * keeps the unweighted rows, as published. */
#ifndef GRAMFILE_H
#define GRAMFILE_H

#include "files/h5/h5.h"
#include "files/safetensors/st.h"
#include "math/grams.h"
#include "merge/job.h"

enum {
	GRAMFILE_WEIGHT_ROWS = 512
}; /* of W0+ΔW at a time: enough for a product to run at full speed */

/* A file to make. All but the last two is the caller's, who opens and closes it. */
struct gramfile {
	/* What the tasks of a site share. */
	const struct job *job;
	struct st *model;  /* the base weights */
	struct gram *gram; /* of width job->d */
	float *W;          /* (GRAMFILE_WEIGHT_ROWS, d) rows of W0+ΔW: workspace */
	bool full_weight; /* also store C = XᵀXm (d, d) whole, and ‖√w X (W0+ΔW_t)ᵀ‖² */
	bool weighted;    /* by DCS: rows by how much the adapters agree about them, */
	double kappa;     /* this strongly (dcs.h) */
	/* The task's. */
	const char *task;
	int t;                 /* its number in job->tasks */
	struct h5 *side[2];    /* acts files, by enum gram_side; [GRAM_SIDE_XM] is not read where
				  rows.same */
	struct gram_rows rows; /* P (1 at least), same, rho; the rest NULL, and set here */

	/* gramfile_make()'s. */
	struct h5 *out;
	struct factors *own; /* by module: the task's own factors, A alone until B is needed */
	struct norms *norms; /* by module */
};

/* Writes the file. features: of the rows. A row that is not finite is die_data() naming task, site,
 * row and file. */
void gramfile_make(struct gramfile *k, const char *path, const char *features);

#endif
