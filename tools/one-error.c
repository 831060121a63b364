/* one-error: runs a command, and removes from its errors the lines that the makes below it add.
 *
 * A tool that fails says why in one line. Then every make between it and the user names the target:
 * "make[2]: *** [FILE:LINE: TARGET] Error 1". The last make does so in any case, so the others'
 * lines are dropped. Everything else on standard error is passed on, line by line. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/command.h"
#include "base/die.h"
#include "base/opts.h"
#include "base/text.h"

enum { WAIT_MS = 100 };

static const struct opt options[] = {{.type = OPT_END}};

static const struct tool tool = {
	.name = "one-error",
	.summary = "run a command without the error lines of the makes below it",
	.details = "Ends as the command ends.",
	.opts = options,
	.operands = "-- COMMAND [ARGUMENT …]",
	.example = "one-error -- make -f my.mk all",
};

/* "make[2]: *** [main.mk:89: x.h5] Error 1", or "… Interrupt", or "make[2]: *** Waiting for
 * unfinished jobs....". Messages of make itself ("*** No rule to make target …") have no bracket
 * after the stars. */
static bool is_echo(const char *line)
{
	const char *s = line + strcspn(line, "[ ");

	if (*s != '[' || !isdigit((unsigned char)s[1]))
		return false;
	s += 1 + strspn(s + 1, "0123456789");
	return strncmp(s, "]: *** [", 8) == 0 ||
	       strncmp(s, "]: *** Waiting for unfinished jobs", 34) == 0;
}

static void pass_line(struct text *line)
{
	const char *s = text_get(line);

	for (size_t n = line->n, k = is_echo(s) ? n : 0; k < n;) {
		ssize_t wrote = write(STDERR_FILENO, s + k, n - k);

		if (wrote < 0 && errno != EINTR)
			break; /* nobody reads */
		k += wrote > 0 ? (size_t)wrote : 0;
	}
	text_release(line);
}

/* Passes on what has come, line by line; false at the end. */
static bool pass_some(int fd, struct text *line)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return true;
	for (ssize_t i = 0; i < n; i++) {
		text_add(line, "%c", buf[i]);
		if (buf[i] == '\n')
			pass_line(line);
	}
	return n > 0;
}

/* Runs until the command has ended and all its output is passed on. A process that it left running
 * may hold the pipe for longer. */
static int relay(pid_t pid, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct text line = {0};
	bool more = true, ended = false;
	int status = 0;

	while (more || !ended) {
		int ready = more ? poll(&p, 1, ended ? 0 : WAIT_MS) : 0;

		if (ready > 0)
			more = pass_some(fd, &line);
		else if (ended)
			break;
		if (!ended)
			ended = waitpid(pid, &status, more ? WNOHANG : 0) > 0;
	}
	pass_line(&line);
	command_ended();
	return status;
}

static int run(char **command)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		die("cannot start '%s': %s", command[0], strerror(errno));
	pid = command_start(command, ends[1]);
	close(ends[1]);
	return relay(pid, ends[0]);
}

int main(int argc, char **argv)
{
	int own = 0;

	while (own < argc && strcmp(argv[own], "--"))
		own++;
	opts_parse(&tool, own, argv);
	if (own + 1 >= argc)
		die_usage("no command: expected -- COMMAND [ARGUMENT …] after the options");
	return command_leave(run(argv + own + 1));
}
