/* plan-pipeline: checks everything that can be checked before the first computation, and writes the plan of one merge.
 *
 * The plan is WORK/plan.mk (tasks, sites, flags: lower-case make variables) and WORK/stamps/: one small text per stage and input that
 * holds all a stage depends on (its options, the digests of its inputs and of its tool). A stamp is rewritten only when its
 * text changes, so that make reruns exactly what depends on a change, and a touched file with the same contents reruns nothing.
 * The path of plan.mk is printed on stdout. */
#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/adapter.h"
#include "lib/be.h"
#include "lib/budget.h"
#include "lib/config.h"
#include "lib/die.h"
#include "lib/digest.h"
#include "lib/grams.h"
#include "lib/model.h"
#include "lib/opts.h"
#include "lib/out.h"
#include "lib/seqs.h"
#include "lib/site.h"
#include "lib/solve.h"
#include "lib/sums.h"
#include "lib/text.h"

static struct {
	const char *task_type, *model, *loras, *data, *config, *work, *set, *jobs, *tools;
	bool list_keys, show, print_work;
} o = {.task_type = "EMOTION_t5_large", .config = "config/iteris-plus.yaml", .tools = "build"};

static const struct opt options[] = {
	{"task-type", 0, OPT_STRING, &o.task_type, false, 0, 0, "NAME", "section of the config file"},
	{"model", 0, OPT_STRING, &o.model, false, 0, 0, "DIR", "base model folder (default: key model_dir)"},
	{"loras", 0, OPT_STRING, &o.loras, false, 0, 0, "DIR", "folder of adapter folders, one per task (default: key lora_dir)"},
	{"data", 0, OPT_STRING, &o.data, false, 0, 0, "DIR", "folder of data folders, one per task (default: key data_dir)"},
	{"config", 0, OPT_STRING, &o.config, false, 0, 0, "FILE", "config file"},
	{"work", 0, OPT_STRING, &o.work, false, 0, 0, "DIR", "folder of all results (default: work/TYPE/METHOD-MATSx_CAMRx_DCSx)"},
	{"set", 0, OPT_STRING, &o.set, false, 0, 0, "LIST", "overrides KEY=value, separated by spaces"},
	{"jobs", 0, OPT_STRING, &o.jobs, false, 0, 0, "N", "processes that make may run at once (default: 1)"},
	{"tools", 0, OPT_STRING, &o.tools, false, 0, 0, "DIR", "folder of the tools"},
	{"list-keys", 0, OPT_FLAG, &o.list_keys, false, 0, 0, NULL, "print the config file's keys, and exit"},
	{"print-work", 0, OPT_FLAG, &o.print_work, false, 0, 0, NULL, "print the folder of results, and exit"},
	{"show", 0, OPT_FLAG, &o.show, false, 0, 0, NULL, "print the plan in words"},
	{.type = OPT_END},
};

static const struct tool tool = {"plan-pipeline", "check the inputs of a merge and write its plan", NULL, options};

struct plan {
	struct config c;
	struct model *model;
	struct adapter **adapter; /* per task */
	int nsites;
	struct site *site;        /* of targeted modules, in order */
	char *work;
	struct digest_cache *digests;
	struct text mk;
};

static void list_keys(void)
{
	for (int i = 0; i < config_nkeys; i++) {
		const struct config_key *k = &config_keys[i];
		char *values = config_key_values(k);

		printf("  %-27s %s\n  %-27s   %s; default: %s\n", k->name, k->help, "", values, k->dflt ? k->dflt : k->none ? k->none : "none, required");
		free(values);
	}
}

/* Overrides as typed on make's command line: KEY=value words. */
static void apply_overrides(struct config *c)
{
	char *copy = xstrdup(o.set ? o.set : ""), *save = NULL;

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		config_override(c, word);
	free(copy);
}

/* A path that make and the shell can take as one plain word. */
static const char *need_path(const char *given, const char *from_config, const char *what)
{
	const char *path = given ? given : from_config;

	if (!path)
		die_usage("%s is not given: %s=DIR on the command line, or its key in the config file", what, what);
	if (!*path || path[strcspn(path, " \t\n:;#$%%*?[]{}()<>|&\\'\"`~!=,")])
		die_usage("%s='%s': a path may not be empty or hold blanks or any of : ; # $ %% * ? [ ] { } ( ) < > | & \\ ' \" ` ~ ! = ,", what,
		          path);
	return path;
}

