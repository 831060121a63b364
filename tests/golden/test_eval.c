/* test_eval.c: `make merge eval` against float64 PyTorch on every test row of the demo: the base,
 * each adapter on every task, and the average.
 *
 * Greedy texts must be equal, except for rows that the golden file lists as ties: their two largest
 * logits are closer than 1e-4, and float32 may order them either way. So accuracies differ at most
 * by the ties. Losses differ at most by a relative 1e-5 (float32 logits, 1e-6).
 *
 * EMOTION_DIR (optional): the real case with sweep, against the figures in its README (four
 * digits).
 *
 * Other scores: golden/demo/scores.json by oracle/scores.py, for the first rows of each task, with
 * the default templates and with a prompt that is shortened. */
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

/* The folder of a model's results: base, adapters/A, merged. */
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

/* ------------------------------------------------------------ scores */

/* Writes the first n rows of a task's test file to FOLDER/TASK.rows.json (allocated). */
static char *first_rows(const char *folder, const char *task, size_t n)
{
	char *from = xformat(DEMO "/data/%s/test.json", task),
	     *to = xformat("%s/%s.rows.json", folder, task);
	json_t *rows = golden_json(from), *some = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append(some, json_array_get(rows, i));
	assert_int_equal(json_dump_file(some, to, 0), 0);
	json_decref(some);
	json_decref(rows);
	free(from);
	return to;
}

/* Runs eval-emotion for a model on a task; results go to FOLDER/TASK.json and .jsonl. */
static void run_scores(const char *folder, const char *model, const char *task, json_t *s,
		       const char *rows)
{
	const char *build = getenv("BUILD");
	char *adapter =
		strcmp(model, "base") ? xformat("--adapter " DEMO "/loras/%s", task) : xstrdup("");
	char *command = xformat(
		"exec '%s/eval-emotion' -q --model " DEMO "/model %s --task %s --test '%s' "
		"--score likelihood,exact --prompt '%s' --answer '%s' --max-length %d "
		"--max-new-tokens %d -o '%s/%s.json' --predictions '%s/%s.jsonl' 2>'%s/said'",
		build && *build ? build : "build", adapter, task, rows,
		json_string_value(golden_get(s, "prompt")),
		json_string_value(golden_get(s, "answer")), (int)golden_number(s, "max_length"),
		(int)golden_number(s, "max_new_tokens"), folder, task, folder, task, folder);

	assert_int_equal(system(command), 0);
	free(command);
	free(adapter);
}

static void check_choice(json_t *line, const char *key, json_t *answers, char want, int row)
{
	const char *ours = json_string_value(golden_get(line, key));
	const char *theirs =
		json_string_value(json_array_get(answers, (size_t)(unsigned char)want - '0'));

	assert_non_null(theirs);
	if (strcmp(ours, theirs))
		fail_msg("row %d: %s '%s', PyTorch says '%s'", row, key, ours, theirs);
}

/* Every row's choices, except ties. Returns how many rows were compared. */
static int check_rows(const char *path, json_t *want, json_t *answers)
{
	const char *likeliest = json_string_value(golden_get(want, "likelihood")),
		   *per_byte = json_string_value(golden_get(want, "per_byte")),
		   *exact = json_string_value(golden_get(want, "exact"));
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int row = 0;

	assert_non_null(f);
	for (; getline(&line, &room, f) > 0; row++) {
		json_t *j = json_loads(line, 0, NULL);

		if (!is_tie(golden_get(want, "ties"), row)) {
			check_choice(j, "likeliest", answers, likeliest[row], row);
			check_choice(j, "likeliest_per_byte", answers, per_byte[row], row);
			assert_int_equal(json_is_true(golden_get(j, "exact")), exact[row] == '1');
		}
		json_decref(j);
	}
	assert_int_equal(row, strlen(likeliest));
	free(line);
	fclose(f);
	return row;
}

static double share(const char *digits)
{
	int ones = 0;

	for (const char *d = digits; *d; d++)
		ones += *d == '1';
	return (double)ones / (double)strlen(digits);
}

static void check_scores(const char *folder, const char *model, const char *task, json_t *s,
			 json_t *want)
{
	json_t *answers = golden_get(golden_get(s, "answers"), task), *j;
	size_t n = strlen(json_string_value(golden_get(want, "likelihood")));
	char *rows = first_rows(folder, task, n), *path = xformat("%s/%s.json", folder, task),
	     *lines = xformat("%s/%s.jsonl", folder, task);
	double loss = golden_number(want, "loss"), exact;

	run_scores(folder, model, task, s, rows);
	check_rows(lines, want, answers);
	j = golden_json(path);
	if (!(fabs(golden_number(j, "loss") - loss) <= LOSS_TOLERANCE * loss))
		fail_msg("%s on %s: loss %.8f, PyTorch %.8f", model, task, golden_number(j, "loss"),
			 loss);
	exact = golden_number(golden_get(j, "exact"), "accuracy");
	assert_true(fabs(exact - share(json_string_value(golden_get(want, "exact")))) <=
		    (double)json_array_size(golden_get(want, "ties")) / (double)n + 1e-12);
	assert_true(golden_number(j, "loss_stderr") > 0);
	json_decref(j);
	free(rows);
	free(path);
	free(lines);
}

static void test_scores(void **state)
{
	const char *model, *task;
	json_t *all, *s, *tasks, *want;
	char *folder = golden_folder();
	size_t i;
	int count = 0;

	(void)state;
	all = golden_json(GOLDEN "/demo/scores.json");
	json_array_foreach (all, i, s)
		json_object_foreach (golden_get(s, "models"), model, tasks)
			json_object_foreach (tasks, task, want) {
				check_scores(folder, model, task, s, want);
				count++;
			}
	assert_int_equal(count, 16);
	golden_drop(folder);
	json_decref(all);
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
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_emotion),
	};

	prog_name = "test_eval";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
