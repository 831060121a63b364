/* decoding.h: which tokens start, fill and end the answers that a model generates, by the rules of
 * transformers' generate().
 *
 * If there is a generation_config.json, generate() reads only this file: a token that it does not
 * name is not taken from config.json. Without it, generate() reads config.json. The loss of a given
 * answer depends on config.json alone (geometry.h: pad, label_start).
 *
 * Answers here are greedy. Where the two files ask for another way to generate, decoding_note()
 * says that this is not supported. */
#ifndef DECODING_H
#define DECODING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	EOS_MAX = 16,               /* end tokens; published models have at most three */
	CONFIG_MAX_BYTES = 1 << 20, /* A config is a few hundred bytes. One megabyte leaves room for
				       the keys of fine-tuning. */
};

struct decoding {
	int start;              /* the decoder's first input; -1: the prompt's last token */
	int pad;                /* fed to a finished sample of a batch */
	int neos, eos[EOS_MAX]; /* any of these ends an answer; none: only its length does */
};

/* Reads `config` (DIR/config.json, at `path`) and DIR/generation_config.json. All ids are in [0,
 * V). starts: the answers have a start token of their own. eos: the end token of a config without
 * the key; -1: none. die() names file and key. */
struct decoding decoding_read(const char *dir, const json_t *config, const char *path, int V,
			      bool starts, int eos);
bool decoding_ends(const struct decoding *d, int id);
/* One note() where the two files ask for other answers than greedy ones that stop at an end
 * token. */
void decoding_note(const struct decoding *d, const char *dir);

#endif
