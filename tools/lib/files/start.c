/* start.c: see start.h. */
#include "files/start.h"

#include "files/checksums.h"

const struct common_opts *tool_start(const struct tool *tool, int argc, char **argv)
{
	opts_checksums = checksums_use;

	const struct common_opts *c = opts_parse(tool, argc, argv);

	checksums_wait(c->wait);
	return c;
}
