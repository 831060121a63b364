/* other-machine.c: preloaded into a tool, makes it behave as on another machine, OTHER_MACHINE,
 * whose files are on a network file system of the weaker kind:
 * - flock() always succeeds, because such locks do not reach other machines;
 * - a write behind O_APPEND first asks for the file's end, and later writes there (open(2)). */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES = 1024, LATE_MICROSECONDS = 2000 };
static char appends[FILES];

int gethostname(char *name, size_t n);
int flock(int fd, int operation);
int open(const char *path, int flags, ...);
ssize_t write(int fd, const void *data, size_t n);

int gethostname(char *name, size_t n)
{
	snprintf(name, n, "%s", getenv("OTHER_MACHINE"));
	return 0;
}

int flock(int fd, int operation)
{
	(void)fd, (void)operation;
	return 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;
	int fd;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags & ~O_APPEND, mode);
	if (fd >= 0 && fd < FILES)
		appends[fd] = (flags & O_APPEND) != 0;
	return fd;
}

ssize_t write(int fd, const void *data, size_t n)
{
	off_t end;

	if (fd < 0 || fd >= FILES || !appends[fd])
		return syscall(SYS_write, fd, data, n);
	end = lseek(fd, 0, SEEK_END);
	usleep(LATE_MICROSECONDS);
	return pwrite(fd, data, n, end);
}
