/* split-rows: holds out rows of a task's training file, for a choice of settings that never sees
 * the test set. OUT/TASK/test.json gets the held-out rows, OUT/TASK/train.json all others, both in
 * the file's order. So whatever is drawn from the one is not in the other.
 *
 * The held-out rows are drawn at random. Rows that samples.json lists stay in train.json, and
 * OUT/TASK/samples.json lists them by their new numbers. A file that has these bytes already is not
 * written: what was made from it stays up to date. */
#include <jansson.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/rng.h"
#include "config/keys.h"
#include "files/exists.h"
#include "files/out.h"
#include "files/start.h"
#include "merge/rowfile.h"
#include "merge/rows.h"

static const char *tasks_arg, *data, *output;
static int held = 200;
static long seed;

static const struct opt options[] = {
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "T[,T…]", "the tasks"},
	{"data", 0, OPT_STRING, &data, true, 0, 0, "DIR", "folder of TASK/train.json, or .csv, …"},
	{"held", 0, OPT_INT, &held, false, 1, 1000000, "N",
	 "rows to hold out of a task, or half of those that may be, if that is fewer"},
	KEY_OPTION_AS(seed, seed, "of the draw"),
	{"output", 'o', OPT_STRING, &output, true, 0, 0, "DIR", "folder of the parts"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "split-rows",
	.summary = "hold out rows of training files",
	.opts = options,
	.example = "split-rows --tasks tec,isear --data data --held 20 -o mine/parts",
};

struct split {
	char *path, *listed; /* of train, and of samples.json where there is one */
	json_t *rows;
	int n;
	bool *out;   /* (n) held out */
	int samples; /* rows that samples.json lists */
	int *sample; /* (samples) */
};

static void read_rows(struct split *s)
{
	struct rowfile *f = rowfile_open(s->path);
	json_t *row;

	s->rows = json_array();
	while ((row = rowfile_next(f)))
		json_array_append_new(s->rows, json_deep_copy(row));
	rowfile_close(f);
	s->n = (int)json_array_size(s->rows);
}

static void read_samples(struct split *s)
{
	if (!file_exists(s->listed))
		return;
	s->samples = rows_count_numbers(s->listed);
	s->sample = xarray((size_t)s->samples, sizeof(*s->sample));
	rows_read_numbers(s->listed, s->n, s->samples, s->sample);
}

/* Marks the rows that are held out, of those that samples.json does not list. Returns how many. */
static int choose(struct split *s, const char *task)
{
	bool *kept = xcalloc((size_t)s->n, sizeof(*kept));
	int *free_row = xarray((size_t)s->n, sizeof(*free_row)), n = 0, most;
	struct rng rng;

	for (int i = 0; i < s->samples; i++)
		kept[s->sample[i]] = true;
	for (int i = 0; i < s->n; i++)
		if (!kept[i])
			free_row[n++] = i;
	most = s->samples ? n : n / 2;
	most = most < held ? most : held;
	if (!most)
		die("'%s': %d row%s of task '%s' may be held out: expected at least %d", s->path, n,
		    n == 1 ? "" : "s", task, s->samples ? 1 : 2);
	rng_seed(&rng, (uint64_t)seed);
	rng_shuffle(&rng, free_row, n);
	s->out = xcalloc((size_t)s->n, sizeof(*s->out));
	for (int i = 0; i < most; i++)
		s->out[free_row[i]] = true;
	free(free_row);
	free(kept);
	return most;
}

static void write_part(const char *task, const char *file, json_t *list)
{
	char *path = xformat("%s/%s/%s", output, task, file),
	     *text = json_dumps(list, JSON_INDENT(1)), *line = xformat("%s\n", text);

	make_parent_folder(path);
	out_update_text(path, line);
	free(line);
	free(text);
	free(path);
	json_decref(list);
}

static json_t *part(const struct split *s, bool out)
{
	json_t *list = json_array();

	for (int i = 0; i < s->n; i++)
		if (s->out[i] == out)
			json_array_append(list, json_array_get(s->rows, (size_t)i));
	return list;
}

/* The samples by their numbers among the rows that stay. */
static json_t *renumbered(const struct split *s)
{
	json_t *list = json_array();

	for (int i = 0; i < s->samples; i++) {
		int before = 0;

		for (int k = 0; k < s->sample[i]; k++)
			before += s->out[k];
		json_array_append_new(list, json_integer(s->sample[i] - before));
	}
	return list;
}

static int split_task(const char *task)
{
	char *stem = xformat("%s/%s/train", data, task);
	struct split s = {.path = rowfile_find(stem),
			  .listed = xformat("%s/%s/samples.json", data, task)};
	int n;

	read_rows(&s);
	read_samples(&s);
	n = choose(&s, task);
	write_part(task, "test.json", part(&s, true));
	write_part(task, "train.json", part(&s, false));
	if (s.samples)
		write_part(task, "samples.json", renumbered(&s));
	json_decref(s.rows);
	free(s.sample);
	free(s.out);
	free(s.listed);
	free(s.path);
	free(stem);
	return n;
}

int main(int argc, char **argv)
{
	struct strlist tasks;
	int n = 0;

	tool_start(&tool, argc, argv);
	tasks = strlist_split(tasks_arg, "--tasks");
	for (int t = 0; t < tasks.n; t++)
		n += split_task(tasks.item[t]);
	tool_done("%d task%s, %d rows held out", tasks.n, tasks.n == 1 ? "" : "s", n);
	strlist_release(&tasks);
	return 0;
}
