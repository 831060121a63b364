/* shim.c: preloaded into a tool, makes its n-th write-like call fail: write, pwrite, ftruncate, fsync, close, rename, fflush, fclose.
 *
 * FAULT_AT=n     which call fails, counted from 1; 0 or unset: none
 * FAULT_KIND=EIO     that call alone fails, as a bad block does
 * FAULT_KIND=ENOSPC  a write is cut in half, and every write from then on fails, as a full disk does
 * FAULT_COUNT=FILE   at the end, the number of calls is written to FILE (how a test learns how many there are)
 * Counted are the calls on plain files that are open for writing, renames, and syncs; not the terminal, not pipes, not files that are read.
 * close() fails as it does on Linux: the descriptor is gone all the same. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls, fault_at;
static int full, eio = 1;

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");

	fault_at = at ? atol(at) : 0;
	eio = !kind || strcmp(kind, "ENOSPC");
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAULT_COUNT");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;

	if (fd >= 0) {
		dprintf(fd, "%ld\n", calls);
		fault_at = 0;
		close(fd);
	}
}

static int counted(int fd)
{
	int saved = errno, mode = fcntl(fd, F_GETFL);
	struct stat st;
	int yes = mode >= 0 && (mode & O_ACCMODE) != O_RDONLY && !fstat(fd, &st) && S_ISREG(st.st_mode) && fd > 2;

	errno = saved;
	return yes;
}

/* Whether this call is to fail; sets errno then. */
static int fails(int writes)
{
	calls++;
	if (full ? !writes : calls != fault_at)
		return 0;
	full = !eio;
	errno = eio ? EIO : ENOSPC;
	return 1;
}

#define FAIL_WRITE(call, half)                                \
	do {                                                  \
		int was_full = full;                          \
		if (counted(fd) && fails(1))                  \
			return eio || was_full || n < 2 ? -1 : (half); \
		return (call);                                \
	} while (0)

ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t (*f)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))real("write");

	FAIL_WRITE(f(fd, p, n), f(fd, p, n / 2));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))real("pwrite");

	FAIL_WRITE(f(fd, p, n, at), f(fd, p, n / 2, at));
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return pwrite(fd, p, n, at);
}

int ftruncate(int fd, off_t n)
{
	int (*f)(int, off_t) = (int (*)(int, off_t))real("ftruncate");

	return counted(fd) && fails(1) ? -1 : f(fd, n);
}

int ftruncate64(int fd, off64_t n)
{
	return ftruncate(fd, n);
}

int fsync(int fd)
{
	int (*f)(int) = (int (*)(int))real("fsync");

	return fails(1) ? -1 : f(fd);
}

int close(int fd)
{
	int (*f)(int) = (int (*)(int))real("close");
	int count = counted(fd), result = f(fd);

	return count && fails(0) ? -1 : result;
}

int rename(const char *from, const char *to)
{
	int (*f)(const char *, const char *) = (int (*)(const char *, const char *))real("rename");

	return fails(1) ? -1 : f(from, to);
}

/* What stdio has buffered goes out inside the C library, past the functions above. */
int fflush(FILE *s)
{
	int (*f)(FILE *) = (int (*)(FILE *))real("fflush");

	return s && counted(fileno(s)) && fails(1) ? EOF : f(s);
}

int fclose(FILE *s)
{
	int (*f)(FILE *) = (int (*)(FILE *))real("fclose");
	int count = counted(fileno(s)), bad = count && fails(1), saved = errno, result = f(s);

	errno = saved;
	return bad ? EOF : result;
}
