/* report-eval: one table of several models' evaluations: how much of each adapter the merge kept.
 *
 * Reads eval-emotion's results: REFERENCE/base/TASK.json, REFERENCE/adapters/ADAPTER/TASK.json, and
 * each merge's DIR/TASK.json. Of the adapters' results only those with ADAPTER = TASK are required.
 * `kept` is a model's accuracy relative to the individual one, that of the task's own adapter. It
 * is given per task and for the mean accuracies; "-" if the individual accuracy is 0. The file is
 * long (one line per model and task), the table on stdout is wide. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/out.h"
#include "files/start.h"
#include "merge/scores.h"

static const char *tasks_arg, *reference, *merged_arg, *output;

static const struct opt options[] = {
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "the tasks, in order"},
	{"reference", 0, OPT_STRING, &reference, true, 0, 0, "DIR",
	 "folder with base/ and adapters/"},
	{"merged", 0, OPT_STRING, &merged_arg, true, 0, 0, "LIST", "merges as NAME=DIR,NAME=DIR"},
	{"output", 'o', OPT_STRING, &output, false, 0, 0, "FILE", "long table (tab-separated)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "report-eval",
	.summary = "compare evaluations",
	.opts = options,
	.example = "report-eval --tasks tec,isear --reference work/eval --merged sweep=work/eval "
		   "-o mine/eval.tsv",
};

struct reported_model {
	char *name;
	struct score *score; /* per task */
};

static struct strlist tasks;
static struct reported_model *models;
static int nmodels, individual;

static struct reported_model *model_add(const char *name)
{
	models = xrealloc(models, sizeof(*models) * (size_t)(nmodels + 1));
	models[nmodels] = (struct reported_model){xstrdup(name),
						  xcalloc((size_t)tasks.n, sizeof(struct score))};
	return &models[nmodels++];
}

static void model_read(const char *name, const char *dir, const char *must_have)
{
	struct reported_model *m = model_add(name);

	for (int t = 0; t < tasks.n; t++)
		m->score[t] = score_read(dir, tasks.item[t],
					 !must_have || !strcmp(must_have, tasks.item[t]));
}

static void read_all(void)
{
	struct strlist merged = strlist_split(merged_arg, "--merged");
	char *dir = xformat("%s/base", reference);
	struct reported_model *own;

	model_read("base", dir, NULL);
	free(dir);
	for (int a = 0; a < tasks.n; a++) {
		char *name = xformat("adapter %s", tasks.item[a]);

		dir = xformat("%s/adapters/%s", reference, tasks.item[a]);
		model_read(name, dir, tasks.item[a]);
		free(dir);
		free(name);
	}
	individual = nmodels;
	own = model_add("individual");
	for (int t = 0; t < tasks.n; t++)
		own->score[t] = models[1 + t].score[t];
	for (int i = 0; i < merged.n; i++) {
		char *eq = strchr(merged.item[i], '=');

		if (!eq || eq == merged.item[i] || !eq[1])
			die_usage("--merged: expected NAME=DIR, found '%s'", merged.item[i]);
		*eq = 0;
		model_read(merged.item[i], eq + 1, NULL);
	}
	strlist_release(&merged);
}

/* Whether any result has this figure. */
static bool has_figure(int kind)
{
	for (int i = 0; i < nmodels; i++)
		for (int t = 0; t < tasks.n; t++)
			if (models[i].score[t].figure[kind].there)
				return true;
	return false;
}

static void add_header(struct text *s)
{
	text_add(s, "model\ttask\tn\taccuracy\taccuracy_stderr\tmacro_f1\tmacro_f1_"
		    "stderr\tloss\tno_label\tkept");
	for (int k = 0; k < FIGURES; k++)
		if (has_figure(k))
			text_add(s, "\t%s\t%s_stderr", score_figures[k], score_figures[k]);
	text_add(s, "\n");
}

static void add_figures(struct text *s, const struct score *r)
{
	for (int k = 0; k < FIGURES; k++)
		if (has_figure(k) && r->figure[k].there)
			text_add(s, "\t%.6f\t%.6f", r->figure[k].value, r->figure[k].stderr_);
		else if (has_figure(k))
			text_add(s, "\t\t");
	text_add(s, "\n");
}

