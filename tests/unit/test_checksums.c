/* test_checksums.c: checksums.tsv: a line for each file that is made; which of several lines
 * counts; and what remains when it is compacted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/threads.h"
#include "case.h"
#include "child.h"
#include "files/checksums.h"
#include "files/digest.h"
#include "files/out.h"

#define WORK "w"
#define SUMS WORK "/checksums.tsv"

/* An empty WORK. */
static int begin(void **state)
{
	(void)state;
	remove_tree(WORK);
	assert_int_equal(mkdir(WORK, 0777), 0);
	checksums_use(SUMS);
	return 0;
}

static int end(void **state)
{
	(void)state;
	checksums_use(NULL);
	return 0;
}

static void make_file(const char *name, const char *text)
{
	char *path = xformat(WORK "/%s", name);

	out_write_text(path, text);
	free(path);
}

/* The state that a process leaves if it is killed between the line and the file's final name. */
static void record_only(const char *name, const char *text)
{
	char *path = xformat(WORK "/%s", name);

	write_text("unfinished", text);
	checksums_record("unfinished", path);
	free(path);
}

static void compact(void)
{
	checksums_use(NULL);
	checksums_compact(SUMS);
	checksums_use(SUMS);
}

static void lines_are(const char *const *names, int n)
{
	struct checksums s;

	checksums_load(&s, SUMS);
	assert_int_equal(s.n, n);
	assert_int_equal(s.bad, 0);
	for (int i = 0; i < n; i++)
		assert_string_equal(s.line[i].name, names[i]);
	checksums_release(&s);
}
#define LINES_ARE(...) \
	lines_are((const char *const[]){__VA_ARGS__}, COUNT(((const char *const[]){__VA_ARGS__})))

/* Whether the present file has a line that fits. */
static bool fits(const char *name)
{
	char *path = xformat(WORK "/%s", name);
	struct checksums s;
	uint64_t size, digest = digest_contents(path, &size);
	bool yes;

	checksums_load(&s, SUMS);
	assert_non_null(checksums_find(&s, name, digest, size, &yes));
	checksums_release(&s);
	free(path);
	return yes;
}

static void test_one_line_each(void **state)
{
	(void)state;
	make_file("a", "one");
	make_file("b", "bee");
	make_file("a", "two");
	make_file("c/d", "dee");
	make_file("a", "longer");
	make_file("b", "bee");
	LINES_ARE("a", "b", "a", "c/d", "a", "b");
	compact();
	LINES_ARE("c/d", "a", "b");
	assert_true(fits("a") && fits("b") && fits("c/d"));
}

static void test_inputs_stay(void **state)
{
	struct checksums s;
	uint64_t size;
	char want[32];

	(void)state;
	make_file("a", "one");
	snprintf(want, sizeof(want), "a=%016llx",
		 (unsigned long long)digest_contents(WORK "/a", &size));
	checksums_check(WORK "/a");
	make_file("b", "of a");
	make_file("b", "of A");
	compact();
	checksums_load(&s, SUMS);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.line[1].inputs, want);
	checksums_release(&s);
}

/* The inputs that the last line of this name lists: file names without digests. */
static void made_of(const char *name, const char *want)
{
	struct checksums s;
	const char *from = NULL;
	char have[256] = "";

	checksums_load(&s, SUMS);
	for (int i = 0; i < s.n; i++)
		if (!strcmp(s.line[i].name, name))
			from = s.line[i].inputs;
	assert_non_null(from);
	for (const char *at = from; *at;) {
		const char *end = strchr(at, ' ');
		int n = (int)strcspn(at, "=");

		snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s%.*s",
			 *have ? " " : "", n, at);
		at = end ? end + 1 : at + strlen(at);
	}
	assert_string_equal(have, want);
	checksums_release(&s);
}

/* The inputs of a task's file are those of the same task, and those of no task. */
static void test_owned(void **state)
{
	(void)state;
	make_file("all", "1");
	make_file("a", "2");
	make_file("adapter/x", "3");
	make_file("b", "4");
	make_file("both", "5");
	make_file("adapters", "6");
	checksums_own(WORK "/a", "A");
	checksums_own(WORK "/adapter/", "A"); /* a folder, but not another name that begins alike */
	checksums_own(WORK "/of a", "A");
	checksums_own(WORK "/b", "B");
	checksums_own(WORK "/of b", "B");
	checksums_own(WORK "/both", "A");
	checksums_own(WORK "/both", "B");
	checksums_own("elsewhere/a", "A");
	checksums_own(WORK "/", "A"); /* all of WORK belongs to no task */
	checksums_check(WORK "/all");
	checksums_check(WORK "/a");
	make_file("early/of a", "7");
	checksums_own(WORK "/early/of a", "A");
	checksums_check(WORK "/b");
	checksums_check(WORK "/adapter/x");
	checksums_check(WORK "/both");
	checksums_check(WORK "/adapters");
	make_file("of a", "8");
	make_file("of b", "9");
	make_file("of all", "10");
	made_of("early/of a", "all a");
	made_of("of a", "all a adapter/x both adapters");
	made_of("of b", "all b both adapters");
	made_of("of all", "all a b adapter/x both adapters");
}

