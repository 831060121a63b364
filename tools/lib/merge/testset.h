/* testset.h: the rows of a test file as token ids, and the answers that they are compared with. */
#ifndef TESTSET_H
#define TESTSET_H

#include "forward/likelihood.h"
#include "merge/example.h"
#include "merge/labels.h"

enum { MOST_ANSWERS = 64 }; /* that likelihood compares: each is a pass over the decoder */

struct asked_scores {
	bool first_token, likelihood, exact;
};

/* The distinct answers, sorted, as the score `likelihood` sees them. */
struct choices {
	int K;
	const char **text;          /* (K) pointers into the rows */
	int *of;                    /* (rows) each row's */
	int *bytes;                 /* (K) of the text, blanks at its ends aside */
	int *length, *offset, *ids; /* (K), (K), into the test's answer_ids */
};

struct testset {
	struct rows rows;
	int *length, *offset, *ids;                      /* (rows), (rows), prompts */
	int *answer_length, *answer_offset, *answer_ids; /* likewise, the end token last */
	struct labels labels;   /* by first token; where that was asked for */
	struct choices choices; /* where likelihood was asked for */
};

/* With what the scores need. Labels that the first token cannot tell apart at all, and more than
 * MOST_ANSWERS choices, are die(). */
void testset_read(struct testset *t, const char *path, struct example_maker *e,
		  struct asked_scores asked);
void testset_release(struct testset *t);

struct answer_list testset_answers(const struct testset *t);

#endif
