/* compare-methods: several merges of the same adapters side by side: quality, cost, and whether
 * their differences are more than chance.
 *
 * Reads REFERENCE/base and REFERENCE/adapters, and from every method's WORK folder eval/TASK.json,
 * predictions/TASK.jsonl and log.tsv. `kept` is the mean accuracy relative to the individual
 * models. p of a pair is McNemar's exact test on the rows that only one of the two has right. It is
 * given per task, and over all tasks' rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/out.h"
#include "files/start.h"
#include "math/metrics.h"
#include "merge/scores.h"

static const char *tasks_arg, *reference, *methods_arg, *tsv_path, *pairs_path, *markdown_path;

static const struct opt options[] = {
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "the tasks, in order"},
	{"reference", 0, OPT_STRING, &reference, true, 0, 0, "DIR",
	 "folder with base/ and adapters/"},
	{"methods", 0, OPT_STRING, &methods_arg, true, 0, 0, "LIST",
	 "WORK folders of the merges, as NAME=DIR,NAME=DIR"},
	{"output", 'o', OPT_STRING, &tsv_path, true, 0, 0, "FILE",
	 "table, one line per model (tab-separated)"},
	{"pairs", 0, OPT_STRING, &pairs_path, true, 0, 0, "FILE",
	 "table of paired differences (tab-separated)"},
	{"markdown", 0, OPT_STRING, &markdown_path, true, 0, 0, "FILE", "both as Markdown"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "compare-methods",
	.summary = "one table of several merges",
	.opts = options,
	.example = "compare-methods --tasks tec,isear --reference work/eval --methods sweep=work "
		   "-o mine/compare.tsv "
		   "--pairs mine/pairs.tsv --markdown mine/compare.md",
};

struct compared_model {
	char *name;
	struct score *score; /* per task */
	bool merged;
	struct cost cost;
	bool **right; /* per task: (n) */
	int *n;
};

enum { OWN = 1 }; /* the second model: every task's own adapter */

static struct strlist tasks;
static struct compared_model *models;
static int nmodels;
static double individual; /* mean accuracy of the tasks' own adapters */

static struct compared_model *model_add(const char *name)
{
	models = xrealloc(models, sizeof(*models) * (size_t)(nmodels + 1));
	models[nmodels] = (struct compared_model){
		.name = xstrdup(name), .score = xcalloc((size_t)tasks.n, sizeof(struct score))};
	return &models[nmodels++];
}

static void read_reference(void)
{
	struct compared_model *base = model_add("base"), *own;
	double stderr_, f1;

	for (int t = 0; t < tasks.n; t++) {
		char *dir = xformat("%s/base", reference);

		base->score[t] = score_read(dir, tasks.item[t], true);
		free(dir);
	}
	own = model_add("individual");
	for (int t = 0; t < tasks.n; t++) {
		char *dir = xformat("%s/adapters/%s", reference, tasks.item[t]);

		own->score[t] = score_read(dir, tasks.item[t], true);
		free(dir);
	}
	score_mean(own->score, tasks.n, &individual, &stderr_, &f1);
}

static void read_method(const char *name, const char *work)
{
	struct compared_model *m = model_add(name);
	char *eval = xformat("%s/eval", work), *log = xformat("%s/log.tsv", work);

	m->merged = true;
	m->right = xcalloc((size_t)tasks.n, sizeof(*m->right));
	m->n = xcalloc((size_t)tasks.n, sizeof(*m->n));
	m->cost = cost_read(log);
	for (int t = 0; t < tasks.n; t++) {
		char *path = xformat("%s/predictions/%s.jsonl", work, tasks.item[t]);

		m->score[t] = score_read(eval, tasks.item[t], true);
		m->right[t] = predictions_right(path, &m->n[t]);
		if (m->n[t] != m->score[t].n)
			die("'%s': expected %ld rows, found %d", path, m->score[t].n, m->n[t]);
		free(path);
	}
	free(log);
	free(eval);
}

static void read_all(void)
{
	struct strlist list = strlist_split(methods_arg, "--methods");

	read_reference();
	for (int i = 0; i < list.n; i++) {
		char *eq = strchr(list.item[i], '=');

		if (!eq || eq == list.item[i] || !eq[1])
			die_usage("--methods: expected NAME=DIR, found '%s'", list.item[i]);
		*eq = 0;
		read_method(list.item[i], eq + 1);
	}
	strlist_release(&list);
}

