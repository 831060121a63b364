/* with-lock: runs a command while it holds a folder's lock, so that two runs never mix in one WORK
 * folder.
 *
 * The lock is flock() on FOLDER/lock. The command and everything that it starts inherit it. It
 * lasts until the last of them has ended, however they end, and then the kernel releases it. The
 * file holds the holder's number and command, for the message to a second run. If the holder was
 * killed and its children are still ending, this waits for the lock. Some network file systems keep
 * such a lock to one machine, so lib/files/holder.h says for all machines who holds the folder.
 *
 * Under the lock, any temporary file in the folder was left by a process that was killed. Such
 * files are removed before the command starts. An interruption (INT, TERM, HUP) is passed on. When
 * all has ended, the closing line says how to continue.
 *
 * make's job tokens end here (leave_jobserver). If a command fails and has set a damaged file aside
 * (lib/files/checksums.h), it is run once more and makes that file again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/command.h"
#include "base/die.h"
#include "base/host.h"
#include "base/processes.h"
#include "base/text.h"
#include "files/holder.h"
#include "files/out.h"
#include "files/start.h"

enum { WAIT_SECONDS = 60, MAX_DEPTH = 8 };

static const char *folder, *also, *again;

static const struct opt options[] = {
	{"folder", 0, OPT_STRING, &folder, true, 0, 0, "DIR",
	 "folder to lock; made if it is not there"},
	{"also", 0, OPT_STRING, &also, false, 0, 0, "DIR",
	 "another folder to clear of what killed processes left; not locked"},
	{"again", 0, OPT_STRING, &again, false, 0, 0, "TEXT",
	 "what to type to go on after an interruption; said when there is one"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "with-lock",
	.summary = "run a command while holding a folder's lock",
	.details = "Ends as the command ends.",
	.opts = options,
	.operands = "-- COMMAND [ARGUMENT …]",
	.example = "with-lock --folder work -- cp -r work/adapter mine",
};

/* ------------------------------------------------------------ the lock */

/* "4711 make merge …": the holder's number and command. Empty while it is being written. */
static long holder(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room - 1, 0);

	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	return strtol(text, NULL, 10);
}

static int lock_folder(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666); /* inherited: no O_CLOEXEC */
	char text[1024];

	if (fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	for (int tenths = 0; flock(fd, LOCK_EX | LOCK_NB); tenths++) {
		if (errno != EWOULDBLOCK)
			die("cannot lock '%s': %s", path, strerror(errno));
		long pid = holder(fd, text, sizeof(text));
		if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
			die("'%s' is in use by process %s", folder, text);
		if (tenths >= 10 * WAIT_SECONDS)
			die("'%s' is in use by what was started by process %s, which has ended",
			    folder, text);
		if (tenths == 10)
			note("waiting for what process %s has left running in '%s'", text, folder);
		nanosleep(&(struct timespec){0, 100000000}, NULL);
	}
	return fd;
}

static void write_holder(int fd, char *const *command)
{
	struct text t = {0};

	text_add(&t, "%ld", (long)getpid());
	for (; *command; command++)
		text_add(&t, " %s", *command);
	text_add(&t, "\n");
	if (ftruncate(fd, 0) ||
	    pwrite(fd, text_get(&t), strlen(text_get(&t)), 0) != (ssize_t)strlen(text_get(&t)))
		warn("cannot write who holds the lock of '%s': %s", folder,
		     strerror(errno)); /* the lock is held all the same */
	text_release(&t);
}

/* ------------------------------------------------------------ files that were left */

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n > k && !strcmp(s + n - k, tail);
}

/* Whether a living process may still write the file. In the locked folder: one of these tools, run
 * by hand; any other process has only got the number of the one that is gone. In a folder that is
 * not locked: any process. */
static bool is_live_writer(long pid, bool locked)
{
	char link[64], theirs[PATH_MAX], ours[PATH_MAX];
	ssize_t n, k = readlink("/proc/self/exe", ours, sizeof(ours) - 1);

	snprintf(link, sizeof(link), "/proc/%ld/exe", pid);
	if (!locked)
		return kill((pid_t)pid, 0) == 0 || errno == EPERM;
	n = readlink(link, theirs, sizeof(theirs) - 1);
	if (n < 0 || k < 0)
		return n < 0 ? errno != ENOENT && kill((pid_t)pid, 0) == 0 : true;
	theirs[n] = ours[k] = 0;
	*strrchr(theirs, '/') = *strrchr(ours, '/') = 0;
	return !strcmp(theirs, ours);
}

