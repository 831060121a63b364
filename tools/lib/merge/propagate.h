/* propagate.h: advances a model's state over the blocks from one site to another, and writes the
 * rows of the second site.
 *
 * The state is the residual stream h at the start of a block. At `encoder-output` it is the
 * encoder's normed output. The walk reads the state from the acts file of the first site, or
 * computes it from the embeddings. It writes the state, with the rows, to the acts file of the
 * second site.
 *
 * Rows of sites on the way are inputs of linears that an earlier walk has computed. Where they are
 * given, what leads to them is not computed again: attention, or the first half of a feed-forward.
 * A walk of this one operation starts from the rows before it, and needs no state.
 * They are the same bits, because equal input rows give equal output rows (backend/be.h).
 *
 * The walk can also write ‖X Wᵀ‖² of a site's linears that it runs on its way (normfile.h).
 *
 * A pass runs one block over all sequences of all tasks, batch by batch. Between passes the state
 * is in the output file. So one block's weights and one batch of rows are in memory, whatever the
 * depth and the number of samples. */
#ifndef PROPAGATE_H
#define PROPAGATE_H

#include "base/strlist.h"
#include "forward/block.h"
#include "forward/seqs.h"
#include "merge/acts.h"
#include "merge/normfile.h"

/* A task. The caller sets all but the files, and keeps them. */
struct propagation_task {
	const char *name;                     /* or of a shard of it (base/shard.h) */
	struct seqs enc, dec;                 /* dec: only at decoder sites */
	const struct adapter *adapter;        /* of the task's own model; NULL: a merged model */
	struct h5 *in, *encoder_output, *out; /* open only while in use, so that memory does not
						 grow with the number of tasks */
	struct h5 *given[STEP_END];           /* likewise: the given rows, by step */
	double xw2[SLOTS][PARTS];             /* for normfile_write(), of the rows so far */
};

struct propagation {
	/* Set by the caller before propagate_start(). */
	struct model *model;
	struct site site;      /* the site to reach */
	struct merged *merged; /* shared by all tasks; NULL: each task has its own model */
	struct acts_of
		of; /* what the files are about; its site is the name of `site`, its task NULL */
	const char *from, *encoder_output,
		*out; /* paths of acts files with {task}, {shard} in them. from: where the state is,
			 NULL: in the embeddings. encoder_output: only at decoder sites. out: to be
			 written
		       */
	struct strlist given_rows; /* paths like `from`, of sites of its block. The files must have
				      float32 rows of all positions */
	const char *norms_of, *norms; /* a site whose linears the walk runs, and the path of its
					 normfile, like `out`; NULL: none is written */
	int ntasks;
	struct propagation_task *task; /* (ntasks) */
	enum be_precision precision;   /* of products with weights */
	bool fp16;                     /* rows in the file are float16 */
	bool last_rows;                /* keep only the last row of each sequence */
	bool every_state; /* keep the state at every site that can hold it, not only at block starts
			   */
	int rows; /* most rows of a batch; one longer sequence makes a batch of its own. Set before
		     propagate_init() */

	/* Set by propagate_start(). */
	int start;                   /* the first block to run, */
	enum step start_step;        /* from this step on, whose x may be given */
	char *from_site;             /* the site of `from` */
	const char *given[STEP_END]; /* by step of the first block: a path of given_rows, or NULL */
	struct site measured;        /* norms_of */

	/* Set by propagate_init(). */
	struct work work;
	float *h, *host; /* a batch of rows: backend (rows, D), host (rows, max(D, DI, F)) */
	double *squares, *squares_host; /* (rows) ‖y‖² of a batch's rows: backend, host */
	float *M, *M_host; /* rows of the encoder's output (rows, D): backend, host; only at decoder
			      sites */
};

/* Whether the site is in the decoder's stack. `encoder-output` is not: it is the end of the
 * encoder. */
bool propagate_in_decoder(const struct propagation *a);
/* The block of the site; for `encoder-output`, the number of the encoder's blocks. */
int propagate_target(const struct propagation *a);
/* Number of rows in a task's file. */
int propagate_rows(const struct propagation *a, const struct propagation_task *t);

/* Finds where the state is. die() where no state of `from` leads to the site, or the walk does not
 * run the linears of norms_of. */
void propagate_start(struct propagation *a);
/* Allocates or counts (layout.h) arrays for batches of a->rows rows. Sequences have up to T rows
 * (at most a->rows), and ΔW a rank up to `rank`. */
void propagate_init(struct propagation *a, struct layout *l, int T, int rank);
/* The most memory that a pass takes, with the arrays of propagate_init(). T: longest sequence of
 * the stack; keys: longest of the encoder; ranks: of ΔW. Reads only a's model->m, site, rows and
 * precision. */
struct layout propagate_layout(const struct propagation *a, int T, int keys,
			       const struct ranks *ranks);
/* Runs the walk for all tasks. Their output files are complete afterwards. */
void propagate_run(struct propagation *a);
/* Releases what propagate_start() and propagate_init() made. Zero is fine. */
void propagate_release(struct propagation *a);

#endif
