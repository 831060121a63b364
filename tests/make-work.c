/* make-work.c: a WORK folder as a merge and its evaluation leave it, of any number of sites, with
 * made-up figures: what the page of a large merge is tested with. With --hostile, labels and
 * answers hold markup, controls, marks of direction and long words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/rng.h"
#include "base/text.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "forward/solution.h"

static const char *folder, *tasks_arg;
static int sites = 241, rows = 500;
static bool hostile;

static const struct opt options[] = {
	{"output", 'o', OPT_STRING, &folder, true, 0, 0, "DIR",
	 "WORK folder; DIR/eval is the reference"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "tasks"},
	{"sites", 0, OPT_INT, &sites, false, 1, 1e4, "N", "sites of a Llama"},
	{"rows", 0, OPT_INT, &rows, false, 1, 1e6, "N", "test rows of a task"},
	{"hostile", 0, OPT_FLAG, &hostile, false, 0, 0, NULL, "texts that a page must stand"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "make-work", .summary = "write a WORK folder of made-up figures", .opts = options};

enum { LABELS = 8 };
static const char *const plain[LABELS] = {"anger", "fear",  "joy",      "sadness",
					  "guilt", "shame", "surprise", "disgust"};
static const char *const strange[LABELS] = {
	"<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>",
	"\xe2\x80\xae"
	"evil\xe2\x81\xa9\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
	"\x07\x1b[31m\t\x7f\xc2\x85",
	"</td></table></svg></style>-->]]>",
	"@0@ @1@ &lt; &#60; ${x} %s %n",
	"' onmouseover='alert(1)",
	NULL, /* a long word */
};

static struct strlist tasks;
static struct rng rng;

static const char *label(int i)
{
	static char word[3001];

	if (!hostile)
		return plain[i];
	memset(word, 'W', sizeof(word) - 1);
	return strange[i] ? strange[i] : word;
}

/* ------------------------------------------------------------ the solutions */

static void write_module(struct h5 *f, int layer, const char *linear)
{
	char *group = xformat("/modules/model.layers.%d.%s", layer, linear);
	double one = 1, *figure = xarray((size_t)tasks.n, sizeof(*figure));
	float B = 1;
	int task_of = 0;

	h5_group(f, group);
	solution_sizes(f, group, 1, 1, 1);
	solution_double(f, group, "A", 1, 1, &one);
	solution_float(f, group, "B", 1, 1, &B);
	solution_int(f, group, "task_of", 1, &task_of);
	h5_set_double(f, group, "relative_residual", rng_uniform(&rng));
	h5_set_double(f, group, "condition", pow(10, 2 + 2 * rng_uniform(&rng)));
	for (int t = 0; t < tasks.n; t++)
		figure[t] = t ? rng_uniform(&rng) : (double)NAN;
	solution_double(f, group, "task_residual", (size_t)tasks.n, 0, figure);
	for (int t = 0; t < tasks.n; t++)
		figure[t] = 1.0 / tasks.n;
	solution_double(f, group, "task_share", (size_t)tasks.n, 0, figure);
	free(figure);
	free(group);
}

static void write_solution(int i)
{
	static const char *const site[] = {"self", "out", "ffn", "down"};
	static const char *const linear[][4] = {
		{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", NULL},
		{"self_attn.o_proj", NULL},
		{"mlp.gate_proj", "mlp.up_proj", NULL},
		{"mlp.down_proj", NULL}};
	char *name = xformat("layer%02d-%s", i / 4, site[i % 4]),
	     *path = xformat("%s/solution/%s.h5", folder, name);
	struct solution_of of = {name, "sweep", tasks_arg, 1, tasks.n};
	struct h5 *f = solution_create(path);

	for (int k = 0; linear[i % 4][k]; k++)
		write_module(f, i / 4, linear[i % 4][k]);
	solution_attributes(f, &of, 1);
	h5_commit(f);
	free(path);
	free(name);
}

/* ------------------------------------------------------------ the evaluation */

static json_t *answer_line(int row, int truth, int answered)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:b, s:f}", "row", row, "label", label(truth),
			 "prediction", label(answered), "text", label(answered), "correct",
			 truth == answered, "logit_gap", 1.0);
}

