/* append.c: see append.h. */
#include "base/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"

/* The close releases the lock. A local file system appends in one piece even without it. */
static void lock_all(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(fd, F_SETLKW, &whole) && errno == EINTR)
		;
}

static bool end_cut_line(int fd)
{
	struct stat st;
	char last = '\n';

	return fstat(fd, &st) == 0 &&
	       (st.st_size == 0 || pread(fd, &last, 1, st.st_size - 1) != 1 || last == '\n' ||
		write(fd, "\n", 1) == 1);
}

void append_line(const char *path, const char *line)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	size_t n = strlen(line);

	if (fd < 0)
		die("cannot append to '%s': %s", path, strerror(errno));
	lock_all(fd);
	errno = ENOSPC; /* the usual reason for a short write */
	if (!end_cut_line(fd) || write(fd, line, n) != (ssize_t)n || close(fd))
		die("cannot append to '%s': %s", path, strerror(errno));
}
