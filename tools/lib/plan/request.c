/* request.c: see request.h. */
#include "plan/request.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "merge/rowfile.h"
#include "merge/rows.h"
#include "plan/hub.h"
#include "plan/plan.h"

/* ---- paths ---- */

/* "~/x" as some shells leave it unchanged. */
static char *expanded(const char *path, const char *word)
{
	const char *home = getenv("HOME");

	if (path[0] != '~')
		return xstrdup(path);
	if ((path[1] && path[1] != '/') || !home || !*home)
		die_usage("%s='%s': the shell left '~' as it is: write the path out", word, path);
	return xformat("%s%s", home, path + 1);
}

char *request_plain(const char *path, const char *word)
{
	char *plain = expanded(path, word);

	if (plain[strcspn(plain, " \t\n")])
		die_usage("%s='%s': a path may not hold blanks, at which make ends a name: rename "
			  "the folder, or give a link without them (ln -s '%s' NAME)",
			  word, path, path);
	if (!*plain || plain[strcspn(plain, ":;#$%*?[]{}()<>|&\\'\"`~!=,")])
		die_usage("%s='%s': a path may not be empty or hold any of : ; # $ %% * ? [ ] { } "
			  "( ) < > | & \\ ' \" ` ~ ! = ,",
			  word, path);
	return plain;
}

