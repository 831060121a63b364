/* The header of a safetensors file, and then its tensors. */
#include "files/safetensors/st.h"
#include "fuzz.h"

static void read_all(const char *path)
{
	struct st *s = st_open(path);

	for (int i = 0; i < st_count(s); i++) {
		const struct st_tensor *t = st_at(s, i);
		float x[64];
		size_t n = t->bytes / (t->dtype == ST_F32 ? 4 : 2);

		st_find(s, t->name);
		if (t->dtype != ST_OTHER)
			st_read(s, t, n > 64 ? n - 64 : 0, n > 64 ? 64 : n, x);
	}
	st_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("x.safetensors", data, n);

	SURVIVE(read_all(path));
	return 0;
}