static json_t *confusion_list(const int *count)
{
	json_t *list = json_array();

	for (int i = 0; i < LABELS; i++) {
		json_t *row = json_array();

		for (int k = 0; k <= LABELS; k++)
			json_array_append_new(row, json_integer(count[i * (LABELS + 1) + k]));
		json_array_append_new(list, row);
	}
	return list;
}

static void write_result(const char *path, const char *task, const int *count, double accuracy)
{
	json_t *labels = json_array(), *j;
	char *text;

	for (int i = 0; i < LABELS; i++)
		json_array_append_new(labels, json_string(label(i)));
	j = json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:i, s:[]}", "task", task, "n",
		      rows, "accuracy", accuracy, "accuracy_stderr",
		      sqrt(accuracy * (1 - accuracy) / rows), "macro_f1", accuracy,
		      "macro_f1_stderr", 0.01, "loss", 1.5, "labels", labels, "confusion",
		      confusion_list(count), "no_label", 0, "shared_labels");
	if (!j || !(text = json_dumps(j, JSON_INDENT(1))))
		die("task '%s': no valid UTF-8", task);
	out_write_text(path, text);
	free(text);
	json_decref(j);
}

/* DIR/TASK.json and PREDICTIONS/TASK.jsonl of a model that answers so many rows right. */
static void write_model(const char *dir, const char *predictions, const char *task, double right)
{
	char *result = xformat("%s/%s.json", dir, task),
	     *lines = xformat("%s/%s.jsonl", predictions, task);
	int count[LABELS * (LABELS + 1)] = {0}, correct = 0;
	struct text s = {0};

	for (int i = 0; i < rows; i++) {
		int truth = i % LABELS,
		    answered = rng_uniform(&rng) < right ? truth : i / 3 % LABELS;
		json_t *j = answer_line(i, truth, answered);
		char *line = json_dumps(j, JSON_COMPACT);

		text_add(&s, "%s\n", line);
		correct += truth == answered;
		count[truth * (LABELS + 1) + answered]++;
		free(line);
		json_decref(j);
	}
	out_write_text(lines, text_get(&s));
	write_result(result, task, count, (double)correct / rows);
	text_release(&s);
	free(result);
	free(lines);
}

static void write_task(const char *task)
{
	char *merged = xformat("%s/eval", folder), *predictions = xformat("%s/predictions", folder),
	     *base = xformat("%s/eval/base", folder),
	     *own = xformat("%s/eval/adapters/%s", folder, task);

	write_model(merged, predictions, task, 0.8);
	write_model(base, base, task, 0.3);
	write_model(own, own, task, 0.95);
	free(merged);
	free(predictions);
	free(base);
	free(own);
}

/* ------------------------------------------------------------ the log, the adapter, a stamp */

static void write_log(void)
{
	static const char *const stage[] = {"extract-acts", "compute-grams", "solve-layer",
					    "release-files"};
	char *path = xformat("%s/log.tsv", folder);
	struct text s = {0};
	double at = 1.8e9;

	for (int i = 0; i < 4 * sites; i++) {
		double real = 0.2 + rng_uniform(&rng);

		text_add(&s, "%s\tsite %d\t%.3f\t%.3f\t%.1f\t%.3f\n", stage[i % 4], i / 4, real,
			 real, 50 + 200 * rng_uniform(&rng), at);
		at += real;
	}
	out_write_text(path, text_get(&s));
	text_release(&s);
	free(path);
}

static void write_small_files(void)
{
	char *config = xformat("%s/adapter/adapter_config.json", folder),
	     *stamp = xformat("%s/stamps/solve", folder);

	out_write_text(config, "{\"r\": 32, \"task_type\": \"CAUSAL_LM\", "
			       "\"base_model_name_or_path\": \"a/<base> \\\"model\\\"\"}");
	out_write_text(stamp,
		       "solve-layer 0123456789abcdef\nalpha_2 8e-05\nprompt <b>{instruction}\n");
	free(config);
	free(stamp);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	tasks = strlist_split(tasks_arg, "--tasks");
	rng_seed(&rng, 7);
	for (int i = 0; i < sites; i++)
		write_solution(i);
	for (int t = 0; t < tasks.n; t++)
		write_task(tasks.item[t]);
	write_log();
	write_small_files();
	strlist_release(&tasks);
	return 0;
}
