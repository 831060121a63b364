/* generate-tokens: the decoder tokens of the calibration samples, generated greedily by each task's
 * own model (--adapter), or by the merged model of an iteration (--solutions).
 *
 * The encoder has already run: its output is the state in the task's `encoder-output` file. Samples
 * are taken in groups, so that memory does not grow with their number. With features `reference`
 * the samples are generated in batches of --inner-num, as in the published run. A finished sample
 * is then fed pads until its batch ends. */
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/shard.h"
#include "config/keys.h"
#include "files/checksums.h"
#include "files/h5/h5.h"
#include "files/start.h"
#include "forward/generate.h"
#include "merge/acts.h"
#include "merge/answers.h"
#include "merge/calibration_set.h"
#include "merge/samples.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct {
	const char *model, *tasks, *samples, *adapter, *solutions, *sites, *encoder_output,
		*features, *out;
	int max_new, inner_num, shards;
	bool fp16;
} o;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &o.model, true, 0, 0, "DIR", "base model folder"},
	{"task", 0, OPT_STRING, &o.tasks, true, 0, 0, "LIST",
	 "task, or several separated by commas; with --shards, shards such as tec/03"},
	{"samples", 0, OPT_STRING, &o.samples, true, 0, 0, "FILE", "samples/{task}.h5"},
	{"adapter", 0, OPT_STRING, &o.adapter, false, 0, 0, "DIR",
	 "the task's adapter folder (its own model)"},
	{"solutions", 0, OPT_STRING, &o.solutions, false, 0, 0, "DIR",
	 "folder of solution files (the merged model)"},
	{"sites", 0, OPT_STRING, &o.sites, false, 0, 0, "LIST",
	 "the sites of the run (the merged model)"},
	{"encoder-output", 0, OPT_STRING, &o.encoder_output, false, 0, 0, "FILE",
	 "acts file of site encoder-output, of the same model (T5)"},
	KEY_OPTION_AS(features, o.features, "tokens or reference"),
	KEY_OPTION(max_new_tokens, o.max_new),
	KEY_OPTION_AS(inner_num, o.inner_num, "samples of a batch (reference only)"),
	KEY_OPTION(use_fp16, o.fp16),
	KEY_OPTION(shards, o.shards),
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "tokens file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "generate-tokens",
	.summary = "greedy decoder tokens of the calibration samples",
	.details = "{task} in a FILE or DIR stands for the task's name, {shard} for a shard's "
		   "number.",
	.opts = options,
	.example = "generate-tokens --model model --task tec,isear --adapter 'loras/{task}' "
		   "--samples 'work/samples/{task}.h5' --encoder-output "
		   "'work/own/{task}/encoder-output.h5' -o "
		   "'mine/tokens/{task}.h5'",
};

enum { READ_ROWS = 512 }; /* rows of encoder output that are read at a time */

/* The decoder's inputs for one sample: the start token and the generated tokens. The end token is
 * left out, because it is only an output. */
static int inputs_of(const struct generation *g, int i, const struct geometry *m, int start,
		     int *ids)
{
	const int *generated = g->ids + (size_t)i * (size_t)g->max_new;
	int n = g->length[i];

	n -= n > 0 && decoding_ends(&m->decoding, generated[n - 1]);
	ids[0] = start;
	memcpy(ids + 1, generated, sizeof(int) * (size_t)n);
	return n + 1;
}

/* The last possible token is no input of anything, so it is not generated. */
static int tokens_needed(void)
{
	return o.max_new - 1;
}

static int longest(const struct decoder_tokens *t, int first, int last)
{
	int most = 0;

	for (int i = first; i < last; i++)
		most = t->length[i] > most ? t->length[i] : most;
	return most;
}

/* Published batches: every sample has as many decoder steps as the longest one of its batch. A
 * finished sample is fed its end token, then pads. */
static void pad_batches(struct decoder_tokens *t, int **ids, const struct generation *g,
			const struct geometry *m)
{
	for (int first = 0; first < t->S; first += o.inner_num) {
		int last = first + o.inner_num < t->S ? first + o.inner_num : t->S,
		    steps = longest(t, first, last);

		for (int i = first; i < last; i++) {
			for (int j = t->length[i]; j < steps; j++)
				ids[i][j] = j == t->length[i]
						    ? g->ids[(size_t)i * (size_t)g->max_new +
							     (size_t)j - 1]
						    : m->decoding.pad;
			t->length[i] = steps;
		}
	}
}

static bool reference(void)
{
	return !strcmp(o.features, "reference");
}

