/* scores.c: see scores.h. */
#include "merge/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "merge/runlog.h"

enum { MOST_LABELS = 2000 }; /* more than a file of 1 MiB can hold */

/* The confusion matrix (K, K+1) of K labels and n rows. */
static struct answers read_answers(const json_t *j, const char *path, long n)
{
	json_int_t sum = 0;
	const json_t *rows = json_object_get(j, "confusion");
	size_t K = json_array_size(rows);

	if (K < 1 || K > MOST_LABELS)
		die("'%s' key 'confusion': expected a list of 1 to %d rows", path, MOST_LABELS);
	int *count = xarray(K * (K + 1), sizeof *count);
	for (size_t c = 0; c < K * (K + 1); c++) {
		const json_t *v = json_array_get(json_array_get(rows, c / (K + 1)), c % (K + 1));
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > n)
			die("'%s' key 'confusion': row %zu: expected %zu counts", path, c / (K + 1),
			    K + 1);
		count[c] = (int)json_integer_value(v);
		sum += count[c];
	}
	if (sum != n)
		die("'%s' key 'confusion': expected counts that sum to 'n', %ld, found %lld", path,
		    n, (long long)sum);
	struct answers a = answers_of_confusion(count, (int)K);
	free(count);
	return a;
}

/* Labels that share a class with an earlier label. Results of older versions do not say. */
static int merged_labels(const json_t *j)
{
	const json_t *shared = json_object_get(j, "shared_labels");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(shared); i++)
		n += json_array_size(json_array_get(shared, i)) -
		     (json_array_size(json_array_get(shared, i)) > 0);
	return (int)n;
}

const char *const score_figures[FIGURES] = {"likelihood", "likelihood_per_byte", "exact"};

/* A share and its standard error, from a score's block. */
static struct figure read_figure(const json_t *j, const char *path, const char *block,
				 const char *key)
{
	const json_t *b = json_object_get(j, block);
	struct figure f = {.there = b != NULL};
	char *stderr_key = xformat("%s_stderr", key);

	if (f.there) {
		f.value = jsonx_number(b, path, key);
		f.stderr_ = jsonx_number(b, path, stderr_key);
	}
	free(stderr_key);
	return f;
}

const json_t *score_block(const json_t *j)
{
	const json_t *likelihood = json_object_get(j, "likelihood"),
		     *exact = json_object_get(j, "exact");

	if (json_object_get(j, "accuracy"))
		return j;
	return likelihood ? likelihood : exact ? exact : j;
}

static void read_labelled(struct score *s, const json_t *block, const json_t *j, const char *path)
{
	s->macro_f1 = jsonx_number(block, path, "macro_f1");
	s->macro_f1_stderr = jsonx_number(block, path, "macro_f1_stderr");
	s->answers = read_answers(block, path, s->n);
	s->labels = s->answers.labels + merged_labels(j);
}

static struct score read_result(const json_t *j, const char *path)
{
	const json_t *block = score_block(j);
	struct score s = {
		.there = true,
		.n = jsonx_int(j, path, "n", 1, 1 << 30),
		.accuracy = jsonx_number(block, path, "accuracy"),
		.accuracy_stderr = jsonx_number(block, path, "accuracy_stderr"),
		.macro_f1 = NAN,
		.macro_f1_stderr = NAN,
		.loss = jsonx_number(j, path, "loss"),
		.figure = {read_figure(j, path, "likelihood", "accuracy"),
			   read_figure(j, path, "likelihood", "accuracy_per_byte"),
			   read_figure(j, path, "exact", "accuracy")},
	};
	if (block == j)
		s.no_label = jsonx_int(j, path, "no_label", 0, 1 << 30);
	if (block != json_object_get(j, "exact"))
		read_labelled(&s, block, j, path);
	return s;
}

struct score score_read(const char *dir, const char *task, bool must)
{
	char *path = xformat("%s/%s.json", dir, task);
	struct score s = {0};
	struct stat st;

	if (must || stat(path, &st) == 0) {
		json_t *j = jsonx_load(path, 1 << 20);

		s = read_result(j, path);
		json_decref(j);
	}
	free(path);
	return s;
}

