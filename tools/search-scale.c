/* search-scale: finds the factor by which to scale a merged adapter, from the calibration rows.
 *
 * For every candidate it measures the share of each task's rows whose first generated token is the
 * label's first token. The best mean over the tasks wins; on a tie the smaller factor. This uses
 * the labels of the calibration rows, which no other stage does. The rows of all tasks go through
 * one pass over the weights, as many at a time as fit the allowed memory. */
#include <jansson.h>
#include <stdlib.h>

#include "adapter/adapter.h"
#include "adapter/copies.h"
#include "backend/be.h"
#include "base/die.h"
#include "config/keys.h"
#include "files/out.h"
#include "files/start.h"
#include "forward/generate.h"
#include "merge/samples.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static const char *model_dir, *adapter_dir, *tasks_arg, *samples_arg,
	*scales_arg = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1", *output_arg;
static bool use_fp16;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"adapter", 0, OPT_STRING, &adapter_dir, true, 0, 0, "DIR", "the merged adapter, unscaled"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "T[,T…]", "all tasks of the merge"},
	{"samples", 0, OPT_STRING, &samples_arg, true, 0, 0, "FILE",
	 "calibration samples of {task}"},
	{"scales", 0, OPT_STRING, &scales_arg, false, 0, 0, "X[,X…]", "the candidates"},
	KEY_OPTION(use_fp16, use_fp16),
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "result (JSON)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "search-scale",
	.summary = "find the best scale of a merged adapter on the calibration rows",
	.opts = options,
	.example = "search-scale --model model --adapter work/adapter --tasks tec,isear --samples "
		   "'work/samples/{task}.h5' "
		   "--scales 0.5,1 -o mine/scale.json",
};

/* All tasks' rows, one task after the other. */
struct scale_rows {
	int n;
	int *task, *length, *offset, *ids; /* (n), (n), (n), flat */
	int *label;                        /* (n) first token of each row's label */
	int *count;                        /* (tasks) rows */
};

static void rows_add(struct scale_rows *r, const struct samples *s, int t, int *total)
{
	size_t n = (size_t)(r->n + s->S), N = n * sizeof(int);

	r->task = xrealloc(r->task, N);
	r->length = xrealloc(r->length, N);
	r->offset = xrealloc(r->offset, N);
	r->label = xrealloc(r->label, N);
	r->ids = xrealloc(r->ids, (size_t)(*total + s->total) * sizeof(int));
	for (int i = 0; i < s->S; i++) {
		r->task[r->n] = t;
		r->length[r->n] = s->length[i];
		r->offset[r->n] = *total + s->offset[i];
		r->label[r->n++] = s->label_ids[s->label_offset[i]];
	}
	for (int i = 0; i < s->total; i++)
		r->ids[*total + i] = s->ids[i];
	*total += s->total;
	r->count[t] = s->S;
}

static void rows_read_all(struct scale_rows *r, const struct strlist *tasks, int V)
{
	int total = 0;

	*r = (struct scale_rows){.count = xcalloc((size_t)tasks->n, sizeof(int))};
	for (int t = 0; t < tasks->n; t++) {
		char *path = path_for_task(samples_arg, tasks->item[t], tasks->n, "--samples");
		struct samples s;

		samples_read(&s, path, tasks->item[t]);
		samples_need_vocab(&s, path, V);
		rows_add(r, &s, t, &total);
		samples_release(&s);
		free(path);
	}
}

static void rows_free(struct scale_rows *r)
{
	free(r->task);
	free(r->length);
	free(r->offset);
	free(r->ids);
	free(r->label);
	free(r->count);
}