static char *in_task(const char *folder, const char *task, const char *file)
{
	return xformat("%s/%s/%s", folder, task, file);
}

static bool file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void check_adapter(const struct plan *p, int t)
{
	const struct config *c = &p->c;
	const struct adapter *a = p->adapter[t];

	if (c->rank && c->rank != a->r)
		die("rank: the config says %d, %s/adapter_config.json says r = %d", c->rank, a->dir, a->r);
	if (c->lora_alpha && c->lora_alpha[t] != a->alpha)
		die("lora_alpha: the config says %g for task '%s', %s/adapter_config.json says %g", c->lora_alpha[t],
		    c->task_targets.item[t], a->dir, a->alpha);
}

static int compare_sites(const void *a, const void *b)
{
	return site_compare(*(const struct site *)a, *(const struct site *)b);
}

/* The distinct sites of all targeted modules. */
static void find_sites(struct plan *p)
{
	int n = 0, kept = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		n += p->adapter[t]->n;
	p->site = xarray((size_t)n, sizeof(*p->site));
	n = 0;
	for (int t = 0; t < p->c.task_targets.n; t++)
		for (int i = 0; i < p->adapter[t]->n; i++)
			p->site[n++] = site_of_module(p->adapter[t]->lora[i].module);
	qsort(p->site, (size_t)n, sizeof(*p->site), compare_sites);
	for (int i = 0; i < n; i++)
		if (!i || site_compare(p->site[i], p->site[kept - 1]))
			p->site[kept++] = p->site[i];
	p->nsites = kept;
}

/* with_pretrain_matrix, where a method fits anything: the solution is a whole weight. */
static bool dense(const struct config *c)
{
	return c->with_pretrain_matrix && (c->method == SWEEP || c->method == REGMEAN || c->method == JACOBI);
}

/* What is not there for the whole weight: said before anything is computed. */
static void check_dense(const struct config *c)
{
	if (dense(c) && c->method == JACOBI)
		die_usage("with_pretrain_matrix is there for methods sweep and regmean, not for jacobi: its history and its measure of convergence are of "
		          "low-rank changes");
}

static void open_inputs(struct plan *p)
{
	const struct strlist *tasks = &p->c.task_targets;

	p->model = model_open(o.model);
	p->adapter = xcalloc((size_t)tasks->n, sizeof(*p->adapter));
	for (int t = 0; t < tasks->n; t++) {
		char *dir = xformat("%s/%s", o.loras, tasks->item[t]);

		if (!file_exists(dir))
			die("task '%s' has no adapter: '%s' is not there", tasks->item[t], dir);
		p->adapter[t] = adapter_open(dir, &p->model->m);
		check_adapter(p, t);
		free(dir);
	}
	find_sites(p);
}

/* ------------------------------------------------------------ stamps */

static void stamp_file(struct plan *p, struct text *s, const char *what, const char *path)
{
	text_add(s, "%s %016llx\n", what, (unsigned long long)digest_file(p->digests, path));
}

static void stamp_tool(struct plan *p, struct text *s, const char *name)
{
	char *path = xformat("%s/%s", o.tools, name);

	stamp_file(p, s, name, path);
	free(path);
}

static void stamp_key(const struct plan *p, struct text *s, const char *key)
{
	char *v = config_value(&p->c, key);

	text_add(s, "%s %s\n", key, v ? v : "");
	free(v);
}

static void stamp_write(const struct plan *p, struct text *s, const char *fmt, const char *task)
{
	char *name = xformat(fmt, task), *path = xformat("%s/stamps/%s", p->work, name);

	out_update_text(path, text_get(s));
	text_release(s);
	free(name);
	free(path);
}

static void stamp_model(struct plan *p, struct text *s)
{
	const struct st *st = p->model->st;
	const char *last = "";
	char *config = xformat("%s/config.json", o.model);

	stamp_file(p, s, "config.json", config);
	for (int i = 0; i < st_count(st); i++) {
		const char *file = st_file(st, st_at(st, i));

		if (strcmp(file, last) && strcmp(file, st_file(st, st_at(st, 0))))
			stamp_file(p, s, "weights", file);
		else if (i == 0)
			stamp_file(p, s, "weights", file);
		last = file;
	}
	free(config);
}

