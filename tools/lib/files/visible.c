/* visible.c: see visible.h. */
#include "files/visible.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "base/host.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* An open asks the server anew (close-to-open consistency): the folder for its names, the file for
 * its time. */
static void look_into_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? xformat("%.*s", (int)(slash + 1 - path), path) : xstrdup(".");
	DIR *d = opendir(folder);

	if (d)
		closedir(d);
	free(folder);
}

static bool is_there(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != ENOENT; /* another error is for the reader to say */
}

bool visible_within(const char *path, double seconds)
{
	enum { LOOK_NS = 50000000 };
	double end = now() + seconds;

	for (;;) {
		look_into_folder(path);
		if (is_there(path))
			return true;
		if (now() >= end)
			return false;
		nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
	}
}

void visible_await(const char *path, int seconds)
{
	if (seconds && !visible_within(path, seconds))
		die("'%s' has not become visible on %s within %d s: an earlier step has made it, "
		    "on another machine; is the folder on a file system that all machines share?",
		    path, host_name(), seconds);
}
