/* child.h: runs a function in a child process, and keeps what it printed and how it ended. For
 * functions that leave by die(), BUG() or a signal. Also a scratch folder per test program. */
#ifndef CHILD_H
#define CHILD_H

#include "base/threads.h"
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The leak sanitizer calls this before it looks for leaks at exit. In a child it must not look.
 * die() leaves memory to the system, which is not worth a report. And the child knows the parent's
 * threads, but does not have them. */
static int child_is_one;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return child_is_one;
}

enum { CHILD_RETURNED = 100 }; /* exit status when the function returned */

struct child {
	int code;   /* exit status, or -1 */
	int signal; /* the signal that ended it, or 0 */
	char out[8192], err[4096];
};

static inline void child_drain(int fd, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t k;
	while (have < size - 1 && (k = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)k;
	buf[have] = 0;
	close(fd);
}

/* What is printed must fit in a pipe (64 KiB), because it is read after the other stream has
 * ended. */
static inline struct child child_run(void (*fn)(void *), void *arg)
{
	struct child c = {.code = -1};
	int out[2], err[2], status = 0;
	fflush(NULL);
	if (pipe(out) || pipe(err))
		abort();
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (!pid) {
		child_is_one = 1;
		threads_use(1); /* the parent's threads do not exist here */
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		close(err[0]);
		close(err[1]);
		fn(arg);
		exit(CHILD_RETURNED);
	}
	close(out[1]);
	close(err[1]);
	child_drain(out[0], c.out, sizeof(c.out));
	child_drain(err[0], c.err, sizeof(c.err));
	waitpid(pid, &status, 0);
	if (WIFEXITED(status))
		c.code = WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		c.signal = WTERMSIG(status);
	return c;
}

/* Exactly one line on stderr, which contains `text`. */
static inline int child_said(const struct child *c, const char *text)
{
	const char *end = strchr(c->err, '\n');
	if (end && !end[1] && strstr(c->err, text))
		return 1;
	fprintf(stderr, "expected one line with: %s\nfound: %s\n", text, c->err);
	return 0;
}

static inline int entries_in(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;
	if (!d)
		return -1;
	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes a fresh folder and moves into it, so that tests can use plain names. scratch_leave()
 * removes it. */
static inline char *scratch_enter(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = malloc(4096);
	snprintf(path, 4096, "%s/iteris-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(path) || chdir(path)) {
		perror(path);
		exit(99);
	}
	return path;
}

static inline void scratch_leave(char *path)
{
	if (!chdir("/"))
		remove_tree(path);
	free(path);
}

/* The same as the set-up and the tear-down of a group of tests. */
static inline int scratch_setup(void **state)
{
	*state = scratch_enter();
	return 0;
}

static inline int scratch_teardown(void **state)
{
	scratch_leave(*state);
	return 0;
}

#endif