static void stamp_draw(struct plan *p, const char *task)
{
	static const char *const keys[] = {"seed", "samples_num", "max_length", "select_long", "if_balance", "shuffle"};
	struct text s = {0};
	char *train = in_task(o.data, task, "train.json"), *rows = in_task(o.data, task, "samples.json");
	char *spiece = xformat("%s/spiece.model", o.model), *config = xformat("%s/config.json", o.model);

	stamp_tool(p, &s, "draw-samples");
	stamp_file(p, &s, "train", train);
	if (file_exists(rows))
		stamp_file(p, &s, "samples", rows);
	stamp_file(p, &s, "spiece", spiece);
	stamp_file(p, &s, "config.json", config);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		stamp_key(p, &s, keys[i]);
	stamp_write(p, &s, "draw-%s", task);
	free(train);
	free(rows);
	free(spiece);
	free(config);
}

static void stamp_task(struct plan *p, const char *task)
{
	struct text s = {0};
	char *config = in_task(o.loras, task, "adapter_config.json"), *weights = in_task(o.loras, task, "adapter_model.safetensors");
	char *test = in_task(o.data, task, "test.json");

	stamp_draw(p, task);
	stamp_file(p, &s, "config", config);
	stamp_file(p, &s, "weights", weights);
	stamp_write(p, &s, "adapter-%s", task);
	if (file_exists(test)) {
		stamp_file(p, &s, "test", test);
		stamp_write(p, &s, "test-%s", task);
	}
	free(config);
	free(weights);
	free(test);
}

/* A stage's stamp: its tool, whether it reads the model, and the keys it depends on. */
static void stage_text(struct plan *p, struct text *s, const char *tool_name, bool model, const char *const *keys)
{
	stamp_tool(p, s, tool_name);
	if (model)
		stamp_model(p, s);
	for (; *keys; keys++)
		stamp_key(p, s, *keys);
}

static void stamp_stage(struct plan *p, const char *name, const char *tool_name, bool model, const char *const *keys)
{
	struct text s = {0};

	stage_text(p, &s, tool_name, model, keys);
	stamp_write(p, &s, "%s", name);
}

/* A task's Grams depend on the other tasks' adapters too: on which modules they target, and with DCS on what they compute. */
static void stamp_grams(struct plan *p)
{
	struct text s = {0};

	stage_text(p, &s, "compute-grams", true,
	           (const char *const[]){"task_targets", "reg_ceof", "use_dcs", "dcs_sigma", "with_pretrain_matrix", NULL});
	for (int t = 0; t < p->c.task_targets.n; t++) {
		char *config = in_task(o.loras, p->c.task_targets.item[t], "adapter_config.json");
		char *weights = in_task(o.loras, p->c.task_targets.item[t], "adapter_model.safetensors");
		uint64_t targets = 0;

		for (int i = 0; i < p->adapter[t]->n; i++) {
			char *name = module_name(&p->model->m, p->adapter[t]->lora[i].module);

			targets = digest_bytes(targets, name, strlen(name));
			free(name);
		}
		text_add(&s, "targets %016llx\n", (unsigned long long)targets);
		if (p->c.use_dcs) {
			stamp_file(p, &s, "config", config);
			stamp_file(p, &s, "weights", weights);
		}
		free(config);
		free(weights);
	}
	stamp_write(p, &s, "%s", "grams");
}

