/* show-progress: runs a command, shows how far it is, and passes on its standard error.
 *
 * On a terminal one line stays in place: what is done, the time gone and the time left, the memory
 * of all processes now, and which tools run. Elsewhere there is a line for each tenth of the run.
 *
 * plan-pipeline tells what must be done, through a pipe whose name the command finds in the
 * environment (MERGE_LORA_SHOWN; plan/worklist.h). WORK/log.tsv tells what is done. So nothing
 * waits for this program, and it decides nothing.
 *
 * A tool that fails says why in one line. Then every make between it and the user names the target:
 * "make[2]: *** [FILE:LINE: TARGET] Error 1". The last make does so in any case, so the others'
 * lines are dropped. Everything else is passed on at once, line by line. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/command.h"
#include "base/die.h"
#include "base/opts.h"
#include "base/processes.h"
#include "base/status_line.h"
#include "base/text.h"
#include "plan/pace.h"

enum { WAIT_MS = 100, ENDING_MS = 10, LOOK_MS = 500, STOPPED_MS = 5000, TENTHS = 10 };

static bool terminal_only;

static const struct opt options[] = {
	{"terminal-only", 0, OPT_FLAG, &terminal_only, false, 0, 0, NULL,
	 "show progress on a terminal only: no lines in a file or a pipe"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "show-progress",
	.summary = "run a command and show how far its merge is",
	.details = "Leaves out the error lines of the makes below the command. Ends as the command "
		   "ends.",
	.opts = options,
	.operands = "-- COMMAND [ARGUMENT …]",
	.example = "show-progress -- make -f my.mk all",
};

/* ------------------------------------------------------------ how far it is */

