/* extract-acts: advances a model's state from one site to the next, and writes the site's rows.
 *
 * The state is the residual stream at the start of a block (of `memory`: the encoder's normed output); what lies between is
 * recomputed. A pass runs one block over all samples, batch by batch: only one block's weights and one batch of rows
 * are in memory, whatever the depth and the number of samples. Several tasks may share one process, and so the block's packed weights. */
#include <stdlib.h>
#include <string.h>

#include "lib/acts.h"
#include "lib/adapter.h"
#include "lib/be.h"
#include "lib/block.h"
#include "lib/budget.h"
#include "lib/demand.h"
#include "lib/die.h"
#include "lib/h5.h"
#include "lib/model.h"
#include "lib/opts.h"
#include "lib/samples.h"
#include "lib/seqs.h"
#include "lib/sums.h"

static struct {
	const char *model, *side, *site, *tasks, *samples, *tokens, *adapter, *solutions, *sites, *from, *memory, *features, *out;
	bool fp16, checkpoint;
	int inner_num;
} o = {.features = "tokens", .checkpoint = true};

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &o.model, true, 0, 0, "DIR", "base model folder"},
	{"side", 0, OPT_STRING, &o.side, true, 0, 0, "SIDE", "lora (each task's own adapter) or merged (the solutions so far)"},
	{"site", 0, OPT_STRING, &o.site, true, 0, 0, "SITE", "site to extract, e.g. enc07-self, memory, dec03-cross"},
	{"task", 0, OPT_STRING, &o.tasks, true, 0, 0, "LIST", "task, or several separated by commas"},
	{"samples", 0, OPT_STRING, &o.samples, true, 0, 0, "FILE", "samples/{task}.h5"},
	{"tokens", 0, OPT_STRING, &o.tokens, false, 0, 0, "FILE", "tokens/{task}.h5 (decoder sites)"},
	{"adapter", 0, OPT_STRING, &o.adapter, false, 0, 0, "DIR", "the task's adapter folder (side lora)"},
	{"solutions", 0, OPT_STRING, &o.solutions, false, 0, 0, "DIR", "folder of solution files (side merged)"},
	{"sites", 0, OPT_STRING, &o.sites, false, 0, 0, "LIST", "the sites of the run, of which solutions exist (side merged)"},
	{"from", 0, OPT_STRING, &o.from, false, 0, 0, "FILE", "acts file with the state to go on from (default: the embeddings)"},
	{"memory", 0, OPT_STRING, &o.memory, false, 0, 0, "FILE", "acts file of site memory (decoder sites)"},
	{"features", 0, OPT_STRING, &o.features, false, 0, 0, "KIND", "tokens, or reference: encoder pads too, each sample's last decoder row"},
	{"use-fp16", 0, OPT_BOOL, &o.fp16, false, 0, 0, "BOOL", "float16 rows on disk, 16-bit products where the CPU has them"},
	{"inner-num", 0, OPT_INT, &o.inner_num, false, 0, 100000, "N", "samples of an encoder batch at most (0: as many as make full products)"},
	{"use-gradient-checkpointing", 0, OPT_BOOL, &o.checkpoint, false, 0, 0, "BOOL",
	 "keep the state at block starts only; 0: at every site that can hold it"},
	{"output", 'o', OPT_STRING, &o.out, true, 0, 0, "FILE", "acts file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {"extract-acts", "advance the state to a site and write the site's rows",
	"{task} in a FILE or DIR stands for the task's name.", options};

struct task {
	const char *name;
	struct samples samples;
	struct decoder_tokens tokens;
	struct seqs enc, dec; /* dec only at decoder sites */
	struct adapter *adapter;
	struct delta_source source;
	struct h5 *in, *memory, *out; /* open only while they are used: what is held does not grow with the tasks */
};

struct run {
	struct model *model;
	struct site site;
	bool lora, reference;
	enum be_precision precision;
	struct strlist tasks, sites;
	struct task *task;
	int start;     /* first block to run, */
	enum step start_step; /* from this step on */
	int rank;      /* of ΔW, at most */
	struct demand_deltas deltas;
	struct work work;
	float *h, *host; /* one batch of rows: backend, host */
	int rows;
	char *from; /* the site of --from */
};

static bool decoder_site(const struct run *r)
{
	return r->site.stack == 1 && !site_is_memory(r->site);
}

static const struct seqs *seqs_of(const struct run *r, const struct task *t)
{
	return decoder_site(r) ? &t->dec : &t->enc;
}