static void write_stamps(struct plan *p)
{
	stamp_stage(p, "extract", "extract-acts", true, (const char *const[]){"features", "use_fp16", "use_gradient_checkpointing", NULL});
	stamp_stage(p, "tokens", "generate-tokens", true,
	            p->c.features == REFERENCE ? (const char *const[]){"features", "use_fp16", p->c.if_divide ? "inner_num" : "samples_num", NULL}
	                                       : (const char *const[]){"features", "use_fp16", "max_new_tokens", NULL});
	stamp_grams(p);
	stamp_stage(p, "solve", dense(&p->c) ? "solve-dense" : "solve-layer", dense(&p->c),
	            (const char *const[]){"task_targets", "method", "manual_ceof", "alpha_1", "alpha_2", "use_camr", "camr_alpha", "camr_beta",
	                                  NULL});
	stamp_stage(p, "combine", "combine-layer", false,
	            (const char *const[]){"task_targets", "method", "density", "merge_rank", p->c.method == DARE ? "seed" : NULL, NULL});
	stamp_stage(p, "search", "search-scale", true, (const char *const[]){"use_fp16", NULL});
	stamp_stage(p, "assemble", "assemble-lora", false, (const char *const[]){"model_name", "scale", NULL});
	stamp_stage(p, "mats", "solve-layer", false, (const char *const[]){"use_mats", "mats_history_size", "mats_regularization", NULL});
	stamp_stage(p, "converge", "check-convergence", false, (const char *const[]){"convergence_threshold", NULL});
	stamp_stage(p, "model", "assemble-model", true, (const char *const[]){NULL});
	stamp_stage(p, "eval", "eval-emotion", true, (const char *const[]){"max_length", "max_new_tokens", "use_fp16", NULL});
	for (int t = 0; t < p->c.task_targets.n; t++)
		stamp_task(p, p->c.task_targets.item[t]);
}

/* ------------------------------------------------------------ plan.mk */

static void put(struct plan *p, const char *name, const char *value)
{
	text_add(&p->mk, "%s := %s\n", name, value);
}

static void put_key(struct plan *p, const char *key)
{
	char *v = config_value(&p->c, key);

	put(p, key, v);
	free(v);
}

/* One "--key value" per config key, as the tool's option table spells it. */
static void put_flags(struct plan *p, const char *name, const char *const *keys)
{
	text_add(&p->mk, "%s :=", name);
	for (; *keys; keys++) {
		char *v = config_value(&p->c, *keys);

		text_add(&p->mk, " --");
		for (const char *k = *keys; *k; k++)
			text_add(&p->mk, "%c", *k == '_' ? '-' : *k);
		text_add(&p->mk, " %s", v);
		free(v);
	}
	text_add(&p->mk, "\n");
}

/* Features as published: generation has no limit of its own there, and so transformers' default of 20 decoder positions, the start token
 * among them; without if_divide all samples are one batch. */
enum { PUBLISHED_NEW_TOKENS = 19 };

static void put_tokens_flags(struct plan *p)
{
	const struct config *c = &p->c;
	bool reference = c->features == REFERENCE;

	text_add(&p->mk, "tokens_flags := --features %s --max-new-tokens %d --inner-num %d --use-fp16 %d\n", features_name(c->features),
	         reference ? PUBLISHED_NEW_TOKENS : c->max_new_tokens, c->if_divide ? c->inner_num : c->samples_num, c->use_fp16);
}

static void put_all_flags(struct plan *p)
{
	put_flags(p, "draw_flags", (const char *const[]){"seed", "samples_num", "max_length", "select_long", "if_balance", "shuffle", NULL});
	put_flags(p, "extract_flags", (const char *const[]){"features", "use_fp16", "inner_num", "use_gradient_checkpointing", NULL});
	put_tokens_flags(p);
	put_flags(p, "mats_flags", (const char *const[]){"use_mats", "mats_history_size", "mats_regularization", NULL});
	text_add(&p->mk, "converge_flags := --threshold %.17g\n", p->c.convergence_threshold);
	put_flags(p, "grams_flags", (const char *const[]){"reg_ceof", "use_dcs", "dcs_sigma", NULL});
	put_flags(p, "solve_flags",
	          (const char *const[]){"method", "manual_ceof", "alpha_1", "alpha_2", "use_camr", "camr_alpha", "camr_beta", NULL});
	put_flags(p, "combine_flags", (const char *const[]){"method", "density", "merge_rank", "seed", NULL});
	put_flags(p, "search_flags", (const char *const[]){"use_fp16", NULL});
	put_flags(p, "eval_flags", (const char *const[]){"max_length", "max_new_tokens", "per_device_eval_batch_size", "use_fp16", NULL});
	if (p->c.max_memory)
		text_add(&p->mk, "memory_flags := --max-memory %zu\n", p->c.max_memory);
	put(p, "sequential", p->c.sequential_layer_processing ? "1" : "");
}

