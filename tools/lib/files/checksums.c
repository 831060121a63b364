/* checksums.c: see checksums.h.
 *
 * A digest is computed by reading the file back from the page cache. This happens once when a file
 * is finished, and once in each process that reads it. It runs at 3.6 GB/s per core, a small part
 * of the cost of HDF5's own checksums. One changed bit always changes the digest, because every
 * step of the digest can be undone. */
#include "files/checksums.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/append.h"
#include "base/die.h"
#include "base/strlist.h"
#include "base/text.h"
#include "files/checksums_private.h"
#include "files/digest.h"
#include "files/out.h"
#include "files/visible.h"

static char *checksums_path;   /* NULL: no checksums */
static size_t folder_len;      /* length of its folder's path, with the slash */
static struct checksums known; /* the lines when they were last read */
static bool loaded;
static int wait_seconds; /* for a file that another machine has made */

/* An input that was checked. */
struct checked_input {
	char *name;
	uint64_t digest;
};

static struct checked_input *input;
static int ninputs;

/* A file or folder that belongs to a task. */
struct owned {
	char *name, *task;
};

static struct owned *owned;
static int nowned;

static void forget_inputs(void)
{
	for (int i = 0; i < ninputs; i++)
		free(input[i].name);
	for (int i = 0; i < nowned; i++) {
		free(owned[i].name);
		free(owned[i].task);
	}
	free(input);
	free(owned);
	input = NULL;
	owned = NULL;
	ninputs = nowned = 0;
}

void checksums_use(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	free(checksums_path);
	checksums_path = path ? xstrdup(path) : NULL;
	folder_len = slash ? (size_t)(slash + 1 - path) : 0;
	if (loaded)
		checksums_release(&known);
	loaded = false;
	forget_inputs();
	out_on_commit(path ? checksums_record : NULL);
}

/* The name relative to the folder of checksums; NULL: the file is not in it. */
static const char *inside(const char *path)
{
	if (!checksums_path || strncmp(path, checksums_path, folder_len) ||
	    (!folder_len && *path == '/'))
		return NULL;
	return path + folder_len;
}

/* ------------------------------------------------------------ which task a file belongs to */

static bool is_of(const struct owned *o, const char *name)
{
	size_t n = strlen(o->name);

	return strncmp(name, o->name, n) == 0 && (name[n] == '/' || !name[n]);
}

void checksums_own(const char *path, const char *task)
{
	const char *name = inside(path);
	size_t n = name ? strlen(name) : 0;

	while (n && name[n - 1] == '/')
		n--;
	if (!n)
		return;
	char *own = xformat("%.*s", (int)n, name);
	for (int i = 0; i < nowned; i++)
		if (strcmp(owned[i].name, own) == 0 && strcmp(owned[i].task, task) == 0) {
			free(own);
			return;
		}
	owned = xrealloc(owned, sizeof(*owned) * (size_t)(nowned + 1));
	owned[nowned++] = (struct owned){own, xstrdup(task)};
}

char *checksums_task_path(const char *template, const char *task, int ntasks, const char *what)
{
	char *path = path_for_task(template, task, ntasks, what);

	checksums_own(path, task);
	return path;
}

static bool is_owned(const char *name)
{
	for (int i = 0; i < nowned; i++)
		if (is_of(&owned[i], name))
			return true;
	return false;
}

/* Whether both belong to the same task. */
static bool of_one_task(const char *a, const char *b)
{
	for (int i = 0; i < nowned; i++)
		for (int j = 0; is_of(&owned[i], a) && j < nowned; j++)
			if (is_of(&owned[j], b) && strcmp(owned[i].task, owned[j].task) == 0)
				return true;
	return false;
}

/* A file with a hidden name is a part of a stage's own work: the next stage does not know it. */
static bool is_hidden(const char *name)
{
	const char *slash = strrchr(name, '/');

	return (slash ? slash[1] : *name) == '.';
}

/* "name=digest …" of the inputs of an output. */
static struct text made_of(const char *output)
{
	bool all = !is_owned(output);
	struct text t = {0};

	for (int i = 0; i < ninputs; i++)
		if (!is_hidden(input[i].name) &&
		    (all || !is_owned(input[i].name) || of_one_task(input[i].name, output)))
			text_add(&t, "%s%s=%016" PRIx64, *text_get(&t) ? " " : "", input[i].name,
				 input[i].digest);
	return t;
}

/* ------------------------------------------------------------ lines */

void checksums_record(const char *tmp, const char *target)
{
	const char *name = inside(target);
	uint64_t size;

	if (!name)
		return;
	uint64_t digest = digest_contents(tmp, &size);
	struct text from = made_of(name);
	char *line = checksums_format(digest, size, name, text_get(&from));

	append_line(checksums_path, line);
	free(line);
	text_release(&from);
}

static bool looks_right(const char *name, uint64_t digest, uint64_t size, bool *listed)
{
	bool fits;

	*listed = checksums_find(&known, name, digest, size, &fits) != NULL;
	return *listed && fits;
}

static void reload(void)
{
	if (loaded)
		checksums_release(&known);
	checksums_load(&known, checksums_path);
	loaded = true;
}

_Noreturn static void set_aside(const char *path)
{
	char *aside = xformat("%s.damaged", path);

	if (rename(path, aside))
		die("'%s' is damaged: its bytes are not those that were written; it cannot be "
		    "renamed to '%s': %s",
		    path, aside, strerror(errno));
	die("'%s' is damaged: its bytes are not those that were written; now '%s', and the next "
	    "run makes the file anew",
	    path, aside);
}

static void note_input(const char *name, uint64_t digest)
{
	input = xrealloc(input, sizeof(*input) * (size_t)(ninputs + 1));
	input[ninputs++] = (struct checked_input){xstrdup(name), digest};
}

/* A file under its final name does not change while a process runs, so one check is enough. */
static bool checked(const char *name)
{
	for (int i = 0; i < ninputs; i++)
		if (strcmp(input[i].name, name) == 0)
			return true;
	return false;
}

void checksums_wait(int seconds)
{
	wait_seconds = seconds;
}

void checksums_expect(const char *path)
{
	if (inside(path))
		visible_await(path, wait_seconds);
}

void checksums_check(const char *path)
{
	const char *name = inside(path);
	struct stat st;
	uint64_t size;
	bool listed;

	checksums_expect(path);
	if (!name || checked(name) || stat(path, &st) ||
	    !S_ISREG(st.st_mode)) /* missing, or no plain file: the reader reports that itself */
		return;
	uint64_t digest = digest_contents(path, &size);
	if (!loaded)
		reload();
	if (!looks_right(name, digest, size, &listed)) {
		reload(); /* another process may have finished it in the meantime */
		if (!looks_right(name, digest, size, &listed) && listed)
			set_aside(path);
	}
	note_input(name, digest);
}
