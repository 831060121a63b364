/* some-rows IN OUT N: N rows, evenly spread, of a JSON list. */
#include <jansson.h>
#include <stdlib.h>

#include "../../tools/lib/die.h"

int main(int argc, char **argv)
{
	json_error_t e;
	json_t *all, *some = json_array();
	size_t n, total;

	prog_name = "some-rows";
	if (argc != 4)
		die_usage("usage: some-rows IN OUT N");
	all = json_load_file(argv[1], 0, &e);
	if (!json_is_array(all))
		die("'%s': expected a list of rows: %s", argv[1], e.text);
	total = json_array_size(all);
	n = (size_t)atol(argv[3]);
	n = n < total ? n : total;
	for (size_t i = 0; i < n; i++)
		json_array_append(some, json_array_get(all, i * total / n));
	if (json_dump_file(some, argv[2], JSON_COMPACT))
		die("cannot write '%s'", argv[2]);
	json_decref(some);
	json_decref(all);
	return 0;
}
