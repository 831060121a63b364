/* likelihood.h: how likely a model finds each of several given answers to each prompt. */
#ifndef LIKELIHOOD_H
#define LIKELIHOOD_H

#include "forward/forward.h"

/* Answers: answer k has the tokens ids[offset[k] … offset[k] + length[k] - 1], an end token last.
 */
struct answer_list {
	int K;
	const int *length, *offset, *ids;
};

/* nll (enc->n, K) = Σ −log p over the tokens of each answer, after each sequence of enc (H: its
 * memory). At most `most` decoder rows are held at once, one answer's in any case; how many makes
 * no difference to the numbers. */
void likelihood(const struct forward *f, const struct seqs *enc, const float *H,
		const struct answer_list *answers, int most, double *nll);

#endif
