/* likelihood.c: see likelihood.h. Pair j is sequence j / K with answer j % K. */
#include "forward/likelihood.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* The decoder inputs of every answer: the start token, then all tokens except the last. They are at
 * the offsets of the answers' own tokens. */
static int *decoder_inputs(const struct answer_list *a, int start)
{
	int total = 0;
	for (int k = 0; k < a->K; k++)
		total = a->offset[k] + a->length[k] > total ? a->offset[k] + a->length[k] : total;
	int *inputs = xarray((size_t)total, sizeof *inputs);
	for (int k = 0; k < a->K; k++) {
		inputs[a->offset[k]] = start;
		memcpy(inputs + a->offset[k] + 1, a->ids + a->offset[k],
		       sizeof *inputs * (size_t)(a->length[k] - 1));
	}
	return inputs;
}

/* How many pairs from `first` on have at most `most` rows together; at least one. */
static int pairs_within(const struct answer_list *a, int first, int pairs, int most)
{
	int n = 0;
	for (long rows = 0; first + n < pairs; n++) {
		rows += a->length[(first + n) % a->K];
		if (n && rows > most)
			break;
	}
	return n;
}

/* Runs pairs [first, first+n) in one pass over the decoder. */
static void run_pairs(const struct forward *f, const struct seqs *enc, const float *H,
		      const struct answer_list *a, const int *inputs, int first, int n, double *nll)
{
	size_t bytes = sizeof(int) * (size_t)n;
	int *which = xmalloc(bytes), *length = xmalloc(bytes), *offset = xmalloc(bytes);
	struct seqs dec, target;

	for (int j = 0; j < n; j++) {
		which[j] = (first + j) / a->K;
		length[j] = a->length[(first + j) % a->K];
		offset[j] = a->offset[(first + j) % a->K];
	}
	seqs_init(&dec, n, length, offset, inputs, 0, f->model->m.pad);
	seqs_init(&target, n, length, offset, a->ids, 0, f->model->m.pad);
	struct prediction *p = xarray((size_t)dec.rows, sizeof *p);
	forward_decode(f, enc, H, &dec, which, target.ids, NULL, p);
	for (int j = 0; j < n; j++) {
		nll[first + j] = 0;
		for (int row = dec.off[j]; row < dec.off[j] + dec.len[j]; row++)
			nll[first + j] += p[row].nll;
	}
	free(p);
	seqs_release(&target);
	seqs_release(&dec);
	free(offset);
	free(length);
	free(which);
}

void likelihood(const struct forward *f, const struct seqs *enc, const float *H,
		const struct answer_list *answers, int most, double *nll)
{
	int *inputs = decoder_inputs(answers, f->model->m.label_start), pairs = enc->n * answers->K;
	for (int first = 0, n; first < pairs; first += n) {
		n = pairs_within(answers, first, pairs, most);
		run_pairs(f, enc, H, answers, inputs, first, n, nll);
	}
	free(inputs);
}