static struct acts_of acts_of(const struct task *t, const char *site)
{
	return (struct acts_of){site, t->name, o.side, o.features};
}

/* An acts file of the task; site NULL: any. */
static struct h5 *open_acts(const struct run *r, const char *template, const struct task *t, const char *site)
{
	char *path = path_for_task(template, t->name, r->tasks.n, "path");
	const struct acts_of of = acts_of(t, site);
	struct h5 *f = acts_open(path, &of);

	free(path);
	return f;
}

static void open_tokens(const struct run *r, struct task *t)
{
	char *path = path_for_task(o.tokens, t->name, r->tasks.n, "--tokens");

	decoder_tokens_read(&t->tokens, path, t->name, t->samples.S);
	decoder_tokens_need_vocab(&t->tokens, path, r->model->m.V);
	seqs_init(&t->dec, t->tokens.S, t->tokens.length, t->tokens.offset, t->tokens.ids, 0, r->model->m.pad);
	free(path);
}

static void open_adapter(struct run *r, struct task *t)
{
	char *path = path_for_task(o.adapter, t->name, r->tasks.n, "--adapter");

	t->adapter = adapter_open(path, &r->model->m);
	for (int i = 0; i < t->adapter->n; i++)
		r->rank = t->adapter->lora[i].r > r->rank ? t->adapter->lora[i].r : r->rank;
	demand_add_adapter(&r->deltas, t->adapter);
	free(path);
}

static void open_inputs(struct run *r, struct task *t)
{
	char *path = path_for_task(o.samples, t->name, r->tasks.n, "--samples");

	sums_scope(t->name);
	samples_read(&t->samples, path, t->name);
	samples_need_vocab(&t->samples, path, r->model->m.V);
	seqs_init(&t->enc, t->samples.S, t->samples.length, t->samples.offset, t->samples.ids, r->reference ? t->samples.max_length : 0,
	          r->model->m.pad);
	free(path);
	if (decoder_site(r))
		open_tokens(r, t);
	if (r->lora)
		open_adapter(r, t);
	t->source = (struct delta_source){t->adapter, r->lora ? NULL : o.solutions, &r->sites};
	sums_scope(NULL);
}

/* The block that the state read from --from belongs to; also sets the step it is at. */
static int start_block(struct run *r)
{
	struct site from;
	struct h5 *in;
	char *name;

	if (!o.from)
		return 0;
	sums_scope(r->task[0].name);
	in = open_acts(r, o.from, &r->task[0], NULL);
	sums_scope(NULL);
	name = h5_get_string(in, "/", "site");
	if (!site_parse(&r->model->m, name, &from) || site_is_memory(from) || from.stack != (site_is_memory(r->site) ? 0 : r->site.stack) ||
	    site_compare(from, r->site) >= 0)
		die("%s: site '%s' is not before '%s' in the same stack", h5_path(in), name, o.site);
	r->start_step = (enum step)h5_get_int(in, "/", "state_step");
	if (r->start_step != STEP_SELF && r->start_step != from.step)
		die("%s: its state is at step %d, which is no place to go on from", h5_path(in), (int)r->start_step);
	r->from = name;
	h5_close(in);
	return from.block;
}

/* The rank of the merge: the largest of the solutions that will be met; they are noted for the plan too. */
static int solutions_rank(struct run *r)
{
	int rank = 1;

	for (int i = 0; i < r->sites.n; i++) {
		struct site s;
		char *path;
		struct h5 *f;

		if (!site_parse(&r->model->m, r->sites.item[i], &s))
			die_usage("--sites: '%s' is no site of this model", r->sites.item[i]);
		if (site_compare(s, r->site) >= 0 || (!site_is_memory(s) && (s.stack != (r->site.stack && !site_is_memory(r->site)) || s.block < r->start)))
			continue;
		path = xformat("%s/%s.h5", o.solutions, r->sites.item[i]);
		f = h5_open(path, "iteris-solution", 1);
		rank = delta_largest_rank(f) > rank ? delta_largest_rank(f) : rank;
		demand_add_solution(&r->deltas, &r->model->m, f);
		h5_close(f);
		free(path);
	}
	return rank;
}

/* Without checkpointing, a site where x follows from h (a norm's) keeps h as it is there. */
static bool state_at_site(const struct run *r)
{
	return !o.checkpoint && (r->site.step == STEP_CROSS || r->site.step == STEP_FFN);
}

/* The first site of a block carries the block's state; later sites of the block go on from that file. */
static bool writes_state(const struct run *r)
{
	return !o.from || site_is_memory(r->site) || r->start < r->site.block || state_at_site(r);
}

