/* gramfile.h: the Gram file of a task and a site (grams/T/SITE.h5): all that the solve needs of the
 * task's rows at the site.
 * - H = XmᵀXm, as tiles (files/h5/h5_lower.h);
 * - for every module of the site that any adapter of the merge targets: A_t XᵀXm (r, d) and the
 *   norms ‖XᵀXm‖_F (of many rows an estimate, math/sketch.h), ‖W0+ΔW_t‖², ‖X (W0+ΔW_t)ᵀ‖²,
 *   ‖X ΔW_tᵀ‖².
 *
 * ‖X (W0+ΔW_t)ᵀ‖² is that of a normfile (normfile.h), or else is computed from the rows or
 * from XᵀX.
 *
 * X are the rows of the own side, Xm (X tilde) those of the merged side. solve-layer adds the
 * ridge, so its parameters can change while this file stays. The task's own factors are read once
 * each; with DCS weights, all adapters' factors are read as well. The mean of the DCS weights is 1.
 * The coefficient c uses the unweighted rows, as published. */
#ifndef GRAMFILE_H
#define GRAMFILE_H

#include "files/h5/h5.h"
#include "files/safetensors/st.h"
#include "math/grams.h"
#include "math/sketch.h"
#include "merge/job.h"

enum {
	GRAMFILE_VERSION = 2,      /* of the schema iteris-grams */
	GRAMFILE_WEIGHT_ROWS = 512 /* rows of W0+ΔW at a time: enough for a product at full speed */
};

/* The attributes of the file, */
struct gramfile_head {
	const char *site, *task, *features;
	int d;
	long P;
	double rho;    /* reg_ceof */
	bool weighted; /* by DCS */
	long largest_row;
	double largest_norm; /* of XmᵀXm's rows, as struct gram has them */
};
/* and of a module's group. */
struct gramfile_norms {
	/* ‖W0+ΔW_t‖², ‖X (W0+ΔW_t)ᵀ‖², ‖X ΔW_tᵀ‖², ‖XᵀXm‖_F and ‖H‖_F. yw2: the same as xw2, of the
	 * weighted rows */
	double w2, xw2, y2, xxm, h, yw2;
};
struct gramfile_module {
	int r; /* of A_t; 0: the task's adapter does not target the module */
	double scale;
	bool full_weight, weighted; /* whether it has yw2; whether H is the module's own */
	struct gramfile_norms norms;
};
void gramfile_put_head(struct h5 *f, const struct gramfile_head *h);
void gramfile_put_module(struct h5 *f, const char *group, const struct gramfile_module *m);

/* A file to make. The caller fills, opens and closes all members above gramfile_make()'s own. */
struct gramfile {
	/* Shared by all tasks of a site. */
	const struct job *job;
	struct st *model;      /* the base weights */
	struct gram *gram;     /* rows of width job->d; gramfile_make() sets its store */
	float *W;              /* (GRAMFILE_WEIGHT_ROWS, d) workspace for rows of W0+ΔW */
	struct sketch *sketch; /* for the task's factors; NULL: C = XᵀXm is always made whole */
	bool full_weight; /* for full weights and drift.h: also store C = XᵀXm (d, d), and ‖√w X
			     (W0+ΔW_t)ᵀ‖² */
	bool weighted;    /* weight rows by how much the adapters agree on them (DCS), */
	double kappa;     /* with this strength (dcs.h) */
	/* Of one task. */
	const char *task;      /* or of a shard (base/shard.h) */
	int t;                 /* the task's number in job->tasks */
	bool adds;             /* of a shard: also store what gramsum.h needs, C = XᵀXm */
	struct h5 *side[2];    /* acts files, by enum gram_side; [GRAM_SIDE_XM] is not read where
				  rows.same is set */
	struct h5 *normfile;   /* the site's, of this task; NULL: none */
	struct gram_rows rows; /* the caller's: P (≥ 1), same, rho; the rest is NULL */

	/* Set by gramfile_make(). */
	struct h5 *out;
	struct h5 *scratch;           /* a Gram that memory does not hold; NULL: none */
	bool symmetric;               /* the scratch has only its lower triangle */
	struct factors *own;          /* by module: the task's own factors */
	struct gramfile_norms *norms; /* by module */
};

/* Allocates or counts (layout.h) the workspace W of a site of width d. */
float *gramfile_weight_rows(struct layout *l, int d);
/* Writes the file. features: of the rows. A row that is not finite is die_data(), naming task,
 * site, row and file. */
void gramfile_make(struct gramfile *k, const char *path, const char *features);

#endif
