/* model.safetensors.index.json: which shard holds which tensor. */
#include "base/die.h"
#include "files/safetensors/st.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const shard[] = {"a.safetensors", "b.safetensors"};
	static const float zero[4];

	(void)argc, (void)argv;
	for (int i = 0; i < 2; i++) {
		char *path = xformat("%s/%s", fuzz_folder(), shard[i]);
		struct st_out *o = st_create(path);

		st_declare(o, i ? "two" : "one", 2, 2);
		st_declare(o, i ? "four" : "three", 4, 0);
		st_write(o, zero, 4);
		st_write(o, zero, 4);
		st_commit(o);
		free(path);
	}
	return 0;
}

static void load(void)
{
	struct st *s = st_open(fuzz_folder());
	float x[4];

	for (int i = 0; i < st_count(s); i++)
		st_read(s, st_at(s, i), 0, 4, x);
	st_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_file("model.safetensors.index.json", data, n);
	SURVIVE(load());
	return 0;
}
