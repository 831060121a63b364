/* some-rows N OUT IN…: takes N rows, evenly spread, from each of several JSON lists, and writes
 * them as one list. */
#include <jansson.h>
#include <stdlib.h>

#include "base/die.h"

static void append(json_t *some, const char *path, size_t n)
{
	json_error_t e;
	json_t *all = json_load_file(path, 0, &e);
	size_t total;

	if (!json_is_array(all))
		die("'%s': expected a list of rows: %s", path, e.text);
	total = json_array_size(all);
	n = n < total ? n : total;
	for (size_t i = 0; i < n; i++)
		json_array_append(some, json_array_get(all, i * total / n));
	json_decref(all);
}

int main(int argc, char **argv)
{
	json_t *some = json_array();

	prog_name = "some-rows";
	if (argc < 4)
		die_usage("usage: some-rows N OUT IN…");
	for (int i = 3; i < argc; i++)
		append(some, argv[i], (size_t)atol(argv[1]));
	if (json_dump_file(some, argv[2], JSON_COMPACT))
		die("cannot write '%s'", argv[2]);
	json_decref(some);
	return 0;
}
