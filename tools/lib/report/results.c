/* results.c: see results.h. */
#include "report/results.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"

/* ------------------------------------------------------------ the models */

/* The folder of a model's results on a task (allocated). */
static char *results_folder(const struct results *r, const struct result_model *m, int model, int t)
{
	if (m->work)
		return xformat("%s/eval", m->work);
	return model == RESULTS_BASE ? xformat("%s/base", r->reference)
				     : xformat("%s/adapters/%s", r->reference, r->tasks.item[t]);
}

static void add_model(struct results *r, const char *name, const char *work)
{
	struct result_model m = {.name = xstrdup(name),
				 .work = work ? xstrdup(work) : NULL,
				 .score = xcalloc((size_t)r->tasks.n, sizeof(*m.score))};

	for (int t = 0; t < r->tasks.n; t++) {
		char *dir = results_folder(r, &m, r->n, t);

		m.score[t] = score_read(dir, r->tasks.item[t], true);
		free(dir);
	}
	if (work) {
		char *log = xformat("%s/log.tsv", work);

		m.cost = cost_read(log);
		free(log);
	}
	r->model = xrealloc(r->model, (size_t)(r->n + 1) * sizeof(*r->model));
	r->model[r->n++] = m;
}

static void add_merges(struct results *r, const char *merges)
{
	struct strlist list = strlist_split(merges, "--merges");

	for (int i = 0; i < list.n; i++) {
		char *eq = strchr(list.item[i], '=');

		if (!eq || eq == list.item[i] || !eq[1])
			die_usage("--merges: expected NAME=DIR, found '%s'", list.item[i]);
		*eq = 0;
		add_model(r, list.item[i], eq + 1);
	}
	strlist_release(&list);
}

double results_mean(const struct results *r, int model)
{
	double accuracy, stderr_, f1;

	score_mean(r->model[model].score, r->tasks.n, &accuracy, &stderr_, &f1);
	return accuracy;
}

/* ------------------------------------------------------------ the rows */

struct answer {
	char *label, *text; /* text: the answered label, or the answer that is no label */
	bool right;
};
struct answers_file {
	int n;
	struct answer *row;
};

static void add_answer(void *arg, const json_t *row, const char *path, int line)
{
	struct answers_file *f = arg;
	const json_t *right = json_object_get(row, "correct"),
		     *prediction = json_object_get(row, "prediction");

	if (!json_is_boolean(right))
		die("'%s': line %d: expected an object with \"correct\": true or false", path,
		    line);
	f->row = xrealloc(f->row, (size_t)(f->n + 1) * sizeof(*f->row));
	f->row[f->n++] = (struct answer){.label = xstrdup(jsonx_string(row, path, "label")),
					 .text = xstrdup(json_is_string(prediction)
								 ? json_string_value(prediction)
								 : jsonx_string(row, path, "text")),
					 .right = json_is_true(right)};
}

static struct answers_file read_answers(const char *path)
{
	struct answers_file f = {0};

	jsonx_each_line(path, add_answer, &f);
	return f;
}

static void release_answers(struct answers_file *f)
{
	for (int i = 0; i < f->n; i++) {
		free(f->row[i].label);
		free(f->row[i].text);
	}
	free(f->row);
}

static void pair_rows(struct result_pair *p, const struct answers_file *own,
		      const struct answers_file *merged)
{
	bool *a = xarray((size_t)own->n, sizeof(*a)), *b = xarray((size_t)own->n, sizeof(*b));

	p->row = xarray((size_t)own->n, sizeof(*p->row));
	for (int i = 0; i < own->n; i++) {
		const struct answer *x = &own->row[i], *y = &merged->row[i];

		a[i] = x->right;
		b[i] = y->right;
		if (strcmp(x->text, y->text) == 0)
			continue;
		p->row[p->n++] = (struct result_row){
			i,        xstrdup(x->label), xstrdup(x->text), xstrdup(y->text),
			x->right, y->right};
	}
	p->paired = metrics_paired(a, b, own->n);
	free(a);
	free(b);
}

static struct result_pair read_pair(const struct results *r, int t)
{
	const char *task = r->tasks.item[t], *work = r->model[r->shown].work;
	char *own_path = xformat("%s/adapters/%s/%s.jsonl", r->reference, task, task),
	     *merged_path = xformat("%s/predictions/%s.jsonl", work, task);
	struct answers_file own = read_answers(own_path), merged = read_answers(merged_path);
	struct result_pair p = {0};

	if (own.n != merged.n || own.n == 0)
		die("'%s' has %d rows and '%s' has %d: expected equal numbers, 1 at least",
		    own_path, own.n, merged_path, merged.n);
	pair_rows(&p, &own, &merged);
	release_answers(&own);
	release_answers(&merged);
	free(own_path);
	free(merged_path);
	return p;
}

/* ------------------------------------------------------------ all of them */

void results_read(struct results *r, const char *tasks, const char *reference, const char *merges)
{
	*r = (struct results){.tasks = strlist_split(tasks, "--tasks"), .reference = reference};
	add_model(r, "base", NULL);
	add_model(r, "own adapter", NULL);
	add_merges(r, merges);
	r->shown = RESULTS_MERGES;
	for (int m = RESULTS_MERGES; m < r->n; m++)
		if (results_mean(r, m) > results_mean(r, r->shown))
			r->shown = m;
	r->pair = xcalloc((size_t)r->tasks.n, sizeof(*r->pair));
	for (int t = 0; t < r->tasks.n; t++)
		r->pair[t] = read_pair(r, t);
}

static void release_pair(struct result_pair *p)
{
	for (int i = 0; i < p->n; i++) {
		free(p->row[i].label);
		free(p->row[i].own);
		free(p->row[i].merged);
	}
	free(p->row);
}

void results_release(struct results *r)
{
	for (int t = 0; t < r->tasks.n; t++)
		release_pair(&r->pair[t]);
	free(r->pair);
	for (int m = 0; m < r->n; m++) {
		free(r->model[m].name);
		free(r->model[m].work);
		free(r->model[m].score);
	}
	free(r->model);
	strlist_release(&r->tasks);
}

/* ------------------------------------------------------------ confusion */

/* score_read() has checked the matrix's form. */
void results_confusion(const struct results *r, int model, int task, struct result_confusion *c)
{
	char *dir = results_folder(r, &r->model[model], model, task),
	     *path = xformat("%s/%s.json", dir, r->tasks.item[task]);
	json_t *j = jsonx_load(path, 1 << 20);
	const json_t *block = score_block(j), *labels = json_object_get(block, "labels"),
		     *rows = json_object_get(block, "confusion");
	size_t K = json_array_size(labels);

	if (K != json_array_size(rows))
		die("'%s': expected as many labels as rows of 'confusion'", path);
	*c = (struct result_confusion){.K = (int)K,
				       .label = xarray(K, sizeof(*c->label)),
				       .count = xarray(K * (K + 1), sizeof(*c->count))};
	for (size_t i = 0; i < K; i++) {
		const char *name = json_string_value(json_array_get(labels, i));

		c->label[i] = xstrdup(name ? name : "");
		for (size_t k = 0; k <= K; k++)
			c->count[i * (K + 1) + k] =
				(int)json_integer_value(json_array_get(json_array_get(rows, i), k));
	}
	json_decref(j);
	free(path);
	free(dir);
}

void results_confusion_release(struct result_confusion *c)
{
	for (int i = 0; i < c->K; i++)
		free(c->label[i]);
	free(c->label);
	free(c->count);
}
