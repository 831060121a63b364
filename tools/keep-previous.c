/* keep-previous: a finished merge makes way for another one: WORK/adapter becomes
 * WORK/adapter.previous, and WORK/model becomes WORK/model.previous.
 *
 * Its evaluation goes with it. eval.tsv, eval/TASK.json and predictions/ move into the folder
 * first, so that an evaluation is never beside another adapter. If there is no finished merge,
 * because its folder was deleted, they are deleted.
 *
 * One rename gives the folder its new name. The earlier .previous is deleted just before, its
 * configuration first. So this can be interrupted anywhere. A folder with a configuration is whole,
 * the merge has one of the two names, and a second run finishes the work. If there is nothing to
 * keep, nothing is done. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/out.h"
#include "files/start.h"

static const char *work;

static const struct opt options[] = {
	{"in", 0, OPT_STRING, &work, true, 0, 0, "DIR", "the folder WORK"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "keep-previous",
	.summary = "set a finished merge aside before another takes its place",
	.opts = options,
	.example = "keep-previous --in work",
};

/* The files that end a merge. A folder with one of them is complete. */
static const struct result {
	const char *folder, *configuration;
} results[] = {{"adapter", "adapter_config.json"}, {"model", "config.json"}};

enum { ADAPTER, MODEL };

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static bool is_complete(const struct result *r)
{
	char *path = xformat("%s/%s/%s", work, r->folder, r->configuration);
	bool yes = is_there(path);

	free(path);
	return yes;
}

/* The names in a folder, each allocated, without "." and ".."; NULL ends the list. The folder may
 * be missing. */
static char **names_in(const char *folder)
{
	char **name = xcalloc(1, sizeof(*name));
	DIR *d = opendir(folder);
	struct dirent *e;
	size_t n = 0;

	if (!d && errno != ENOENT)
		die("cannot open '%s': %s", folder, strerror(errno));
	while (d && (errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		name = xrealloc(name, (n + 2) * sizeof(*name));
		name[n++] = xstrdup(e->d_name);
		name[n] = NULL;
	}
	if (d && errno)
		die("cannot read '%s': %s", folder, strerror(errno));
	if (d)
		closedir(d);
	return name;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode);
}

/* Calls fn with FOLDER/NAME and OTHER/NAME for each file in a folder. `deep`: also for the files in
 * its sub-folders. */
static void each_file(const char *folder, const char *other, bool deep,
		      void (*fn)(const char *path, const char *to))
{
	char **name = names_in(folder);

	for (char **n = name; *n; n++) {
		char *path = xformat("%s/%s", folder, *n), *to = xformat("%s/%s", other, *n);

		if (!is_folder(path))
			fn(path, to);
		else if (deep)
			each_file(path, to, deep, fn);
		free(to);
		free(path);
		free(*n);
	}
	free(name);
}

static void delete_tree(const char *path)
{
	if (is_folder(path)) {
		char **name = names_in(path);

		for (char **n = name; *n; n++) {
			char *inner = xformat("%s/%s", path, *n);

			delete_tree(inner);
			free(inner);
			free(*n);
		}
		free(name);
	}
	if (remove(path) && errno != ENOENT)
		die("cannot delete '%s': %s", path, strerror(errno));
}

/* ------------------------------------------------------------ the evaluation */

static void move(const char *path, const char *to)
{
	checksums_check(path);
	make_parent_folder(to);
	out_move(path, to);
}

static void forget(const char *path, const char *to)
{
	(void)to;
	delete_tree(path);
}

/* Only the merge's evaluation. The base and the single adapters have folders of their own in
 * eval/. */
static void each_evaluation(const char *into, void (*fn)(const char *path, const char *to))
{
	char *table = xformat("%s/eval.tsv", work), *table_to = xformat("%s/eval.tsv", into);
	static const char *const folders[] = {"eval", "predictions"};

	if (is_there(table))
		fn(table, table_to);
	for (int i = 0; i < 2; i++) {
		char *from = xformat("%s/%s", work, folders[i]),
		     *to = xformat("%s/%s", into, folders[i]);

		each_file(from, to, false, fn);
		free(to);
		free(from);
	}
	free(table_to);
	free(table);
}

/* ------------------------------------------------------------ the folder */

/* Records the checksum of the file under its new name, with the same inputs. */
static void record(const char *path, const char *to)
{
	checksums_own(path, path);
	checksums_own(to, path);
	checksums_check(path);
	checksums_record(path, to);
}

static void delete_previous(const struct result *r)
{
	char *folder = xformat("%s/%s.previous", work, r->folder),
	     *configuration = xformat("%s/%s", folder, r->configuration);

	if (is_there(configuration) && remove(configuration))
		die("cannot delete '%s': %s", configuration, strerror(errno));
	delete_tree(folder);
	free(configuration);
	free(folder);
}

static void set_aside(const struct result *r, bool evaluated)
{
	char *folder = xformat("%s/%s", work, r->folder),
	     *previous = xformat("%s.previous", folder);

	if (evaluated)
		each_evaluation(folder, move);
	each_file(folder, previous, true, record);
	out_move(folder, previous);
	tool_done("the merge that was here is kept: '%s'", previous);
	free(previous);
	free(folder);
}

int main(int argc, char **argv)
{
	bool adapter, model;

	tool_start(&tool, argc, argv);
	adapter = is_complete(&results[ADAPTER]);
	model = is_complete(&results[MODEL]);
	if (!adapter && !model)
		each_evaluation("", forget);
	if (adapter)
		delete_previous(&results[ADAPTER]);
	if (adapter || model) /* a full model beside an adapter was made from it, and goes too */
		delete_previous(&results[MODEL]);
	if (adapter)
		set_aside(&results[ADAPTER], true);
	if (model)
		set_aside(&results[MODEL], !adapter);
	return 0;
}
