/* evaluation.c: see evaluation.h. */
#include "merge/evaluation.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/jsonx.h"
#include "files/out.h"
#include "math/metrics.h"

void evaluation_init(struct evaluation *e, const struct testset *t, struct asked_scores asked,
		     int max_new)
{
	size_t n = (size_t)t->rows.n;
	*e = (struct evaluation){.test = t,
				 .asked = asked,
				 .max_new = max_new,
				 .length = xcalloc(n, sizeof *e->length),
				 .ids = xcalloc(n * (size_t)max_new, sizeof *e->ids),
				 .gap = xcalloc(n, sizeof *e->gap),
				 .nll = xcalloc(n, sizeof *e->nll),
				 .text = xcalloc(n, sizeof *e->text),
				 .predicted = xcalloc(n, sizeof *e->predicted),
				 .likeliest = xcalloc(n, sizeof *e->likeliest),
				 .likeliest_bytes = xcalloc(n, sizeof *e->likeliest_bytes),
				 .exact = xcalloc(n, sizeof *e->exact)};
}

void evaluation_release(struct evaluation *e)
{
	for (int i = 0; i < e->test->rows.n; i++)
		free(e->text[i]);
	free(e->length);
	free(e->ids);
	free(e->gap);
	free(e->nll);
	free(e->text);
	free(e->predicted);
	free(e->likeliest);
	free(e->likeliest_bytes);
	free(e->exact);
}

/* The choice with the smallest nll[k] / per[k]. per NULL: every divisor is 1. */
static int smallest(const double *nll, const int *per, int K)
{
	int best = 0;
	for (int k = 1; k < K; k++)
		if (nll[k] / (per ? per[k] : 1) < nll[best] / (per ? per[best] : 1))
			best = k;
	return best;
}

void evaluation_add_likelihoods(struct evaluation *e, int first, int n, const double *nll)
{
	const struct choices *c = &e->test->choices;
	for (int i = 0; i < n; i++) {
		const double *row = nll + (size_t)i * (size_t)c->K;
		e->likeliest[first + i] = smallest(row, NULL, c->K);
		e->likeliest_bytes[first + i] = smallest(row, c->bytes, c->K);
	}
}

/* Warns of labels that are longer than max_new tokens: no generation can produce them. */
static void note_long_answers(const struct evaluation *e)
{
	const struct testset *t = e->test;
	int n = 0;
	for (int i = 0; i < t->rows.n; i++)
		n += t->answer_length[i] - 1 > e->max_new;
	if (n)
		warn("%d of %d answers have more than max_new_tokens, %d: they cannot be exact", n,
		     t->rows.n, e->max_new);
}

void evaluation_finish(struct evaluation *e, const struct tokenizer *tokenizer)
{
	const struct testset *t = e->test;
	for (int i = 0; i < t->rows.n; i++) {
		const int *ids = e->ids + (size_t)i * (size_t)e->max_new;
		e->text[i] = tokenizer_decode(tokenizer, ids, e->length[i], true, NULL);
		e->exact[i] = text_same(e->text[i], t->rows.row[i].answer);
		if (e->asked.first_token)
			e->predicted[i] = labels_find(&t->labels, ids[0]);
	}
	if (e->asked.exact)
		note_long_answers(e);
}

static long answer_tokens(const struct evaluation *e)
{
	long n = 0;
	for (int i = 0; i < e->test->rows.n; i++)
		n += e->test->answer_length[i];
	return n;
}

double evaluation_loss(const struct evaluation *e)
{
	double sum = 0;
	for (int i = 0; i < e->test->rows.n; i++)
		sum += e->nll[i];
	return sum / (double)answer_tokens(e);
}

/* ------------------------------------------------------------ the result */

static void put(json_t *to, const char *key, json_t *value)
{
	if (!value || json_object_set_new(to, key, value))
		die("out of memory");
}

