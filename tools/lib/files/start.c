/* start.c: see start.h. */
#include "files/start.h"

#include "files/sums.h"

void tool_start(const struct tool *tool, int argc, char **argv)
{
	opts_sums = sums_use;
	opts_parse(tool, argc, argv);
}
