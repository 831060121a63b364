/* tokens.c: see tokens.h. */
#include "model/tokens.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "model/kind.h"

int tokens_encode(const struct spm *s, const char *text, int max_length, int eos, int *ids)
{
	BUG_IF(max_length < 1);
	size_t bytes = strlen(text);
	if (bytes > INT_MAX)
		return -1;
	int n = spm_encode(s, text, (int)bytes, ids, max_length - 1);
	if (n < 0)
		return -1;
	if (n > max_length - 1)
		n = max_length - 1;
	ids[n] = eos;
	return n + 1;
}

int tokens_outside(const int *ids, int n, int V)
{
	for (int i = 0; i < n; i++)
		if (ids[i] < 0 || ids[i] >= V)
			return i;
	return -1;
}

void tokens_need(const char *model_dir)
{
	static const char *const OTHER[] = {"tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "sentencepiece.bpe.model"};
	if (kind_has_file(model_dir, "spiece.model"))
		return;
	for (size_t i = 0; i < sizeof(OTHER) / sizeof(*OTHER); i++)
		if (kind_has_file(model_dir, OTHER[i]))
			die("cannot read '%s/spiece.model': %s; the folder's %s is not read: copy spiece.model from the model that this one was made "
			    "from (transformers 5 saves tokenizer.json alone)", model_dir, strerror(ENOENT), OTHER[i]);
}

int tokens_end(const struct spm *s, const char *model_dir)
{
	int id = spm_id(s, "</s>");
	if (id < 0)
		die("'%s/spiece.model' has no piece '</s>', with which T5's texts end: is it this model's?", model_dir);
	return id;
}

struct spm *tokens_open(const char *model_dir)
{
	tokens_need(model_dir);
	char *error = NULL;
	char *path = xformat("%s/spiece.model", model_dir);
	struct spm *s = spm_open(path, &error);
	if (!s)
		die("cannot read '%s': %s", path, error ? error : "out of memory");
	free(path);
	return s;
}