/* Whether nobody will finish the file. What runs on another machine is not seen from here. In the
 * locked folder it belongs to an earlier run, and may write no more (files/holder.h). In a folder
 * that is not locked, other machines' runs may be writing: a file is left once it is a day old. */
static bool is_left(const struct out_writer *by, const struct stat *st, bool locked)
{
	enum { DAY = 24 * 60 * 60 };

	if (strcmp(by->host, host_name()) == 0)
		return !is_live_writer(by->pid, locked);
	return locked || st->st_mtime < time(NULL) - DAY;
}

/* Counts the files that were set aside under `path`. Removes left temporary files and, with
 * `aside`, those set aside. */
static int sweep(const char *path, bool locked, bool aside, int depth)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int count = 0;

	if (!d)
		return 0;
	while ((e = readdir(d))) {
		char *name = xformat("%s/%s", path, e->d_name);
		struct stat st;
		struct out_writer by;
		bool temporary = out_is_temporary(e->d_name, &by);
		bool damaged = ends_with(e->d_name, ".damaged");

		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && !lstat(name, &st)) {
			if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
				count += sweep(name, locked, aside, depth + 1);
			else if (S_ISREG(st.st_mode) &&
				 ((temporary && is_left(&by, &st, locked)) || (damaged && aside)))
				unlink(name);
			else
				count += damaged;
		}
		free(name);
	}
	closedir(d);
	return count;
}

/* ------------------------------------------------------------ the command */

/* A make below must not share job tokens with a make above. If this program is killed, or a make
 * between them, the makes above and below would wait for each other's tokens for ever. So the pipe
 * of tokens ends here. The make below only gets the number of jobs, and makes its own pipe. */
static void leave_jobserver(void)
{
	static const char option[] = "--jobserver-auth=";
	const char *flags = getenv("MAKEFLAGS"), *at = flags ? strstr(flags, option) : NULL;
	int in, out;
	char *rest;

	if (!at)
		return;
	rest = xformat("%.*s%s", (int)(at - flags), flags, at + strcspn(at, " "));
	if (sscanf(at + sizeof(option) - 1, "%d,%d", &in, &out) == 2 && in > 2 &&
	    out > 2) { /* else it has a name (make 4.4) */
		close(in);
		close(out);
	}
	if (setenv("MAKEFLAGS", rest, 1))
		die("cannot set MAKEFLAGS: %s", strerror(errno));
	free(rest);
}

/* What an interrupted command leaves comes to this process (subreaper). A shell may have ended at
 * the signal without passing it on to the make that it ran. So all that is left gets TERM, once a
 * second, until it has ended: a step on another machine too, by its launcher. */
static void end_the_rest(void)
{
	enum { LOOKS = 20 }; /* each second */
	struct processes left = {0};

	for (int look = 0; look < WAIT_SECONDS * LOOKS; look++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		processes_below(&left, getpid());
		if (!left.n)
			break;
		for (int i = 0; i < left.n && look % LOOKS == 0; i++)
			kill(left.process[i].pid, SIGTERM);
		nanosleep(&(struct timespec){0, 1000000000 / LOOKS}, NULL);
	}
	processes_release(&left);
}

int main(int argc, char **argv)
{
	int own = 0, status, before;
	char *lock;

	while (own < argc && strcmp(argv[own], "--"))
		own++;
	tool_start(&tool, own, argv);
	if (own + 1 >= argc)
		die_usage("no command: expected -- COMMAND [ARGUMENT …] after the options");
	make_folder(folder);
	lock = xformat("%s/lock", folder);
	write_holder(lock_folder(lock), argv + own + 1);
	holder_take(folder, argv + own + 1);
	before = sweep(folder, true, false, 0);
	if (also)
		sweep(also, false, false, 0);
	leave_jobserver();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("cannot become the parent of what the command leaves: %s", strerror(errno));
	status = command_run(argv + own + 1);
	if (!command_interrupted() && WIFEXITED(status) && WEXITSTATUS(status) &&
	    sweep(folder, true, false, 0) > before) {
		note("a damaged file was set aside: running once more");
		status = command_run(argv + own + 1);
	}
	if (command_interrupted())
		end_the_rest();
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		sweep(folder, true, true, 0);
	else if (again && (command_interrupted() || WIFSIGNALED(status)))
		note("interrupted: what is finished is kept, and this goes on: %s", again);
	free(lock);
	holder_release(folder);
	return command_leave(status);
}
