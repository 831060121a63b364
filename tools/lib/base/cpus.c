/* cpus.c: see cpus.h. Formats: cgroups(7), proc(5), and the kernel's cgroup-v2 and sched-bwc
 * documents.
 *
 * mountinfo tells where a hierarchy is mounted, and which cgroup is the root of the mount; in a
 * container this is not always "/". /proc/self/cgroup tells the process's own cgroup in the
 * hierarchy. */
#include "base/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
		if (strncmp(s, word, n) == 0 && (s[n] == ',' || s[n] == '\0'))
			return true;
	return false;
}

/* The numbers at the start of a cgroup's file; 0 where there is none, as for "max". */
static void read_numbers(const char *folder, const char *name, long *first, long *second)
{
	char *path = xformat("%s/%s", folder, name);
	FILE *f = fopen(path, "r");

	*first = *second = 0;
	if (f) {
		if (fscanf(f, "%ld %ld", first, second) < 1)
			*first = 0;
		fclose(f);
	}
	free(path);
}

/* Processors that one cgroup may use; INT_MAX: all. */
static int quota_of(const char *folder, bool v2)
{
	long quota, period, n, none;

	if (v2) {
		read_numbers(folder, "cpu.max", &quota, &period);
	} else {
		read_numbers(folder, "cpu.cfs_quota_us", &quota, &none);
		read_numbers(folder, "cpu.cfs_period_us", &period, &none);
	}
	if (quota <= 0 || period <= 0)
		return INT_MAX;
	n = quota / period + (quota % period > 0);
	return n < INT_MAX ? (int)n : INT_MAX;
}

/* The process's cgroup in the hierarchy with the controller cpu, or in version 2's. Allocated;
 * NULL: there is none. */
static char *own_cgroup(const char *cgroups, bool v2)
{
	FILE *f = fopen(cgroups, "r");
	char *line = NULL, *path = NULL;
	size_t room = 0;

	while (f && !path && getline(&line, &room, f) > 0) {
		char *controllers = strchr(line, ':'),
		     *at = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!at)
			continue;
		*at++ = '\0';
		at[strcspn(at, "\n")] = '\0';
		if (v2 ? strcmp(line, "0:") == 0 : list_has(controllers + 1, "cpu"))
			path = xstrdup(at);
	}
	free(line);
	if (f)
		fclose(f);
	return path;
}

/* The part of the path behind `root`; "" where the path is not under it. */
static const char *below(const char *path, const char *root)
{
	size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, n) != 0 || path[n] != '/' || strcmp(path + n, "/") == 0 ||
	    strstr(path, "/.."))
		return "";
	return path + n;
}

/* The smallest quota from the process's cgroup up to the mount's root. */
static int least_quota(const char *mount, const char *root, const char *path, bool v2)
{
	char *folder = xformat("%s%s", mount, below(path, root));
	size_t top = strlen(mount);
	int least = quota_of(folder, v2);

	while (strlen(folder) > top) {
		*strrchr(folder, '/') = '\0';
		int n = quota_of(folder, v2);

		least = n < least ? n : least;
	}
	free(folder);
	return least;
}

/* A line of mountinfo: "36 35 98:0 ROOT MOUNT OPTIONS … - TYPE SOURCE OPTIONS". */
static int quota_at_mount(char *line, const char *cgroups)
{
	char *root, *mount, *type, *options, *path, *rest = strstr(line, " - ");
	int n = INT_MAX;
	bool v2;

	if (!rest)
		return n;
	*rest = '\0';
	type = strtok(rest + 3, " ");
	options = strtok(NULL, " ") ? strtok(NULL, " \n") : NULL;
	root = strtok(line, " ") && strtok(NULL, " ") && strtok(NULL, " ") ? strtok(NULL, " ")
									   : NULL;
	mount = root ? strtok(NULL, " ") : NULL;
	v2 = type && strcmp(type, "cgroup2") == 0;
	if (!mount ||
	    !(v2 || (type && options && strcmp(type, "cgroup") == 0 && list_has(options, "cpu"))))
		return n;
	path = own_cgroup(cgroups, v2);
	if (path)
		n = least_quota(mount, root, path, v2);
	free(path);
	return n;
}

int cpus_quota(const char *cgroups, const char *mounts)
{
	FILE *f = fopen(mounts, "r");
	char *line = NULL;
	size_t room = 0;
	int least = INT_MAX;

	while (f && getline(&line, &room, f) > 0) {
		int n = quota_at_mount(line, cgroups);

		least = n < least ? n : least;
	}
	free(line);
	if (f)
		fclose(f);
	return least == INT_MAX ? 0 : least;
}

/* Processors that are switched off are not in the kernel's mask. */
static int allowed(void)
{
	enum { MOST = 1 << 16 };
	size_t size = CPU_ALLOC_SIZE(MOST);
	cpu_set_t *set = CPU_ALLOC(MOST);
	int n = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set)
							    : (int)sysconf(_SC_NPROCESSORS_ONLN);

	CPU_FREE(set);
	return n;
}

int cpus_available(void)
{
	int n = allowed(), quota = cpus_quota("/proc/self/cgroup", "/proc/self/mountinfo");

	if (quota > 0 && quota < n)
		n = quota;
	return n > 1 ? n : 1;
}