static json_t *names_json(const char *const *name, int n)
{
	json_t *list = json_array();
	for (int k = 0; k < n; k++)
		json_array_append_new(list, json_string(name[k]));
	return list;
}

static json_t *confusion_json(const int *count, int K)
{
	json_t *rows = json_array();
	for (int i = 0; i < K; i++) {
		json_t *row = json_array();
		for (int j = 0; j <= K; j++)
			json_array_append_new(row, json_integer(count[i * (K + 1) + j]));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* Accuracy and macro-F1; returns the accuracy. */
static double put_accuracies(json_t *to, const int *count, int K, uint64_t seed)
{
	double accuracy = metrics_accuracy(count, K);
	put(to, "accuracy", json_real(accuracy));
	put(to, "accuracy_stderr", json_real(metrics_accuracy_stderr(count, K)));
	put(to, "macro_f1", json_real(metrics_macro_f1(count, K)));
	put(to, "macro_f1_stderr",
	    json_real(metrics_macro_f1_stderr(count, K, METRICS_RESAMPLES, seed)));
	return accuracy;
}

/* (K, K+1), allocated. */
static int *confusion(const struct evaluation *e, const int *truth, const int *predicted, int K)
{
	int *count = xarray((size_t)K * (size_t)(K + 1), sizeof *count);
	metrics_confusion(truth, predicted, e->test->rows.n, K, count);
	return count;
}

/* Right and wrong rows, as a confusion matrix of one class. */
static void put_share(json_t *to, const char *key, const struct evaluation *e, const bool *right)
{
	int n = e->test->rows.n, count[2] = {0};
	for (int i = 0; i < n; i++)
		count[!right[i]]++;
	char *stderr_key = xformat("%s_stderr", key);
	put(to, key, json_real(metrics_accuracy(count, 1)));
	put(to, stderr_key, json_real(metrics_accuracy_stderr(count, 1)));
	free(stderr_key);
}

static double put_first_token(json_t *j, const struct evaluation *e, uint64_t seed)
{
	const struct labels *l = &e->test->labels;
	int *count = confusion(e, l->truth, e->predicted, l->K);
	double accuracy = put_accuracies(j, count, l->K, seed);
	put(j, "loss", json_real(evaluation_loss(e)));
	put(j, "labels", names_json(l->name, l->K));
	put(j, "confusion", confusion_json(count, l->K));
	put(j, "no_label", json_integer(metrics_no_label(count, l->K)));
	put(j, "shared_labels", labels_shared(l));
	free(count);
	return accuracy;
}

static bool *equal(const int *a, const int *b, int n)
{
	bool *same = xarray((size_t)n, sizeof *same);
	for (int i = 0; i < n; i++)
		same[i] = a[i] == b[i];
	return same;
}

static void put_likelihood(json_t *j, const struct evaluation *e, uint64_t seed)
{
	const struct choices *c = &e->test->choices;
	json_t *block = json_object();
	int *count = confusion(e, c->of, e->likeliest, c->K);
	bool *right = equal(c->of, e->likeliest_bytes, e->test->rows.n);
	put_accuracies(block, count, c->K, seed);
	put_share(block, "accuracy_per_byte", e, right);
	put(block, "labels", names_json(c->text, c->K));
	put(block, "confusion", confusion_json(count, c->K));
	put(j, "likelihood", block);
	free(right);
	free(count);
}

static void put_exact(json_t *j, const struct evaluation *e)
{
	json_t *block = json_object();
	put_share(block, "accuracy", e, e->exact);
	put(j, "exact", block);
}

static bool row_is_right(const struct evaluation *e, int i)
{
	const struct testset *t = e->test;
	if (e->asked.first_token)
		return e->predicted[i] == t->labels.truth[i];
	return e->asked.likelihood ? e->likeliest[i] == t->choices.of[i] : e->exact[i];
}

static double share_right(const struct evaluation *e)
{
	int right = 0;
	for (int i = 0; i < e->test->rows.n; i++)
		right += row_is_right(e, i);
	return (double)right / e->test->rows.n;
}

double evaluation_write(const struct evaluation *e, const char *path, const char *task,
			uint64_t seed)
{
	json_t *j = json_object();
	put(j, "task", json_string(task));
	put(j, "n", json_integer(e->test->rows.n));
	if (e->asked.first_token)
		put_first_token(j, e, seed);
	else
		put(j, "loss", json_real(evaluation_loss(e)));
	if (e->asked.likelihood || e->asked.exact)
		put(j, "loss_stderr",
		    json_real(
			    metrics_ratio_stderr(e->nll, e->test->answer_length, e->test->rows.n)));
	if (e->asked.likelihood)
		put_likelihood(j, e, seed);
	if (e->asked.exact)
		put_exact(j, e);
	char *text = json_dumps(j, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
	if (!text)
		die("cannot write '%s': a label is no valid UTF-8", path);
	char *whole = xformat("%s\n", text);
	out_write_text(path, whole);
	free(whole);
	free(text);
	json_decref(j);
	return share_right(e);
}

/* ------------------------------------------------------------ predictions */

static json_t *prediction_json(const struct evaluation *e, int i)
{
	const struct testset *t = e->test;
	if (!e->asked.first_token)
		return json_string(e->asked.likelihood ? t->choices.text[e->likeliest[i]]
						       : e->text[i]);
	int p = e->predicted[i];
	return p == METRICS_NONE ? json_null() : json_string(t->labels.name[p]);
}

static char *prediction_line(const struct evaluation *e, int i)
{
	const struct choices *c = &e->test->choices;
	json_t *row = json_pack("{s:i, s:s, s:o, s:s, s:b, s:f}", "row", i, "label",
				e->test->rows.row[i].answer, "prediction", prediction_json(e, i),
				"text", e->text[i], "correct", row_is_right(e, i), "logit_gap",
				(double)e->gap[i]);
	if (row && e->asked.likelihood) {
		put(row, "likeliest", json_string(c->text[e->likeliest[i]]));
		put(row, "likeliest_per_byte", json_string(c->text[e->likeliest_bytes[i]]));
	}
	if (row && e->asked.exact)
		put(row, "exact", json_boolean(e->exact[i]));
	char *line =
		row ? json_dumps(row, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9))
		    : NULL;
	json_decref(row);
	return line;
}

void evaluation_write_predictions(const struct evaluation *e, const char *path)
{
	const char *tmp = out_begin(path);
	FILE *f = fopen(tmp, "w");
	bool ok = f != NULL;
	for (int i = 0; ok && i < e->test->rows.n; i++) {
		char *line = prediction_line(e, i);
		if (!line)
			die("%s: row %d: the output is no valid UTF-8", path, i);
		ok = fputs(line, f) >= 0 && fputc('\n', f) != EOF;
		free(line);
	}
	if (f && fclose(f))
		ok = false;
	if (!ok)
		die("cannot write '%s': %s", path, strerror(errno));
	out_commit(path);
}

static void add_text(void *arg, const json_t *row, const char *path, int line)
{
	const char *text = json_string_value(json_object_get(row, "text"));

	if (!text)
		die("'%s': line %d: expected an object with \"text\": a string", path, line);
	strlist_add(arg, text);
}

struct strlist evaluation_read_texts(const char *path, int n)
{
	struct strlist texts = {0};

	jsonx_each_line(path, add_text, &texts);
	if (texts.n != n)
		die("'%s' has %d lines, expected the %d rows of the test file", path, texts.n, n);
	return texts;
}

int evaluation_differing(const struct evaluation *e, const struct strlist *texts)
{
	int differing = 0;

	for (int i = 0; i < texts->n; i++)
		differing += strcmp(texts->item[i], e->text[i]) != 0;
	return differing;
}
