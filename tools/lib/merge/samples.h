/* samples.h: the calibration samples of a task (samples/T.h5) and their decoder tokens
 * (tokens/T.h5).
 *
 * A reader checks everything first: the shapes against S, every length, the sum of the lengths
 * against the ids, and that no number is negative. Errors are die(), naming file, dataset and
 * sample. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdbool.h>

/* iteris-samples, version 1. Sample i has the encoder ids ids[offset[i] … offset[i] + length[i] -
 * 1], with </s>. */
struct samples {
	char *task;
	int S, max_length;
	int *row;             /* (S) row numbers of train.json */
	int *length, *offset; /* (S) 1 … max_length; offset is where the sample's ids start */
	int *ids, total;      /* (total) */
	int *label_length, *label_offset; /* (S) 1 … max_length */
	int *label_ids, label_total;      /* (label_total) the ids of the outputs, with </s> */
};

/* Reads the file of `task`. NULL: of any task. */
void samples_read(struct samples *s, const char *path, const char *task);
/* offset and label_offset are not in the file: they are the running sums of the lengths. */
void samples_write(const struct samples *s, const char *path);
void samples_release(struct samples *s); /* zero is fine */
/* How samples are cut into shards (base/shard.h). A shard is a run of samples. A cut between two
 * shards is where the tokens of prompts and answers before it come closest to their share; of two
 * such places it is the first. So it depends on the samples alone. */
struct shards {
	int n;     /* 1: none */
	int batch; /* a shard has whole batches of so many samples; the last may be smaller */
};
/* Where the cuts are: shard k (1 … n) has the samples [first[k − 1], first[k]). first (n + 1).
 * false: there are fewer batches than shards, and no cuts. */
bool samples_cuts(const struct samples *s, struct shards of, int *first);
/* Keeps the samples [first, last). */
void samples_keep(struct samples *s, int first, int last);
/* samples_read(), for a name of a task or a shard: only the shard's samples stay. die() where there
 * are fewer batches than shards. */
void samples_read_shard(struct samples *s, const char *path, const char *name, struct shards of);

/* die() unless every id is below V. `path`: for the message. */
void samples_need_vocab(const struct samples *s, const char *path, int V);

/* iteris-tokens, version 1: the decoder's input of each sample. It is the start token and each
 * generated token except the final </s>. In a model with a single stack the start token is the
 * prompt's last token. The whole input is then the sample's ids without the last, followed by its
 * tokens. */
struct decoder_tokens {
	char *task;
	int S, max_new_tokens;
	int *length, *offset; /* (S) 1 … max_new_tokens */
	int *ids, total;      /* (total) */
};

/* `S`: the number of samples that the tokens belong to; 0: any number. */
void decoder_tokens_read(struct decoder_tokens *t, const char *path, const char *task, int S);
/* The same, from answers that the samples bring: the token `start`, and each label token except the
 * last. start -1: the sample's last token. */
void decoder_tokens_given(struct decoder_tokens *t, const struct samples *s, int start);
void decoder_tokens_write(const struct decoder_tokens *t, const char *path);
void decoder_tokens_release(struct decoder_tokens *t); /* zero is fine */
void decoder_tokens_need_vocab(const struct decoder_tokens *t, const char *path, int V);

/* offset (S) = running sum of length (S); returns the total. BUG() where the total does not fit an
 * int. */
int ragged_offsets(const int *length, int S, int *offset);

#endif
