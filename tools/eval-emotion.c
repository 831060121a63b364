/* eval-emotion: accuracy, macro-F1, loss and confusion of a model on a task's test file.
 *
 * It generates greedily for every row. The prediction is the first generated token, the label is
 * the label's first token, as published. For other scores see lib/merge/evaluation.h.
 *
 * Rows are taken in slabs whose residual stream fits the allowed memory. Within a slab the weights
 * are streamed block by block. Pads are never computed. A row's numbers do not depend on its
 * slab. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "adapter/copies.h"
#include "backend/be.h"
#include "base/die.h"
#include "config/config.h"
#include "files/start.h"
#include "forward/generate.h"
#include "forward/likelihood.h"
#include "merge/evaluation.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct {
	const char *model, *adapter, *test, *task, *name, *score, *out, *predictions, *compare;
	struct row_options rows;
	int max_length, max_new, batch;
	long seed;
	bool fp16, int8;
} o;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &o.model, true, 0, 0, "DIR", "base model folder"},
	{"adapter", 0, OPT_STRING, &o.adapter, false, 0, 0, "DIR",
	 "PEFT adapter on top of it (default: the base model alone)"},
	{"test", 0, OPT_STRING, &o.test, true, 0, 0, "FILE",
	 "test rows of the task: .json, .jsonl, .csv or .tsv"},
	{"task", 0, OPT_STRING, &o.task, true, 0, 0, "NAME", "the task's name, for the result"},
	{"name", 0, OPT_STRING, &o.name, false, 0, 0, "NAME",
	 "the model's name, for the closing line (default: the adapter's folder, or base)"},
	KEY_OPTION(max_length, o.max_length),
	KEY_OPTION(prompt, o.rows.prompt),
	KEY_OPTION(answer, o.rows.answer),
	KEY_OPTION(label_key, o.rows.label_key),
	KEY_OPTION(label_names, o.rows.label_names),
	KEY_OPTION(score, o.score),
	KEY_OPTION(max_new_tokens, o.max_new),
	KEY_OPTION(per_device_eval_batch_size, o.batch),
	KEY_OPTION(use_fp16, o.fp16),
	KEY_OPTION(eval_int8, o.int8),
	KEY_OPTION_AS(seed, o.seed, "seed of the bootstrap (macro_f1_stderr)"),
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "result (JSON)"},
	{"predictions", 0, OPT_STRING, &o.predictions, false, 0, 0, "FILE",
	 "one line per row (JSON Lines)"},
	{"compare", 0, OPT_STRING, &o.compare, false, 0, 0, "FILE",
	 "predictions of another evaluation: count the answers that differ"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "eval-emotion",
	.summary = "accuracy, macro-F1, loss and confusion on a test file",
	.opts = options,
	.example = "eval-emotion --model model --adapter work/adapter --task tec --test "
		   "data/tec/test.json -o mine/tec.json",
};

/* The most decoder rows of a test row: those of the generation, or of its answer. */
static int decoder_steps(const struct testset *t)
{
	int most = o.max_new;

	for (int i = 0; i < t->rows.n; i++)
		most = t->answer_length[i] > most ? t->answer_length[i] : most;
	return most;
}

/* Decoder rows of a pass over several answers: as many as are planned for a slab. */
static void run_choices(const struct forward *f, const struct seqs *enc, const float *H,
			struct evaluation *e, int first, int steps)
{
	const struct answer_list answers = testset_answers(e->test);
	double *nll = xarray((size_t)enc->n * (size_t)answers.K, sizeof(*nll));

	likelihood(f, enc, H, &answers, enc->n * steps, nll);
	evaluation_add_likelihoods(e, first, enc->n, nll);
	free(nll);
}

static void run_slab(const struct forward *f, struct evaluation *e, int first, int n, int steps)
{
	const struct testset *t = e->test;
	size_t ids = (size_t)n * (size_t)o.max_new;
	struct seqs enc;
	struct generation g;
	float *H;

	seqs_init(&enc, n, t->length + first, t->offset + first, t->ids, 0, f->model->m.pad);
	H = forward_prompts(NULL, &f->model->m, (size_t)enc.rows);
	forward_encode(f, &enc, H);
	generate(f, &enc, H, t->answer_length + first, t->answer_offset + first, t->answer_ids,
		 o.max_new, &g);
	if (e->asked.likelihood)
		run_choices(f, &enc, H, e, first, steps);
	memcpy(e->gap + first, g.gap, sizeof(float) * (size_t)n);
	memcpy(e->nll + first, g.nll, sizeof(double) * (size_t)n);
	memcpy(e->length + first, g.length, sizeof(int) * (size_t)n);
	memcpy(e->ids + (size_t)first * (size_t)o.max_new, g.ids, sizeof(int) * ids);
	generation_release(&g);
	seqs_release(&enc);
	be->free(H);
}

