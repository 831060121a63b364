/* holder.c: see holder.h. */
#include "files/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "base/host.h"
#include "base/text.h"
#include "files/visible.h"

enum { LINE = 1024, LATE_SECONDS = 2 };

/* The token, a blank, and the path of the file. */
static const char variable[] = "MERGE_LORA_RUN";

static char *path_in(const char *folder)
{
	return xformat("%s/.holder", folder);
}

/* The first line, "HOST/PID/TIME COMMAND"; "" if it cannot be read. The token is its first word. */
static void read_holder(const char *path, char line[LINE])
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(line, LINE, f))
		*line = 0;
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
}

/* ------------------------------------------------------------ the run */

/* The same when another machine has just made the file, and may be writing it. */
static void read_whole(const char *path, char line[LINE])
{
	enum { LOOK_NS = 50000000, LOOKS = 20 }; /* each second */

	read_holder(path, line);
	for (int look = 0; !*line && look < LATE_SECONDS * LOOKS; look++) {
		nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
		read_holder(path, line);
	}
}

/* An empty file was left by a run that ended before it wrote into it. */
static void refuse_other(const char *folder, const char *path)
{
	char line[LINE], host[LINE];
	long pid = 0;

	read_whole(path, line);
	if (sscanf(line, "%1023[^/]/%ld", host, &pid) == 2 && strcmp(host, host_name()) != 0)
		die("'%s' is in use by process %ld%s on %s; if it has ended there, remove '%s'",
		    folder, pid, line + strcspn(line, " "), host, path);
}

static void write_holder(int fd, const char *path, const char *token, char *const *command)
{
	struct text t = {0};
	int failed;

	text_add(&t, "%s", token);
	for (; *command; command++)
		text_add(&t, " %s", *command);
	text_add(&t, "\n");
	errno = ENOSPC; /* the usual reason for a short write */
	failed = write(fd, text_get(&t), t.n) != (ssize_t)t.n || fsync(fd) || close(fd) ? errno : 0;
	if (failed)
		unlink(path);
	if (failed)
		die("cannot write '%s': %s", path, strerror(failed));
	text_release(&t);
}

/* "HOST/PID/TIME" */
static char *new_token(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return xformat("%s/%ld/%ld.%09ld", host_name(), (long)getpid(), (long)t.tv_sec, t.tv_nsec);
}

void holder_take(const char *folder, char *const *command)
{
	char *path = path_in(folder), *token = new_token(), *said = xformat("%s %s", token, path);
	int fd;

	while ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0) {
		if (errno != EEXIST)
			die("cannot make '%s': %s", path, strerror(errno));
		refuse_other(folder, path);
		unlink(path);
	}
	write_holder(fd, path, token, command);
	if (setenv(variable, said, 1))
		die("cannot set %s: %s", variable, strerror(errno));
	free(said);
	free(token);
	free(path);
}

void holder_release(const char *folder)
{
	char *path = path_in(folder);

	unlink(path);
	free(path);
}

/* ------------------------------------------------------------ its steps */

void holder_check(const char *target)
{
	const char *said = getenv(variable), *path = said ? strchr(said, ' ') : NULL;
	char line[LINE];
	size_t n;

	if (!path)
		return;
	n = (size_t)(path++ - said);
	if (visible_within(path, LATE_SECONDS)) {
		read_holder(path, line);
		if (strncmp(line, said, n) == 0 && (line[n] == ' ' || !line[n]))
			return;
	}
	die("'%s' is not written: the run that began this step has ended", target);
}
