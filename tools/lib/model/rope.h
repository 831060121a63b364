/* rope.h: rotary positions (Su et al. 2021, arXiv 2104.09864): which angles a model's config.json
 * asks for.
 *
 * Position p turns pair i of a head by p·f_i, f_i = theta^(−2i/width), changed by the kind:
 *   linear   f / factor
 *   dynamic  f up to max_position_embeddings positions, which is as far as texts may be here
 *   llama3   with λ = 2π/f and P = original_max_position_embeddings: f where λ < P/high, f/factor
 *            where λ > P/low, between them (1−s) f/factor + s f, s = (P/λ − low)/(high − low)
 *   yarn     f/factor · r + f · (1 − r), r a ramp from 0 to 1 over i between the pairs that turn
 *            beta_fast and beta_slow times in P positions (Peng et al. 2023, arXiv 2309.00071);
 *            cosines and sines times attention_factor
 * As transformers has it, f is rounded to float32. */
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
	double attention;  /* of cosines and sines */
	bool truncate;     /* yarn: the ramp's ends are whole pairs */
	int longest;       /* the longest text, in tokens; 0: no limit */
};

/* From config.json at `path`: rope_parameters (transformers 5), or rope_scaling and rope_theta.
 * positions: max_position_embeddings; width: of a head. A kind or key that is not known: die(). */
struct rope rope_read(const json_t *config, const char *path, int positions, int width);

/* table (T, width): row p has the cosines of position p's angles, then the sines. */
void rope_table(const struct rope *r, int T, int width, float *table);

#endif
