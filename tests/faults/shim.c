/* shim.c: preloaded into a tool, makes its n-th write-like call fail: write, pwrite, ftruncate,
 * fsync, close, rename, fflush, fclose.
 * - FAULT_AT=n: the call that fails, counted from 1; 0 or unset: none.
 * - FAULT_KIND=EIO: only this call fails, as with a bad block.
 * - FAULT_KIND=ENOSPC: a write is cut in half, and every later write fails, as on a full disk.
 * - FAULT_COUNT=FILE: at the end, the number of calls is written to FILE, so that a test knows
 *   how many there are.
 * - FAULT_TRACE=FILE: every sync and rename is appended to FILE in order, with its path.
 * - FAULT_COMMANDS=FILE, FAULT_TOOLS=DIR: processes whose program is DIR/… append their command
 *   line to FILE, quoted for the shell.
 *
 * Counted are the calls on plain files that are open for writing, renames, and syncs. Terminals,
 * pipes and files that are read are not counted. close() fails as on Linux: the descriptor is gone
 * all the same. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long calls, fault_at;
static int full, eio = 1;
static const char *trace_path;

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* One write, so that lines of processes side by side stay whole. It bypasses the functions
 * below. */
static void append(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666), saved = errno;

	if (fd < 0 || syscall(SYS_write, fd, line, strlen(line)) < 0)
		abort();
	syscall(SYS_close, fd);
	errno = saved;
}

static void record_command(const char *path, const char *tools)
{
	static char args[1 << 16], line[1 << 17];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, args, sizeof(args) - 1);
	size_t k = 0;

	if (n <= 0)
		abort();
	syscall(SYS_close, fd);
	if (strncmp(args, tools, strlen(tools)) || args[strlen(tools)] != '/')
		return;
	for (const char *a = args; a < args + n; a += strlen(a) + 1)
		k += (size_t)snprintf(line + k, sizeof(line) - k, "%s'%s'", k ? " " : "",
				      a); /* no tool's argument contains a quote */
	snprintf(line + k, sizeof(line) - k, "\n");
	append(path, line);
}

/* "fsync PATH" or "rename FROM TO". */
static void trace(const char *what, const char *path, const char *to)
{
	char line[9000];

	if (!trace_path)
		return;
	snprintf(line, sizeof(line), "%s %s%s%s\n", what, path, *to ? " " : "", to);
	append(trace_path, line);
}

static const char *path_of(int fd)
{
	static char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = 0;
	return path;
}

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");

	fault_at = at ? atol(at) : 0;
	eio = !kind || strcmp(kind, "ENOSPC");
	trace_path = getenv("FAULT_TRACE");
	if (getenv("FAULT_COMMANDS") && getenv("FAULT_TOOLS"))
		record_command(getenv("FAULT_COMMANDS"), getenv("FAULT_TOOLS"));
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
	int yes = mode >= 0 && (mode & O_ACCMODE) != O_RDONLY && !fstat(fd, &st) &&
		  S_ISREG(st.st_mode) && fd > 2;

	errno = saved;
	return yes;
}

/* Whether this call must fail; if so, sets errno. */
static int fails(int writes)
{
	calls++;
	if (full ? !writes : calls != fault_at)
		return 0;
	full = !eio;
	errno = eio ? EIO : ENOSPC;
	return 1;
}

#define FAIL_WRITE(call, half)                                         \
	do {                                                           \
		int was_full = full;                                   \
		if (counted(fd) && fails(1))                           \
			return eio || was_full || n < 2 ? -1 : (half); \
		return (call);                                         \
	} while (0)

ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t (*f)(int, const void *, size_t) =
		(ssize_t(*)(int, const void *, size_t))real("write");

	FAIL_WRITE(f(fd, p, n), f(fd, p, n / 2));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t) =
		(ssize_t(*)(int, const void *, size_t, off_t))real("pwrite");

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

	trace("fsync", path_of(fd), "");
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

	trace("rename", from, to);
	return fails(1) ? -1 : f(from, to);
}

/* The C library writes what stdio has buffered, and bypasses the functions above. */
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
