/* eval-emotion: accuracy, macro-F1, loss and confusion of a model on a task's test file.
 *
 * Greedy generation for every row; prediction = first generated token, label = first token of the
 * label (as published). Rows are taken in slabs whose residual stream fits the memory asked for;
 * within a slab the weights are streamed block by block, pads are never computed, and no row's
 * numbers depend on which slab it is in. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "adapter/copies.h"
#include "backend/be.h"
#include "base/die.h"
#include "config/keys.h"
#include "files/out.h"
#include "files/start.h"
#include "forward/generate.h"
#include "math/metrics.h"
#include "merge/labels.h"
#include "merge/rows.h"
#include "merge/samples.h"
#include "model/tokens.h"
#include "plan/budget.h"

static struct {
	const char *model, *adapter, *test, *task, *name, *out, *predictions;
	int max_length, max_new, batch;
	long seed;
	bool fp16;
} o;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &o.model, true, 0, 0, "DIR", "base model folder"},
	{"adapter", 0, OPT_STRING, &o.adapter, false, 0, 0, "DIR",
	 "PEFT adapter on top of it (default: the base model alone)"},
	{"test", 0, OPT_STRING, &o.test, true, 0, 0, "FILE", "test.json of the task"},
	{"task", 0, OPT_STRING, &o.task, true, 0, 0, "NAME", "the task's name, for the result"},
	{"name", 0, OPT_STRING, &o.name, false, 0, 0, "NAME",
	 "the model's name, for the closing line (default: the adapter's folder, or base)"},
	KEY_OPTION(max_length, o.max_length),
	KEY_OPTION(max_new_tokens, o.max_new),
	KEY_OPTION(per_device_eval_batch_size, o.batch),
	KEY_OPTION(use_fp16, o.fp16),
	KEY_OPTION_AS(seed, o.seed, "seed of the bootstrap (macro_f1_stderr)"),
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "result (JSON)"},
	{"predictions", 0, OPT_STRING, &o.predictions, false, 0, 0, "FILE",
	 "one line per row (JSON Lines)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "eval-emotion",
	.summary = "accuracy, macro-F1, loss and confusion on a test file",
	.opts = options,
	.example = "eval-emotion --model model --adapter work/adapter --task tec --test "
		   "data/tec/test.json -o mine/tec.json",
};

/* All test rows, tokenised. */
struct test {
	struct rows rows;
	int *length, *offset, *ids; /* encoder */
	int *label_length, *label_offset, *label_ids;
	struct labels labels;
};

static int *tokenise(const struct t5_tokenizer *tokenizer, const struct rows *r, bool label,
		     int *length, int *offset)
{
	int *ids = xarray((size_t)r->n * (size_t)o.max_length, sizeof(int)), total = 0;

	for (int i = 0; i < r->n; i++) {
		const char *text = label ? r->row[i].output : r->row[i].instruction;
		int n = tokens_encode(tokenizer, text, o.max_length, ids + total);
		const char *outside;

		if (n < 0)
			die("%s: row %d: sentencepiece cannot encode the text", o.test, i);
		outside = tokens_outside(tokenizer, ids + total, n);
		if (outside)
			die("'%s': row %d: '%s' has %s", o.test, i,
			    label ? "output" : "instruction", outside);
		length[i] = n;
		offset[i] = total;
		total += n;
	}
	return xrealloc(ids, sizeof(int) * (size_t)total);
}

/* The labels' classes, by the first token of each row's. */
static void classify(struct test *t)
{
	int *first = xarray((size_t)t->rows.n, sizeof(int));

	for (int i = 0; i < t->rows.n; i++)
		first[i] = t->label_ids[t->label_offset[i]];
	labels_init(&t->labels, &t->rows, first);
	labels_check(&t->labels, o.test);
	free(first);
}

