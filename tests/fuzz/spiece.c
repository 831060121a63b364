/* spiece.model: sentencepiece's ModelProto. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/spm.h"

static void load(const char *path)
{
	static const char *const texts[] = {"", "a", "the cat sat", " \xe2\x96\x81 \xff\xfe \xf0\x9f\x98\x80 \xc2", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char *error = NULL;
	struct spm *s = spm_open(path, &error);
	int ids[64];

	if (!s) {
		free(error);
		return;
	}
	for (int i = 0; i < 5; i++) {
		int n = spm_encode(s, texts[i], (int)strlen(texts[i]), ids, 64);

		free(spm_decode(s, ids, n < 0 ? 0 : n < 64 ? n : 64));
	}
	spm_vocab(s);
	spm_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("spiece.model", data, n);

	fuzz_free_all = 0; /* protobuf keeps memory of its own */
	SURVIVE(load(path));
	return 0;
}
