/* test_out.c: an output has its final name when it is complete, or it does not exist, however the
 * process ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/host.h"
#include "child.h"
#include "files/out.h"

static char *text_of(const char *path)
{
	static char text[4096];
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

static void fill(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void test_begin_commit(void **state)
{
	struct stat st;
	(void)state;
	char *tmp = xstrdup(out_begin("a/b/c.h5"));
	assert_int_equal(strncmp(tmp, "a/b/.c.h5.tmp-", 14), 0);
	assert_int_equal(stat(tmp, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(access("a/b/c.h5", F_OK), -1);
	fill(tmp, "done");
	out_commit("a/b/c.h5");
	assert_int_equal(access(tmp, F_OK), -1);
	assert_string_equal(text_of("a/b/c.h5"), "done");
	assert_int_equal(entries_in("a/b"), 1);
	free(tmp);

	/* Replaces an existing file in one step. */
	tmp = xstrdup(out_begin("a/b/c.h5"));
	assert_string_equal(text_of("a/b/c.h5"), "done");
	fill(tmp, "again");
	out_commit("a/b/c.h5");
	assert_string_equal(text_of("a/b/c.h5"), "again");
	free(tmp);
}

static void test_abort(void **state)
{
	(void)state;
	out_begin("abort/x");
	out_abort("abort/x");
	out_abort("abort/x");
	out_abort("abort/never-begun");
	assert_int_equal(entries_in("abort"), 0);
}

static void test_many(void **state)
{
	char name[64];
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 60; i++) {
			snprintf(name, sizeof(name), "many/%d", i);
			out_begin(name);
		}
		for (int i = 59; i >= 0; i--) {
			snprintf(name, sizeof(name), "many/%d", i);
			if (i % 2)
				out_commit(name);
			else
				out_abort(name);
		}
	}
	assert_int_equal(entries_in("many"), 30);
}

/* ------------------------------------------------------------ the ways to end */

static void begin_two(void *arg)
{
	(void)arg;
	out_begin("end/x");
	out_begin("end/y");
}

static void begin_and_die(void *arg)
{
	begin_two(arg);
	die("no");
}

static void begin_and_raise(void *arg)
{
	begin_two(NULL);
	raise(*(int *)arg);
}

static void raise_ignored(void *arg)
{
	(void)arg;
	signal(SIGHUP, SIG_IGN);
	begin_two(NULL);
	raise(SIGHUP); /* as under nohup: nothing happens */
	out_commit("end/x");
}

static void begin_and_fork(void *arg)
{
	int status;
	begin_two(arg);
	pid_t pid = fork();
	if (!pid)
		exit(0); /* must not remove the parent's files */
	waitpid(pid, &status, 0);
	out_commit("end/x");
	out_commit("end/y");
}

static void test_ends(void **state)
{
	static int signals[] = {SIGINT, SIGTERM, SIGHUP};
	(void)state;
	make_folder("end");
	struct child c = child_run(begin_two, NULL);
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_int_equal(entries_in("end"), 0);
	c = child_run(begin_and_die, NULL);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_int_equal(entries_in("end"), 0);
	for (int i = 0; i < 3; i++) {
		c = child_run(begin_and_raise, &signals[i]);
		assert_int_equal(c.signal, signals[i]);
		assert_int_equal(entries_in("end"), 0);
	}
	c = child_run(raise_ignored, NULL);
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_int_equal(entries_in("end"), 1);
	c = child_run(begin_and_fork, NULL);
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_int_equal(entries_in("end"), 2);
}

/* ------------------------------------------------------------ failures */

static void begin_target(void *target)
{
	out_begin(target);
}

static void begin_twice(void *target)
{
	out_begin(target);
	out_begin(target);
}

static void commit_unbegun(void *target)
{
	out_commit(target);
}

static void commit_without_folder(void *target)
{
	out_begin(target);
	remove_tree("gone");
	out_commit(target);
}

static void commit_on_folder(void *target)
{
	out_begin(target);
	make_folder(target);
	fill("busy/x/inside", "");
	out_commit(target);
}

static void fails(void (*fn)(void *), const char *target, const char *message)
{
	struct child c = child_run(fn, (void *)(uintptr_t)target);
	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, message));
}

