/* extract-acts: advances a model's state from one site to the next, and writes the site's rows.
 *
 * This file reads the inputs besides the acts files, and plans the memory. lib/merge/propagate.h
 * does the walk. Several tasks can share a process, and with it the packed weights of a block. */
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "adapter/copies.h"
#include "backend/be.h"
#include "base/die.h"
#include "base/renamed.h"
#include "base/shard.h"
#include "config/keys.h"
#include "files/checksums.h"
#include "files/h5/h5.h"
#include "files/start.h"
#include "merge/propagate.h"
#include "merge/samples.h"
#include "model/model.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct {
	const char *model, *side, *site, *tasks, *samples, *tokens, *adapter, *solutions, *sites,
		*from, *rows, *encoder_output, *features, *answers, *norms_of, *norms, *out;
	bool fp16, checkpoint;
	int inner_num, shards;
} o;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &o.model, true, 0, 0, "DIR", "base model folder"},
	{"side", 0, OPT_STRING, &o.side, true, 0, 0, "SIDE",
	 "own (each task's own adapter) or merged (the solutions so far)"},
	{"site", 0, OPT_STRING, &o.site, true, 0, 0, "SITE",
	 "site to extract, e.g. enc07-self, encoder-output, dec03-cross"},
	{"task", 0, OPT_STRING, &o.tasks, true, 0, 0, "LIST",
	 "task, or several separated by commas; with --shards, shards such as tec/03"},
	{"samples", 0, OPT_STRING, &o.samples, true, 0, 0, "FILE", "samples/{task}.h5"},
	{"tokens", 0, OPT_STRING, &o.tokens, false, 0, 0, "FILE",
	 "tokens/{task}.h5 (decoder sites, answers generated)"},
	{"adapter", 0, OPT_STRING, &o.adapter, false, 0, 0, "DIR",
	 "the task's adapter folder (side own)"},
	{"solutions", 0, OPT_STRING, &o.solutions, false, 0, 0, "DIR",
	 "folder of solution files (side merged)"},
	{"sites", 0, OPT_STRING, &o.sites, false, 0, 0, "LIST",
	 "the sites of the run, of which solutions exist (side merged)"},
	{"from", 0, OPT_STRING, &o.from, false, 0, 0, "FILE",
	 "acts file with the state to go on from (default: the embeddings)"},
	{"rows", 0, OPT_STRING, &o.rows, false, 0, 0, "FILE[,FILE]",
	 "acts files of sites after --from in its block: their rows are taken, not computed"},
	{"encoder-output", 0, OPT_STRING, &o.encoder_output, false, 0, 0, "FILE",
	 "acts file of site encoder-output (decoder sites)"},
	KEY_OPTION_AS(features, o.features,
		      "tokens, or reference: encoder pads too, each sample's last decoder row"),
	KEY_OPTION_AS(answers, o.answers,
		      "generated: those of --tokens; given: those of the samples"),
	KEY_OPTION(use_fp16, o.fp16),
	KEY_OPTION(shards, o.shards),
	KEY_OPTION_AS(
		inner_num, o.inner_num,
		"an encoder batch holds the rows of N samples of the longest's length at most"),
	KEY_OPTION_AS(use_gradient_checkpointing, o.checkpoint,
		      "keep the state at block starts only; 0: at every site that can hold it"),
	{"norms-of", 0, OPT_STRING, &o.norms_of, false, 0, 0, "SITE",
	 "a site on the way: also write the norms of its linears' outputs (side own)"},
	{"norms-output", 0, OPT_STRING, &o.norms, false, 0, 0, "FILE", "the file for --norms-of"},
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "acts file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "extract-acts",
	.summary = "advance the state to a site and write the site's rows",
	.details = "{task} in a FILE or DIR stands for the task's name, {shard} for a shard's "
		   "number.",
	.opts = options,
	.example = "extract-acts --model model --side own --site enc01-self --task tec,isear "
		   "--adapter 'loras/{task}' "
		   "--samples 'work/samples/{task}.h5' --from 'work/own/{task}/enc00-self.h5' -o "
		   "'mine/own/{task}/enc01-self.h5'",
};

/* The files from which a task's sequences and ΔW are made. */
struct extract_input {
	struct samples samples;
	struct decoder_tokens tokens;
	struct adapter *adapter;
};

struct extract_run {
	struct propagation a;
	struct strlist tasks;
	struct extract_input *input; /* by task */
	struct ranks ranks;          /* largest rank of ΔW */
};

static bool is_lora(void)
{
	return !strcmp(o.side, "own");
}

static bool is_reference(void)
{
	return !strcmp(o.features, "reference");
}

static bool answers_are_given(void)
{
	return strcmp(o.answers, "given") == 0;
}

static void read_tokens(const struct extract_run *r, const struct propagation_task *t,
			struct extract_input *in)
{
	char *path = checksums_task_path(o.tokens, t->name, r->tasks.n, "--tokens");

	decoder_tokens_read(&in->tokens, path, t->name, in->samples.S);
	decoder_tokens_need_vocab(&in->tokens, path, r->a.model->m.V);
	free(path);
}

