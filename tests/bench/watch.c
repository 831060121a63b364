/* watch FOLDER RESULT COMMAND…: runs a command and records what it takes. It looks at the command's
 * processes five times a second, and at FOLDER up to 200 times a second, but for a twentieth of a
 * processor's time at most.
 *
 * RESULT gets lines "name<TAB>value":
 * - wall and cpu: seconds;
 * - memory: the most MB of all its living processes together, as proportional set size: a page
 *   that several share counts once;
 * - disk: the most MB in FOLDER;
 * - written: MB that were written to the disk. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(void)
{
	return seconds(CLOCK_MONOTONIC);
}

/* A number from the line that begins with `key` in a /proc file; -1: the process has ended. */
static long proc_number(const char *pid, const char *file, const char *key)
{
	char path[300], line[512];
	long v = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	f = fopen(path, "r");
	while (f && v < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			v = atol(line + strlen(key));
	if (f)
		fclose(f);
	return v;
}

static bool in_session(const char *pid, pid_t session)
{
	char path[300], line[1024];
	FILE *f;
	bool yes = false;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f) && strrchr(line, ')')) {
		int parent, group, id;

		yes = sscanf(strrchr(line, ')') + 1, " %*c %d %d %d", &parent, &group, &id) == 3 &&
		      id == session;
	}
	if (f)
		fclose(f);
	return yes;
}

static double memory_mb(pid_t session)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	long kb = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && in_session(e->d_name, session)) {
			long pss = proc_number(e->d_name, "smaps_rollup", "Pss:");

			kb += pss > 0 ? pss : 0;
		}
	if (d)
		closedir(d);
	return (double)kb / 1024;
}

static double folder_bytes;

static int add_size(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (kind == FTW_F)
		folder_bytes += (double)st->st_blocks * 512;
	return 0;
}

static double folder_mb(const char *folder)
{
	folder_bytes = 0;
	nftw(folder, add_size, 16, FTW_PHYS);
	return folder_bytes / 1048576;
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child < 0)
		die("fork: %s", strerror(errno));
	if (child)
		return child;
	setsid();
	execvp(command[0], command);
	die("%s: %s", command[0], strerror(errno));
}

static void report(const char *path, double wall, double memory, double disk)
{
	struct rusage u;
	FILE *f = fopen(path, "w");

	getrusage(RUSAGE_CHILDREN, &u);
	if (!f ||
	    fprintf(f, "wall\t%.2f\ncpu\t%.2f\nmemory\t%.1f\ndisk\t%.1f\nwritten\t%.1f\n", wall,
		    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			    1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec),
		    memory, disk, (double)u.ru_oublock / 2048) < 0 ||
	    fclose(f))
		die("cannot write '%s'", path);
}

struct most { /* MB */
	double memory, disk;
};

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* Looks until the command ends; returns its status. */
static int look_while(pid_t child, const char *folder, struct most *most)
{
	double next = 0;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (now() >= next) {
			most->memory = larger(most->memory, memory_mb(child));
			next = now() + 0.2;
		}
		double begun = seconds(CLOCK_PROCESS_CPUTIME_ID);
		most->disk = larger(most->disk, folder_mb(folder));
		double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - begun;
		usleep((useconds_t)(1e6 * larger(20 * took, 0.005)));
	}
	return status;
}

int main(int argc, char **argv)
{
	double begun = now();
	struct most most = {0, 0};

	prog_name = "watch";
	if (argc < 4)
		die_usage("usage: watch FOLDER RESULT COMMAND…");
	int status = look_while(start(argv + 3), argv[1], &most);
	report(argv[2], now() - begun, most.memory, most.disk);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