static bool same_block(struct site a, struct site b)
{
	return !site_is_memory(a) && !site_is_memory(b) && a.stack == b.stack && a.block == b.block;
}

/* The site whose file holds the state to go on from: the last before it, in the same stack, that is its block's first or (without
 * checkpointing) is at a norm. -1: the embeddings. memory goes on from the encoder; the decoder starts anew. */
static int state_site(const struct plan *p, int i, const struct site *self)
{
	int stack = site_is_memory(*self) ? 0 : self->stack, from = -1;

	for (int j = 0; j < i; j++) {
		const struct site *s = &p->site[j];

		if (site_is_memory(*s) || s->stack != stack)
			continue;
		if (from < 0 || !same_block(*s, p->site[from]) ||
		    (!p->c.use_gradient_checkpointing && (s->step == STEP_CROSS || s->step == STEP_FFN)))
			from = j;
	}
	return from;
}

static void put_from(struct plan *p, const char *name, int i, const struct site *self)
{
	int from = state_site(p, i, self);
	char buf[32];

	text_add(&p->mk, "from_%s := %s\n", name, from < 0 ? "" : site_name(p->site[from], buf));
}

/* `sites`: those of targeted modules; `stations`: and memory, which the decoder needs in any case. prev_S: the site solved before. */
static void put_sites(struct plan *p)
{
	struct text stations = {0};
	bool memory = false;
	char name[32];
	int first_dec = 0;

	text_add(&p->mk, "sites :=");
	for (int i = 0; i < p->nsites; i++)
		text_add(&p->mk, " %s", site_name(p->site[i], name));
	text_add(&p->mk, "\n");
	for (int i = 0; i < p->nsites; i++) {
		memory = memory || site_is_memory(p->site[i]);
		first_dec += site_compare(p->site[i], site_memory()) < 0;
	}
	for (int i = 0; i < p->nsites; i++) {
		char before[32];
		struct site self = p->site[i];

		if (i == first_dec && !memory)
			text_add(&stations, " memory");
		text_add(&stations, " %s", site_name(self, name));
		put_from(p, name, i, &self);
		text_add(&p->mk, "prev_%s := %s\n", name, i ? site_name(p->site[i - 1], before) : "");
	}
	if (!memory) {
		struct site self = site_memory();

		put_from(p, "memory", first_dec, &self);
		text_add(&p->mk, "prev_memory := %s\n", first_dec ? site_name(p->site[first_dec - 1], name) : "");
		if (first_dec == p->nsites)
			text_add(&stations, " memory");
	}
	put(p, "stations", text_get(&stations));
	text_release(&stations);
}

/* Whether some site after site i still needs the acts of site j ≤ i: as the state to go on from, or as the decoder's memory. */
static bool needed_after(const struct plan *p, int i, struct site j)
{
	for (int n = i + 1; n < p->nsites; n++) {
		int from = state_site(p, n, &p->site[n]);

		if ((from >= 0 && !site_compare(p->site[from], j)) || (site_is_memory(j) && n < p->nsites))
			return true;
		/* memory goes on from the encoder's last state though no module may read it */
		if (p->site[n].stack == 1 && j.stack == 0) {
			int last = state_site(p, n, &(struct site){1, -1, STEP_END});

			if (last >= 0 && !site_compare(p->site[last], j) && site_compare(p->site[i], site_memory()) < 0)
				return true;
		}
	}
	return false;
}

/* spent_S: the sites whose acts nothing needs any more once S is solved (memory's too, with the last). */
static void put_spent(struct plan *p)
{
	char name[32];
	bool memory = false; /* among the sites, so that the loop names it */

	for (int i = 0; i < p->nsites; i++) {
		bool last = i == p->nsites - 1;

		memory = memory || site_is_memory(p->site[i]);
		text_add(&p->mk, "spent_%s :=", site_name(p->site[i], name));
		for (int j = 0; j <= i; j++)
			if (!needed_after(p, i, p->site[j]) && (j == i || needed_after(p, i - 1, p->site[j])))
				text_add(&p->mk, " %s", site_name(p->site[j], name));
		text_add(&p->mk, "%s\n", last && !memory ? " memory" : "");
	}
}