static void add_mean_figures(struct text *s, const struct reported_model *m)
{
	double mean;

	for (int k = 0; k < FIGURES; k++)
		if (has_figure(k) && score_figure_mean(m->score, tasks.n, k, &mean))
			text_add(s, "\t%.6f\t", mean);
		else if (has_figure(k))
			text_add(s, "\t\t");
	text_add(s, "\n");
}

static void write_long(void)
{
	struct text s = {0};
	double whole, f1, se, a;

	add_header(&s);
	score_mean(models[individual].score, tasks.n, &whole, &se, &f1);
	for (int i = 0; i < nmodels; i++) {
		for (int t = 0; t < tasks.n; t++) {
			const struct score *r = &models[i].score[t];

			if (!r->there)
				continue;
			text_add(&s, "%s\t%s\t%ld\t%.6f\t%.6f\t%.6f\t%.6f\t%.6f\t%ld\t%s",
				 models[i].name, tasks.item[t], r->n, r->accuracy,
				 r->accuracy_stderr, r->macro_f1, r->macro_f1_stderr, r->loss,
				 r->no_label,
				 score_kept(r->accuracy, models[individual].score[t].accuracy, 1, 6,
					    "")
					 .text);
			add_figures(&s, r);
		}
		if (!score_mean(models[i].score, tasks.n, &a, &se, &f1))
			continue;
		text_add(&s, "%s\tmean\t\t%.6f\t%.6f\t%.6f\t\t\t\t%s", models[i].name, a, se, f1,
			 score_kept(a, whole, 1, 6, "").text);
		add_mean_figures(&s, &models[i]);
	}
	out_write_text(output, text_get(&s));
	text_release(&s);
}

/* kind -1: the accuracy, which precedes the figures. */
enum { ACCURACY = -1 };

/* Whether the score exists; sets its value. */
static bool value_of(const struct score *r, int kind, double *value)
{
	*value = kind == ACCURACY ? r->accuracy : r->figure[kind].value;
	return kind == ACCURACY ? r->there : r->figure[kind].there;
}

static bool mean_of(const struct reported_model *m, int kind, double *value)
{
	double f1, se;

	return kind == ACCURACY ? score_mean(m->score, tasks.n, value, &se, &f1)
				: score_figure_mean(m->score, tasks.n, kind, value);
}

static void print_wide(int kind)
{
	double whole, a;

	mean_of(&models[individual], kind, &whole);
	printf("%-24s", kind == ACCURACY ? "accuracy" : score_figures[kind]);
	for (int t = 0; t < tasks.n; t++) {
		char *head =
			xformat("%s%s", tasks.item[t], score_mark(&models[individual].score[t]));
		printf(" %14s", head);
		free(head);
	}
	printf(" %8s %8s\n", "mean", "kept");
	for (int i = 0; i < nmodels; i++) {
		printf("%-24s", models[i].name);
		for (int t = 0; t < tasks.n; t++)
			if (value_of(&models[i].score[t], kind, &a))
				printf(" %14.4f", a);
			else
				printf(" %14s", "");
		if (mean_of(&models[i], kind, &a))
			printf(" %8.4f %8s", a, score_kept(a, whole, 100, 1, "%").text);
		printf("\n");
	}
}

/* A table of the accuracy, and one of each figure that exists. */
static void print_tables(void)
{
	print_wide(ACCURACY);
	for (int k = 0; k < FIGURES; k++)
		if (has_figure(k)) {
			printf("\n");
			print_wide(k);
		}
}

static void print_remarks(void)
{
	const struct score **score = xarray((size_t)nmodels, sizeof *score);
	struct text t = {0};

	for (int i = 0; i < nmodels; i++)
		score[i] = models[i].score;
	scores_remarks(&t, &tasks, score, nmodels, individual);
	fputs(text_get(&t), stdout);
	text_release(&t);
	free(score);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	tasks = strlist_split(tasks_arg, "--tasks");
	read_all();
	if (output)
		write_long();
	print_tables();
	print_remarks();
	for (int i = 0; i < nmodels; i++) {
		free(models[i].name);
		free(models[i].score);
	}
	free(models);
	strlist_release(&tasks);
	return 0;
}
