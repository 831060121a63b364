/* command.c: see command.h. */
#include "base/command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNALS = sizeof(signals) / sizeof(*signals) };

static volatile sig_atomic_t child, interrupted;

static void pass_on(int sig, siginfo_t *info, void *context)
{
	(void)context;
	interrupted = 1;
	if (child > 0 && info->si_code <= 0)
		kill((pid_t)child, sig);
}

static void catch_signals(void)
{
	struct sigaction old;

	for (int i = 0; i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i],
				  &(struct sigaction){.sa_sigaction = pass_on,
						      .sa_flags = SA_SIGINFO},
				  NULL);
}

/* Blocks the signals: one that came before the child's number is known would be lost. */
static sigset_t hold_signals(void)
{
	sigset_t held, before;

	sigemptyset(&held);
	for (int i = 0; i < SIGNALS; i++)
		sigaddset(&held, signals[i]);
	sigprocmask(SIG_BLOCK, &held, &before);
	return before;
}

static void put_in_place(int fd, int standard)
{
	if (fd < 0 || fd == standard)
		return;
	dup2(fd, standard);
	close(fd);
}

/* In the child: signals have their normal effect again, even before it runs the command. */
static _Noreturn void become(char **command, int out, int err, const sigset_t *mask)
{
	struct sigaction old;

	for (int i = 0; i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			signal(signals[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	put_in_place(out, STDOUT_FILENO);
	put_in_place(err, STDERR_FILENO);
	execvp(command[0], command);
	warn("cannot run '%s': %s", command[0], strerror(errno));
	_exit(127);
}

pid_t command_start(char **command, int out, int err)
{
	sigset_t mask = hold_signals();
	pid_t pid;

	catch_signals();
	pid = fork();
	if (pid < 0)
		die("cannot start '%s': %s", command[0], strerror(errno));
	if (!pid)
		become(command, out, err, &mask);
	child = pid;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

void command_ended(void)
{
	child = 0;
}

int command_run(char **command)
{
	int status;
	pid_t pid = command_start(command, -1, -1);

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("cannot wait for '%s': %s", command[0], strerror(errno));
	command_ended();
	return status;
}

bool command_interrupted(void)
{
	return interrupted;
}

int command_leave(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