/* ------------------------------------------------------------ one model per line */

static void write_models(void)
{
	struct text s = {0};

	text_add(&s, "model");
	for (int t = 0; t < tasks.n; t++)
		text_add(&s, "\t%s accuracy\t%s accuracy_stderr\t%s macro_f1\t%s macro_f1_stderr",
			 tasks.item[t], tasks.item[t], tasks.item[t], tasks.item[t]);
	text_add(&s, "\taccuracy\taccuracy_stderr\tmacro_f1\tkept\tprocess_seconds\tcpu_"
		     "seconds\twall_seconds\tpeak_MB\tprocesses\tsolves\n");
	for (int i = 0; i < nmodels; i++) {
		const struct compared_model *m = &models[i];
		double a, e, f1;

		text_add(&s, "%s", m->name);
		for (int t = 0; t < tasks.n; t++)
			text_add(&s, "\t%.6f\t%.6f\t%.6f\t%.6f", m->score[t].accuracy,
				 m->score[t].accuracy_stderr, m->score[t].macro_f1,
				 m->score[t].macro_f1_stderr);
		score_mean(m->score, tasks.n, &a, &e, &f1);
		text_add(&s, "\t%.6f\t%.6f\t%.6f\t%s", a, e, f1,
			 score_kept(a, individual, 1, 6, "").text);
		if (m->merged)
			text_add(&s, "\t%.3f\t%.3f\t%.3f\t%.1f\t%ld\t%ld\n", m->cost.real,
				 m->cost.cpu, m->cost.wall, m->cost.peak, m->cost.processes,
				 m->cost.solves);
		else
			text_add(&s, "\t\t\t\t\t\t\n");
	}
	out_write_text(tsv_path, text_get(&s));
	text_release(&s);
}

static void markdown_head(struct text *s, const char *last)
{
	text_add(s, "| |");
	for (int t = 0; t < tasks.n; t++)
		text_add(s, " %s%s |", tasks.item[t],
			 *score_mark(&models[OWN].score[t]) ? "\\*" : "");
	text_add(s, " mean |%s\n|---|", last);
	for (int t = 0; t <= tasks.n; t++)
		text_add(s, "---|");
	text_add(s, "%s\n", *last ? "---|" : "");
}

static void markdown_models(struct text *s)
{
	double a, e, f1;

	text_add(s,
		 "Accuracy (± standard error); kept: mean over that of the individual models.\n\n");
	markdown_head(s, " kept |");
	for (int i = 0; i < nmodels; i++) {
		text_add(s, "| %s |", models[i].name);
		for (int t = 0; t < tasks.n; t++)
			text_add(s, " %.4f ± %.4f |", models[i].score[t].accuracy,
				 models[i].score[t].accuracy_stderr);
		score_mean(models[i].score, tasks.n, &a, &e, &f1);
		text_add(s, " %.4f ± %.4f | %s |\n", a, e,
			 score_kept(a, individual, 100, 1, " %").text);
	}
	text_add(s, "\nMacro-F1 (± standard error, bootstrap).\n\n");
	markdown_head(s, "");
	for (int i = 0; i < nmodels; i++) {
		text_add(s, "| %s |", models[i].name);
		for (int t = 0; t < tasks.n; t++)
			text_add(s, " %.4f ± %.4f |", models[i].score[t].macro_f1,
				 models[i].score[t].macro_f1_stderr);
		score_mean(models[i].score, tasks.n, &a, &e, &f1);
		text_add(s, " %.4f |\n", f1);
	}
}

static void markdown_cost(struct text *s)
{
	text_add(s, "\nCost of the merge (evaluation not counted): seconds as the clock went, of "
		    "all processes together, and of the CPU; the largest "
		    "process.\n\n| | wall s | process s | cpu s | peak MB | processes | solves "
		    "|\n|---|---|---|---|---|---|---|\n");
	for (int i = 0; i < nmodels; i++) {
		const struct cost *c = &models[i].cost;

		if (!models[i].merged)
			continue;
		text_add(s, "| %s |", models[i].name);
		if (c->wall > 0)
			text_add(s, " %.2f |", c->wall);
		else
			text_add(s, " |");
		text_add(s, " %.2f | %.2f | %.1f | %ld | %ld |\n", c->real, c->cpu, c->peak,
			 c->processes, c->solves);
	}
}

/* ------------------------------------------------------------ pairs */