struct progress {
	bool in_place;          /* on a terminal */
	struct worklist coming; /* up to the present */
	struct pace pace;
	struct processes running;
	FILE *log;
	struct text log_line;
	char *title;        /* of the run to which `began` belongs */
	double began, list; /* when the run and its list began */
	double looked;      /* when it was last examined */
	double stopped;     /* seconds that this run was stopped (Ctrl-Z) */
	int tenths;         /* said */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void open_log(struct progress *p)
{
	if (p->log)
		fclose(p->log);
	p->log = fopen(p->pace.work.log, "re");
	if (p->log && fseek(p->log, p->pace.work.log_from, SEEK_SET))
		die("cannot read '%s': %s", p->pace.work.log, strerror(errno));
	text_release(&p->log_line);
}

/* A new list: of the same run (its next iteration) or of another run. */
static void begin_list(struct progress *p)
{
	pace_begin(&p->pace, &p->coming);
	open_log(p);
	p->list = now();
	p->stopped = 0;
	if (p->title && strcmp(p->title, p->pace.work.title) == 0 && p->pace.work.iteration > 1)
		return;
	free(p->title);
	p->title = xstrdup(p->pace.work.title);
	p->began = p->list;
	p->tenths = 0;
}

static void read_log(struct progress *p)
{
	int c;

	if (!p->log && p->pace.work.log)
		open_log(p); /* the first process has made it */
	while (p->log && (c = fgetc(p->log)) != EOF) {
		if (c != '\n') {
			text_add(&p->log_line, "%c", c);
			continue;
		}
		pace_line(&p->pace, text_get(&p->log_line));
		text_release(&p->log_line);
	}
	if (p->log)
		clearerr(p->log);
}

/* "1:02:03", "0:07" */
static void add_time(struct text *t, double seconds)
{
	long s = (long)(seconds + 0.5);

	if (s >= 3600)
		text_add(t, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		text_add(t, "%ld:%02ld", s / 60, s % 60);
}

/* The programs of the list that are running, each once. */
static void add_running(struct text *t, const struct progress *p)
{
	const struct worklist *w = &p->pace.work;
	struct text names = {0};

	for (int i = 0; i < p->running.n; i++)
		for (int k = 0; k < w->n; k++) {
			if (!process_is(&p->running.process[i], w->item[k].tool))
				continue;
			if (!strstr(text_get(&names), w->item[k].tool))
				text_add(&names, "%s%s", *text_get(&names) ? " + " : ", ",
					 w->item[k].tool);
			break;
		}
	text_add(t, "%s", text_get(&names));
	text_release(&names);
}

static void add_counts(struct text *t, const struct pace *p)
{
	const struct worklist *w = &p->work;
	int sites = w->sites_done + p->sites;

	if (w->iteration)
		text_add(t, "iteration %d of at most %d, ", w->iteration, w->iterations);
	if (!w->sites && !p->all_evaluations)
		return;
	if (sites < w->sites || !p->all_evaluations)
		text_add(t, "%d of %d sites, ", sites, w->sites);
	else
		text_add(t, "%d of %d evaluations, ", p->evaluations, p->all_evaluations);
}

/* Seconds that the whole run will still take, at most; −1: unknown. */
static double whole_left(const struct progress *p, double elapsed)
{
	const struct worklist *w = &p->pace.work;
	double left = pace_left(&p->pace, &p->running, elapsed);

	return left < 0 ? left : left + (w->iterations - w->iteration) * (elapsed + left);
}

/* "sweep: 5 of 17 sites, 0:05 gone, about 0:12 left, 143 MB, solve-layer"; percent < 0: none. */
static void describe(const struct progress *p, struct text *t, int percent, double left)
{
	text_add(t, "%s: ", p->pace.work.title);
	if (percent >= 0)
		text_add(t, "%d %% done, ", percent);
	add_counts(t, &p->pace);
	add_time(t, p->looked - p->began - p->stopped);
	text_add(t, " gone, ");
	if (left >= 0) {
		text_add(t, p->pace.work.iteration ? "at most " : "about ");
		add_time(t, left);
		text_add(t, " left, ");
	}
	text_add(t, "%.0f MB", processes_memory(&p->running) / 1e6);
	add_running(t, p);
}

/* Prints a line for each tenth except the last, because the run itself reports its end. If several
 * tenths have passed since the last look, only the last of them. */
static void say_tenth(struct progress *p, double left)
{
	double gone = p->looked - p->began - p->stopped;
	int tenths = left >= 0 && gone > 0 ? (int)(TENTHS * gone / (gone + left)) : 0;
	struct text line = {0};

	if (terminal_only || tenths <= p->tenths || tenths == TENTHS)
		return;
	p->tenths = tenths;
	describe(p, &line, 100 / TENTHS * tenths, left);
	fprintf(stderr, "%s\n", text_get(&line));
	text_release(&line);
}

/* Half a second passes between two looks, unless this whole run was stopped. */
static void look(struct progress *p)
{
	double time = now(), since = time - p->looked, left;
	struct text line = {0};

	if (since > STOPPED_MS / 1e3 && p->looked > p->list)
		p->stopped += since;
	p->looked = time;
	if (!p->pace.work.n)
		return;
	read_log(p);
	processes_below(&p->running, getpid());
	left = whole_left(p, time - p->list - p->stopped);
	if (!p->in_place) {
		say_tenth(p, left);
		return;
	}
	describe(p, &line, -1, left);
	status_draw(text_get(&line));
	text_release(&line);
}

static void progress_release(struct progress *p)
{
	status_erase();
	if (p->log)
		fclose(p->log);
	text_release(&p->log_line);
	worklist_release(&p->coming);
	pace_release(&p->pace);
	processes_release(&p->running);
	free(p->title);
}

/* ------------------------------------------------------------ what it says */

/* What comes through a pipe, line by line: the command's standard error and output, and the
 * lists. */
struct source {
	int fd; /* −1: ended, or none */
	struct text line;
	void (*take)(struct progress *p, const char *line, size_t n);
};

static void pass(int fd, const char *s, size_t n)
{
	status_erase();
	while (n) {
		ssize_t wrote = write(fd, s, n);

		if (wrote < 0 && errno != EINTR)
			return; /* nobody reads */
		s += wrote > 0 ? wrote : 0;
		n -= wrote > 0 ? (size_t)wrote : 0;
	}
}

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

static void take_error(struct progress *p, const char *line, size_t n)
{
	(void)p;
	if (!is_echo(line))
		pass(STDERR_FILENO, line, n);
}

static void take_output(struct progress *p, const char *line, size_t n)
{
	(void)p;
	pass(STDOUT_FILENO, line, n);
}

static void take_list(struct progress *p, const char *line, size_t n)
{
	char *copy = xformat("%.*s", (int)strcspn(line, "\n"), line);

	(void)n;
	if (worklist_read(&p->coming, copy))
		begin_list(p);
	free(copy);
}

static void end_line(struct source *s, struct progress *p)
{
	if (s->line.n)
		s->take(p, text_get(&s->line), s->line.n);
	text_release(&s->line);
}

static void read_some(struct source *s, struct progress *p)
{
	char buf[4096];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return;
	for (ssize_t i = 0; i < n; i++) {
		text_put(&s->line, buf + i, 1);
		if (buf[i] == '\n')
			end_line(s, p);
	}
	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
	}
}

/* ------------------------------------------------------------ the command */

enum { ERROR, OUTPUT, LIST, SOURCES };

/* Reads what is there, and waits for it this long; false: there was nothing. */
static bool read_all(struct source *s, struct progress *p, int wait)
{
	struct pollfd look_at[SOURCES];
	bool any = false;

	for (int i = 0; i < SOURCES; i++)
		look_at[i] = (struct pollfd){.fd = s[i].fd, .events = POLLIN};
	if (poll(look_at, SOURCES, wait) <= 0)
		return false;
	for (int i = 0; i < SOURCES; i++)
		if (s[i].fd >= 0 && look_at[i].revents) {
			read_some(&s[i], p);
			any = true;
		}
	return any;
}

/* Runs until the command has ended and all its output is passed on. A process that it left running
 * may hold the pipes for longer. */
static int relay(pid_t pid, struct source *s, struct progress *p)
{
	int status = 0;

	do {
		read_all(s, p, s[ERROR].fd < 0 ? ENDING_MS : WAIT_MS);
		if (now() - p->looked >= LOOK_MS / 1e3)
			look(p);
	} while (waitpid(pid, &status, WNOHANG) <= 0);
	while (read_all(s, p, 0))
		;
	for (int i = 0; i < SOURCES; i++)
		end_line(&s[i], p);
	command_ended();
	return status;
}

/* A pipe: returns its reading end; *to is its writing end. */
static int open_pipe(int *to)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		die("cannot make a pipe: %s", strerror(errno));
	*to = ends[1];
	return ends[0];
}

