/* stale-tasks: of the tasks that share a process, those whose file must be made: it is missing, or older than something that it is made from.
 *
 * make starts one process for all tasks of a site, so that the weights are read and packed once; which of them need it is this
 * tool's answer, by make's own rule. So one task can be added, or its texts changed, without the others being done again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/start.h"

static const char *tasks_arg, *target_arg, *needs_arg;

static const struct opt options[] = {
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "tasks to ask about"},
	{"target", 0, OPT_STRING, &target_arg, true, 0, 0, "FILE", "what is made; {task} stands for the task's name"},
	{"needs", 0, OPT_STRING, &needs_arg, true, 0, 0, "LIST", "what it is made from; {task} likewise"},
	{.type = OPT_END},
};

static const struct tool tool = {"stale-tasks", "print the tasks whose file is missing or out of date, separated by commas", NULL, options};

/* False: the file is not there. */
static bool time_of(const char *path, struct timespec *t)
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno != ENOENT)
			die("'%s': %s", path, strerror(errno));
		return false;
	}
	*t = st.st_mtim;
	return true;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static bool stale(const char *task, int ntasks, const struct strlist *needs)
{
	char *target = path_for_task(target_arg, task, ntasks, "--target");
	struct timespec made, t;
	bool yes = !time_of(target, &made);

	for (int i = 0; i < needs->n && !yes; i++) {
		char *need = path_for_task(needs->item[i], task, 1, "--needs");

		yes = !time_of(need, &t) || later(t, made);
		free(need);
	}
	free(target);
	return yes;
}

int main(int argc, char **argv)
{
	struct strlist tasks, needs;
	const char *before = "";

	tool_start(&tool, argc, argv);
	tasks = strlist_split(tasks_arg, "--tasks");
	needs = strlist_split(needs_arg, "--needs");
	for (int t = 0; t < tasks.n; t++)
		if (stale(tasks.item[t], tasks.n, &needs)) {
			printf("%s%s", before, tasks.item[t]);
			before = ",";
		}
	if (printf("\n") < 0 || fflush(stdout))
		die("standard output: %s", strerror(errno));
	strlist_release(&tasks);
	strlist_release(&needs);
	return 0;
}
