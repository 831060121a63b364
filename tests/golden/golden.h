/* golden.h: shared by the golden tests: JSON files, runs of make, folders.
 *
 * The programs run from the repository's root, with the tools built. BUILD (environment; default
 * build) is the folder of the tools. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/child.h"
#include "base/die.h"

#define DEMO "data/demo"
#define GOLDEN "tests/golden"

static inline json_t *golden_json(const char *path)
{
	json_error_t e;
	json_t *j = json_load_file(path, 0, &e);

	if (!j)
		fail_msg("%s: line %d: %s", path, e.line, e.text);
	return j;
}

static inline json_t *golden_get(json_t *j, const char *key)
{
	json_t *v = json_object_get(j, key);

	if (!v)
		fail_msg("the JSON has no '%s'", key);
	return v;
}

static inline double golden_number(json_t *j, const char *key)
{
	return json_number_value(golden_get(j, key));
}

/* Makes a fresh folder for WORK outside the repository. golden_drop() removes it. */
static inline char *golden_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xformat("%s/golden-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	assert_non_null(mkdtemp(path));
	return path;
}

static inline void golden_drop(char *path)
{
	remove_tree(path);
	free(path);
}

/* Runs `make GOALS MODEL=… …` on root's model, loras and data. The output goes to WORK.log, which
 * is shown when it fails. Variables of the make that runs this program are cleared. */
static inline void golden_make(const char *goals, const char *root, const char *work,
			       const char *settings)
{
	const char *build = getenv("BUILD");
	char *log = xformat("%s.log", work);
	char *command = xformat(
		"exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u SAN make "
		"--no-print-directory %s BUILD='%s' "
		"MODEL='%s/model' LORAS='%s/loras' DATA='%s/data' WORK='%s' %s >'%s' 2>&1",
		goals, build && *build ? build : "build", root, root, root, work, settings, log);
	int status = system(command);

	if (status) {
		char *show = xformat("cat '%s' >&2", log);

		if (system(show))
			perror(log);
		fail_msg("status %d from: %s", status, command);
	}
	remove(log);
	free(command);
	free(log);
}

/* EMOTION_DIR; NULL, with a message, where it is not set. */
static inline const char *golden_emotion(void)
{
	const char *dir = getenv("EMOTION_DIR");

	if (dir && *dir)
		return dir;
	print_message(
		"# EMOTION_DIR does not name the folder of the real case: its part is skipped\n");
	return NULL;
}

/* The demo and its golden file. If either is missing, the test is skipped, and says so. */
static inline void golden_need(const char *file)
{
	if (access(DEMO "/model/model.safetensors", R_OK)) {
		print_message("# " DEMO "/model is not there: skipped\n");
		skip();
	}
	if (access(file, R_OK)) {
		print_message("# %s is not there (tests/oracle/make_golden.py makes it): skipped\n",
			      file);
		skip();
	}
}

#endif
