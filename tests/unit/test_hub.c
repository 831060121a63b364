/* test_hub.c: names of models on the hub, and their places in the hub's cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/die.h"
#include "case.h"
#include "child.h"
#include "files/out.h"
#include "plan/hub.h"

static void test_names(void **state)
{
	static const struct {
		const char *path;
		bool name;
	} CASE[] = {
		{"google/flan-t5-large", true},
		{"a/b", true},
		{"owner/x.y_z-1", true},
		{"flan-t5-large", false},
		{"/google/t5", false},
		{"./model", false},
		{"../model", false},
		{"google/.t5", false},
		{"google/", false},
		{"a/b/c", false},
		{"a b/c", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++)
		if (hub_looks_like(CASE[i].path) != CASE[i].name)
			fail_msg("'%s': %d", CASE[i].path, !CASE[i].name);
}

/* Writes FOLDER/NAME with this text. */
static void make(const char *folder, const char *name, const char *text)
{
	char *path = xformat("%s/%s", folder, name);

	make_parent_folder(path);
	write_text(path, text);
	free(path);
}

static void expect(const char *id, const char *want)
{
	char *found = hub_cached(id);

	if (want)
		assert_string_equal(found, want);
	else
		assert_null(found);
	free(found);
}

/* The main branch's snapshot, whatever others exist. */
static void test_main_branch(void **state)
{
	(void)state;
	setenv("HF_HUB_CACHE", "hub", 1);
	make("hub/models--o--m/snapshots", "1/config.json", "{}");
	make("hub/models--o--m/snapshots", "2/config.json", "{}");
	make("hub/models--o--m/refs", "main", "1\n");
	expect("o/m", "hub/models--o--m/snapshots/1");
	make("hub/models--o--m/refs", "main", "9\n"); /* not fetched */
	expect("o/m", "hub/models--o--m/snapshots/2");
	make("hub/models--o--m/refs", "main", "\n");
	expect("o/m", "hub/models--o--m/snapshots/2");
	expect("o/other", NULL);
}

/* A snapshot counts if it has a config.json; a model may have no owner. */
static void test_snapshots(void **state)
{
	(void)state;
	setenv("HF_HUB_CACHE", "hub", 1);
	make("hub/models--t5-small/snapshots", "a/config.json", "{}");
	make("hub/models--t5-small/snapshots", "b/model.safetensors", "");
	make("hub/models--t5-small/snapshots", ".c/config.json", "{}");
	expect("t5-small", "hub/models--t5-small/snapshots/a");
	make("hub/models--empty/refs", "main", "1\n");
	expect("empty", NULL);
}

/* Where the cache is: the first variable that is set and not empty. */
static void test_places(void **state)
{
	static const struct {
		const char *variable, *cache;
	} PLACE[] = {
		{"HOME", "home/.cache/huggingface/hub"},
		{"XDG_CACHE_HOME", "home/huggingface/hub"},
		{"HF_HOME", "home/hub"},
		{"HUGGINGFACE_HUB_CACHE", "home"},
		{"HF_HUB_CACHE", "home"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(PLACE); i++)
		unsetenv(PLACE[i].variable);
	expect("p", NULL);
	for (size_t i = 0; i < COUNT(PLACE); i++) {
		char *want = xformat("%s/models--p/snapshots/1", PLACE[i].cache);

		remove_tree("home");
		make(want, "config.json", "{}");
		expect("p", i && strcmp(PLACE[i].cache, PLACE[i - 1].cache) == 0 ? want : NULL);
		setenv(PLACE[i].variable, "", 1);
		if (i == 0)
			expect("p", NULL);
		setenv(PLACE[i].variable, "home", 1);
		expect("p", want);
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_main_branch),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_places),
	};
	char *scratch = scratch_enter();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	scratch_leave(scratch);
	return failed;
}