static void test_failures(void **state)
{
	char longest[300];
	(void)state;
	fill("plain", "");
	fails(begin_target, "plain/x", "cannot make folder 'plain': Not a directory");
	fails(begin_target, "plain/deep/x", "Not a directory");
	make_folder("folder");
	fails(begin_target, "folder", "cannot create 'folder': Is a directory");
	fails(begin_target, "folder/", "cannot create 'folder/': Is a directory");
	fails(begin_twice, "twice", "'twice' is asked for twice");
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	fails(begin_target, longest, "File name too long");
	fails(commit_without_folder, "gone/x", "cannot sync 'gone/x': No such file or directory");
	fails(commit_on_folder, "busy/x",
	      "cannot rename the finished file to 'busy/x': Is a directory");
	assert_int_equal(entries_in("busy"), 1); /* the folder; no temporary file */
	struct child c = child_run(commit_unbegun, (void *)(uintptr_t) "unbegun");
	assert_int_equal(c.signal, SIGABRT);
}

static void write_limited(void *arg)
{
	struct rlimit r = {.rlim_cur = 100, .rlim_max = 100};
	static char text[5000];
	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	setrlimit(RLIMIT_FSIZE, &r);
	out_write_text("limited/x", text);
}

static void test_cannot_write(void **state)
{
	(void)state;
	make_folder("limited");
	fails(write_limited, NULL, "cannot write 'limited/x': File too large");
	assert_int_equal(entries_in("limited"), 0);
}

/* ------------------------------------------------------------ texts and folders */

static void test_text(void **state)
{
	struct stat before, after;
	(void)state;
	out_write_text("t/x", "one\n");
	assert_string_equal(text_of("t/x"), "one\n");
	assert_int_equal(stat("t/x", &before), 0);
	assert_int_equal(out_update_text("t/x", "one\n"), 0);
	assert_int_equal(stat("t/x", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_int_equal(out_update_text("t/x", "one"), 1); /* the file is longer */
	assert_string_equal(text_of("t/x"), "one");
	assert_int_equal(out_update_text("t/x", "one more"), 1); /* the file is shorter */
	assert_string_equal(text_of("t/x"), "one more");
	assert_int_equal(out_update_text("t/new", "two"), 1);
	assert_string_equal(text_of("t/new"), "two");
	out_write_text("t/empty", "");
	assert_int_equal(out_update_text("t/empty", ""), 0);
	assert_int_equal(entries_in("t"), 3);
}

static void test_folders(void **state)
{
	struct stat st;
	(void)state;
	make_folder("f/g//h/");
	make_folder("f/g/h");
	make_folder(".");
	make_folder("/");
	make_parent_folder("name");
	make_parent_folder("f/p/name");
	make_parent_folder("/name");
	assert_true(!stat("f/g/h", &st) && S_ISDIR(st.st_mode));
	assert_true(!stat("f/p", &st) && S_ISDIR(st.st_mode));
	assert_int_equal(access("f/p/name", F_OK), -1);
}

static void test_temporary_names(void **state)
{
	struct out_writer by;
	(void)state;
	char *tmp = xstrdup(out_begin("t/a.b-c.h5"));
	assert_true(out_is_temporary(tmp + strlen("t/"), &by));
	assert_int_equal(by.pid, getpid());
	assert_string_equal(by.host, host_name());
	out_abort("t/a.b-c.h5");
	free(tmp);

	assert_true(out_is_temporary(".x.tmp-1.tmp-42-7-node-3.example", &by));
	assert_int_equal(by.pid, 42);
	assert_string_equal(by.host, "node-3.example");
	assert_true(out_is_temporary(".x.tmp-42-7", &by)); /* without a machine: of this one */
	assert_string_equal(by.host, host_name());
	assert_false(out_is_temporary("x.tmp-42-7-a", &by));
	assert_false(out_is_temporary(".x.tmp-42", &by));
	assert_false(out_is_temporary(".x.tmp-a-7-b", &by));
	assert_false(out_is_temporary(".tmp", &by));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin_commit),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_cannot_write),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_temporary_names),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests_name("out", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
