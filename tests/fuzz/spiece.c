/* spiece.model: sentencepiece's ModelProto. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/tokenizer/spm.h"

struct ids {
	int n, id[64];
};

static void take(void *arg, int id, const char *piece, int bytes)
{
	struct ids *ids = arg;

	(void)piece, (void)bytes;
	if (ids->n < 64)
		ids->id[ids->n++] = id;
}

static void load(const char *path)
{
	static const char *const texts[] = {"", "a", "the cat sat",
					    " \xe2\x96\x81 \xff\xfe \xf0\x9f\x98\x80 \xc2",
					    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char *error = NULL;
	struct spm *s = spm_open(path, true, &error);

	if (!s) {
		free(error);
		return;
	}
	for (int i = 0; i < 5; i++) {
		struct ids ids = {0};

		spm_encode(s, texts[i], (int)strlen(texts[i]), take, &ids);
		free(spm_decode(s, ids.id, ids.n));
	}
	spm_find(s, texts[1]);
	spm_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("spiece.model", data, n);

	fuzz_free_all = 0; /* protobuf keeps memory of its own */
	SURVIVE(load(path));
	return 0;
}