static struct h5 *open_encoder_output(const struct forward *f, const struct calibration_task *t,
				      int ntasks)
{
	char *path = checksums_task_path(o.encoder_output, t->name, ntasks, "--encoder-output");
	const struct acts_of of = {"encoder-output", t->name, t->adapter ? "own" : "merged",
				   o.features};
	struct h5 *m;

	m = acts_open(path, &of);
	acts_need_state(m, reference() ? t->samples.S * t->samples.max_length : t->samples.total,
			f->model->m.D);
	free(path);
	return m;
}

/* The encoder's output of the set's samples [first, last). All are of task t, and begin at row
 * `row` of H. */
static void read_encoder_output(const struct forward *f, const struct calibration_task *t,
				int ntasks, const struct seqs *enc, int first, int last, float *H)
{
	struct h5 *m = open_encoder_output(f, t, ntasks);
	int from = first - t->first, rows = 0;
	size_t row0 = reference() ? (size_t)from * (size_t)t->samples.max_length
				  : (size_t)t->samples.offset[from];
	size_t D = (size_t)f->model->m.D;
	float *host = xarray(READ_ROWS * D, sizeof(*host));

	for (int i = first; i < last; i++)
		rows += enc->len[i - first];
	for (int row = 0; row < rows; row += READ_ROWS) {
		size_t n = (size_t)(rows - row < READ_ROWS ? rows - row : READ_ROWS);

		h5_read_float(m, "/state", row0 + (size_t)row, n, host);
		be->put(H + (size_t)row * D, host, n * D * sizeof(float));
	}
	free(host);
	h5_close(m);
}

/* Reads the encoder's output of the set's samples [first, first+n) into H. */
static void read_prompts(const struct forward *f, const struct calibration_set *p,
			 const struct seqs *enc, int first, int n, float *H)
{
	size_t D = (size_t)f->model->m.D;

	for (int i = 0, last; i < n; i = last) {
		struct calibration_task *t = &p->task[p->task_of[first + i]];
		struct seqs some = {.len = enc->len + i};

		last = t->first + t->samples.S - first < n ? t->first + t->samples.S - first : n;
		read_encoder_output(f, t, p->ntasks, &some, first + i, first + last,
				    H + (size_t)enc->off[i] * D);
	}
}

/* Generates for samples [first, first+n) of the set. H has room for their encoder output. */
static void generate_group(const struct forward *f, const struct calibration_set *p, int first,
			   int n, float *H, struct generation *all)
{
	struct forward part = *f;
	struct seqs enc;
	struct generation g;

	seqs_init(&enc, n, p->length + first, p->offset + first, p->ids, p->pad_to,
		  f->model->m.pad);
	part.source_of = pool_source_of(p, first);
	if (f->model->m.family->nstacks == 2)
		read_prompts(f, p, &enc, first, n, H);
	else
		forward_encode(&part, &enc, H);
	generate(&part, &enc, H, p->label_length + first, p->label_offset + first, p->label_ids,
		 tokens_needed(), &g);
	memcpy(all->length + first, g.length, sizeof(int) * (size_t)n);
	memcpy(all->ids + (size_t)first * (size_t)g.max_new, g.ids,
	       sizeof(int) * (size_t)n * (size_t)g.max_new);
	generation_release(&g);
	seqs_release(&enc);
}

static void generate_all(const struct forward *f, const struct calibration_set *p,
			 struct generation *g)
{
	const struct texts texts = {p->n, p->length, p->pad_to, p->label_length, tokens_needed()};
	size_t most = footprint_claim_texts(common, f, &texts, GROUP_OF_SAMPLES);
	float *H;

	*g = (struct generation){.n = p->n, .max_new = tokens_needed()};
	g->length = xcalloc((size_t)p->n, sizeof(int));
	g->ids = xcalloc((size_t)p->n * (size_t)g->max_new, sizeof(int));
	H = forward_prompts(NULL, &f->model->m, (size_t)texts_passes(&texts, most).rows[0]);
	for (int first = 0, n; first < p->n && g->max_new; first += n) {
		n = texts_within(&texts, first, most);
		generate_group(f, p, first, n, H, g);
	}
	be->free(H);
}

/* The task's part of the set's generation, as a view. */
static struct generation of_task(const struct generation *all, const struct calibration_task *t)
{
	return (struct generation){.n = t->samples.S,
				   .max_new = all->max_new,
				   .length = all->length + t->first,
				   .ids = all->ids + (size_t)t->first * (size_t)all->max_new};
}

