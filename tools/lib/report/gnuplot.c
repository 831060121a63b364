/* gnuplot.c: see gnuplot.h. The script and the picture go through files without a name, so that
 * neither side waits for the other. */
#include "report/gnuplot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"

enum { NO_GNUPLOT = 127 };

static FILE *nameless(void)
{
	FILE *f = tmpfile();

	if (!f)
		die("cannot make a temporary file: %s", strerror(errno));
	return f;
}

/* -d: without the user's settings. */
static _Noreturn void become_gnuplot(FILE *in, FILE *out)
{
	static char *const command[] = {"gnuplot", "-d", NULL};

	setenv("LC_ALL", "C.UTF-8", 1);
	if (dup2(fileno(in), STDIN_FILENO) >= 0 && dup2(fileno(out), STDOUT_FILENO) >= 0)
		execvp(command[0], command);
	_exit(NO_GNUPLOT);
}

static char *whole(FILE *f)
{
	long n;
	char *s;

	if (fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET))
		die("cannot read what gnuplot wrote: %s", strerror(errno));
	s = xmalloc((size_t)n + 1);
	if (fread(s, 1, (size_t)n, f) != (size_t)n)
		die("cannot read what gnuplot wrote: %s", strerror(errno));
	s[n] = 0;
	return s;
}

/* The exit status. */
static int run_gnuplot(FILE *in, FILE *out)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("cannot start gnuplot: %s", strerror(errno));
	if (pid == 0)
		become_gnuplot(in, out);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("cannot wait for gnuplot: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

char *gnuplot_run(const char *script)
{
	FILE *in = nameless(), *out = nameless();
	char *picture = NULL;
	int status;

	if (fputs(script, in) == EOF || fflush(in) || fseek(in, 0, SEEK_SET))
		die("cannot write gnuplot's script: %s", strerror(errno));
	status = run_gnuplot(in, out);
	if (status == 0)
		picture = whole(out);
	else if (status != NO_GNUPLOT)
		die("gnuplot failed (status %d): its message is above", status);
	status = fclose(in);
	status |= fclose(out);
	if (status)
		die("cannot close gnuplot's files: %s", strerror(errno));
	return picture;
}
