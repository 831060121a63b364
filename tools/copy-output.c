/* copy-output: a finished file under a second name, by the rules of every output: it is complete,
 * or it does not exist.
 *
 * For the solutions of the last iteration, which are the merge's. It is no link, because both names
 * must be able to change and to age independently. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"
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

static FILE *open_file(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f)
		die("cannot %s '%s': %s", *mode == 'r' ? "open" : "write", path, strerror(errno));
	return f;
}

static void copy(void)
{
	static char buffer[1 << 16];
	FILE *in = open_file(from, "rb"), *out = open_file(out_begin(to), "wb");
	size_t n;

	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		if (fwrite(buffer, 1, n, out) != n)
			die("cannot write '%s': %s", to, strerror(errno));
	if (ferror(in))
		die("cannot read '%s': %s", from, strerror(errno));
	if (fclose(out))
		die("cannot write '%s': %s", to, strerror(errno));
	fclose(in);
	out_commit(to);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	checksums_check(from);
	copy();
	return 0;
}
