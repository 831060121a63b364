/* checksums.c: see checksums.h.
 *
 * The digest of a file is taken by reading it back from the page cache, once when it is finished
 * and once by each process that reads it: 3.6 GB/s a core, a small part of what HDF5's own
 * checksums cost. One changed bit always changes the digest: every step of it can be undone. */
#include "files/checksums.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/text.h"
#include "files/checksums_private.h"
#include "files/digest.h"
#include "files/out.h"

static char *checksums_path;   /* NULL: no sums */
static size_t folder_len;      /* of its folder, with the slash */
static struct checksums known; /* as last read */
static bool loaded;

/* What was checked so far. */
struct checked_input {
	char *name, *scope;
	uint64_t digest;
};

static struct checked_input *input;
static int ninputs;
static char *scope;

static void forget_inputs(void)
{
	for (int i = 0; i < ninputs; i++) {
		free(input[i].name);
		free(input[i].scope);
	}
	free(input);
	input = NULL;
	ninputs = 0;
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
	checksums_scope(NULL);
	out_on_commit(path ? checksums_record : NULL);
}

void checksums_scope(const char *name)
{
	char *copy = name ? xstrdup(name) : NULL;

	free(scope);
	scope = copy;
}

/* The name inside the folder of sums, or NULL. */
static const char *inside(const char *path)
{
	if (!checksums_path || strncmp(path, checksums_path, folder_len) ||
	    (!folder_len && *path == '/'))
		return NULL;
	return path + folder_len;
}

/* One write of one line, so that processes side by side may append. A line that a crash has cut
 * gets its end first. */
static void append(const char *line)
{
	int fd = open(checksums_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	size_t n = strlen(line);
	struct stat st;
	char last = '\n';

	if (fd < 0 || fstat(fd, &st))
		die("cannot append to '%s': %s", checksums_path, strerror(errno));
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) != 1)
		die("cannot append to '%s': %s", checksums_path, strerror(errno));
	errno = ENOSPC; /* what a short write means */
	if (write(fd, line, n) != (ssize_t)n || close(fd))
		die("cannot append to '%s': %s", checksums_path, strerror(errno));
}

/* It was read in this scope, or for all. */
static bool in_scope(const struct checked_input *i)
{
	return !i->scope || (scope && !strcmp(i->scope, scope));
}

/* "name=digest …" of what an output of this scope is made of: without one, of all. */
static struct text made_of(void)
{
	struct text t = {0};

	for (int i = 0; i < ninputs; i++)
		if (!scope || in_scope(&input[i]))
			text_add(&t, "%s%s=%016" PRIx64, *text_get(&t) ? " " : "", input[i].name,
				 input[i].digest);
	return t;
}

void checksums_record(const char *tmp, const char *target)
{
	const char *name = inside(target);
	uint64_t size;

	if (!name)
		return;
	uint64_t digest = digest_contents(tmp, &size);
	struct text from = made_of();
	char *line = checksums_format(digest, size, name, text_get(&from));

	append(line);
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
	input[ninputs++] =
		(struct checked_input){xstrdup(name), scope ? xstrdup(scope) : NULL, digest};
}

/* Files under their final names do not change while a process runs: once is enough. What another
 * scope has read is noted for this one, too. */
static bool checked(const char *name)
{
	const struct checked_input *seen = NULL;

	for (int i = 0; i < ninputs; i++) {
		if (strcmp(input[i].name, name))
			continue;
		if (in_scope(&input[i]))
			return true;
		seen = &input[i];
	}
	if (seen)
		note_input(name, seen->digest);
	return seen;
}

void checksums_check(const char *path)
{
	const char *name = inside(path);
	struct stat st;
	uint64_t size;
	bool listed;

	if (!name || checked(name) || stat(path, &st) ||
	    !S_ISREG(st.st_mode)) /* what is not there, or no file, the reader says in its own words
				   */
		return;
	uint64_t digest = digest_contents(path, &size);
	if (!loaded)
		reload();
	if (!looks_right(name, digest, size, &listed)) {
		reload(); /* another process may have finished it meanwhile */
		if (!looks_right(name, digest, size, &listed) && listed)
			set_aside(path);
	}
	note_input(name, digest);
}
