/* launch-step: runs one step of a merge by LAUNCH, on another machine, and waits until this machine
 * sees the files that the step has made.
 *
 * make decides by the times of files. On a network file system, this machine may still see an
 * earlier file, or none, when the step has ended elsewhere. So each output is opened here, which
 * asks the server again (lib/files/visible.h). The outputs are those of the tool's own options.
 *
 * The tool says itself why it fails, and logs its own time and memory on the machine where it runs.
 * If something else ended it (out of memory, over time, cancelled, the machine is lost), it can say
 * nothing. Then this program says what was not made, and the launcher says why. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/command.h"
#include "base/die.h"
#include "base/host.h"
#include "base/strlist.h"
#include "files/start.h"
#include "files/visible.h"

static const struct common_opts *common;

static const struct opt options[] = {
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "launch-step",
	.summary = "run one step of a merge on another machine",
	.details = "Ends as the command ends. It is an error if a file of the tool's options -o, "
		   "--predictions and --norms-output is not made, or does not become visible here "
		   "within --wait.",
	.opts = options,
	.operands = "-- LAUNCHER [ARGUMENT …] TOOL [OPTION …]",
	.example = "launch-step --wait 60 -- nice draw-samples --model model --task tec "
		   "--train data/tec/train.json -o tec.h5",
};

/* ------------------------------------------------------------ what the step makes */

/* The word after this one; NULL: there is none. */
static const char *value_of(char *const *words, const char *option)
{
	for (; *words; words++)
		if (strcmp(*words, option) == 0)
			return words[1];
	return NULL;
}

struct output {
	char *path;
	struct stat before; /* st_ino 0: it was not there */
};

struct outputs {
	int n;
	struct output *output;
};

static void add_output(struct outputs *all, char *path)
{
	struct output o = {.path = path};

	if (stat(path, &o.before))
		o.before = (struct stat){0};
	all->output = xrealloc(all->output, sizeof(o) * (size_t)(all->n + 1));
	all->output[all->n++] = o;
}

/* The files of the tool's options, for each task where there are several. */
static struct outputs find_outputs(char *const *words)
{
	static const char *const files[] = {"-o", "--predictions", "--norms-output"};
	const char *task = value_of(words, "--task");
	struct strlist tasks = strlist_split(task ? task : "all", "--task");
	struct outputs all = {0};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *file = value_of(words, files[i]);

		for (int t = 0; file && t < tasks.n; t++)
			add_output(&all, path_for_task(file, tasks.item[t], 1, files[i]));
	}
	strlist_release(&tasks);
	return all;
}

/* A tool always makes a new file, and renames it. So the file that was there before is not its
 * output. */
static bool is_new(const struct output *o)
{
	struct stat st;

	return visible_within(o->path, 0) && stat(o->path, &st) == 0 &&
	       (st.st_ino != o->before.st_ino ||
		memcmp(&st.st_mtim, &o->before.st_mtim, sizeof(st.st_mtim)) != 0);
}

/* A launcher may also end without an error because it has lost the other machine. */
static void await_output(const struct output *o, const char *launcher)
{
	enum { LOOKS = 20 }; /* each second */

	for (int looks = common->wait * LOOKS; !is_new(o); looks--) {
		if (looks <= 0)
			die("'%s' was not made, or has not become visible on %s within %d s, "
			    "though '%s' ended without an error",
			    o->path, host_name(), common->wait, launcher);
		nanosleep(&(struct timespec){0, 1000000000 / LOOKS}, NULL);
	}
}

static void outputs_release(struct outputs *all)
{
	for (int i = 0; i < all->n; i++)
		free(all->output[i].path);
	free(all->output);
}

/* ------------------------------------------------------------ how it ended */

/* The tools' own statuses, and 127: somebody has said why. */
static bool is_told(int status)
{
	return WIFEXITED(status) &&
	       (WEXITSTATUS(status) <= EXIT_DATA || WEXITSTATUS(status) == 127);
}

static void say_end(char *const *words, int status)
{
	const char *file = value_of(words, "-o");

	warn("'%s' was not made: '%s' ended %s %d, and the tool itself could say nothing",
	     file ? file : "the output", words[0], WIFEXITED(status) ? "with status" : "by signal",
	     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int run(char **words)
{
	struct outputs all = find_outputs(words);
	int status = command_run(words);

	for (int i = 0; WIFEXITED(status) && !WEXITSTATUS(status) && i < all.n; i++)
		await_output(&all.output[i], words[0]);
	if (!command_interrupted() && !is_told(status))
		say_end(words, status);
	outputs_release(&all);
	return status;
}

int main(int argc, char **argv)
{
	int own = 0;

	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	common = tool_start(&tool, own, argv);
	if (own + 1 >= argc)
		die_usage("no command: expected -- LAUNCHER TOOL [OPTION …] after the options");
	return command_leave(run(argv + own + 1));
}