struct pass {
	int block;
	enum step from, to;
	bool first, last;
};

static bool last_rows_only(const struct run *r)
{
	return r->reference && decoder_site(r);
}

static void open_output(const struct run *r, struct task *t)
{
	char *path = path_for_task(o.out, t->name, r->tasks.n, "--output");
	const struct seqs *s = seqs_of(r, t);
	const struct acts_of of = acts_of(t, o.site);

	t->out = acts_create(path, &of, last_rows_only(r) ? s->n : s->rows, site_width(&r->model->m, r->site), o.fp16,
	                     writes_state(r) ? s->rows : 0, r->model->m.D, state_at_site(r) ? r->site.step : STEP_SELF);
	free(path);
}

/* A task's files for a pass: what it goes on from, the encoder's output, what it writes. */
static void open_files(const struct run *r, struct task *t, const struct pass *p)
{
	if (p->first && o.from) {
		t->in = open_acts(r, o.from, t, r->from);
		acts_need_state(t->in, seqs_of(r, t)->rows, r->model->m.D);
	}
	if (decoder_site(r) && p->to > STEP_CROSS) {
		t->memory = open_acts(r, o.memory, t, "memory");
		acts_need_state(t->memory, t->enc.rows, r->model->m.D);
	}
	if (p->first)
		open_output(r, t);
}

static void close_files(struct task *t, const struct pass *p)
{
	h5_close(t->in);
	h5_close(t->memory);
	t->in = t->memory = NULL;
	if (p->last)
		h5_commit(t->out);
}

static void write_rows(const struct run *r, const struct task *t, const struct batch *b, int first)
{
	int d = site_width(&r->model->m, r->site);
	size_t row = (size_t)d * sizeof(float);
	const struct acts_of of = acts_of(t, o.site);

	if (last_rows_only(r)) {
		for (int i = 0; i < b->n; i++)
			be->get(r->host + (size_t)i * (size_t)d, r->work.x + (size_t)(b->off[i] + b->len[i] - 1) * (size_t)d, row);
		acts_write_rows(t->out, &of, o.fp16, first, b->n, d, r->host);
		return;
	}
	be->get(r->host, r->work.x, (size_t)b->rows * row);
	acts_write_rows(t->out, &of, o.fp16, seqs_of(r, t)->off[first], b->rows, d, r->host);
}

static void write_state(const struct run *r, const struct task *t, const struct pass *p, const float *from, const struct batch *b, int first)
{
	const struct acts_of of = acts_of(t, o.site);

	if (p->last && acts_state_is_rows(&of, o.fp16))
		return;
	be->get(r->host, from, (size_t)b->rows * (size_t)r->model->m.D * sizeof(float));
	h5_write_float(t->out, "/state", (size_t)seqs_of(r, t)->off[first], (size_t)b->rows, r->host);
}

/* h at the start of a pass: from the embeddings, from --from, or what the pass before left in the output. */
static void read_state(const struct run *r, const struct task *t, bool first_pass, const struct batch *b, int first)
{
	const struct seqs *s = seqs_of(r, t);
	struct h5 *from = first_pass ? t->in : t->out;

	if (from)
		h5_read_float(from, "/state", (size_t)s->off[first], (size_t)b->rows, r->host);
	else
		model_embed(r->model, s->ids + s->off[first], b->rows, r->host);
	be->put(r->h, r->host, (size_t)b->rows * (size_t)r->model->m.D * sizeof(float));
}

/* Memory rows for the decoder's cross-attention, from the memory site's file. */
struct fetch {
	const struct task *t;
	float *M, *host;
	int D;
};

static const float *fetch_memory(void *arg, int first, int n, int *off)
{
	struct fetch *f = arg;
	const struct seqs *s = &f->t->enc;
	int row0 = s->off[first], rows = 0;

	for (int i = 0; i < n; i++) {
		off[i] = rows;
		rows += s->len[first + i];
	}
	h5_read_float(f->t->memory, "/state", (size_t)row0, (size_t)rows, f->host);
	be->put(f->M, f->host, (size_t)rows * (size_t)f->D * sizeof(float));
	return f->M;
}

