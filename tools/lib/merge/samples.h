/* samples.h: the calibration samples of a task (samples/T.h5) and their decoder tokens
 * (tokens/T.h5).
 *
 * Readers check everything before a caller uses it: shapes against S, every length, the lengths'
 * sum against the ids, no negative number. What they find wrong is die(), naming file, dataset and
 * sample. */
#ifndef SAMPLES_H
#define SAMPLES_H

/* iteris-samples, version 1. Sample i has the encoder ids ids[offset[i] … offset[i] + length[i] -
 * 1], </s> included. */
struct samples {
	char *task;
	int S, max_length;
	int *row;             /* (S) row numbers of train.json */
	int *length, *offset; /* (S) 1 … max_length; offset is where the sample's ids start */
	int *ids, total;      /* (total) */
	int *label_length, *label_offset; /* (S) 1 … max_length */
	int *label_ids, label_total;      /* (label_total) the output's ids, </s> included */
};

/* Reads the file of `task` (NULL: of whichever task it holds). */
void samples_read(struct samples *s, const char *path, const char *task);
/* offset and label_offset are not stored: they are the running sums of the lengths. */
void samples_write(const struct samples *s, const char *path);
void samples_release(struct samples *s); /* zero is fine */
/* die() unless every id is below V; `path` for the message. */
void samples_need_vocab(const struct samples *s, const char *path, int V);

/* iteris-tokens, version 1: the decoder's INPUT of each sample: the start token and each generated
 * token but the final </s>. Of a model with a single stack the prompt's last token is the start
 * token: the sample's ids but the last, then its tokens, are the whole input. */
struct decoder_tokens {
	char *task;
	int S, max_new_tokens;
	int *length, *offset; /* (S) 1 … max_new_tokens */
	int *ids, total;      /* (total) */
};

/* `S`: the samples that the tokens must belong to (0: any number). */
void decoder_tokens_read(struct decoder_tokens *t, const char *path, const char *task, int S);
/* The same of the answers that the samples bring: the token `start` (-1: the sample's last), and
 * each label token but the last. */
void decoder_tokens_given(struct decoder_tokens *t, const struct samples *s, int start);
void decoder_tokens_write(const struct decoder_tokens *t, const char *path);
void decoder_tokens_release(struct decoder_tokens *t); /* zero is fine */
void decoder_tokens_need_vocab(const struct decoder_tokens *t, const char *path, int V);

/* offset (S) = running sum of length (S); returns the total. BUG when it does not fit an int. */
int ragged_offsets(const int *length, int S, int *offset);

#endif
