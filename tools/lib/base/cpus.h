/* cpus.h: how many processors this process may keep busy. */
#ifndef CPUS_H
#define CPUS_H

/* The smallest of: the machine's processors, the affinity mask (taskset, cpusets), and the CPU
 * quota of the process's cgroups. At least 1. */
int cpus_available(void);

/* The CPU quota in processors, rounded up, at least 1. It is the smallest of the process's own
 * cgroup and the cgroups above it, version 1 or 2. 0: no quota. `cgroups` has the form of
 * /proc/self/cgroup, `mounts` that of /proc/self/mountinfo. A file that cannot be read sets no
 * quota. */
int cpus_quota(const char *cgroups, const char *mounts);

#endif
