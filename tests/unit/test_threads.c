/* test_threads.c: the processors that a cgroup leaves to a process, from fake trees; the default
 * number of threads; which loops are shared. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cpus.h"
#include "base/die.h"
#include "base/threads.h"
#include "child.h"

static char *root;

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Writes `files`, pairs of a name and a text, into folders a/b of the scratch folder; NULL ends the
 * list. */
static void tree(const char *const *files)
{
	static const char *const every[] = {
		"cpu.max",     "cpu.cfs_quota_us",     "cpu.cfs_period_us",
		"a/cpu.max",   "a/cpu.cfs_quota_us",   "a/cpu.cfs_period_us",
		"a/b/cpu.max", "a/b/cpu.cfs_quota_us", "a/b/cpu.cfs_period_us"};

	mkdir("a", 0777), mkdir("a/b", 0777);
	for (size_t i = 0; i < sizeof(every) / sizeof(*every); i++)
		unlink(every[i]);
	for (; *files; files += 2)
		write_file(files[0], files[1]);
}

/* A hierarchy in the scratch folder, with `mounted` as its root, among unrelated mounts. */
static int quota(const char *cgroups, const char *mounted, const char *type, const char *options)
{
	char *mounts = xformat("22 1 0:20 / /proc rw shared:5 - proc proc rw\n"
			       "30 22 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
			       "31 22 0:27 %s %s rw,relatime shared:9 - %s %s %s\n",
			       mounted, root, type, type, options);
	int n;

	write_file("cgroup", cgroups);
	write_file("mountinfo", mounts);
	n = cpus_quota("cgroup", "mountinfo");
	free(mounts);
	return n;
}

#define TREE(...) tree((const char *const[]){__VA_ARGS__, NULL})

static void test_version_2(void **state)
{
	(void)state;
	TREE("a/b/cpu.max", "200000 100000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 2);
	TREE("a/b/cpu.max", "150000 100000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 2); /* rounded up */
	TREE("a/b/cpu.max", "1000 100000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 1); /* at least one */
	TREE("a/b/cpu.max", "max 100000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 0);
	TREE("a/b/cpu.max", "800000 100000\n", "a/cpu.max", "300000 100000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 3); /* the parent's is less */
	TREE("a/b/cpu.max", "max 100000\n", "cpu.max", "250000 50000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 5); /* the root's own */
	TREE("a/b/cpu.max", "100000 100000\n");
	assert_int_equal(quota("0::/a\n", "/", "cgroup2", "rw"), 0); /* another's */
}

static void test_version_1(void **state)
{
	(void)state;
	TREE("a/b/cpu.cfs_quota_us", "250000\n", "a/b/cpu.cfs_period_us", "100000\n");
	assert_int_equal(
		quota("4:memory:/x\n3:cpu,cpuacct:/a/b\n0::/\n", "/", "cgroup", "rw,cpu,cpuacct"),
		3);
	assert_int_equal(quota("3:cpuset:/a/b\n2:cpuacct:/a/b\n", "/", "cgroup", "rw,cpu"),
			 0); /* no line of cpu's */
	assert_int_equal(quota("3:cpu:/a/b\n", "/", "cgroup", "rw,cpuset"),
			 0); /* no hierarchy of cpu's */
	TREE("a/b/cpu.cfs_quota_us", "-1\n", "a/b/cpu.cfs_period_us", "100000\n",
	     "a/cpu.cfs_quota_us", "400000\n", "a/cpu.cfs_period_us", "100000\n");
	assert_int_equal(quota("3:cpu:/a/b\n", "/", "cgroup", "rw,cpu"), 4);
}

/* In a container the mount shows the container's cgroup. Its name may still be the host's. */
static void test_containers(void **state)
{
	(void)state;
	TREE("cpu.max", "200000 100000\n", "a/cpu.max", "100000 100000\n");
	assert_int_equal(quota("0::/docker/1f2e\n", "/docker/1f2e", "cgroup2", "rw"), 2);
	assert_int_equal(quota("0::/docker/1f2e/a\n", "/docker/1f2e", "cgroup2", "rw"), 1);
	assert_int_equal(quota("0::/docker/1f2e5/a\n", "/docker/1f2e", "cgroup2", "rw"),
			 2); /* not under that root */
	assert_int_equal(quota("0::/../a\n", "/", "cgroup2", "rw"), 2);
	assert_int_equal(quota("0::/\n", "/", "cgroup2", "rw"), 2);
}

static void test_unreadable(void **state)
{
	(void)state;
	assert_int_equal(cpus_quota("none", "none"), 0); /* /proc is not mounted */
	assert_int_equal(quota("", "/", "cgroup2", "rw"), 0);
	assert_int_equal(quota("garbage\n0:\n::\n", "/", "cgroup2", "rw"), 0);
	write_file("mountinfo",
		   "31 22 - cgroup2\n - \n - cgroup cgroup\n1 2 3 / - cgroup2 cgroup2 rw\n");
	write_file("cgroup", "0::/a/b\n");
	assert_int_equal(cpus_quota("cgroup", "mountinfo"), 0);
	TREE("a/b/cpu.max", "many 100000\n");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 0);
	TREE("a/b/cpu.max", "");
	assert_int_equal(quota("0::/a/b\n", "/", "cgroup2", "rw"), 0);
}

static void test_default(void **state)
{
	cpu_set_t all, one;
	int cpu = 0;

	(void)state;
	unsetenv("OMP_NUM_THREADS");
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_true(threads_default() >= 1 &&
		    threads_default() <= CPU_COUNT(&all)); /* and the mask is whole again */
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(threads_default(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	setenv("OMP_NUM_THREADS", "5", 1);
	assert_int_equal(threads_default(), 5);
	setenv("OMP_NUM_THREADS", "3,2", 1);
	assert_int_equal(threads_default(), 3);
	setenv("OMP_NUM_THREADS", "99999999999", 1);
	assert_int_equal(threads_default(), THREADS_MOST);
	setenv("OMP_NUM_THREADS", "many", 1);
	assert_int_equal(threads_default(), cpus_available());
	unsetenv("OMP_NUM_THREADS");
}

static void test_sharing(void **state)
{
	(void)state;
	assert_int_equal(threads_for(1e9), 1);
	threads_use(3);
	assert_int_equal(threads_for(1e9), 3);
	assert_int_equal(threads_for(1e3), 1);
	threads_use(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_2),  cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_containers), cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_default),    cmocka_unit_test(test_sharing),
	};
	root = scratch_enter();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_leave(root);
	return failed;
}
