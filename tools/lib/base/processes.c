/* processes.c: see processes.h. */
#include "base/processes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"

static FILE *open_proc(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fopen(path, "re");
}

/* Seconds since the machine started. */
static double uptime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "4711 (name) S parent …". The name may contain anything. The 22nd field is the start. */
static bool parse_stat(struct process *p, const char *line)
{
	const char *name = strchr(line, '('), *end = strrchr(line, ')');
	unsigned long long started;
	int parent;

	if (!name || !end ||
	    sscanf(end + 1,
		   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%llu",
		   &parent, &started) != 2)
		return false;
	p->parent = parent;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(end - name - 1), name + 1);
	p->age = uptime() - (double)started / (double)sysconf(_SC_CLK_TCK);
	return true;
}

static bool read_process(struct process *p, pid_t pid)
{
	FILE *f = open_proc(pid, "stat");
	char line[1024];
	bool read = f && fgets(line, sizeof(line), f) && parse_stat(p, line);

	p->pid = pid;
	if (f)
		fclose(f);
	return read;
}

static void add(struct processes *p, const struct process *one)
{
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		p->process = xrealloc(p->process, (size_t)p->room * sizeof(*p->process));
	}
	p->process[p->n++] = *one;
}

static void read_all(struct processes *p)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct process one;
		long pid = strtol(e->d_name, NULL, 10);

		if (pid > 0 && read_process(&one, (pid_t)pid))
			add(p, &one);
	}
	if (d)
		closedir(d);
}

static bool is_among(const struct processes *p, int n, pid_t pid)
{
	for (int i = 0; i < n; i++)
		if (p->process[i].pid == pid)
			return true;
	return false;
}

/* Moves the processes that belong to the front, until none is added. The first `kept` are those
 * found so far. */
void processes_below(struct processes *p, pid_t of)
{
	int kept = 0, before;

	p->n = 0;
	read_all(p);
	do {
		before = kept;
		for (int i = kept; i < p->n; i++) {
			struct process one = p->process[i];

			if (one.parent != of && !is_among(p, kept, one.parent))
				continue;
			p->process[i] = p->process[kept];
			p->process[kept++] = one;
		}
	} while (kept > before);
	p->n = kept;
}

bool process_is(const struct process *p, const char *program)
{
	return strncmp(p->name, program, sizeof(p->name) - 1) == 0;
}

/* From smaps_rollup in KiB, else (with an old kernel) the pages of statm. */
static double memory_of(pid_t pid)
{
	FILE *f = open_proc(pid, "smaps_rollup");
	long kib = -1, pages = 0;
	char line[256];

	while (f && kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %ld", &kib) != 1)
			kib = -1;
	if (f)
		fclose(f);
	if (kib >= 0)
		return 1024.0 * (double)kib;
	f = open_proc(pid, "statm");
	if (f && fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double processes_memory(const struct processes *p)
{
	double sum = 0;

	for (int i = 0; i < p->n; i++)
		sum += memory_of(p->process[i].pid);
	return sum;
}

void processes_release(struct processes *p)
{
	free(p->process);
	*p = (struct processes){0};
}