/* One task through one pass. At the last pass's end: x at the site is its rows. */
static void pass_task(struct run *r, struct task *t, const struct block *b, const struct pass *p, const float *next_norm,
                      struct fetch *fetch)
{
	const struct seqs *s = seqs_of(r, t);
	const struct t5 *m = &r->model->m;
	int *off = xarray((size_t)s->n, sizeof(int));
	struct block_deltas deltas = {{NULL}};
	struct memory mem = {fetch, fetch_memory, t->enc.len, t->enc.valid, 0, r->rows};
	bool memory = site_is_memory(r->site);
	struct batch batch;

	sums_scope(t->name);
	open_files(r, t, p);
	fetch->t = t;
	if (b)
		block_deltas_load(&deltas, b, &t->source);
	for (int first = 0; first < s->n; first += batch.n) {
		batch = seqs_batch(s, first, r->rows, s == &t->enc ? o.inner_num : 0, off);
		read_state(r, t, p->first, &batch, first);
		mem.base = first;
		if (b)
			block_run(b, &deltas, &r->work, &batch, &mem, r->h, p->to);
		if (next_norm)
			be->rmsnorm(r->work.x, r->h, next_norm, batch.rows, m->D, m->eps);
		if (writes_state(r) && (p->to == STEP_END || !b || (p->last && state_at_site(r))))
			write_state(r, t, p, memory && p->last ? r->work.x : r->h, &batch, first);
		if (p->last)
			write_rows(r, t, &batch, first);
	}
	if (b)
		block_deltas_release(&deltas, b);
	close_files(t, p);
	sums_scope(NULL);
	free(off);
}

/* A pass over one block; block -1: none, only the embeddings are laid down and normed. */
static void pass_run(struct run *r, const struct pass *p, struct fetch *fetch)
{
	int stack = r->site.stack && !site_is_memory(r->site), L = r->model->m.L[stack];
	struct block b;
	float *next_norm = NULL;
	int next = site_is_memory(r->site) ? L : r->site.block;

	if (p->last && (p->to == STEP_END || p->block < 0))
		next_norm = model_norm(r->model, stack, next, 0);
	if (p->block >= 0)
		block_load(&b, r->model, stack, p->block, p->from, p->to, r->precision);
	for (int i = 0; i < r->tasks.n; i++)
		pass_task(r, &r->task[i], p->block >= 0 ? &b : NULL, p, next_norm, fetch);
	if (p->block >= 0)
		block_release(&b);
	be->free(next_norm);
}

/* Blocks start … target−1 whole; the target block as far as the site. A site at a block's start needs no more than the
 * norm after the block before it, so that it is part of that block's pass. */
static void run_passes(struct run *r, struct fetch *fetch)
{
	int target = site_is_memory(r->site) ? r->model->m.L[0] : r->site.block;
	bool at_start = site_is_memory(r->site) || r->site.step == STEP_SELF;
	bool first = true;

	for (int b = r->start; b < target; b++) {
		struct pass p = {b, first ? r->start_step : STEP_SELF, STEP_END, first, at_start && b == target - 1};

		pass_run(r, &p, fetch);
		first = false;
	}
	if (at_start && target > r->start)
		return;
	if (at_start) {
		pass_run(r, &(struct pass){-1, STEP_SELF, STEP_SELF, true, true}, fetch);
		return;
	}
	if (first && !o.from) { /* the embeddings are the state of block 0 */
		pass_run(r, &(struct pass){-1, STEP_SELF, STEP_SELF, true, false}, fetch);
		first = false;
	}
	pass_run(r, &(struct pass){target, first ? r->start_step : STEP_SELF, r->site.step, first, true}, fetch);
}

static void check_usage(const struct run *r)
{
	bool decoder = decoder_site(r);

	if (strcmp(o.side, "lora") && strcmp(o.side, "merged"))
		die_usage("--side '%s': expected lora or merged", o.side);
	if (strcmp(o.features, "tokens") && strcmp(o.features, "reference"))
		die_usage("--features '%s': expected tokens or reference", o.features);
	if (r->lora ? !o.adapter || o.solutions : !o.solutions || !o.sites || o.adapter)
		die_usage("side lora takes --adapter, side merged takes --solutions and --sites");
	if (decoder ? !o.tokens || !o.memory : o.tokens || o.memory)
		die_usage("site %s %s --tokens and --memory", o.site, decoder ? "needs" : "takes no");
}

/* The longest sequence of a stack, of all tasks. */
static int longest(const struct run *r, bool decoder)
{
	int T = 1;

	for (int i = 0; i < r->tasks.n; i++) {
		const struct seqs *s = decoder ? &r->task[i].dec : &r->task[i].enc;

		T = s->longest > T ? s->longest : T;
	}
	return T;
}

