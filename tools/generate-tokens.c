/* generate-tokens: the decoder tokens of the calibration samples, as a model generates them (greedy): each task's own (--adapter), or the
 * merged one of an iteration (--solutions).
 *
 * The encoder has been run: its output is the state of the task's `memory` file. Samples are taken in groups, so that
 * memory does not grow with their number. Features `reference`: as in the published run the samples are generated in batches of
 * --inner-num, and a sample that is finished is fed pads until its batch ends. */
#include <stdlib.h>
#include <string.h>

#include "lib/adapter.h"
#include "lib/be.h"
#include "lib/die.h"
#include "lib/generate.h"
#include "lib/h5.h"
#include "lib/opts.h"
#include "lib/samples.h"

static struct {
	const char *model, *tasks, *samples, *adapter, *solutions, *sites, *memory, *features, *out;
	int max_new, inner_num;
	bool fp16;
} o = {.features = "tokens", .max_new = 3, .inner_num = 1};

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &o.model, true, 0, 0, "DIR", "base model folder"},
	{"task", 0, OPT_STRING, &o.tasks, true, 0, 0, "LIST", "task, or several separated by commas"},
	{"samples", 0, OPT_STRING, &o.samples, true, 0, 0, "FILE", "samples/{task}.h5"},
	{"adapter", 0, OPT_STRING, &o.adapter, false, 0, 0, "DIR", "the task's adapter folder (its own model)"},
	{"solutions", 0, OPT_STRING, &o.solutions, false, 0, 0, "DIR", "folder of solution files (the merged model)"},
	{"sites", 0, OPT_STRING, &o.sites, false, 0, 0, "LIST", "the sites of the run (the merged model)"},
	{"memory", 0, OPT_STRING, &o.memory, true, 0, 0, "FILE", "acts file of site memory, of the same model"},
	{"features", 0, OPT_STRING, &o.features, false, 0, 0, "KIND", "tokens or reference"},
	{"max-new-tokens", 0, OPT_INT, &o.max_new, false, 1, 512, "N", "generate at most so many"},
	{"inner-num", 0, OPT_INT, &o.inner_num, false, 1, 100000, "N", "samples of a batch (reference only)"},
	{"use-fp16", 0, OPT_BOOL, &o.fp16, false, 0, 0, "BOOL", "16-bit products where the CPU has them"},
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "tokens file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {"generate-tokens", "greedy decoder tokens of the calibration samples",
	"{task} in a FILE or DIR stands for the task's name.", options};

enum { GROUP_BYTES = 32 << 20 }; /* of encoder output in memory at once */

/* The decoder's inputs of one sample: the start token and what was generated but the last token (with </s>, which is only an output). */
static int inputs_of(const struct generation *g, int i, int start, int *ids)
{
	ids[0] = start;
	memcpy(ids + 1, g->ids + (size_t)i * (size_t)g->max_new, sizeof(int) * (size_t)(g->length[i] - 1));
	return g->length[i];
}

static int longest(const struct decoder_tokens *t, int first, int last)
{
	int most = 0;

	for (int i = first; i < last; i++)
		most = t->length[i] > most ? t->length[i] : most;
	return most;
}

/* Published batches: every sample has as many decoder steps as the longest of its batch; a finished one is fed </s>, then pads. */
static void pad_batches(struct decoder_tokens *t, int **ids, const struct generation *g, const struct t5 *m)
{
	for (int first = 0; first < t->S; first += o.inner_num) {
		int last = first + o.inner_num < t->S ? first + o.inner_num : t->S, steps = longest(t, first, last);

		for (int i = first; i < last; i++) {
			for (int j = t->length[i]; j < steps; j++)
				ids[i][j] = j == t->length[i] ? g->ids[(size_t)i * (size_t)g->max_new + (size_t)j - 1] : m->pad;
			t->length[i] = steps;
		}
	}
}

/* Generation for samples [first, first+n) of the task, whose memory fits a group. */
static void generate_group(const struct forward *f, struct h5 *memory, const struct samples *s, int first, int n, struct generation *all)
{
	struct seqs enc;
	struct generation g;
	size_t D = (size_t)f->model->m.D, bytes;
	bool reference = !strcmp(o.features, "reference");
	size_t row0 = reference ? (size_t)first * (size_t)s->max_length : (size_t)s->offset[first];
	float *H, *host;

	seqs_init(&enc, n, s->length + first, s->offset + first, s->ids, reference ? s->max_length : 0, f->model->m.pad);
	bytes = (size_t)enc.rows * D * sizeof(float);
	H = be->alloc(bytes);
	host = xmalloc(bytes);
	h5_read_float(memory, "/state", row0, (size_t)enc.rows, host);
	be->put(H, host, bytes);
	free(host);
	generate(f, &enc, H, s->label_length + first, s->label_offset + first, s->label_ids, o.max_new, &g);
	memcpy(all->length + first, g.length, sizeof(int) * (size_t)n);
	memcpy(all->ids + (size_t)first * (size_t)o.max_new, g.ids, sizeof(int) * (size_t)n * (size_t)o.max_new);
	generation_release(&g);
	seqs_release(&enc);
	be->free(H);
}

