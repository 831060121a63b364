/* decoding.h: which tokens start, fill and end the answers that a model generates, as transformers'
 * generate() takes them.
 *
 * generate() reads generation_config.json where it is there, all of it: a token that it does not
 * name is not taken from config.json. Without the file it reads config.json. The loss of a given
 * answer knows config.json alone (t5.h: pad, label_start). Answers here are greedy. Other ways to
 * generate that the two files may ask for are not followed; decoding_note() says so. */
#ifndef DECODING_H
#define DECODING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	EOS_MAX = 16,               /* end tokens; published models have at most three */
	CONFIG_MAX_BYTES = 1 << 20, /* a config is a few hundred bytes; a megabyte leaves room for
				       fine-tuning keys and no more */
};

struct decoding {
	int start;              /* the decoder's first input; -1: the prompt's last token */
	int pad;                /* what a finished sample of a batch is fed */
	int neos, eos[EOS_MAX]; /* any of these ends an answer; none: its length alone */
};

/* From `config` (DIR/config.json, at `path`) and DIR/generation_config.json; ids lie in [0, V).
 * starts: the answers have a start token of their own; eos: the end token of a config without the
 * key, -1: none. die() names file and key. */
struct decoding decoding_read(const char *dir, const json_t *config, const char *path, int V,
			      bool starts, int eos);
bool decoding_ends(const struct decoding *d, int id);
/* One note() where the two files ask for other answers than greedy ones up to an end token. */
void decoding_note(const struct decoding *d, const char *dir);

#endif