static size_t device_need(const struct run *r, int rows)
{
	return demand_extract(&r->model->m, decoder_site(r), rows, longest(r, decoder_site(r)), longest(r, false), &r->deltas, r->precision);
}

/* Rows of a batch: enough for full products, fewer where inner_num or max_memory say so; a sequence is never cut. */
static int choose_rows(const struct run *r, int T)
{
	bool decoder = decoder_site(r);
	size_t need;
	int rows = o.inner_num && !decoder && (long)o.inner_num * T < BATCH_ROWS ? o.inner_num * T : BATCH_ROWS;

	/* A single pass has one task's files open at a time; outputs that several passes go over stay open. */
	int target = site_is_memory(r->site) ? r->model->m.L[0] : r->site.block, files = r->start + 1 < target ? r->tasks.n : 1;

	rows = T > rows ? T : rows;
	while (((need = budget_extract(&r->model->m, decoder, rows, T, r->rank, files, r->precision)) > common.max_memory ||
	        device_need(r, rows) > common.max_memory) &&
	       common.max_memory && rows > T)
		rows = rows / 2 > T ? rows / 2 : T;
	if (common.max_memory && need > common.max_memory)
		die("--max-memory %zu MB is too little: at least %zu MB are needed", common.max_memory >> 20, (need >> 20) + 1);
	return rows;
}

static void run_buffers(struct run *r, struct fetch *fetch)
{
	const struct t5 *m = &r->model->m;
	int stack = decoder_site(r), T = longest(r, false) > longest(r, true) ? longest(r, false) : longest(r, true);
	int wide = m->D > m->F ? m->D : m->F;

	wide = wide > m->DI ? wide : m->DI;
	r->rows = choose_rows(r, T);
	be->reserve(device_need(r, r->rows));
	work_init(&r->work, r->model, stack, r->rows, T, r->rank);
	r->h = be->alloc((size_t)r->rows * (size_t)m->D * sizeof(float));
	r->host = xarray((size_t)r->rows * (size_t)wide, sizeof(float));
	fetch->D = m->D;
	if (stack) {
		fetch->M = be->alloc((size_t)r->rows * (size_t)m->D * sizeof(float));
		fetch->host = xarray((size_t)r->rows * (size_t)m->D, sizeof(float));
	}
}

static void run_release(struct run *r, struct fetch *fetch)
{
	for (int i = 0; i < r->tasks.n; i++) {
		struct task *t = &r->task[i];

		adapter_close(t->adapter);
		seqs_release(&t->enc);
		seqs_release(&t->dec);
		samples_release(&t->samples);
		decoder_tokens_release(&t->tokens);
	}
	work_release(&r->work);
	be->free(r->h);
	be->free(fetch->M);
	free(r->host);
	free(fetch->host);
	free(r->task);
	strlist_release(&r->tasks);
	strlist_release(&r->sites);
	free(r->from);
	model_close(r->model);
}

int main(int argc, char **argv)
{
	struct run r = {.rank = 1};
	struct fetch fetch = {0};
	long P = 0;

	opts_parse(&tool, argc, argv);
	be_select(common.backend);
	r.model = model_open(o.model);
	if (!site_parse(&r.model->m, o.site, &r.site))
		die_usage("--site '%s': no site of this model", o.site);
	r.lora = !strcmp(o.side, "lora");
	r.reference = !strcmp(o.features, "reference");
	check_usage(&r);
	r.tasks = strlist_split(o.tasks, "--task");
	if (o.sites)
		r.sites = strlist_split(o.sites, "--sites");
	r.precision = o.fp16 ? be->fast16() : BE_F32;
	r.task = xcalloc((size_t)r.tasks.n, sizeof(*r.task));
	for (int i = 0; i < r.tasks.n; i++) {
		r.task[i].name = r.tasks.item[i];
		open_inputs(&r, &r.task[i]);
	}
	r.start = start_block(&r);
	if (!r.lora)
		r.rank = solutions_rank(&r);
	run_buffers(&r, &fetch);
	run_passes(&r, &fetch);
	for (int i = 0; i < r.tasks.n; i++)
		P += last_rows_only(&r) ? seqs_of(&r, &r.task[i])->n : seqs_of(&r, &r.task[i])->rows;
	tool_done("%s %s: %ld rows of %d task%s, %s products", o.side, o.site, P, r.tasks.n, r.tasks.n == 1 ? "" : "s",
	          r.precision == BE_BF16 ? "bfloat16" : "float32");
	run_release(&r, &fetch);
	return 0;
}