/* Rows [first, first+n): one decoder step from the start token. right[t] counts the hits. */
static void run_slab(const struct forward *f, const struct scale_rows *r, int first, int n,
		     int *right)
{
	const struct geometry *m = &f->model->m;
	int *one = xarray((size_t)n, sizeof(*one)), *which = xarray((size_t)n, sizeof(*which)),
	    *start = xarray((size_t)n, sizeof(*start));
	struct prediction *p = xarray((size_t)n, sizeof(*p));
	struct seqs enc, dec;
	float *H;

	for (int i = 0; i < n; i++) {
		one[i] = 1;
		which[i] = i;
		start[i] = m->decoding.start;
	}
	seqs_init(&enc, n, r->length + first, r->offset + first, r->ids, 0, m->pad);
	seqs_init(&dec, n, one, which, start, 0, m->pad);
	H = forward_prompts(NULL, m, (size_t)enc.rows);
	forward_encode(f, &enc, H);
	forward_decode(f, &enc, H, &dec, which, NULL, NULL, p);
	for (int i = 0; i < n; i++)
		right[r->task[first + i]] += p[i].id == r->label[first + i];
	be->free(H);
	seqs_release(&dec);
	seqs_release(&enc);
	free(p);
	free(start);
	free(which);
	free(one);
}

static void run_all(const struct forward *f, const struct scale_rows *r, int *right)
{
	const struct texts texts = {.n = r->n, .length = r->length, .max_new = 1};
	size_t most = footprint_claim_texts(common, f, &texts, GROUP_OF_ROWS);

	for (int first = 0, n; first < r->n; first += n) {
		n = texts_within(&texts, first, most);
		run_slab(f, r, first, n, right);
	}
}

/* Tries one candidate: writes its entry of the result, and returns its mean accuracy. */
static double candidate(const struct forward *f, struct adapter *a, const double *base,
			double scale, const struct scale_rows *r, const struct strlist *tasks,
			json_t *list)
{
	int *right = xcalloc((size_t)tasks->n, sizeof(*right));
	json_t *accuracy = json_object(), *entry;
	double mean = 0;

	for (int i = 0; i < a->n; i++)
		a->lora[i].scale = scale * base[i];
	run_all(f, r, right);
	for (int t = 0; t < tasks->n; t++) {
		double share = (double)right[t] / r->count[t];

		mean += share / tasks->n;
		json_object_set_new(accuracy, tasks->item[t], json_real(share));
	}
	entry = json_pack("{s:f, s:f, s:o}", "scale", scale, "mean", mean, "accuracy", accuracy);
	json_array_append_new(list, entry);
	if (common->verbose)
		note("scale %g: mean accuracy %.4f", scale, mean);
	free(right);
	return mean;
}

static void write_result(double scale, json_t *list)
{
	json_t *o = json_pack("{s:f, s:o}", "scale", scale, "candidates", list);
	char *text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(9)),
	     *line = xformat("%s\n", text);

	out_write_text(output_arg, line);
	free(line);
	free(text);
	json_decref(o);
}

int main(int argc, char **argv)
{
	struct strlist tasks, scales;
	struct model *model;
	struct adapter *a;
	struct delta_source source = {0};
	struct forward f;
	struct scale_rows r;
	double *base, best = -1, chosen = 0;
	json_t *list = json_array();

	common = tool_start(&tool, argc, argv);
	be_select(common);
	tasks = strlist_split(tasks_arg, "--tasks");
	scales = strlist_split(scales_arg, "--scales");
	model = model_open(model_dir);
	a = adapter_open(adapter_dir, &model->m);
	copies_check(a->file, model);
	source.adapter = a;
	f = (struct forward){.model = model,
			     .nsources = 1,
			     .source = &source,
			     .precision = use_fp16 ? be->fast16() : BE_F32};
	rows_read_all(&r, &tasks, model->m.V);
	base = xarray((size_t)a->n, sizeof(*base));
	for (int i = 0; i < a->n; i++)
		base[i] = a->lora[i].scale;
	for (int i = 0; i < scales.n; i++) {
		double scale, mean;

		if (!text_to_double(scales.item[i], &scale) || !(scale > 0) || scale > 100)
			die_usage("--scales: expected numbers above 0 and up to 100, found '%s'",
				  scales.item[i]);
		mean = candidate(&f, a, base, scale, &r, &tasks, list);
		if (mean > best || (mean == best && scale < chosen)) {
			best = mean;
			chosen = scale;
		}
	}
	write_result(chosen, list);
	tool_done("scale %g of %d, mean accuracy %.4f on the calibration rows", chosen, scales.n,
		  best);
	free(base);
	rows_free(&r);
	adapter_close(a);
	model_close(model);
	strlist_release(&scales);
	strlist_release(&tasks);
	return 0;
}