static void test_read(struct test *t, const struct t5_tokenizer *tokenizer)
{
	size_t bytes;

	rows_read(&t->rows, o.test);
	bytes = sizeof(int) * (size_t)t->rows.n;
	t->length = xmalloc(bytes);
	t->offset = xmalloc(bytes);
	t->label_length = xmalloc(bytes);
	t->label_offset = xmalloc(bytes);
	t->ids = tokenise(tokenizer, &t->rows, false, t->length, t->offset);
	t->label_ids = tokenise(tokenizer, &t->rows, true, t->label_length, t->label_offset);
	classify(t);
}

static void test_release(struct test *t)
{
	labels_release(&t->labels);
	rows_release(&t->rows);
	free(t->length);
	free(t->offset);
	free(t->ids);
	free(t->label_length);
	free(t->label_offset);
	free(t->label_ids);
}

/* Bytes for a slab's residual streams, encoder's and decoder's: what max_memory leaves beside the
 * weights and working arrays; 96 MB when no limit was asked for. */
static size_t slab_bytes(const struct forward *f)
{
	size_t fixed = budget_forward(f, o.max_length, 0),
	       least = (size_t)(o.max_length + o.max_new) * (size_t)f->model->m.D * sizeof(float);

	if (!common.max_memory)
		return BUDGET_EVAL_SLAB;
	if (common.max_memory < fixed + least)
		die("--max-memory %zu MB is too little: at least %zu MB are needed",
		    common.max_memory >> 20, ((fixed + least) >> 20) + 1);
	return common.max_memory - fixed;
}

/* What generation says of the rows, in row order. */
struct result {
	int *predicted;    /* class, or METRICS_NONE */
	int *length, *ids; /* generated: (rows), (rows, max_new) */
	float *gap;
	double nll;
	long nll_tokens;
};

static void run_slab(const struct forward *f, const struct test *t, int first, int n,
		     struct result *r)
{
	struct seqs enc;
	struct generation g;
	float *H;

	seqs_init(&enc, n, t->length + first, t->offset + first, t->ids, 0, f->model->m.pad);
	H = be->alloc((size_t)enc.rows * (size_t)f->model->m.D * sizeof(float));
	forward_encode(f, &enc, H);
	generate(f, &enc, H, t->label_length + first, t->label_offset + first, t->label_ids,
		 o.max_new, &g);
	for (int i = 0; i < n; i++) {
		r->predicted[first + i] =
			labels_find(&t->labels, g.ids[(size_t)i * (size_t)o.max_new]);
		r->gap[first + i] = g.gap[i];
		r->nll += g.nll[i];
		r->nll_tokens += t->label_length[first + i];
	}
	memcpy(r->length + first, g.length, sizeof(int) * (size_t)n);
	memcpy(r->ids + (size_t)first * (size_t)o.max_new, g.ids,
	       sizeof(int) * (size_t)n * (size_t)o.max_new);
	generation_release(&g);
	seqs_release(&enc);
	be->free(H);
}

static void run_all(const struct forward *f, const struct test *t, struct result *r)
{
	size_t most = slab_bytes(f) / ((size_t)f->model->m.D * sizeof(float)),
	       N = (size_t)t->rows.n;

	generate_reserve(f, t->rows.n, t->length, 0, most, t->label_length, o.max_new);
	*r = (struct result){.predicted = xarray(N, sizeof(int)),
			     .length = xarray(N, sizeof(int)),
			     .ids = xarray(N * (size_t)o.max_new, sizeof(int)),
			     .gap = xarray(N, sizeof(float))};
	for (int first = 0, n; first < t->rows.n; first += n) {
		n = seqs_within(t->length + first, t->rows.n - first, 0, o.max_new, most);
		run_slab(f, t, first, n, r);
	}
	if (!isfinite(r->nll))
		die_data("task '%s': the loss is not finite", o.task);
}

