/* copy-output: a finished file under a second name, by the rules of every output: it is complete,
 * or it does not exist.
 *
 * For the solutions of the last iteration, which are the merge's. It is no link, because both names
 * must be able to change and to age independently. */
#include "files/checksums.h"
#include "files/out.h"
#include "files/start.h"

static const char *from, *to;

static const struct opt options[] = {
	{"from", 0, OPT_STRING, &from, true, 0, 0, "FILE", "file to copy"},
	{"output", 'o', OPT_STRING, &to, true, 0, 0, "FILE", "file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "copy-output",
	.summary = "copy a finished file, whole or not at all",
	.opts = options,
	.example = "copy-output --from work/eval.tsv -o mine/copy.tsv",
};

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	checksums_check(from);
	out_copy(from, to);
	return 0;
}