/* The input of a single stack: a sample's ids without the last, then its tokens. */
static void join(struct seqs *s, const struct samples *samples, const struct decoder_tokens *tokens)
{
	size_t S = (size_t)samples->S;
	int *length = xarray(S, sizeof(int)), *offset = xarray(S, sizeof(int)),
	    *ids = xarray((size_t)samples->total + (size_t)tokens->total, sizeof(int));

	for (int i = 0, at = 0; i < samples->S; at += length[i++]) {
		int n = samples->length[i] - 1;

		offset[i] = at;
		length[i] = n + tokens->length[i];
		memcpy(ids + at, samples->ids + samples->offset[i], sizeof(int) * (size_t)n);
		memcpy(ids + at + n, tokens->ids + tokens->offset[i],
		       sizeof(int) * (size_t)tokens->length[i]);
	}
	seqs_init(s, samples->S, length, offset, ids, 0, 0);
	free(length);
	free(offset);
	free(ids);
}

static void open_tokens(struct extract_run *r, struct propagation_task *t, struct extract_input *in)
{
	const struct geometry *m = &r->a.model->m;
	struct decoder_tokens *tokens = &in->tokens;

	if (answers_are_given())
		decoder_tokens_given(tokens, &in->samples, m->label_start);
	else
		read_tokens(r, t, in);
	if (m->family->nstacks == 1)
		join(&t->enc, &in->samples, tokens);
	else
		seqs_init(&t->dec, tokens->S, tokens->length, tokens->offset, tokens->ids, 0,
			  m->pad);
}

/* Whether the site's rows include those of the answers. */
static bool has_answers(const struct extract_run *r)
{
	const struct propagation *a = &r->a;

	return a->model->m.family->nstacks == 1 || propagate_in_decoder(a);
}

static void open_adapter(struct extract_run *r, const struct propagation_task *t,
			 struct extract_input *in)
{
	char *path = checksums_task_path(o.adapter, t->name, r->tasks.n, "--adapter");

	in->adapter = adapter_open(path, &r->a.model->m);
	copies_check(in->adapter->file, r->a.model);
	ranks_of_adapter(&r->ranks, in->adapter);
	free(path);
}

static void open_inputs(struct extract_run *r, struct propagation_task *t, struct extract_input *in)
{
	const struct geometry *m = &r->a.model->m;
	char *path = checksums_task_path(o.samples, t->name, r->tasks.n, "--samples");

	samples_read_shard(&in->samples, path, t->name,
			   (struct shards){o.shards, is_reference() ? o.inner_num : 1});
	samples_need_vocab(&in->samples, path, m->V);
	if (m->family->nstacks == 2)
		seqs_init(&t->enc, in->samples.S, in->samples.length, in->samples.offset,
			  in->samples.ids, is_reference() ? in->samples.max_length : 0, m->pad);
	free(path);
	if (has_answers(r))
		open_tokens(r, t, in);
	if (is_lora())
		open_adapter(r, t, in);
	t->adapter = in->adapter;
}

/* Whether the walk uses the solution of site s. */
static bool meets(const struct propagation *a, struct site s)
{
	return site_compare(s, a->site) < 0 &&
	       (site_is_encoder_output(s) ||
		(s.stack == propagate_in_decoder(a) && s.block >= a->start));
}

/* The ranks of the solutions that the walk uses. */
static void solutions_ranks(struct extract_run *r)
{
	struct merged *g = r->a.merged;

	for (int i = 0; i < merged_count(g); i++)
		if (meets(&r->a, merged_site(g, i)))
			ranks_of_solution(&r->ranks, &r->a.model->m, merged_solution(g, i));
}

static void check_answers(const struct extract_run *r)
{
	if (strcmp(o.answers, "generated") && !answers_are_given())
		die_usage("--answers '%s': expected generated or given", o.answers);
	if (answers_are_given() && is_reference())
		die_usage("--features reference is of generated answers: take --features tokens");
	if (answers_are_given() && o.tokens)
		die_usage("--answers given takes no --tokens: the samples hold them");
	if (has_answers(r) ? !o.tokens && !answers_are_given() : o.tokens != NULL)
		die_usage("site %s %s", o.site,
			  has_answers(r) ? "needs --tokens, or --answers given"
					 : "takes no --tokens");
}

static void check_usage(const struct extract_run *r)
{
	bool decoder = propagate_in_decoder(&r->a);

	if (strcmp(o.side, "own") && strcmp(o.side, "merged"))
		die_usage("--side '%s': expected own or merged", o.side);
	if (strcmp(o.features, "tokens") && strcmp(o.features, "reference"))
		die_usage("--features '%s': expected tokens or reference", o.features);
	if (is_lora() ? !o.adapter || o.solutions : !o.solutions || !o.sites || o.adapter)
		die_usage("side own takes --adapter, side merged takes --solutions and --sites");
	if (!o.norms_of != !o.norms || (o.norms && !is_lora()))
		die_usage("--norms-of and --norms-output go together, on side own");
	if (o.rows && (!o.from || o.fp16 || r->a.last_rows))
		die_usage(
			"--rows needs --from, and float32 rows of all positions: with "
			"--use-fp16 1, or in the decoder with --features reference, leave it out");
	if (is_reference() && r->a.model->m.family->nstacks == 1)
		die_usage("--features reference is of T5's encoder and decoder: take --features "
			  "tokens");
	check_answers(r);
	if (decoder == !o.encoder_output)
		die_usage("site %s %s --encoder-output", o.site, decoder ? "needs" : "takes no");
}

