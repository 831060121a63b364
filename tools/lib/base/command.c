/* command.c: see command.h. */
#include "base/command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"

void command_become(char **command)
{
	execvp(command[0], command);
	warn("cannot run '%s': %s", command[0], strerror(errno));
	_exit(127);
}

int command_leave(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
