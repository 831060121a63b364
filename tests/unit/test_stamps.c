/* test_stamps.c: which stamps change with a setting, a file or a tool; what is said about it; and
 * what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "backend/be.h"
#include "case.h"
#include "child.h"
#include "plan/stamps.h"
#include "planned.h"

static char *top;

/* The names of the changed stamps, each followed by a blank. *why: the reasons. */
static char *changed(const char *const *overrides, bool write, char **why)
{
	struct plan p = planned(top, overrides);
	struct changes changes = {0};
	struct text names = {0};
	char *result;

	stamps_compare(&p, write, &changes);
	for (int i = 0; i < changes.n; i++)
		text_add(&names, "%s ", changes.stamp[i]);
	result = xstrdup(text_get(&names));
	if (why)
		*why = xstrdup(text_get(&changes.why));
	text_release(&names);
	changes_release(&changes);
	planned_close(&p);
	return result;
}

static void expect(const char *const *overrides, const char *names, const char *why)
{
	char *said, *found = changed(overrides, false, &said);

	assert_string_equal(found, names);
	assert_string_equal(said, why);
	free(found);
	free(said);
}

static const char *const as_shipped[] = {NULL};

/* Each test starts with the stamps of the present state. */
static int fresh(void **state)
{
	(void)state;
	remove_tree("work");
	free(changed(as_shipped, true, NULL));
	return 0;
}

#define ALL                                                                              \
	"extract tokens grams modules-enc-self modules-encoder-output modules-dec-self " \
	"modules-dec-cross solve combine search assemble mats converge eval model "      \
	"draw-emoint adapter-emoint test-emoint draw-tec adapter-tec test-tec "

static void test_first(void **state)
{
	char *found;
	(void)state;
	remove_tree("work");
	expect(as_shipped, ALL, ""); /* nothing to compare with: no reason */
	assert_false(file_exists("work/stamps/solve"));
	found = changed(as_shipped, true, NULL);
	assert_string_equal(found, ALL);
	assert_true(file_exists("work/stamps/solve"));
	assert_true(file_exists("work/stamps/digests"));
	free(found);
	expect(as_shipped, "", "");
}

/* Another value changes the stamps of the stages that use it, and no others. */
static void test_settings(void **state)
{
	static const struct {
		const char *setting, *names, *why;
	} CASE[] = {
		{"ALPHA_1=3e-3", "solve ", "alpha_1 8e-05 -> 0.003"},
		{"SAMPLES_NUM=30", "draw-emoint draw-tec ", "samples_num 60 -> 30"},
		{"SEED=7", "eval draw-emoint draw-tec ", "seed 42 -> 7"},
		{"MAX_LENGTH=64", "eval draw-emoint draw-tec ", "max_length 100 -> 64"},
		{"USE_DCS=1", "grams ", "use_dcs 0 -> 1, config of grams, weights of grams"},
		{"TASK_TARGETS=tec", "solve combine ",
		 "task_targets emoint,tec -> tec, manual_ceof 1,1 -> 1"},
		{"METHOD=ties", "solve combine ", "method sweep -> ties"},
		{"MATS_HISTORY_SIZE=2", "mats ", "mats_history_size 3 -> 2"},
		{"CONVERGENCE_THRESHOLD=0.1", "converge ", "convergence_threshold 1e-05 -> 0.1"},
		{"MODEL_NAME=x", "assemble ", "model_name  -> x"},
		{"MAX_ITER=3", "", ""},
		{"MAX_MEMORY=1G", "", ""},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++)
		expect((const char *const[]){CASE[i].setting, NULL}, CASE[i].names, CASE[i].why);
}

static void append(const char *path, const char *text)
{
	FILE *f = fopen(path, "ab");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_files(void **state)
{
	static const struct {
		const char *path, *names, *why;
	} CASE[] = {
		{"data/tec/train.json", "draw-tec ", "train.json of draw-tec"},
		{"data/emoint/test.json", "test-emoint ", "test.json of test-emoint"},
		{"loras/tec/adapter_config.json", "adapter-tec ", "config of adapter-tec"},
		{"tools/draw-samples", "draw-emoint draw-tec ",
		 "draw-samples of draw-emoint, draw-samples of draw-tec"},
		{"tools/solve-layer", "solve mats ", "solve-layer of solve, solve-layer of mats"},
		{"tools/assemble-model", "model ", "assemble-model of model"},
		{"tools/report-eval", "", ""}, /* it is run every time */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		fresh(NULL);
		append(CASE[i].path, "\n");
		expect(as_shipped, CASE[i].names, CASE[i].why);
	}
}

/* Contents count, not times. */
static void test_touched(void **state)
{
	(void)state;
	assert_int_equal(
		utimensat(AT_FDCWD, "data/tec/train.json", (struct timespec[]){{9, 0}, {9, 0}}, 0),
		0);
	expect(as_shipped, "", "");
}

/* An optional file counts when it appears and when it disappears. */
static void test_optional(void **state)
{
	static const char *const drawn[] = {"SAMPLES_NUM=3", "INNER_NUM=3", NULL};
	(void)state;
	assert_int_equal(rename("data/tec/test.json", "data/tec/away"), 0);
	expect(as_shipped, "", "");
	assert_int_equal(rename("data/tec/away", "data/tec/test.json"), 0);
	free(changed(drawn, true, NULL));
	write_text("data/tec/samples.json", "[0, 1, 2]");
	expect(drawn, "draw-tec ", "samples of draw-tec");
	assert_int_equal(remove("data/tec/samples.json"), 0);
	expect(drawn, "", "");
}

/* With DCS a task's Grams depend on the other tasks' adapters too. Of the lines that begin with the
 * same word, one per task, only the changed one is a reason. */
static void test_dcs(void **state)
{
	static const char *const dcs[] = {"USE_DCS=1", NULL};
	(void)state;
	free(changed(dcs, true, NULL));
	append("loras/tec/adapter_config.json", " ");
	expect(dcs, "grams adapter-tec ", "config of grams, config of adapter-tec");
}

/* Only stamps that differ are written; an equal text keeps its file. */
static void test_kept(void **state)
{
	struct stat before, after;
	(void)state;
	assert_int_equal(stat("work/stamps/eval", &before), 0);
	free(changed((const char *const[]){"ALPHA_1=3e-3", NULL}, true, NULL));
	assert_int_equal(stat("work/stamps/eval", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	expect((const char *const[]){"ALPHA_1=3e-3", NULL}, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test_setup(test_settings, fresh),
		cmocka_unit_test(test_files),
		cmocka_unit_test_setup(test_touched, fresh),
		cmocka_unit_test_setup(test_optional, fresh),
		cmocka_unit_test_setup(test_dcs, fresh),
		cmocka_unit_test_setup(test_kept, fresh),
	};
	char *scratch;
	int failed;

	prog_name = "test_stamps";
	note_quiet = 1;
	top = realpath(".", NULL);
	scratch = scratch_enter();
	planned_files(top);
	failed = cmocka_run_group_tests_name("stamps", tests, NULL, NULL);
	scratch_leave(scratch);
	free(top);
	return failed;
}