/* make -jN: the cores are dealt out to the processes. */
static void put_threads(struct plan *p)
{
	int cores = omp_get_num_procs();
	long jobs = 1;

	if (o.jobs && *o.jobs && (!text_to_long(o.jobs, &jobs) || jobs < 1))
		jobs = cores;
	text_add(&p->mk, "threads := %ld\n", cores / jobs > 1 ? cores / jobs : 1);
}

static void put_tasks(struct plan *p)
{
	const struct strlist *tasks = &p->c.task_targets;

	text_add(&p->mk, "tasks :=");
	for (int t = 0; t < tasks->n; t++)
		text_add(&p->mk, " %s", tasks->item[t]);
	text_add(&p->mk, "\n");
	for (int t = 0; t < tasks->n; t++) {
		char *rows = in_task(o.data, tasks->item[t], "samples.json");

		if (file_exists(rows))
			text_add(&p->mk, "rows_%s := %s\n", tasks->item[t], rows);
		free(rows);
	}
}

static void write_plan(struct plan *p)
{
	char *path = xformat("%s/plan.mk", p->work);
	const char *name = p->c.model_name;

	text_add(&p->mk, "# Written by plan-pipeline; read by pipeline/main.mk.\n");
	put(p, "work", p->work);
	put(p, "model", o.model);
	put(p, "loras", o.loras);
	put(p, "data", o.data);
	put(p, "bin", o.tools);
	put(p, "method", method_name(p->c.method));
	put(p, "features", features_name(p->c.features));
	put_key(p, "max_iter");
	put(p, "model_name", name);
	put_key(p, "scale");
	put_key(p, "save");
	if (dense(&p->c))
		put(p, "dense", "1");
	put_tasks(p);
	put_threads(p);
	put_sites(p);
	put_spent(p);
	put_all_flags(p);
	out_update_text(path, text_get(&p->mk));
	printf("%s\n", path);
	free(path);
}

/* ------------------------------------------------------------ in words */

static size_t megabytes(size_t bytes)
{
	return (bytes >> 20) + 1;
}

static int total_rank(const struct plan *p)
{
	int R = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		R += p->adapter[t]->r;
	return R;
}

/* The planned peak of one process of each stage; samples are taken at their longest. */
static void show_memory(const struct plan *p)
{
	const struct t5 *m = &p->model->m;
	int R = total_rank(p), tasks = p->c.task_targets.n, T = p->c.max_length, widest = 0;
	int rows = p->c.inner_num * T < BATCH_ROWS ? p->c.inner_num * T : BATCH_ROWS;
	enum be_precision precision = p->c.use_fp16 ? be->fast16() : BE_F32;

	for (int i = 0; i < p->nsites; i++)
		widest = site_width(m, p->site[i]) > widest ? site_width(m, p->site[i]) : widest;
	fprintf(stderr, "memory  extract-acts %zu MB (encoder) and %zu MB (decoder), compute-grams %zu MB, solve-layer %zu MB: the planned peak of one process\n",
	        megabytes(budget_extract(m, false, rows > T ? rows : T, T, R, tasks, precision)),
	        megabytes(budget_extract(m, true, BATCH_ROWS > T ? BATCH_ROWS : T, T, R, tasks, precision)),
	        megabytes(gram_bytes(widest) + BUDGET_LIBRARIES), megabytes(solve_bytes(widest, R) + BUDGET_LIBRARIES));
}

/* Acts of a site and one side, and its Grams, all tasks; samples at their longest. */
static void show_disk(const struct plan *p)
{
	size_t rows = (size_t)p->c.task_targets.n * (size_t)p->c.samples_num * (size_t)p->c.max_length, side = 0, grams = 0, sum = 0;
	bool two_sides = p->c.method == SWEEP || p->c.method == JACOBI;
	size_t cell = p->c.use_fp16 ? 2 : 4, D = (size_t)p->model->m.D;

	for (int i = 0; i < p->nsites; i++) {
		size_t d = (size_t)site_width(&p->model->m, p->site[i]), n = p->site[i].stack && !site_is_memory(p->site[i]) ? rows / 16 : rows;
		size_t acts = n * (d * cell + D * sizeof(float)), gram = (size_t)p->c.task_targets.n * d * d * sizeof(double);

		side = acts > side ? acts : side;
		grams = gram > grams ? gram : grams;
		sum += acts * (two_sides ? 2 : 1) + gram;
	}
	if (p->c.method != SWEEP && p->c.method != REGMEAN && p->c.method != JACOBI)
		return;
	/* One site at a time: three of the lora side, two of the merged, memory on both, the Grams of two. */
	if (p->c.sequential_layer_processing && p->c.method != JACOBI)
		fprintf(stderr, "disk    at most %zu MB at once (%zu MB with KEEP_ACTS=1)\n", megabytes((two_sides ? 7 : 4) * side + 2 * grams), megabytes(sum));
	else
		fprintf(stderr, "disk    at most %zu MB%s\n", megabytes(sum), p->c.method == JACOBI ? " for each iteration" : "");
}