bool score_figure_mean(const struct score *s, int N, enum figure_kind kind, double *value)
{
	*value = 0;
	for (int t = 0; t < N; t++) {
		if (!s[t].there || !s[t].figure[kind].there)
			return false;
		*value += s[t].figure[kind].value / N;
	}
	return true;
}

bool score_mean(const struct score *s, int N, double *accuracy, double *accuracy_stderr,
		double *macro_f1)
{
	double var = 0;

	*accuracy = *macro_f1 = 0;
	for (int t = 0; t < N; t++) {
		if (!s[t].there)
			return false;
		*accuracy += s[t].accuracy / N;
		*macro_f1 += s[t].macro_f1 / N;
		var += s[t].accuracy_stderr * s[t].accuracy_stderr / N / N;
	}
	*accuracy_stderr = sqrt(var);
	return true;
}

struct kept score_kept(double accuracy, double individual, double times, int digits,
		       const char *unit)
{
	struct kept k = {"-"};

	if (individual > 0)
		snprintf(k.text, sizeof k.text, "%.*f%s", digits, times * accuracy / individual,
			 unit);
	return k;
}

const char *score_mark(const struct score *s)
{
	return s->there && s->labels > s->answers.labels ? "*" : "";
}

static bool all_zero(const struct score *const *score, int M, int N)
{
	for (int m = 0; m < M; m++)
		for (int t = 0; t < N; t++)
			if (score[m][t].there && score[m][t].accuracy > 0)
				return false;
	return true;
}

static void remark_chance(struct text *t, const char *task, const struct score *own)
{
	if (!own->there || !own->answers.labels || !answers_by_chance(&own->answers))
		return;
	char *words = answers_words(&own->answers, task, "test");
	text_add(t, "%s\n", words);
	free(words);
}

void scores_remarks(struct text *t, const struct strlist *tasks, const struct score *const *score,
		    int M, int individual)
{
	const struct score *own = score[individual];

	for (int i = 0; i < tasks->n; i++)
		if (*score_mark(&own[i]))
			text_add(t,
				 "* %s: its %d labels count as %d, because some begin with the "
				 "same token (shared_labels in the results)\n",
				 tasks->item[i], own[i].labels, own[i].answers.labels);
	if (all_zero(score, M, tasks->n)) {
		text_add(t, "Every accuracy is 0. Usually the texts lack the prompt that the "
			    "adapters were trained on, the labels are not "
			    "the words that they answer, or the tokenizer or the base model is "
			    "another than in training.\n");
		return;
	}
	for (int i = 0; i < tasks->n; i++)
		remark_chance(t, tasks->item[i], &own[i]);
}

struct right_rows {
	bool *row;
	int n;
};

static void add_right(void *arg, const json_t *row, const char *path, int line)
{
	struct right_rows *r = arg;
	const json_t *correct = json_object_get(row, "correct");

	if (!json_is_boolean(correct))
		die("'%s': line %d: expected an object with \"correct\": true or false", path,
		    line);
	r->row = xrealloc(r->row, (size_t)(r->n + 1) * sizeof(*r->row));
	r->row[r->n++] = json_is_true(correct);
}

bool *predictions_right(const char *path, int *n)
{
	struct right_rows r = {0};

	jsonx_each_line(path, add_right, &r);
	*n = r.n;
	return r.row;
}

/* Reads the 2 of "enc07-self: 2 modules, worst residual …". Only fits print a residual. */
static long solves_of(const char *tool, const char *message)
{
	const char *colon = strchr(message, ':');

	return !strncmp(tool, "solve-", 6) && colon && strstr(message, "residual")
		       ? strtol(colon + 1, NULL, 10)
		       : 0;
}

static void cost_add(struct cost *c, const struct runlog_line *l)
{
	if (strcmp(l->tool, "eval-emotion") == 0)
		return;
	if (strcmp(l->tool, "make") == 0) {
		c->wall += l->real;
		return;
	}
	c->real += l->real;
	c->cpu += l->cpu;
	c->peak = fmax(c->peak, l->peak);
	c->processes++;
	c->solves += solves_of(l->tool, l->message);
}

struct cost cost_read(const char *path)
{
	struct cost c = {0};
	struct runlog log;

	runlog_read(&log, path);
	for (int i = 0; i < log.n; i++)
		cost_add(&c, &log.line[i]);
	runlog_release(&log);
	return c;
}