static void write_predictions(const struct test *t, const struct t5_tokenizer *tokenizer,
			      const struct result *r)
{
	const char *tmp = out_begin(o.predictions);
	FILE *f = fopen(tmp, "w");
	bool ok = f != NULL;

	for (int i = 0; ok && i < t->rows.n; i++) {
		const int *ids = r->ids + (size_t)i * (size_t)o.max_new;
		char *text = tokens_decode(tokenizer, ids, r->length[i]), *line;
		int p = r->predicted[i];
		json_t *row = json_pack(
			"{s:i, s:s, s:o, s:s, s:b, s:f}", "row", i, "label", t->rows.row[i].output,
			"prediction",
			p == METRICS_NONE ? json_null() : json_string(t->labels.name[p]), "text",
			text, "correct", p == t->labels.truth[i], "logit_gap", (double)r->gap[i]);

		line = row ? json_dumps(row,
					JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9))
			   : NULL;
		if (!line)
			die("%s: row %d: the output is no valid UTF-8", o.predictions, i);
		ok = fputs(line, f) >= 0 && fputc('\n', f) != EOF;
		free(line);
		free(text);
		json_decref(row);
	}
	if (f && fclose(f))
		ok = false;
	if (!ok)
		die("cannot write '%s': %s", o.predictions, strerror(errno));
	out_commit(o.predictions);
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

static double write_result(const struct test *t, const struct result *r)
{
	int K = t->labels.K, *count = xarray((size_t)K * (size_t)(K + 1), sizeof(int));
	json_t *labels = json_array(), *j;
	double accuracy;
	char *text, *whole;

	metrics_confusion(t->labels.truth, r->predicted, t->rows.n, K, count);
	accuracy = metrics_accuracy(count, K);
	for (int k = 0; k < K; k++)
		json_array_append_new(labels, json_string(t->labels.name[k]));
	j = json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:i, s:o}", "task", o.task,
		      "n", t->rows.n, "accuracy", accuracy, "accuracy_stderr",
		      metrics_accuracy_stderr(count, K), "macro_f1", metrics_macro_f1(count, K),
		      "macro_f1_stderr",
		      metrics_macro_f1_stderr(count, K, METRICS_RESAMPLES, (uint64_t)o.seed),
		      "loss", r->nll / (double)r->nll_tokens, "labels", labels, "confusion",
		      confusion_json(count, K), "no_label", metrics_no_label(count, K),
		      "shared_labels", labels_shared(&t->labels));
	text = j ? json_dumps(j, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12))
		 : NULL;
	if (!text)
		die("cannot write '%s': a label is no valid UTF-8", o.out);
	whole = xformat("%s\n", text);
	out_write_text(o.out, whole);
	free(whole);
	free(text);
	free(count);
	json_decref(j);
	return accuracy;
}

static const char *model_name(void)
{
	return o.name ? o.name : o.adapter ? o.adapter : "base";
}

int main(int argc, char **argv)
{
	struct test t = {0};
	struct result r;
	struct model *model;
	struct t5_tokenizer *tokenizer;
	struct delta_source source = {0};
	struct adapter *adapter = NULL;
	struct forward f;
	double accuracy;

	tool_start(&tool, argc, argv);
	be_select(common.backend);
	model = model_open(o.model);
	model_note(model);
	tokenizer = tokens_open(o.model, &model->m);
	if (o.adapter) {
		adapter = adapter_open(o.adapter, &model->m);
		copies_check(adapter->file, model);
	}
	source.adapter = adapter;
	f = (struct forward){.model = model,
			     .nsources = 1,
			     .source = &source,
			     .precision = o.fp16 ? be->fast16() : BE_F32,
			     .batch = o.batch};
	test_read(&t, tokenizer);
	run_all(&f, &t, &r);
	if (o.predictions)
		write_predictions(&t, tokenizer, &r);
	accuracy = write_result(&t, &r);
	tool_done("%s on %s: accuracy %.4f on %d rows, %s products", model_name(), o.task, accuracy,
		  t.rows.n, f.precision == BE_BF16 ? "bfloat16" : "float32");
	test_release(&t);
	free(r.predicted);
	free(r.length);
	free(r.ids);
	free(r.gap);
	tokens_close(tokenizer);
	adapter_close(adapter);
	model_close(model);
	return 0;
}
