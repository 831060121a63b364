/* propagate.h: the walk of a model's state over the blocks between two sites, and the rows written
 * where it arrives.
 *
 * The state is the residual stream h at the start of a block (of `encoder-output`: the encoder's
 * normed output). It is read from the acts file of the site where it stands, or laid down from the
 * embeddings, and goes to the file of the site that is walked to, with the site's rows. A pass runs
 * one block over all sequences of all tasks, batch by batch: only one block's weights and one batch
 * of rows are in memory, whatever the depth and the number of samples; between passes the state
 * lies in the output file. */
#ifndef PROPAGATE_H
#define PROPAGATE_H

#include "forward/block.h"
#include "forward/seqs.h"
#include "merge/acts.h"

/* A task. All but the files is the caller's, and stays so. */
struct propagation_task {
	const char *name;
	struct seqs enc, dec;          /* dec: at decoder sites only */
	const struct adapter *adapter; /* of the task's own model; NULL: a merged model is walked */
	struct h5 *in, *encoder_output,
		*out; /* open only while they are used: what is held does not grow with the tasks */
};

struct propagation {
	/* The caller's: set before propagate_start(). */
	struct model *model;
	struct site site;      /* to arrive at */
	struct merged *merged; /* the model that all tasks share; NULL: each task has its own */
	struct acts_of
		of; /* what the files are about; its site is the name of `site`, its task NULL */
	const char *from, *encoder_output,
		*out; /* paths of acts files, {task} in them: where the state stands, NULL: in the
		       * embeddings; site encoder-output, at decoder sites only; to be written */
	int ntasks;
	struct propagation_task *task; /* (ntasks) */
	enum be_precision precision;   /* of products with weights */
	bool fp16;                     /* rows on disk are float16 */
	bool last_rows;                /* of each sequence the last row only */
	bool every_state; /* keep the state at every site that can hold it, not at block starts only
			   */
	int rows;         /* of a batch at most, but for a sequence that is longer; set before
			     propagate_init() */

	/* By propagate_start(). */
	int start;            /* first block to run, */
	enum step start_step; /* from this step on */
	char *from_site;      /* the site of `from` */

	/* By propagate_init(). */
	struct work work;
	float *h, *host;   /* a batch of rows: backend (rows, D), host (rows, max(D, DI, F)) */
	float *M, *M_host; /* rows of memory, (rows, D): backend, host; at decoder sites only */
};

/* The site is of the decoder's stack; memory is not: it is where the encoder's ends. */
bool propagate_in_decoder(const struct propagation *a);
/* The block that the site is in; of memory: the number of the encoder's blocks. */
int propagate_target(const struct propagation *a);
/* Rows that a task's file gets. */
int propagate_rows(const struct propagation *a, const struct propagation_task *t);

/* Where the state stands: die() when `from` is no place to go on from to the site. */
void propagate_start(struct propagation *a);
/* Arrays for batches of a->rows rows, sequences of up to T (a->rows at most) and ΔW of up to
 * `rank`. */
void propagate_init(struct propagation *a, int T, int rank);
/* The walk, of all tasks; their output files are complete after it. */
void propagate_run(struct propagation *a);
/* What propagate_start() and propagate_init() made; zero is fine. */
void propagate_release(struct propagation *a);

#endif