char *request_path(const struct config *c, struct request r)
{
	const char *name = config_keys[r.key].name;
	char *of_key = config_value(c, &config_keys[r.key]), *path;

	if (r.typed && c->line[r.key] < 0)
		die_usage("%s='%s' and the key %s='%s' are both given: give one", r.word, r.typed,
			  name, of_key);
	if (!r.typed && !of_key)
		die_usage("%s is not given: %s=DIR on the command line, or %s in the config file",
			  r.word, r.word, name);
	path = request_plain(r.typed ? r.typed : of_key, r.word);
	free(of_key);
	return path;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool holds(const char *folder, const char *task, const char *file)
{
	char *path = task ? plan_task_file(folder, task, file) : xformat("%s/%s", folder, file);
	bool there = file_exists(path);

	free(path);
	return there;
}

/* The folder n levels above (allocated). */
static char *above(const char *path, int n)
{
	char *copy = xstrdup(path), *up;

	for (; n > 0; n--) {
		up = xstrdup(dirname(copy));
		free(copy);
		copy = up;
	}
	return copy;
}

/* Whether `folder` has FILE for any of the tasks. */
static bool has_a_task(const char *folder, const struct strlist *tasks, const char *file)
{
	for (int t = 0; t < tasks->n; t++)
		if (holds(folder, tasks->item[t], file))
			return true;
	return false;
}

/* The file of rows called `name` (train, test), in any form. */
static bool has_rows(const char *folder, const char *task, const char *name)
{
	char *stem = task ? plan_task_file(folder, task, name) : xformat("%s/%s", folder, name),
	     *path = rowfile_find(stem);
	bool there = file_exists(path);

	free(stem);
	free(path);
	return there;
}

static bool has_a_train(const char *folder, const struct strlist *tasks)
{
	for (int t = 0; t < tasks->n; t++)
		if (has_rows(folder, tasks->item[t], "train"))
			return true;
	return false;
}

/* The folder where the user is, if it differs from this one. */
static bool elsewhere(const char *stands)
{
	struct stat a, b;

	return stands && *stands == '/' && stat(stands, &a) == 0 && stat(".", &b) == 0 &&
	       (a.st_dev != b.st_dev || a.st_ino != b.st_ino);
}

static char *here(void)
{
	char *path = getcwd(NULL, 0);

	if (!path)
		die("cannot tell the current folder");
	return path;
}

/* Whether a path exists from the user's folder, and not from this one. */
static void check_stands(const char *word, const char *path, const char *stands)
{
	char *theirs = xformat("%s/%s", stands ? stands : "", path);

	if (elsewhere(stands) && path[0] != '/' && !file_exists(path) && file_exists(theirs))
		die("%s='%s': make -C takes paths from '%s'; you stand in '%s': give %s='%s'", word,
		    path, here(), stands, word, theirs);
	free(theirs);
}

void request_say_stands(const char *stands, const char *const *words, const char *const *typed,
			int n)
{
	for (int i = 0; i < n; i++)
		if (elsewhere(stands) && typed[i] && typed[i][0] != '/' && typed[i][0] != '~') {
			char *from = here();

			note("make -C: paths are taken from '%s': %s is '%s/%s'", from, words[i],
			     from, typed[i]);
			free(from);
			return;
		}
}

/* ---- what a folder is ---- */

void request_check_model(const char *model, const char *stands)
{
	char *cached;

	check_stands("MODEL", model, stands);
	if (is_file(model))
		die("MODEL='%s' is a file: expected the folder that holds it: MODEL='%s'", model,
		    above(model, 1));
	if (holds(model, NULL, "adapter_config.json") && !holds(model, NULL, "config.json"))
		die("MODEL='%s' is an adapter (adapter_config.json): expected the folder of the "
		    "base model, with config.json",
		    model);
	if (file_exists(model))
		return;
	cached = hub_cached(model);
	if (cached)
		die("MODEL='%s' is no folder here; the hub's cache has the model of that name: "
		    "MODEL='%s'",
		    model, cached);
	if (hub_looks_like(model))
		die("MODEL='%s' is no folder here; a model of that name on the hub is fetched by: "
		    "hf download %s --local-dir %s, then MODEL=%s",
		    model, model, strchr(model, '/') + 1, strchr(model, '/') + 1);
}

void request_check_loras(const char *loras, const char *data, const struct strlist *tasks,
			 const char *stands)
{
	check_stands("LORAS", loras, stands);
	if (is_file(loras))
		die("LORAS='%s' is a file: expected the folder of the adapters' folders, one per "
		    "task: probably LORAS='%s'",
		    loras, above(loras, 2));
	if (holds(loras, NULL, "adapter_config.json"))
		die("LORAS='%s' is one adapter: expected the folder of the adapters' folders, one "
		    "per task: probably LORAS='%s'",
		    loras, above(loras, 1));
	if (!has_a_task(loras, tasks, "adapter_config.json") && has_a_train(loras, tasks) &&
	    has_a_task(data, tasks, "adapter_config.json"))
		die("LORAS='%s' holds data and DATA='%s' holds adapters: exchange them", loras,
		    data);
}

void request_check_data(const char *data, const struct strlist *tasks, const char *stands)
{
	check_stands("DATA", data, stands);
	if (is_file(data)) {
		char *two = above(data, 2);

		die("DATA='%s' is a file: expected a folder that holds a folder per task with "
		    "train.json and test.json%s%s%s",
		    data, has_a_train(two, tasks) ? ": probably DATA='" : "",
		    has_a_train(two, tasks) ? two : "", has_a_train(two, tasks) ? "'" : "");
	}
	if ((has_rows(data, NULL, "train") || has_rows(data, NULL, "test")) &&
	    !has_a_train(data, tasks))
		die("DATA='%s' is one task's data: expected the folder above, with a folder per "
		    "task: probably DATA='%s'",
		    data, above(data, 1));
	if (!file_exists(data))
		die("DATA='%s': there is no such folder", data);
}

void request_check_work(const char *work, const char *model, const char *loras, const char *data)
{
	const char *const inputs[] = {model, loras, data}, *const words[] = {"MODEL", "LORAS",
									     "DATA"};
	struct stat st, other;

	if (stat(work, &st) != 0)
		return;
	if (!S_ISDIR(st.st_mode))
		die("WORK='%s' is a file: expected a folder for the results", work);
	for (int i = 0; i < 3; i++)
		if (inputs[i] && stat(inputs[i], &other) == 0 && st.st_dev == other.st_dev &&
		    st.st_ino == other.st_ino)
			die("WORK='%s' is %s's folder: give the results one of their own", work,
			    words[i]);
}

void request_check_files(const char *data, const struct strlist *tasks, const char *name,
			 const char *why)
{
	for (int t = 0; t < tasks->n; t++) {
		const char *task = tasks->item[t];

		if (!holds(data, NULL, task))
			die("task '%s' has no data: '%s/%s' is not there", task, data, task);
		if (!has_rows(data, task, name))
			die("task '%s' has no %s.json: '%s/%s/%s.json' is not there, and %s needs "
			    "it, or a %s.jsonl, %s.csv or %s.tsv",
			    task, name, data, task, name, why, name, name, name);
	}
}

/* ---- samples.json ---- */

/* The file of the first task that brings one (allocated), and how many rows it and all others list.
 * NULL: no task brings one. */
static char *first_rows(const struct config *c, const char *data, int *count)
{
	char *first = NULL;

	for (int t = 0; t < c->task_targets.n; t++) {
		char *path = plan_task_file(data, c->task_targets.item[t], "samples.json");
		int n = file_exists(path) ? rows_count_numbers(path) : 0;

		if (n && first && n != *count)
			die("'%s' lists %d rows and '%s' %d: every task takes equally many samples",
			    first, *count, path, n);
		if (n && !first) {
			first = path;
			*count = n;
			continue;
		}
		free(path);
	}
	return first;
}

char *request_rows(struct config *c, const char *data)
{
	int count = 0;
	char *first = first_rows(c, data, &count), *typed, *said;

	if (!first || count == c->samples_num) {
		free(first);
		return NULL;
	}
	if (config_asked(c, &config_keys[KEY_samples_num]))
		die("samples_num is %d, but '%s' lists %d rows: leave samples_num out, or change "
		    "the list",
		    c->samples_num, first, count);
	typed = xformat("SAMPLES_NUM=%d", count);
	config_override(c, typed, NULL);
	said = xformat("samples_num is %d: '%s' lists so many rows", count, first);
	free(typed);
	free(first);
	return said;
}
