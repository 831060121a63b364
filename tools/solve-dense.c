/* solve-dense: the merged weight of every module of a site where the whole weight is fitted (with_pretrain_matrix), as solution/SITE.h5.
 *
 * As solve-layer, with W0+ΔW_t in ΔW_t's place (lib/dense.h). The result has full rank: dataset W (d_out, d) instead of A and B. Memory: three
 * d × d of float64 and panels; W0 is read, and W written, by rows. The Grams must be those of compute-grams --dense. */
#include <math.h>
#include <stdlib.h>

#include "lib/dense.h"
#include "lib/die.h"
#include "lib/opts.h"
#include "lib/st.h"
#include "lib/system.h"

static const char *model_dir, *site_arg, *method = "sweep", *tasks_arg, *adapter_arg, *grams_arg, *manual_arg, *output_arg;
static double alpha_1 = 8e-5;
static struct ridge ridge = {.alpha_2 = 8e-5, .camr_alpha = 8e-5, .camr_beta = 1e-8};

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "model folder"},
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site, such as enc07-self"},
	{"method", 0, OPT_STRING, &method, false, 0, 0, "NAME", "what the Grams are of, for the file: sweep or regmean"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "T[,T…]", "all tasks of the merge, in order"},
	{"adapter", 0, OPT_STRING, &adapter_arg, true, 0, 0, "DIR", "adapter folder of {task}"},
	{"grams", 0, OPT_STRING, &grams_arg, true, 0, 0, "FILE", "Gram file of {task}, made with --dense"},
	{"manual-ceof", 0, OPT_STRING, &manual_arg, false, 0, 0, "X[,X…]", "weight of every task; 1 each if not given"},
	{"alpha-1", 0, OPT_FLOAT, &alpha_1, false, 0, 1e6, "X", "ridge on the right-hand side, times a norm"},
	{"alpha-2", 0, OPT_FLOAT, &ridge.alpha_2, false, 0, 1e6, "X", "ridge on the left-hand side, times a norm"},
	{"use-camr", 0, OPT_BOOL, &ridge.camr, false, 0, 0, "BOOL", "CAMR's diagonal instead of --alpha-2"},
	{"camr-alpha", 0, OPT_FLOAT, &ridge.camr_alpha, false, 0, 1e6, "X", "CAMR: strength where the rows are weak"},
	{"camr-beta", 0, OPT_FLOAT, &ridge.camr_beta, false, 0, 1e6, "X", "CAMR: the least strength"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {"solve-dense", "solve for the merged whole weights of a site's modules", NULL, options};

struct job {
	struct t5 m;
	struct st *model;
	struct site site;
	char name[32]; /* the site's */
	struct strlist tasks;
	struct targets targets;
	struct system system;
	void *slab, *dense_slab;
	float *W0, *W; /* (DENSE_ROWS, d) */
	double *c;     /* (N) */
	struct h5 *out;
	double residual, condition; /* the worst, for the closing line */
	char *worst;
};

/* One module on its way. */
struct part {
	char *name, *group; /* "/modules/<name>" */
	struct stack stack;
	struct solve solve;
	struct dense dense;
};

/* W by rows from W0 into the file. */
static void write_weight(struct job *j, struct part *p)
{
	char *weight = xformat("%s.weight", p->name), *path = xformat("%s/W", p->group);
	size_t d = (size_t)p->stack.d, d_out = (size_t)p->stack.d_out;
	const struct st_tensor *W0 = st_need(j->model, weight, d_out, d);

	h5_dataset(j->out, path, H5_F32, d_out, d);
	for (size_t o = 0, n; o < d_out; o += n) {
		n = d_out - o < DENSE_ROWS ? d_out - o : DENSE_ROWS;
		st_read(j->model, W0, o * d, n * d, j->W0);
		dense_rows(&p->dense, j->W0, p->stack.B + o * (size_t)p->stack.R, (int)n);
		for (size_t i = 0; i < n * d; i++) {
			j->W[i] = (float)p->dense.W[i];
			if (!isfinite(j->W[i]))
				die_data("site %s, %s: row %zu of the solution is not finite in float32", j->name, p->name, o + i / d);
		}
		h5_write_float(j->out, path, o, n, j->W);
	}
	free(path);
	free(weight);
}

static void write_attributes(struct job *j, const struct part *p, double condition, double residual)
{
	char *c = xformat("%s/c", p->group);

	h5_set_int(j->out, p->group, "R", 0); /* no low-rank part: for readers that plan by it */
	h5_set_int(j->out, p->group, "d_in", p->stack.d);
	h5_set_int(j->out, p->group, "d_out", p->stack.d_out);
	h5_set_double(j->out, p->group, "relative_residual", residual);
	h5_set_double(j->out, p->group, "condition", condition);
	h5_dataset(j->out, c, H5_F64, (size_t)j->tasks.n, 0);
	h5_write_double(j->out, c, 0, (size_t)j->tasks.n, j->c);
	free(c);
}

static void run_module(struct job *j, int i)
{
	struct part p = {.name = module_name(&j->m, j->targets.module[i])};
	double condition, residual, tau;

	p.group = xformat("/modules/%s", p.name);
	stack_load(&p.stack, &j->targets, i);
	solve_place(&p.solve, j->slab, p.stack.d, p.stack.R);
	dense_place(&p.dense, j->dense_slab, &p.solve);
	h5_group(j->out, p.group);
	system_sum(&j->system, &p.solve, p.name, &p.stack, j->c);
	condition = system_solve(&j->system, &p.solve, p.name);
	tau = system_sum_C(&j->system, p.name, j->c, p.dense.C);
	if (dense_solve(&p.dense, tau))
		die_data("site %s, %s: the solution is not finite", j->name, p.name);
	write_weight(j, &p);
	residual = dense_residual(&p.dense, system_whole_norm2(&j->system, p.name, j->c));
	write_attributes(j, &p, condition, residual);
	if (!j->worst || residual > j->residual) {
		j->residual = residual;
		free(j->worst);
		j->worst = xstrdup(p.name);
	}
	j->condition = fmax(j->condition, condition);
	stack_release(&p.stack);
	free(p.group);
	free(p.name);
}

static void job_open(struct job *j)
{
	size_t d, need;
	int R, d_out;

	j->m = t5_load(model_dir);
	j->model = st_open(model_dir);
	if (!site_parse(&j->m, site_arg, &j->site))
		die_usage("--site '%s' is no site of the model in '%s'", site_arg, model_dir);
	site_name(j->site, j->name);
	j->tasks = strlist_split(tasks_arg, "--tasks");
	targets_open(&j->targets, &j->m, adapter_arg, &j->tasks, j->site);
	targets_sizes(&j->targets, &R, &d_out);
	d = (size_t)site_width(&j->m, j->site);
	need = solve_bytes((int)d, R) + dense_bytes((int)d, R) + system_bytes((int)d) + 2 * DENSE_ROWS * d * sizeof(float) +
	       (size_t)R * (d + (size_t)d_out) * sizeof(float);
	if (common.max_memory && need > common.max_memory)
		die("site %s needs %.1f MB of arrays, more than --max-memory", j->name, (double)need / 1048576);
	j->slab = xmalloc(solve_bytes((int)d, R));
	j->dense_slab = xmalloc(dense_bytes((int)d, R));
	j->W0 = xarray(DENSE_ROWS * d, sizeof(*j->W0));
	j->W = xarray(DENSE_ROWS * d, sizeof(*j->W));
	j->c = xcalloc((size_t)j->tasks.n, sizeof(*j->c));
	j->system = (struct system){.site = j->name, .tasks = &j->tasks, .d = (int)d, .alpha_1 = alpha_1, .ridge = ridge};
	system_open(&j->system, grams_arg, manual_arg);
}

static void job_close(struct job *j)
{
	system_close(&j->system);
	free(j->worst);
	free(j->c);
	free(j->W);
	free(j->W0);
	free(j->dense_slab);
	free(j->slab);
	targets_close(&j->targets);
	strlist_release(&j->tasks);
	st_close(j->model);
}

int main(int argc, char **argv)
{
	struct job j = {0};

	opts_parse(&tool, argc, argv);
	job_open(&j);
	j.out = h5_create(output_arg, "iteris-solution", 1);
	for (int i = 0; i < j.targets.n; i++)
		run_module(&j, i);
	h5_set_string(j.out, "/", "site", j.name);
	h5_set_string(j.out, "/", "method", method);
	h5_set_string(j.out, "/", "tasks", tasks_arg);
	h5_set_int(j.out, "/", "d", site_width(&j.m, j.site));
	h5_set_int(j.out, "/", "N", j.tasks.n);
	h5_set_int(j.out, "/", "R_max", 0);
	system_write_largest(&j.system, j.out);
	h5_commit(j.out);
	tool_done("%s: %d module%s, whole weights, worst residual %.4g (%s), worst condition %.3g", j.name, j.targets.n,
	          j.targets.n == 1 ? "" : "s", j.residual, j.worst, j.condition);
	job_close(&j);
	return 0;
}