/* The longest sequence of a stack, over all tasks. */
static int longest(const struct extract_run *r, bool decoder)
{
	int T = 1;

	for (int i = 0; i < r->tasks.n; i++) {
		const struct seqs *s = decoder ? &r->a.task[i].dec : &r->a.task[i].enc;

		T = s->longest > T ? s->longest : T;
	}
	return T;
}

/* Rows of a batch: enough for full products, or fewer by inner_num or max_memory. A sequence is
 * never cut. */
static void run_buffers(struct extract_run *r)
{
	struct propagation *a = &r->a;
	int own = longest(r, propagate_in_decoder(a)), keys = longest(r, false),
	    T = keys > longest(r, true) ? keys : longest(r, true);
	bool few = !propagate_in_decoder(a) && (long)o.inner_num * T < BATCH_ROWS;
	/* A single pass has one task's files open at a time. With several passes the outputs stay
	 * open. */
	int files = a->start + 1 < propagate_target(a) ? r->tasks.n : 1;

	footprint_choose(a, common->max_memory, few ? o.inner_num * T : BATCH_ROWS, T, own, keys,
			 &r->ranks, files);
	footprint_claim(common, footprint_extract(a, own, keys, &r->ranks, files), "");
	propagate_init(&r->a, NULL, T, ranks_largest(&r->ranks));
}

/* The tasks, with their inputs. */
static void open_tasks(struct extract_run *r)
{
	struct propagation *a = &r->a;

	a->ntasks = r->tasks.n;
	a->task = xcalloc((size_t)r->tasks.n, sizeof(*a->task));
	r->input = xcalloc((size_t)r->tasks.n, sizeof(*r->input));
	for (int i = 0; i < r->tasks.n; i++) {
		a->task[i].name = r->tasks.item[i];
		open_inputs(r, &a->task[i], &r->input[i]);
	}
}

/* The files and numbers that the options give. */
static void take_options(struct propagation *a)
{
	a->of = (struct acts_of){o.site, NULL, o.side, o.features};
	a->from = o.from;
	if (o.rows)
		a->given_rows = strlist_split(o.rows, "--rows");
	a->encoder_output = o.encoder_output;
	a->norms_of = o.norms_of;
	a->norms = o.norms;
	a->out = o.out;
	a->precision = o.fp16 ? be->fast16() : BE_F32;
	a->fp16 = o.fp16;
	a->every_state = !o.checkpoint;
}

/* The walk that the options describe. */
static void run_open(struct extract_run *r)
{
	struct propagation *a = &r->a;

	a->model = model_open(o.model);
	refuse_renamed("--site", o.site);
	if (!site_parse(&a->model->m, o.site, &a->site))
		die_usage("--site '%s': no site of this model", o.site);
	a->last_rows = is_reference() && propagate_in_decoder(a);
	check_usage(r);
	r->tasks = strlist_split(o.tasks, "--task");
	shard_check(&r->tasks, o.shards, o.out);
	if (!is_lora())
		a->merged = merged_open(&a->model->m, o.solutions, o.sites);
	take_options(a);
	open_tasks(r);
	propagate_start(a);
	if (a->merged)
		solutions_ranks(r);
}

static void run_close(struct extract_run *r)
{
	for (int i = 0; i < r->tasks.n; i++) {
		adapter_close(r->input[i].adapter);
		seqs_release(&r->a.task[i].enc);
		seqs_release(&r->a.task[i].dec);
		samples_release(&r->input[i].samples);
		decoder_tokens_release(&r->input[i].tokens);
	}
	propagate_release(&r->a);
	free(r->input);
	free(r->a.task);
	strlist_release(&r->a.given_rows);
	strlist_release(&r->tasks);
	merged_close(r->a.merged);
	model_close(r->a.model);
}

int main(int argc, char **argv)
{
	struct extract_run r = {.tasks = {0}};
	long P = 0;

	common = tool_start(&tool, argc, argv);
	be_select(common);
	run_open(&r);
	run_buffers(&r);
	propagate_run(&r.a);
	for (int i = 0; i < r.tasks.n; i++)
		P += propagate_rows(&r.a, &r.a.task[i]);
	tool_done("%s %s: %ld rows of %d task%s, %s products", o.side, o.site, P, r.tasks.n,
		  r.tasks.n == 1 ? "" : "s", r.a.precision == BE_BF16 ? "bfloat16" : "float32");
	run_close(&r);
	return 0;
}
