/* test_eval.c: `make merge eval` against float64 PyTorch on every test row of the demo: base, each
 * adapter on every task, the average.
 *
 * Greedy texts must be equal but for rows that the golden file lists as ties (two largest logits
 * closer than 1e-4, which float32 may order either way). Accuracies then differ by no more than the
 * ties; losses by a relative 1e-5 (float32 logits, 1e-6). EMOTION_DIR (optional): the real case,
 * sweep, against the figures in its README (four digits). */
#include "golden.h"

#include <math.h>

#define LOSS_TOLERANCE 1e-5

static bool is_tie(json_t *ties, int row)
{
	for (size_t i = 0; i < json_array_size(ties); i++)
		if (json_integer_value(json_array_get(ties, i)) == row)
			return true;
	return false;
}

/* Where the results of a model are: base, adapters/A, merged. */
static char *result_path(const char *work, const char *model, const char *task)
{
	return strcmp(model, "merged") ? xformat("%s/eval/%s/%s.json", work, model, task)
				       : xformat("%s/eval/%s.json", work, task);
}

static char *predictions_path(const char *work, const char *model, const char *task)
{
	return strcmp(model, "merged") ? xformat("%s/eval/%s/%s.jsonl", work, model, task)
				       : xformat("%s/predictions/%s.jsonl", work, task);
}

static int check_texts(const char *path, json_t *want, json_t *texts)
{
	FILE *f = fopen(path, "r");
	json_t *text = golden_get(want, "text"), *ties = golden_get(want, "ties");
	char *line = NULL;
	size_t room = 0;
	int row = 0;

	assert_non_null(f);
	for (; getline(&line, &room, f) > 0; row++) {
		json_t *j = json_loads(line, 0, NULL);
		const char *ours = json_string_value(golden_get(j, "text"));
		const char *theirs = json_string_value(json_array_get(
			texts, (size_t)json_integer_value(json_array_get(text, (size_t)row))));

		assert_non_null(theirs);
		if (strcmp(ours, theirs) && !is_tie(ties, row))
			fail_msg("%s: row %d: '%s', PyTorch says '%s'", path, row, ours, theirs);
		json_decref(j);
	}
	assert_int_equal(row, json_array_size(text));
	free(line);
	fclose(f);
	return row;
}

static void check_result(const char *work, const char *model, const char *task, json_t *want,
			 json_t *texts)
{
	char *path = result_path(work, model, task), *lines = predictions_path(work, model, task);
	json_t *j = golden_json(path);
	int n = check_texts(lines, want, texts);
	double slack = (double)json_array_size(golden_get(want, "ties")) / n + 1e-8;
	double accuracy = golden_number(want, "accuracy"), loss = golden_number(want, "loss");

	if (!(fabs(golden_number(j, "accuracy") - accuracy) <= slack))
		fail_msg("%s: accuracy %.6f, PyTorch %.6f", path, golden_number(j, "accuracy"),
			 accuracy);
	if (!(fabs(golden_number(j, "loss") - loss) <= LOSS_TOLERANCE * loss))
		fail_msg("%s: loss %.8f, PyTorch %.8f", path, golden_number(j, "loss"), loss);
	assert_int_equal((int)golden_number(j, "n"), n);
	json_decref(j);
	free(path);
	free(lines);
}

static void test_demo(void **state)
{
	const char *model, *task;
	json_t *j, *tasks, *want;
	char *work;
	int count = 0;

	(void)state;
	golden_need(GOLDEN "/demo/eval.json");
	j = golden_json(GOLDEN "/demo/eval.json");
	work = golden_folder();
	golden_make("merge eval", DEMO, work, "METHOD=average MATRIX=1");
	json_object_foreach (golden_get(j, "models"), model, tasks)
		json_object_foreach (tasks, task, want) {
			check_result(work, model, task, want, golden_get(j, "texts"));
			count++;
		}
	assert_true(count > 0);
	print_message("# %d evaluations equal PyTorch's\n", count);
	golden_drop(work);
	json_decref(j);
}

static void test_emotion(void **state)
{
	static const char *const task[] = {"emoint", "emotion-cause", "tec", "isear"};
	static const double base[] = {.7565, .5419, .3545, .3256},
			    own[] = {.8438, .9758, .4645, .5966},
			    sweep[] = {.8213, .9339, .3835, .5129};
	const char *dir = golden_emotion();
	char *work;

	(void)state;
	if (!dir)
		skip();
	work = golden_folder();
	golden_make("merge eval", dir, work, "METHOD=sweep");
	for (int t = 0; t < 4; t++) {
		char *adapter = xformat("adapters/%s", task[t]);
		const char *model[] = {"base", adapter, "merged"};
		const double want[] = {base[t], own[t], sweep[t]};

		for (int k = 0; k < 3; k++) {
			char *path = result_path(work, model[k], task[t]);
			json_t *j = golden_json(path);

			if (!(fabs(golden_number(j, "accuracy") - want[k]) <= 5.1e-5))
				fail_msg("%s: accuracy %.6f, expected %.4f", path,
					 golden_number(j, "accuracy"), want[k]);
			json_decref(j);
			free(path);
		}
		free(adapter);
	}
	golden_drop(work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demo),
		cmocka_unit_test(test_emotion),
	};

	prog_name = "test_eval";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
