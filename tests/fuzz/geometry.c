/* config.json of a model. */
#include <stdlib.h>

#include "fuzz.h"
#include "model/t5.h"

static void load(void)
{
	struct t5 m = t5_load(fuzz_folder());
	struct module q = {1, m.L[1] - 1, CROSS_Q}, found;
	char *name = module_name(&m, q);

	if (!module_parse(&m, name, &found) || found.block != q.block)
		abort();
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_file("config.json", data, n);
	SURVIVE(load());
	return 0;
}
