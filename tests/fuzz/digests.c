/* The two tables of digests that are read back: stamps/digests and checksums.tsv. */
#include <stdlib.h>

#include "files/checksums.h"
#include "files/digest.h"
#include "fuzz.h"

static void load_cache(const char *path)
{
	digest_file(digest_cache_open(path),
		    path); /* not closed, because closing would write; fuzz_end() frees it */
}

static void load_sums(const char *path)
{
	struct checksums s;
	bool fits;

	checksums_load(&s, path);
	for (int i = 0; i < s.n; i++)
		if (!checksums_find(&s, s.line[i].name, s.line[i].digest, s.line[i].size, &fits) ||
		    !fits)
			abort();
	checksums_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("digests", data, n);

	SURVIVE(load_sums(path));
	SURVIVE(load_cache(path));
	return 0;
}
