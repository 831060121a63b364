/* config.json of a model and, behind a zero byte, its generation_config.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/geometry.h"

static void load(void)
{
	struct geometry m = geometry_load(fuzz_folder());
	int last = m.family->nstacks - 1;
	struct module q = {last, m.L[last] - 1, SLOTS - 1}, found;
	float *table = calloc((size_t)m.HS, 3 * sizeof(*table));
	char *name;

	while (!slot_exists(&m, last, q.slot))
		q.slot--;
	name = module_name(&m, q);
	if (table && m.rope.kind != ROPE_NONE)
		rope_table(&m.rope, 3, table);
	free(table);

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