static void show(const struct plan *p)
{
	char *text = config_text(&p->c);
	int modules = 0;

	for (int t = 0; t < p->c.task_targets.n; t++)
		modules = p->adapter[t]->n > modules ? p->adapter[t]->n : modules;
	fprintf(stderr, "%s", text);
	fprintf(stderr, "\nmodel   %s: %d + %d blocks, d_model %d, vocabulary %d\n", o.model, p->model->m.L[0], p->model->m.L[1],
	        p->model->m.D, p->model->m.V);
	fprintf(stderr, "merge   %d adapters, up to %d modules each, %d sites\nwork    %s\n", p->c.task_targets.n, modules, p->nsites, p->work);
	show_memory(p);
	show_disk(p);
	free(text);
}

static void say_without_effect(const struct config *c)
{
	const char *method = method_name(c->method);
	bool fits = c->method == SWEEP || c->method == JACOBI || c->method == REGMEAN;

	if (c->use_mats && c->method != JACOBI)
		note("use_mats has no effect in method %s: it accelerates the iteration, and this is one pass", method);
	if (c->use_camr && !fits)
		note("use_camr has no effect in method %s: there is no system to regularise", method);
	if (c->use_dcs && !fits)
		note("use_dcs has no effect in method %s: it fits no rows", method);
	if (c->reg_ceof > 0 && (!fits || c->method == REGMEAN))
		note("reg_ceof has no effect in method %s: there are no rows of the merged model", method);
	if (c->with_pretrain_matrix && !dense(c))
		note("with_pretrain_matrix has no effect in method %s: W0 plus the merged change is what it gives anyway", method_name(c->method));
	if (c->save && dense(c))
		note("save has no effect with with_pretrain_matrix: the result is a full model anyway");
}

static void write_all(struct plan *p)
{
	char *cache = xformat("%s/stamps/digests", p->work), *sums = xformat("%s/checksums.tsv", p->work);

	sums_use(sums);
	p->digests = digest_cache_open(cache);
	write_stamps(p);
	write_plan(p);
	digest_cache_close(p->digests);
	free(cache);
	free(sums);
}

int main(int argc, char **argv)
{
	struct plan p = {0};

	opts_parse(&tool, argc, argv);
	if (o.list_keys) {
		list_keys();
		return 0;
	}
	config_load(&p.c, o.config, o.task_type);
	apply_overrides(&p.c);
	config_check(&p.c);
	check_dense(&p.c);
	o.model = need_path(o.model, p.c.model_dir, "MODEL");
	o.loras = need_path(o.loras, p.c.lora_dir, "LORAS");
	o.data = need_path(o.data, p.c.data_dir, "DATA");
	open_inputs(&p);
	p.work = o.work ? xstrdup(need_path(o.work, NULL, "WORK"))
	                : xformat("work/%s/%s-MATS%d_CAMR%d_DCS%d", o.task_type, method_name(p.c.method), p.c.use_mats, p.c.use_camr, p.c.use_dcs);
	if (o.print_work)
		printf("%s\n", p.work);
	else
		write_all(&p);
	if (o.show)
		show(&p);
	if (!o.print_work)
		say_without_effect(&p.c);
	for (int t = 0; t < p.c.task_targets.n; t++)
		adapter_close(p.adapter[t]);
	free(p.adapter);
	free(p.site);
	free(p.work);
	text_release(&p.mk);
	model_close(p.model);
	config_release(&p.c);
	return 0;
}
