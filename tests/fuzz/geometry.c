/* config.json of a model and, behind a zero byte, its generation_config.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/geometry.h"
#include "model/t5.h"

static void load(void)
{
	struct geometry m = geometry_load(fuzz_folder());
	struct module q = {1, m.L[1] - 1, CROSS_Q}, found;
	char *name = module_name(&m, q);

	if (!module_parse(&m, name, &found) || found.block != q.block)
		abort();
	free(name);
	decoding_note(&m.decoding, fuzz_folder());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *zero = n ? memchr(data, 0, n) : NULL;
	size_t first = zero ? (size_t)(zero - data) : n, behind = zero ? first + 1 : n;

	remove(fuzz_file("generation_config.json", data + behind, n - behind));
	if (zero)
		fuzz_file("generation_config.json", data + behind, n - behind);
	fuzz_file("config.json", data, first);
	SURVIVE(load());
	return 0;
}