/* The last line is not always the one of the present file. */
static void test_killed_before_rename(void **state)
{
	(void)state;
	make_file("a", "old");
	make_file("a", "now");
	record_only("a", "new");
	record_only("a", "and longer");
	record_only("b", "never there");
	compact();
	LINES_ARE("a");
	assert_true(fits("a"));
}

static void check_child(void *arg)
{
	checksums_check(arg);
}

/* A damaged file is reported before and after, whatever its size. */
static void test_damaged(void **state)
{
	static const char *const damage[] = {"ONE", "longer", ""};

	for (size_t i = 0; i < COUNT(damage); i++) {
		struct child c;

		begin(state);
		make_file("a", "one");
		make_file("a", "two");
		write_text(WORK "/a", damage[i]);
		compact();
		LINES_ARE("a");
		assert_false(fits("a"));
		c = child_run(check_child, (void *)(uintptr_t)WORK "/a");
		assert_int_equal(c.code, EXIT_WORLD);
		assert_true(child_said(&c, "'w/a' is damaged"));
	}
}

static void test_damaged_line(void **state)
{
	struct checksums s;
	FILE *f;

	(void)state;
	make_file("a", "one");
	make_file("b", "two");
	f = fopen(SUMS, "r+b");
	assert_non_null(f);
	assert_int_equal(fputc('x', f), 'x');
	assert_int_equal(fclose(f), 0);
	checksums_load(&s, SUMS);
	assert_true(s.n == 1 && s.bad == 1);
	checksums_release(&s);
	compact();
	LINES_ARE("b");
}

static void test_nothing_to_do(void **state)
{
	struct stat before, after;

	(void)state;
	compact(); /* no file at all */
	assert_int_equal(access(SUMS, F_OK), -1);
	make_file("a", "one");
	make_file("b", "two");
	assert_int_equal(stat(SUMS, &before), 0);
	compact();
	assert_int_equal(stat(SUMS, &after), 0);
	assert_true(before.st_ino == after.st_ino &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	make_file("a", "two");
	compact();
	assert_int_equal(entries_in(WORK), 3); /* a, b and the checksums: no temporary file */
}

static void write_pattern(const char *path, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	for (size_t i = 0; i < size; i++)
		assert_int_not_equal(putc((int)((uint32_t)i * 2654435761u >> 13 & 255), f), EOF);
	assert_int_equal(fclose(f), 0);
}

/* Digests of an earlier version: a folder that it made must not count as damaged. Sizes are those
 * where pieces and slices of a file begin and end. */
static void test_digests_stay(void **state)
{
	static const struct {
		size_t size;
		uint64_t digest;
	} file[] = {
		{0, 0x0ebbc559c8c5ea3fu},
		{33, 0xf8cd178731002723u},
		{1 << 17, 0x81515b7e3ace23ebu},
		{1 << 20, 0x9416e72872cd8c2fu},
		{(1 << 20) + 1, 0x8f3825b4ad8bdd56u},
		{(3 << 20) + (1 << 17) + 5, 0x2734354b0ffd1374u},
		{4 << 20, 0x5ba771741655c4b1u},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(file); i++) {
		write_pattern("pattern", file[i].size);
		for (int threads = 1; threads <= 5; threads++) {
			uint64_t size;

			threads_use(threads);
			assert_true(digest_contents("pattern", &size) == file[i].digest);
			assert_int_equal(size, file[i].size);
		}
	}
	threads_use(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_line_each, begin, end),
		cmocka_unit_test_setup_teardown(test_inputs_stay, begin, end),
		cmocka_unit_test_setup_teardown(test_owned, begin, end),
		cmocka_unit_test_setup_teardown(test_killed_before_rename, begin, end),
		cmocka_unit_test_setup_teardown(test_damaged, begin, end),
		cmocka_unit_test_setup_teardown(test_damaged_line, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_to_do, begin, end),
		cmocka_unit_test(test_digests_stay),
	};
	char *scratch = scratch_enter();
	int failed;

	failed = cmocka_run_group_tests_name("checksums", tests, NULL, NULL);
	scratch_leave(scratch);
	return failed;
}
