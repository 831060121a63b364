/* likelihood.h: the likelihood that a model gives each of several answers to each prompt. */
#ifndef LIKELIHOOD_H
#define LIKELIHOOD_H

#include "forward/forward.h"

/* Answer k has the tokens ids[offset[k] … offset[k] + length[k] - 1], an end token last. */
struct answer_list {
	int K;
	const int *length, *offset, *ids;
};

/* nll (enc->n, K) = Σ −log p over the tokens of each answer to each sequence of enc. H: from
 * forward_encode(). At most `most` decoder rows are held at once, but always one answer; the number
 * does not change the results. */
void likelihood(const struct forward *f, const struct seqs *enc, const float *H,
		const struct answer_list *answers, int most, double *nll);

#endif