static void generate_all(const struct forward *f, struct h5 *memory, const struct samples *s, struct generation *g)
{
	bool reference = !strcmp(o.features, "reference");
	size_t row_bytes = (size_t)f->model->m.D * sizeof(float);

	*g = (struct generation){.n = s->S, .max_new = o.max_new};
	g->length = xcalloc((size_t)s->S, sizeof(int));
	g->ids = xcalloc((size_t)s->S * (size_t)o.max_new, sizeof(int));
	for (int first = 0, n; first < s->S; first += n) {
		size_t bytes = 0;

		for (n = 0; first + n < s->S; n++) {
			bytes += row_bytes * (size_t)(reference ? s->max_length : s->length[first + n]);
			if (n && bytes > GROUP_BYTES)
				break;
		}
		generate_group(f, memory, s, first, n, g);
	}
}

static void tokens_from(struct decoder_tokens *t, const char *task, const struct samples *s, const struct generation *g, const struct t5 *m)
{
	int **ids = xcalloc((size_t)s->S, sizeof(*ids));

	*t = (struct decoder_tokens){.task = xstrdup(task), .S = s->S, .max_new_tokens = o.max_new};
	t->length = xarray((size_t)s->S, sizeof(int));
	t->offset = xarray((size_t)s->S, sizeof(int));
	for (int i = 0; i < s->S; i++) {
		ids[i] = xcalloc((size_t)o.max_new, sizeof(int));
		t->length[i] = inputs_of(g, i, m->start, ids[i]);
	}
	if (!strcmp(o.features, "reference"))
		pad_batches(t, ids, g, m);
	t->total = ragged_offsets(t->length, t->S, t->offset);
	t->ids = xarray((size_t)t->total, sizeof(int));
	for (int i = 0; i < s->S; i++) {
		memcpy(t->ids + t->offset[i], ids[i], sizeof(int) * (size_t)t->length[i]);
		free(ids[i]);
	}
	free(ids);
}

static void run_task(const struct model *model, const struct strlist *sites, const char *task, int ntasks)
{
	char *samples = path_for_task(o.samples, task, ntasks, "--samples"), *memory = path_for_task(o.memory, task, ntasks, "--memory");
	char *dir = o.adapter ? path_for_task(o.adapter, task, ntasks, "--adapter") : NULL, *out = path_for_task(o.out, task, ntasks, "--output");
	struct adapter *a = dir ? adapter_open(dir, &model->m) : NULL;
	struct forward f = {.model = model, .source = {.adapter = a, .solutions = o.solutions, .sites = sites}};
	struct h5 *m = h5_open(memory, "iteris-acts", 1);
	struct samples s;
	struct generation g;
	struct decoder_tokens t;

	f.precision = o.fp16 ? be->fast16() : BE_F32;
	samples_read(&s, samples, task);
	samples_need_vocab(&s, samples, model->m.V);
	h5_expect_string(m, "site", "memory");
	h5_expect_string(m, "task", task);
	h5_expect_string(m, "side", a ? "lora" : "merged");
	h5_expect_string(m, "features", o.features);
	h5_expect_shape(m, "/state", (size_t)(strcmp(o.features, "reference") ? s.total : s.S * s.max_length), (size_t)model->m.D);
	generate_all(&f, m, &s, &g);
	tokens_from(&t, task, &s, &g, &model->m);
	decoder_tokens_write(&t, out);
	decoder_tokens_release(&t);
	generation_release(&g);
	samples_release(&s);
	h5_close(m);
	adapter_close(a);
	free(samples);
	free(memory);
	free(dir);
	free(out);
}

int main(int argc, char **argv)
{
	struct strlist tasks, sites = {0};
	struct model *model;

	opts_parse(&tool, argc, argv);
	be_select(common.backend);
	if (strcmp(o.features, "tokens") && strcmp(o.features, "reference"))
		die_usage("--features '%s': expected tokens or reference", o.features);
	if (o.adapter ? o.solutions || o.sites : !o.solutions || !o.sites)
		die_usage("either --adapter, or --solutions and --sites");
	tasks = strlist_split(o.tasks, "--task");
	if (o.sites)
		sites = strlist_split(o.sites, "--sites");
	model = model_open(o.model);
	for (int i = 0; i < tasks.n; i++)
		run_task(model, &sites, tasks.item[i], tasks.n);
	tool_done("decoder tokens of %d task%s", tasks.n, tasks.n == 1 ? "" : "s");
	model_close(model);
	strlist_release(&tasks);
	strlist_release(&sites);
	return 0;
}
