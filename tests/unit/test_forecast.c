/* test_forecast.c: what `make plan` says about memory and disk: the stages that a method has, each
 * with its figure. Two tasks of the demo, rank 8 at q and v, and a decoder-only model. Small arrays
 * add 1 to 30 MB to the libraries and open files, which take 44 MB at a site. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/opts.h"
#include "case.h"
#include "child.h"
#include "plan/forecast.h"
#include "planned.h"

static char *top;

#define ROWS "memory  extract-acts 42 MB (encoder) and 44 MB (decoder), "
#define GRAMS "compute-grams 55 MB, "
#define SKETCHED "compute-grams 56 MB, " /* with the vectors of math/sketch.h */
#define PEAK ": the planned peak of one process\n        "
#define GROUPS " (in smaller groups of texts under MAX_MEMORY)\n"

static void print_forecast(void *arg)
{
	struct plan p = planned(top, arg);

	p.processes = 1000; /* of one thread */
	forecast_memory(&p);
	p.processes = 1;
	forecast_disk(&p, &(struct changes){0});
	fflush(stdout);
}

static void test_methods(void **state)
{
	static const struct {
		const char *overrides[4];
		const char *said;
	} CASE[] = {
		{{"METHOD=sweep"},
		 ROWS SKETCHED
		 "solve-layer 45 MB" PEAK "generate-tokens 83 MB, eval-emotion 145 MB" GROUPS
		 "disk    at most 19 MB at once (21 MB with KEEP_ACTS=own, 30 MB with "
		 "KEEP_ACTS=1)\n"},
		{{"METHOD=sweep", "ANSWERS=given"},
		 ROWS SKETCHED
		 "solve-layer 45 MB" PEAK "eval-emotion 145 MB" GROUPS
		 "disk    at most 19 MB at once (21 MB with KEEP_ACTS=own, 30 MB with "
		 "KEEP_ACTS=1)\n"},
		/* C is stored beside H, the change has five matrices, and sites are added. */
		{{"METHOD=sweep", "DRIFT=1", "CORRECT=o,wo"},
		 "memory  extract-acts 42 MB (encoder) and 44 MB (decoder), compute-grams 57 MB, "
		 "solve-layer 47 MB" PEAK "generate-tokens 83 MB, eval-emotion 145 MB" GROUPS
		 "disk    at most 31 MB at once (45 MB with KEEP_ACTS=own, 80 MB with "
		 "KEEP_ACTS=1)\n"},
		{{"METHOD=regmean", "SEQUENTIAL_LAYER_PROCESSING=0"},
		 ROWS GRAMS "solve-layer 45 MB" PEAK "generate-tokens 83 MB, eval-emotion 145 "
			    "MB" GROUPS "disk    at most 16 MB\n"},
		{{"METHOD=jacobi", "SEQUENTIAL_LAYER_PROCESSING=0"},
		 ROWS SKETCHED "solve-layer 45 MB" PEAK
			       "generate-tokens 83 MB, eval-emotion 145 MB" GROUPS
			       "disk    at most 66 MB for each iteration\n"},
		{{"METHOD=jacobi", "WITH_PRETRAIN_MATRIX=1"},
		 ROWS GRAMS
		 "solve-full-weight 62 MB" PEAK "generate-tokens 83 MB, eval-emotion 145 MB" GROUPS
		 "disk    at most 50 MB at once (with KEEP_ACTS=1 up to 20 MB more for each "
		 "iteration), and 2 MB of whole weights for each iteration\n"},
		{{"METHOD=average"}, "memory  solve-layer 45 MB" PEAK "eval-emotion 145 MB" GROUPS},
		{{"METHOD=task-arithmetic"},
		 "memory  solve-layer 45 MB" PEAK
		 "search-scale 145 MB, eval-emotion 145 MB" GROUPS},
		{{"METHOD=ties"},
		 "memory  combine-layer 45 MB" PEAK
		 "search-scale 145 MB, eval-emotion 145 MB" GROUPS},
		{{"METHOD=dare", "SCALE=0.5", "MERGE_RANK=4"},
		 "memory  combine-layer 45 MB" PEAK "eval-emotion 145 MB" GROUPS},
		/* Batches of one text each; a text has more rows than another batch. */
		{{"METHOD=sweep", "MAX_LENGTH=1000", "INNER_NUM=1"},
		 "memory  extract-acts 45 MB (encoder) and 49 MB (decoder), compute-grams 56 MB, "
		 "solve-layer 45 MB" PEAK "generate-tokens 84 MB, eval-emotion 146 MB" GROUPS
		 "disk    at most 19 MB at once (21 MB with KEEP_ACTS=own, 30 MB with "
		 "KEEP_ACTS=1)\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASE); i++) {
		struct child c = child_run(print_forecast, (void *)(uintptr_t)CASE[i].overrides);

		assert_int_equal(c.code, CHILD_RETURNED);
		assert_string_equal(c.out, CASE[i].said);
	}
}

/* A single stack: one kind of extract-acts, and groups of keys and values. */
static void print_decoder_only(void *arg)
{
	static const struct config_word no_words[] = {{0}};
	char *file = xformat("%s/config/iteris-plus.yaml", top);
	struct plan p = {.base = xformat("%s/tests/golden/families/llama", top),
			 .loras = xformat("%s/tests/golden/merges/llama/loras", top),
			 .data = xformat("%s/tests/golden/merges/llama/data", top),
			 .work = "work",
			 .processes = 1000};

	(void)arg;
	config_load(&p.c, file, "EMOTION_t5_large");
	config_override(&p.c, "TASK_TARGETS=all,few", no_words);
	config_check(&p.c);
	plan_open(&p);
	forecast_memory(&p);
	fflush(stdout);
}

static void test_decoder_only(void **state)
{
	struct child c = child_run(print_decoder_only, NULL);

	(void)state;
	assert_int_equal(c.code, CHILD_RETURNED);
	assert_string_equal(c.out,
			    "memory  extract-acts 41 MB, compute-grams 54 MB, solve-layer "
			    "45 MB" PEAK "generate-tokens 241 MB, eval-emotion 239 MB" GROUPS);
}

/* ------------------------------------------------------------ a device */

static size_t whole_bytes(size_t bytes)
{
	return bytes;
}

static size_t weight_bytes(int n, int k, enum be_precision p)
{
	return (size_t)n * (size_t)k * (p == BE_BF16 ? 2 : sizeof(float));
}

/* This many MB for a linear, attention, a Gram and a solve. */
static size_t operations(const struct be_sizes *s)
{
	return (s->n ? 100u << 20 : 0) + (s->gram_m ? 200u << 20 : 0) +
	       (s->solve_d ? 300u << 20 : 0);
}

static void print_on_device(void *arg)
{
	struct backend device = *be;

	device.array_bytes = whole_bytes;
	device.weight_bytes = weight_bytes;
	device.work_bytes = operations;
	be = &device;
	print_forecast(arg);
}

/* One more line: the stages that compute on the device. */
static void test_device(void **state)
{
	const char *fitted[] = {"METHOD=sweep", NULL}, *weights[] = {"METHOD=average", NULL};
	struct child c = child_run(print_on_device, fitted),
		     none = child_run(print_on_device, weights);

	(void)state;
	assert_non_null(strstr(c.out, "\ndevice  extract-acts 102 MB (encoder) and 103 MB "
				      "(decoder), compute-grams 302 MB, solve-layer 301 MB of the "
				      "device's memory\n"));
	assert_null(strstr(none.out, "device"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_decoder_only),
		cmocka_unit_test(test_device),
	};
	char *scratch;
	int failed;

	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	top = getcwd(NULL, 0);
	scratch = scratch_enter();
	planned_files(top);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_leave(scratch);
	free(top);
	return failed;
}
