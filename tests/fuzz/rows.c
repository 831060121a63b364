/* train.json and test.json. */
#include <stdlib.h>

#include "base/die.h"
#include "fuzz.h"
#include "merge/rows.h"

static void load(const char *path)
{
	struct rows r;
	int K, *label;

	rows_read(&r, path);
	label = xarray((size_t)r.n, sizeof(*label));
	free(rows_labels(&r, &K, label));
	free(label);
	rows_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("train.json", data, n);

	SURVIVE(load(path));
	return 0;
}
