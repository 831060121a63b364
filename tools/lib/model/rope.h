/* rope.h: rotary positions (Su et al. 2021, arXiv 2104.09864): the angles that a model's
 * config.json asks for.
 *
 * Position p turns pair i of a head by p·f_i, f_i = theta^(−2i/width). The kind changes f:
 * - linear: f / factor.
 * - dynamic: f, as longer texts than max_position_embeddings are refused.
 * - llama3: with λ = 2π/f and P = original_max_position_embeddings, f where λ < P/high, and
 *   f/factor where λ > P/low. Between them (1−s) f/factor + s f, s = (P/λ − low)/(high − low).
 * - yarn (Peng et al. 2023, arXiv 2309.00071): f/factor · r + f · (1 − r). r is a ramp over i. It
 *   is 0 at the pair that turns beta_fast times in P positions, and 1 at the pair that turns
 *   beta_slow times. Cosines and sines are multiplied by attention_factor.
 *
 * f is rounded to float32, as in transformers. */
#ifndef ROPE_H
#define ROPE_H

#include <jansson.h>
#include <stdbool.h>

enum rope_kind { ROPE_NONE, ROPE_DEFAULT, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_LLAMA3, ROPE_YARN };

struct rope {
	enum rope_kind kind;
	double theta, factor;
	double original;   /* original_max_position_embeddings */
	double low, high;  /* llama3: low_freq_factor, high_freq_factor */
	double fast, slow; /* yarn: beta_fast, beta_slow */
	double attention;  /* factor of the cosines and sines */
	bool truncate;     /* yarn: the ramp starts and ends at whole pairs */
	int width;         /* of a head's front, which is turned */
	int longest;       /* most tokens of a text; 0: no limit */
};

/* Reads config.json at `path`: rope_parameters (transformers 5), or rope_scaling and rope_theta.
 * positions: max_position_embeddings. width: of a head. partial: whether
 * partial_rotary_factor counts. An unknown kind or key is die(). */
struct rope rope_read(const json_t *config, const char *path, int positions, int width,
		      bool partial);

/* table (T, r->width): row p has the cosines of position p's angles, then the sines. */
void rope_table(const struct rope *r, int T, float *table);

#endif