/* Processes below find the pipe by this name, even if its number was closed on the way. */
static void name_list(int to)
{
	char *path = xformat("/proc/%ld/fd/%d", (long)getpid(), to);

	if (setenv("MERGE_LORA_SHOWN", path, 1))
		die("cannot set MERGE_LORA_SHOWN: %s", strerror(errno));
	free(path);
}

/* Where both are on a terminal, standard output takes turns with the line in place. */
static int run(char **command)
{
	struct progress p = {.in_place = status_possible(), .looked = now()};
	int err, out = -1, list;
	struct source s[SOURCES] = {
		[ERROR] = {.fd = open_pipe(&err), .take = take_error},
		[OUTPUT] = {.fd = -1, .take = take_output},
		[LIST] = {.fd = open_pipe(&list), .take = take_list},
	};
	int status;
	pid_t pid;

	if (p.in_place && isatty(STDOUT_FILENO))
		s[OUTPUT].fd = open_pipe(&out);
	name_list(list);
	pid = command_start(command, out, err);
	close(err);
	if (out >= 0)
		close(out);
	status = relay(pid, s, &p);
	close(list);
	progress_release(&p);
	return status;
}

int main(int argc, char **argv)
{
	int own = 0;

	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	opts_parse(&tool, own, argv);
	if (own + 1 >= argc)
		die_usage("no command: expected -- COMMAND [ARGUMENT …] after the options");
	return command_leave(run(argv + own + 1));
}