static void tokens_from(struct decoder_tokens *t, const char *task, const struct samples *s,
			const struct generation *g, const struct geometry *m)
{
	int **ids = xcalloc((size_t)s->S, sizeof(*ids));

	*t = (struct decoder_tokens){.task = xstrdup(task), .S = s->S, .max_new_tokens = o.max_new};
	t->length = xarray((size_t)s->S, sizeof(int));
	t->offset = xarray((size_t)s->S, sizeof(int));
	for (int i = 0; i < s->S; i++) {
		ids[i] = xcalloc((size_t)o.max_new, sizeof(int));
		int last = s->ids[s->offset[i] + s->length[i] - 1];

		t->length[i] = inputs_of(g, i, m, m->decoding.start < 0 ? last : m->decoding.start,
					 ids[i]);
	}
	if (reference())
		pad_batches(t, ids, g, m);
	t->total = ragged_offsets(t->length, t->S, t->offset);
	t->ids = xarray((size_t)t->total, sizeof(int));
	for (int i = 0; i < s->S; i++) {
		memcpy(t->ids + t->offset[i], ids[i], sizeof(int) * (size_t)t->length[i]);
		free(ids[i]);
	}
	free(ids);
}

static void write_task(const struct calibration_set *p, const struct calibration_task *t,
		       const struct generation *all, const struct geometry *m)
{
	char *out = checksums_task_path(o.out, t->name, p->ntasks, "--output");
	const struct generation g = of_task(all, t);
	struct decoder_tokens tokens;

	tokens_from(&tokens, t->name, &t->samples, &g, m);
	decoder_tokens_write(&tokens, out);
	decoder_tokens_release(&tokens);
	free(out);
}

/* What a task's own adapter answers to its own rows: one line if that is no better than chance. It
 * costs nothing, because the answers exist. With --max-new-tokens 1 there are none. */
static void check_answers(const struct calibration_task *t, const struct generation *all)
{
	const struct generation g = of_task(all, t);
	const struct samples *s = &t->samples;
	int *truth = xarray((size_t)s->S, sizeof(int)),
	    *answered = xarray((size_t)s->S, sizeof(int));

	for (int i = 0; i < s->S; i++) {
		truth[i] = s->label_ids[s->label_offset[i]];
		answered[i] = g.length[i] > 0 ? g.ids[(size_t)i * (size_t)g.max_new] : -1;
	}
	const struct answers a = answers_of_tokens(truth, answered, s->S);
	if (answers_by_chance(&a)) {
		char *words = answers_words(&a, t->name, "calibration");
		warn("%s", words);
		free(words);
	}
	free(answered);
	free(truth);
}

/* An encoder has already read the prompts. A single stack reads them here. */
static void check_prompts(const struct model *model)
{
	bool encoder = model->m.family->nstacks == 2;

	if (encoder == !o.encoder_output)
		die_usage("'%s' holds a model %s an encoder: it %s --encoder-output", o.model,
			  encoder ? "with" : "without", encoder ? "needs" : "takes no");
	if (!encoder && reference())
		die_usage("--features reference is of T5's encoder and decoder: take --features "
			  "tokens");
}

int main(int argc, char **argv)
{
	struct strlist tasks;
	struct model *model;
	struct calibration_set p;
	struct forward f;
	struct generation g;

	common = tool_start(&tool, argc, argv);
	be_select(common);
	if (strcmp(o.features, "tokens") && strcmp(o.features, "reference"))
		die_usage("--features '%s': expected tokens or reference", o.features);
	if (o.adapter ? o.solutions || o.sites : !o.solutions || !o.sites)
		die_usage("either --adapter, or --solutions and --sites");
	tasks = strlist_split(o.tasks, "--task");
	shard_check(&tasks, o.shards, o.out);
	model = model_open(o.model);
	check_prompts(model);
	calibration_set_open(
		&p, model, &tasks,
		&(struct calibration_args){o.samples, o.adapter, o.solutions, o.sites,
					   (struct shards){o.shards, reference() ? o.inner_num : 1},
					   reference()});
	f = (struct forward){.model = model,
			     .nsources = p.nsources,
			     .source = p.source,
			     .precision = o.fp16 ? be->fast16() : BE_F32};
	generate_all(&f, &p, &g);
	for (int i = 0; i < tasks.n; i++)
		write_task(&p, &p.task[i], &g, &model->m);
	for (int i = 0; o.adapter && tokens_needed() && i < tasks.n; i++)
		check_answers(&p.task[i], &g);
	tool_done("decoder tokens of %d task%s", tasks.n, tasks.n == 1 ? "" : "s");
	generation_release(&g);
	calibration_set_close(&p);
	model_close(model);
	strlist_release(&tasks);
	return 0;
}
