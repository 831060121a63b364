/* release-files: frees the disk space of intermediate files that are no longer needed.
 *
 * A released file keeps its name and its time, so that make still counts it as made. Its contents
 * become one line of text. A tool that gets the file by hand then says what it is. The files are
 * not synced: an empty file also counts as released, and a site would wait for twelve syncs. If a
 * released file is needed again, plan-pipeline has it made again (lib/plan/graph.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/shard.h"
#include "config/keys.h"
#include "files/h5/h5.h"
#include "files/out.h"
#include "files/start.h"

static const char *tasks_arg, *files_arg, *in_arg;
static int shards;

static const struct opt options[] = {
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "tasks that {task} stands for"},
	KEY_OPTION_AS(shards, shards,
		      "shards of each task; {shard} stands for each of their numbers"),
	{"files", 0, OPT_STRING, &files_arg, true, 0, 0, "LIST",
	 "files; those that are not there, or are released, are passed over"},
	{"in", 0, OPT_STRING, &in_arg, false, 0, 0, "DIR",
	 "folder that the FILES lie in (default: the current one)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "release-files",
	.summary = "take back the space of intermediate files",
	.opts = options,
	.example = "release-files --tasks tec,isear --in work --files 'own/{task}/enc00-self.h5'",
};

static long freed;

static void release(const char *path)
{
	struct stat st;
	const char *tmp;
	FILE *f;

	if (stat(path, &st) || (size_t)st.st_size == strlen(H5_RELEASED))
		return;
	tmp = out_begin(path);
	f = fopen(tmp, "w");
	if (!f || fputs(H5_RELEASED, f) < 0 || fclose(f))
		die("cannot write '%s': %s", path, strerror(errno));
	if (utimensat(AT_FDCWD, tmp, (struct timespec[]){st.st_atim, st.st_mtim}, 0))
		die("cannot set the time of '%s': %s", path, strerror(errno));
	out_replace(path);
	freed += st.st_size;
}

/* The files of all these tasks, or shards. */
static void release_all(const char *template, const struct strlist *names)
{
	for (int i = 0; i < names->n; i++) {
		char *name = path_for_task(template, names->item[i], names->n, "--files"),
		     *path = in_arg ? xformat("%s/%s", in_arg, name) : xstrdup(name);

		release(path);
		free(path);
		free(name);
	}
}

int main(int argc, char **argv)
{
	struct strlist tasks, files, all;

	tool_start(&tool, argc, argv);
	tasks = strlist_split(tasks_arg, "--tasks");
	files = strlist_split(files_arg, "--files");
	all = shard_names(&tasks, shards);
	for (int i = 0; i < files.n; i++)
		release_all(files.item[i], strstr(files.item[i], "{shard}") ? &all : &tasks);
	tool_done("%ld MB freed", freed >> 20);
	strlist_release(&all);
	strlist_release(&tasks);
	strlist_release(&files);
	return 0;
}
