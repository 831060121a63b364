/* add-grams: the Gram file of a task (grams/T/SITE.h5) from those of its shards.
 *
 * lib/merge/gramsum.h says what is added. Each shard's rows are summed by compute-grams, on any
 * machine; this process adds the few matrices that remain, in the order of the shards. */
#include <stdlib.h>

#include "base/die.h"
#include "base/shard.h"
#include "base/strlist.h"
#include "config/keys.h"
#include "files/checksums.h"
#include "files/start.h"
#include "merge/gramsum.h"
#include "plan/footprint.h"

static const char *task_arg, *site_arg, *from_arg, *output_arg;
static int shards;

static const struct opt options[] = {
	{"task", 0, OPT_STRING, &task_arg, true, 0, 0, "T[,T…]",
	 "task or tasks to do; {task} in a path stands for each"},
	KEY_OPTION_AS(shards, shards, "shards of each task, at least 2"),
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site, such as enc07-self"},
	{"from", 0, OPT_STRING, &from_arg, true, 0, 0, "FILE",
	 "Gram file of a shard; {shard} stands for its number"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "Gram file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "add-grams",
	.summary = "add the Grams of a task's shards",
	.details = "--from and -o may hold {task}, and must when several tasks are given.",
	.opts = options,
	.example = "add-grams --task tec,isear --shards 3 --site enc01-self --from "
		   "'shards/grams/{task}/{shard}/enc01-self.h5' -o 'mine/grams/{task}.h5'",
};

/* The files of a task's shards, which belong to the task. */
static struct strlist shard_files(const char *task, int ntasks)
{
	struct strlist files = {0};

	for (int k = 1; k <= shards; k++) {
		char *name = shard_name(task, k),
		     *path = path_for_task(from_arg, name, ntasks, "--from");

		checksums_own(path, task);
		strlist_add(&files, path);
		free(path);
		free(name);
	}
	return files;
}

static void run_task(const char *task, int ntasks)
{
	char *target = checksums_task_path(output_arg, task, ntasks, "-o");
	struct strlist files = shard_files(task, ntasks);
	struct gramsum s = {.site = site_arg, .task = task, .n = shards};

	gramsum_open(&s, files.item);
	gramsum_make(&s, target);
	gramsum_close(&s);
	strlist_release(&files);
	free(target);
}

int main(int argc, char **argv)
{
	const struct common_opts *common = tool_start(&tool, argc, argv);
	struct strlist todo = strlist_split(task_arg, "--task");

	if (shards < 2)
		die_usage("--shards %d: expected from 2 on; the Grams of one are those of the task",
			  shards);
	shard_check(&todo, 1, output_arg);
	opts_need_memory(common, footprint_sum(shards), "");
	for (int i = 0; i < todo.n; i++)
		run_task(todo.item[i], todo.n);
	tool_done("%s: %d shards, %d task%s", site_arg, shards, todo.n, todo.n == 1 ? "" : "s");
	strlist_release(&todo);
	return 0;
}
