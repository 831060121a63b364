/* samples.json. */
#include "fuzz.h"
#include "merge/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("samples.json", data, n);
	int row[8];

	SURVIVE(rows_read_numbers(path, 100, 8, row));
	SURVIVE(rows_read_numbers(path, 100, 3, row));
	return 0;
}