static void run_all(const struct forward *f, struct evaluation *e)
{
	const struct testset *t = e->test;
	int steps = decoder_steps(t);
	const struct texts texts = {t->rows.n, t->length, 0, t->answer_length, steps};
	size_t most = footprint_claim_texts(common, f, &texts, GROUP_OF_ROWS);

	for (int first = 0, n; first < t->rows.n; first += n) {
		n = texts_within(&texts, first, most);
		run_slab(f, e, first, n, steps);
	}
	if (!isfinite(evaluation_loss(e)))
		die_data("task '%s': the loss is not finite", o.task);
}

static struct asked_scores asked_scores(void)
{
	unsigned set = config_score_set(o.score);

	if (!set)
		die_usage("--score '%s': expected %s", o.score,
			  config_key_values(&config_keys[KEY_score]));
	return (struct asked_scores){set >> FIRST_TOKEN & 1, set >> LIKELIHOOD & 1,
				     set >> EXACT & 1};
}

static const char *model_name(void)
{
	return o.name ? o.name : o.adapter ? o.adapter : "base";
}

static enum be_precision precision(void)
{
	if (o.int8)
		be_need_int8();
	return o.int8 ? BE_INT8 : o.fp16 ? be->fast16() : BE_F32;
}

static const char *const precision_name[] = {
	[BE_F32] = "float32", [BE_BF16] = "bfloat16", [BE_INT8] = "int8"};

/* The texts of --compare, read before the work, so that a wrong file costs no time. */
static struct strlist other_texts(int rows)
{
	return o.compare ? evaluation_read_texts(o.compare, rows) : (struct strlist){0};
}

static void say_done(const struct evaluation *e, enum be_precision p, double accuracy,
		     const struct strlist *others)
{
	char *differing = o.compare ? xformat(", %d answers differ from '%s'",
					      evaluation_differing(e, others), o.compare)
				    : xstrdup("");

	tool_done("%s on %s: accuracy %.4f on %d rows, %s products%s", model_name(), o.task,
		  accuracy, e->test->rows.n, precision_name[p], differing);
	free(differing);
}

static void evaluate(struct model *model, struct example_maker *maker,
		     const struct delta_source *source, struct asked_scores asked)
{
	const struct forward f = {.model = model,
				  .nsources = 1,
				  .source = source,
				  .precision = precision(),
				  .batch = o.batch};
	struct testset t;
	struct evaluation e;
	struct strlist others;
	double accuracy;

	testset_read(&t, o.test, maker, asked);
	others = other_texts(t.rows.n);
	evaluation_init(&e, &t, asked, o.max_new);
	run_all(&f, &e);
	evaluation_finish(&e, maker->tokenizer);
	if (o.predictions)
		evaluation_write_predictions(&e, o.predictions);
	accuracy = evaluation_write(&e, o.out, o.task, (uint64_t)o.seed);
	say_done(&e, f.precision, accuracy, &others);
	strlist_release(&others);
	evaluation_release(&e);
	testset_release(&t);
}

int main(int argc, char **argv)
{
	struct row_templates templates;
	struct asked_scores asked;
	struct model *model;
	struct delta_source source = {0};
	struct adapter *adapter = NULL;

	common = tool_start(&tool, argc, argv);
	be_select(common);
	asked = asked_scores();
	row_templates_init(&templates, &o.rows);
	model = model_open(o.model);
	model_note(model);
	struct example_maker maker = {o.model, &model->m, &templates, o.max_length,
				      tokenizer_open_for(o.model, &model->m)};
	if (o.adapter) {
		adapter = adapter_open(o.adapter, &model->m);
		copies_check(adapter->file, model);
	}
	source.adapter = adapter;
	evaluate(model, &maker, &source, asked);
	tokenizer_close(maker.tokenizer);
	adapter_close(adapter);
	row_templates_release(&templates);
	model_close(model);
	return 0;
}