/* Rows of one task. */
static struct paired compare_task(const struct compared_model *a, const struct compared_model *b,
				  int t)
{
	if (b->n[t] != a->n[t])
		die("task '%s': %s was evaluated on %d rows and %s on %d", tasks.item[t], a->name,
		    a->n[t], b->name, b->n[t]);
	return metrics_paired(a->right[t], b->right[t], a->n[t]);
}

/* The mean of the tasks' differences; counts and p over all rows. */
static struct paired compare_all(const struct compared_model *a, const struct compared_model *b)
{
	struct paired all = {0};
	bool *right_a, *right_b;
	size_t n = 0, at = 0;

	for (int t = 0; t < tasks.n; t++)
		n += (size_t)a->n[t];
	right_a = xarray(n, sizeof(*right_a));
	right_b = xarray(n, sizeof(*right_b));
	for (int t = 0; t < tasks.n; t++) {
		struct paired d = compare_task(a, b, t);

		all.mean += d.mean / tasks.n;
		all.variance += d.variance / tasks.n / tasks.n;
		memcpy(right_a + at, a->right[t], (size_t)a->n[t] * sizeof(bool));
		memcpy(right_b + at, b->right[t], (size_t)a->n[t] * sizeof(bool));
		at += (size_t)a->n[t];
	}
	all.p = metrics_mcnemar(right_a, right_b, (int)n, &all.only_a, &all.only_b);
	free(right_a);
	free(right_b);
	return all;
}

static void add_pair(struct text *s, const struct compared_model *a, const struct compared_model *b,
		     const char *task, struct paired d)
{
	text_add(s, "%s\t%s\t%s\t%.6f\t%.6f\t%d\t%d\t%.4g\n", a->name, b->name, task, d.mean,
		 sqrt(d.variance), d.only_a, d.only_b, d.p);
}

static void write_pairs(struct text *markdown)
{
	struct text s = {0};

	text_add(&s, "a\tb\ttask\taccuracy_difference\tdifference_stderr\tonly_a_right\tonly_b_"
		     "right\tp\n");
	text_add(markdown, "\nPaired differences of accuracy (a − b, mean over the tasks) and "
			   "McNemar's exact test over the rows of all tasks.\n\n"
			   "| a | b | a − b | only a right | only b right | p "
			   "|\n|---|---|---|---|---|---|\n");
	for (int i = 0; i < nmodels; i++)
		for (int j = i + 1; j < nmodels; j++) {
			const struct compared_model *a = &models[i], *b = &models[j];
			struct paired d;

			if (!a->merged || !b->merged)
				continue;
			for (int t = 0; t < tasks.n; t++)
				add_pair(&s, a, b, tasks.item[t], compare_task(a, b, t));
			d = compare_all(a, b);
			add_pair(&s, a, b, "all", d);
			text_add(markdown, "| %s | %s | %+.4f ± %.4f | %d | %d | %.2g |\n", a->name,
				 b->name, d.mean, sqrt(d.variance), d.only_a, d.only_b, d.p);
		}
	out_write_text(pairs_path, text_get(&s));
	text_release(&s);
}

/* The lines below all tables. */
static void write_remarks(struct text *markdown)
{
	const struct score **score = xarray((size_t)nmodels, sizeof *score);
	struct text t = {0};

	for (int i = 0; i < nmodels; i++)
		score[i] = models[i].score;
	scores_remarks(&t, &tasks, score, nmodels, OWN);
	if (t.n)
		text_add(markdown, "\n%s", t.s);
	text_release(&t);
	free(score);
}

static void release_all(void)
{
	for (int i = 0; i < nmodels; i++) {
		for (int t = 0; models[i].merged && t < tasks.n; t++)
			free(models[i].right[t]);
		free(models[i].right);
		free(models[i].n);
		free(models[i].score);
		free(models[i].name);
	}
	free(models);
	strlist_release(&tasks);
}

int main(int argc, char **argv)
{
	struct text markdown = {0};

	tool_start(&tool, argc, argv);
	tasks = strlist_split(tasks_arg, "--tasks");
	read_all();
	write_models();
	markdown_models(&markdown);
	markdown_cost(&markdown);
	write_pairs(&markdown);
	write_remarks(&markdown);
	out_write_text(markdown_path, text_get(&markdown));
	fputs(text_get(&markdown), stdout);
	text_release(&markdown);
	release_all();
	return 0;
}
