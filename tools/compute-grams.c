/* compute-grams: what the solve needs of a task's rows at a site (grams/T/SITE.h5), in passes over
 * the rows.
 *
 * X are the rows of the task's own model, Xm (X tilde) those of the merged model. Without a merged
 * side (regmean) Xm is X. lib/merge/gramfile.h says what is computed and stored. All tasks use the
 * memory of one Gram, or of a block of its rows where --max-memory is less. */
#include <stdlib.h>

#include "backend/be.h"
#include "base/die.h"
#include "base/shard.h"
#include "config/keys.h"
#include "files/checksums.h"
#include "files/h5/h5.h"
#include "files/safetensors/st.h"
#include "files/start.h"
#include "math/dcs.h"
#include "math/grams.h"
#include "math/sketch.h"
#include "merge/acts.h"
#include "merge/gramfile.h"
#include "merge/job.h"
#include "merge/normfile.h"
#include "plan/footprint.h"

static const struct common_opts *common;
static struct job_args job_args;
static const char *task_arg, *own_arg, *merged_arg, *norms_arg, *output_arg;
static double reg_ceof, dcs_sigma;
static bool use_dcs, full_weight, drift;
static int iteration;

static const struct opt options[] = {
	JOB_OPTIONS(job_args),
	{"task", 0, OPT_STRING, &task_arg, true, 0, 0, "T[,T…]",
	 "task or tasks to do, or shards such as tec/03; {task} and {shard} in a path stand for "
	 "each"},
	{"own", 0, OPT_STRING, &own_arg, true, 0, 0, "FILE", "rows X of the task's own model"},
	{"merged", 0, OPT_STRING, &merged_arg, false, 0, 0, "FILE",
	 "rows of the merged model; without: X (regmean)"},
	{"norms", 0, OPT_STRING, &norms_arg, false, 0, 0, "FILE",
	 "norms that extract-acts --norms-output wrote; without: computed here"},
	KEY_OPTION(reg_ceof, reg_ceof),
	KEY_OPTION(use_dcs, use_dcs),
	KEY_OPTION(dcs_sigma, dcs_sigma),
	KEY_OPTION(drift, drift),
	KEY_OPTION(correct, job_args.correct),
	{"full-weight", 0, OPT_BOOL, &full_weight, false, 0, 0, "BOOL",
	 "also store XᵀXm whole: for solve-full-weight"},
	{"also", 0, OPT_STRING, &job_args.also, false, 0, 0, "LINEAR[,…]",
	 "modules beside those that adapters target: ends of their names, such as q,o"},
	{"iteration", 0, OPT_INT, &iteration, false, 0, 1e6, "K",
	 "iteration, from 0: DCS warms up over two"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "Gram file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "compute-grams",
	.summary = "Gram matrices and norms of a task's rows at a site",
	.details =
		"--adapter, --own, --merged, --norms and -o may hold {task}, and must when several "
		"tasks are given.",
	.opts = options,
	.example = "compute-grams --model model --site enc01-self --tasks tec,isear --task "
		   "tec,isear --adapter 'loras/{task}' "
		   "--own 'work/own/{task}/enc01-self.h5' --merged "
		   "'work/merged/{task}/enc01-self.h5' -o 'mine/grams/{task}.h5'",
};

/* Shared by all tasks. */
struct shared {
	struct job job;
	struct st *model;
	struct gram gram;
	struct sketch sketch; /* unused where C is whole, or is H */
	float *W;             /* (GRAMFILE_WEIGHT_ROWS, d) */
	bool whole_C;         /* what is solved for takes W0 along */
};

static struct h5 *open_side(const struct gramfile *k, const char *template, int ntasks,
			    const char *option, const char *side)
{
	char *path = checksums_task_path(template, k->task, ntasks, option);
	const struct acts_of of = {k->job->name, k->task, side, NULL};
	struct h5 *f = acts_open(path, &of);

	h5_expect_int(f, "d", k->gram->d);
	h5_expect_shape(f, "/rows", (size_t)h5_get_int(f, "/", "P"), (size_t)k->gram->d);
	free(path);
	return f;
}

/* Opens both sides; returns the kind of their rows (features), allocated. */
static char *open_sides(struct gramfile *k, int ntasks)
{
	char *features;

	k->side[GRAM_SIDE_X] = open_side(k, own_arg, ntasks, "--own", "own");
	features = h5_get_string(k->side[GRAM_SIDE_X], "/", "features");
	k->rows = (struct gram_rows){.same = !merged_arg, .rho = reg_ceof};
	k->rows.P = (size_t)h5_get_int(k->side[GRAM_SIDE_X], "/", "P");
	if (!k->rows.P)
		die("'%s': no rows", h5_path(k->side[GRAM_SIDE_X]));
	if (merged_arg) {
		k->side[GRAM_SIDE_XM] = open_side(k, merged_arg, ntasks, "--merged", "merged");
		h5_expect_string(k->side[GRAM_SIDE_XM], "features", features);
		h5_expect_int(k->side[GRAM_SIDE_XM], "P", (long)k->rows.P);
	}
	return features;
}

/* With --norms. features: of the rows. */
static struct h5 *open_norms(const struct gramfile *k, int ntasks, const char *features)
{
	char *path = checksums_task_path(norms_arg, k->task, ntasks, "--norms");
	const struct acts_of of = {k->job->name, k->task, "own", features};
	struct h5 *f = normfile_open(path, &of, k->rows.P);

	free(path);
	return f;
}

/* The task's number. */
static int find_task(const struct shared *all, const char *name)
{
	char *task = shard_task(name);
	int t = strlist_find(&all->job.tasks, task);

	free(task);
	if (t < 0)
		die_usage("--task '%s' is none of --tasks %s", name, job_args.tasks);
	if (shard_number(name) && use_dcs)
		die_usage("--task '%s': --use-dcs weighs a row among all rows of its task, so it "
			  "has no shards",
			  name);
	return t;
}

static void run_task(struct shared *all, const char *name, int ntasks)
{
	bool shard = shard_number(name) > 0;
	struct gramfile k = {.job = &all->job,
			     .model = all->model,
			     .gram = &all->gram,
			     .sketch = all->sketch.d && !shard ? &all->sketch : NULL,
			     .W = all->W,
			     .full_weight = all->whole_C,
			     .weighted = use_dcs,
			     .kappa = dcs_kappa(dcs_sigma, iteration),
			     .task = name,
			     .t = find_task(all, name),
			     .adds = shard};
	char *features, *target;

	features = open_sides(&k, ntasks);
	k.normfile = norms_arg ? open_norms(&k, ntasks, features) : NULL;
	target = checksums_task_path(output_arg, name, ntasks, "-o");
	gramfile_make(&k, target, features);
	h5_close(k.normfile);
	h5_close(k.side[GRAM_SIDE_XM]);
	h5_close(k.side[GRAM_SIDE_X]);
	free(target);
	free(features);
}

/* C of a shard is made whole, because the norm of the task's C is that of their sum. */
static bool all_shards(const struct strlist *names)
{
	for (int i = 0; i < names->n; i++)
		if (!shard_number(names->item[i]))
			return false;
	return true;
}

static void shared_open(struct shared *all, const struct strlist *todo)
{
	struct site_sizes sizes;

	job_open(&all->job, &job_args, common);
	all->model = st_open(job_args.model);
	sizes = job_sizes(&all->job);
	sizes.weighted = use_dcs;
	all->whole_C = full_weight || drift || job_corrects(&all->job);
	sizes.sketched = merged_arg && !all->whole_C && !all_shards(todo);
	sizes.block = footprint_block(&sizes, common->threads, common->max_memory);
	footprint_claim_job(&all->job, footprint_grams(&sizes, common->threads));
	gram_init(&all->gram, NULL, sizes.d, sizes.block);
	if (sizes.sketched)
		sketch_init(&all->sketch, NULL, sizes.d, sizes.own);
	all->W = gramfile_weight_rows(NULL, sizes.d);
}

static void shared_close(struct shared *all)
{
	gram_release(&all->gram);
	sketch_release(&all->sketch);
	st_close(all->model);
	job_close(&all->job);
	free(all->W);
}

static void run(void)
{
	struct strlist todo = strlist_split(task_arg, "--task");
	struct shared all = {0};
	int n;

	shard_check(&todo, SHARDS_ANY, output_arg);
	be_select(common);
	shared_open(&all, &todo);
	for (int i = 0; i < todo.n; i++)
		run_task(&all, todo.item[i], todo.n);
	n = all.job.targets.n;
	tool_done("%s: %d module%s, %d task%s", all.job.name, n, n == 1 ? "" : "s", todo.n,
		  todo.n == 1 ? "" : "s");
	shared_close(&all);
	strlist_release(&todo);
}

int main(int argc, char **argv)
{
	common = tool_start(&tool, argc, argv);
	run();
	return 0;
}
