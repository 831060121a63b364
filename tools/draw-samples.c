/* draw-samples: chooses a task's calibration samples and tokenises them (samples/T.h5).
 *
 * It uses the rows that --rows lists, in that order, or draws by the published rules
 * (lib/math/draw.h). Only --rows can repeat a draw that was made elsewhere: the rules are the same,
 * but the random generator is ours. The text of a row and its answer come from the templates
 * --prompt and --answer, or from the row's own token ids (lib/merge/example.h). */
#include <limits.h>
#include <stdlib.h>

#include "base/die.h"
#include "config/keys.h"
#include "files/start.h"
#include "merge/calibration_draw.h"
#include "model/geometry.h"

static const char *model_dir, *train, *tasks, *rows_file, *output;
static struct row_options row_options;
static int samples_num, max_length;
static bool select_long, if_balance, shuffle;
static long seed;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR",
	 "model folder: config.json and spiece.model"},
	{"train", 0, OPT_STRING, &train, true, 0, 0, "FILE",
	 "training rows {instruction, output, …}: .json, .jsonl, .csv or .tsv"},
	{"task", 0, OPT_STRING, &tasks, true, 0, 0, "T[,T]",
	 "task or tasks; {task} in a path stands for each"},
	{"rows", 0, OPT_STRING, &rows_file, false, 0, 0, "FILE",
	 "JSON list of row numbers: take these, draw nothing"},
	KEY_OPTION(samples_num, samples_num),
	KEY_OPTION(max_length, max_length),
	KEY_OPTION(prompt, row_options.prompt),
	KEY_OPTION(answer, row_options.answer),
	KEY_OPTION(label_key, row_options.label_key),
	KEY_OPTION(label_names, row_options.label_names),
	KEY_OPTION(select_long, select_long),
	KEY_OPTION(if_balance, if_balance),
	KEY_OPTION(shuffle, shuffle),
	KEY_OPTION_AS(seed, seed, "seed of the draw"),
	{"output", 'o', OPT_STRING, &output, true, 0, 0, "FILE", "samples file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "draw-samples",
	.summary = "choose and tokenise the calibration samples of a task",
	.details = "--train, --rows and -o may hold {task}, and must when several tasks are given.",
	.opts = options,
	.example = "draw-samples --model model --task tec,isear --train 'data/{task}/train.json' "
		   "--samples-num 60 "
		   "-o 'mine/samples/{task}.h5'",
};

static void draw_task(const char *task, int ntasks, struct example_maker *e)
{
	char *train_path = path_for_task(train, task, ntasks, "--train"),
	     *output_path = path_for_task(output, task, ntasks, "-o"),
	     *rows_path = rows_file ? path_for_task(rows_file, task, ntasks, "--rows") : NULL;
	const struct calibration_draw d = {
		{samples_num, select_long, if_balance, shuffle, (uint64_t)seed},
		train_path,
		rows_path};
	struct samples s;

	calibration_draw(&s, &d, e);
	s.task = xstrdup(task);
	samples_write(&s, output_path);
	samples_release(&s);
	free(rows_path);
	free(output_path);
	free(train_path);
}

static void run(void)
{
	if (samples_num > INT_MAX / max_length)
		die_usage("--samples-num %d times --max-length %d is more than %d tokens",
			  samples_num, max_length, INT_MAX);
	struct strlist list = strlist_split(tasks, "--task");
	struct geometry m = geometry_load(model_dir);
	struct row_templates templates;
	struct example_maker e = {model_dir, &m, &templates, max_length, NULL};

	row_templates_init(&templates, &row_options);
	for (int i = 0; i < list.n; i++)
		draw_task(list.item[i], list.n, &e);
	tool_done("%d task%s, %d samples each", list.n, list.n == 1 ? "" : "s", samples_num);
	tokenizer_close(e.tokenizer);
	row_templates_release(&templates);
	strlist_release(&list);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	run();
	return 0;
}
