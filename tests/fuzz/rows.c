/* train.json and test.json. */
#include <stdlib.h>

#include "base/die.h"
#include "fuzz.h"
#include "merge/rows.h"

static void load(const char *path)
{
	struct rows r;
	struct row_templates t;
	int K, *label;

	row_templates_init(&t, &(struct row_options){"{instruction}", "{output}", "output", NULL});
	rows_read(&r, path, &t);
	label = xarray((size_t)r.n, sizeof(*label));
	free(rows_labels(&r, &K, label));
	free(label);
	rows_release(&r);
	row_templates_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("train.json", data, n);

	SURVIVE(load(path));
	return 0;
}
