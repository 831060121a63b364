/* tokens.c: see tokens.h. */
#include "model/tokens.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

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

struct spm *tokens_open(const char *model_dir)
{
	char *error = NULL;
	char *path = xformat("%s/spiece.model", model_dir);
	struct spm *s = spm_open(path, &error);
	if (!s)
		die("cannot read '%s': %s", path, error ? error : "out of memory");
	free(path);
	return s;
}
