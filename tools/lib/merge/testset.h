/* testset.h: the rows of a test file as token ids, and the answers to compare with. */
#ifndef TESTSET_H
#define TESTSET_H

#include "forward/likelihood.h"
#include "merge/example.h"
#include "merge/labels.h"

enum { MOST_ANSWERS = 64 }; /* most choices for likelihood: each is a pass over the decoder */

struct asked_scores {
	bool first_token, likelihood, exact;
};

/* The distinct answers, sorted: the choices of the score `likelihood`. */
struct choices {
	int K;
	const char **text;          /* (K) pointers into the rows */
	int *of;                    /* (rows) the choice that is right for each row */
	int *bytes;                 /* (K) bytes of the text, without blanks at its ends */
	int *length, *offset, *ids; /* (K), (K), into the test's answer_ids */
};

struct testset {
	struct rows rows;
	int *length, *offset, *ids;                      /* (rows), (rows), prompts */
	int *answer_length, *answer_offset, *answer_ids; /* likewise, with the end token last */
	struct labels labels;   /* by first token; only where that score was asked for */
	struct choices choices; /* only where likelihood was asked for */
};

/* Reads the file, and prepares what the scores need. die() where no two labels differ in their
 * first token, or there are more than MOST_ANSWERS choices. */
void testset_read(struct testset *t, const char *path, struct example_maker *e,
		  struct asked_scores asked);
void testset_release(struct testset *t);

struct answer_list testset_answers(const struct testset *t);

#endif
