/* solve-dense: the merged weight of every module of a site where the whole weight is fitted (with_pretrain_matrix), as solution/SITE.h5.
 *
 * As solve-layer, with W0+ΔW_t in ΔW_t's place (lib/dense.h). The result has full rank: dataset W (d_out, d) instead of A and B. Memory: three
 * d × d of float64 and panels; W0 is read, and W written, by rows. The Grams must be those of compute-grams --dense. */
#include <math.h>
#include <stdlib.h>

#include "lib/demand.h"
#include "lib/dense.h"
#include "lib/die.h"
#include "lib/fit.h"
#include "lib/solution.h"
#include "lib/st.h"

static const char *method = "sweep", *grams_arg, *output_arg;

static const struct opt options[] = {
	JOB_OPTIONS,
	{"method", 0, OPT_STRING, &method, false, 0, 0, "NAME", "what the Grams are of, for the file: sweep or regmean"},
	{"grams", 0, OPT_STRING, &grams_arg, true, 0, 0, "FILE", "Gram file of {task}, made with --dense"},
	FIT_OPTIONS,
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {"solve-dense", "solve for the merged whole weights of a site's modules", NULL, options};

struct run {
	struct job job;
	struct st *model;
	struct system system;
	void *slab, *dense_slab;
	float *W0, *W; /* (DENSE_ROWS, d) */
	double *c;     /* (N) */
	struct h5 *out;
	double condition; /* the worst, for the closing line */
};

/* One module on its way. */
struct part {
	char *name, *group; /* "/modules/<name>" */
	struct stack stack;
	struct solve solve;
	struct dense dense;
};

/* W by rows from W0 into the file. */
static void write_weight(struct run *run, struct part *p)
{
	char *weight = xformat("%s.weight", p->name), *path = xformat("%s/W", p->group);
	size_t d = (size_t)p->stack.d, d_out = (size_t)p->stack.d_out;
	const struct st_tensor *W0 = st_need(run->model, weight, d_out, d);

	h5_dataset(run->out, path, H5_F32, d_out, d);
	for (size_t o = 0, n; o < d_out; o += n) {
		n = d_out - o < DENSE_ROWS ? d_out - o : DENSE_ROWS;
		st_read(run->model, W0, o * d, n * d, run->W0);
		dense_rows(&p->dense, run->W0, p->stack.B + o * (size_t)p->stack.R, (int)n);
		for (size_t i = 0; i < n * d; i++) {
			run->W[i] = (float)p->dense.W[i];
			if (!isfinite(run->W[i]))
				die_data("site %s, %s: row %zu of the solution is not finite in float32", run->job.name, p->name, o + i / d);
		}
		h5_write_float(run->out, path, o, n, run->W);
	}
	free(path);
	free(weight);
}

static void write_figures(struct run *run, const struct part *p, double condition, double residual)
{
	solution_sizes(run->out, p->group, 0, p->stack.d, p->stack.d_out);
	h5_set_double(run->out, p->group, "relative_residual", residual);
	h5_set_double(run->out, p->group, "condition", condition);
	solution_double(run->out, p->group, "c", (size_t)run->job.tasks.n, 0, run->c);
}

static void run_module(struct run *run, int i)
{
	struct job *j = &run->job;
	struct part p = {.name = job_module(j, i)};
	double condition, residual, tau;

	p.group = xformat("/modules/%s", p.name);
	stack_load(&p.stack, &j->targets, i);
	solve_place(&p.solve, run->slab, p.stack.d, p.stack.R);
	dense_place(&p.dense, run->dense_slab, &p.solve);
	h5_group(run->out, p.group);
	system_sum(&run->system, &p.solve, p.name, &p.stack, run->c);
	condition = system_solve(&run->system, &p.solve, p.name);
	tau = system_sum_C(&run->system, p.name, run->c, p.dense.C);
	if (dense_solve(&p.dense, tau))
		die_data("site %s, %s: the solution is not finite", j->name, p.name);
	write_weight(run, &p);
	residual = dense_residual(&p.dense, system_whole_norm2(&run->system, p.name, run->c));
	write_figures(run, &p, condition, residual);
	job_worst(j, i, residual);
	run->condition = fmax(run->condition, condition);
	stack_release(&p.stack);
	free(p.group);
	free(p.name);
}

static void run_open(struct run *run)
{
	struct job *j = &run->job;
	size_t d, need;

	job_open(j);
	d = (size_t)j->d;
	need = solve_bytes(j->d, j->R) + dense_bytes(j->d, j->R) + system_bytes(j->d) + 2 * DENSE_ROWS * d * sizeof(float) +
	       (size_t)j->R * (d + (size_t)j->d_out) * sizeof(float);
	job_limit(j, need);
	run->model = st_open(job_args.model);
	run->slab = xaligned(1, solve_bytes(j->d, j->R));
	run->dense_slab = xaligned(1, dense_bytes(j->d, j->R));
	run->W0 = xarray(DENSE_ROWS * d, sizeof(*run->W0));
	run->W = xarray(DENSE_ROWS * d, sizeof(*run->W));
	run->c = xcalloc((size_t)j->tasks.n, sizeof(*run->c));
	be_select(common.backend);
	be->reserve(demand_solve(j->d, j->R > j->d ? j->R : j->d));
	fit_open(&run->system, j, grams_arg);
	run->out = solution_create(output_arg);
}

static void run_close(struct run *run)
{
	system_close(&run->system);
	free(run->c);
	free(run->W);
	free(run->W0);
	free(run->dense_slab);
	free(run->slab);
	st_close(run->model);
	job_close(&run->job);
}

int main(int argc, char **argv)
{
	struct run run = {0};
	const struct job *j = &run.job;
	char *worst;

	opts_parse(&tool, argc, argv);
	run_open(&run);
	for (int i = 0; i < j->targets.n; i++)
		run_module(&run, i);
	solution_attributes(run.out, j, method, 0);
	system_write_largest(&run.system, run.out);
	h5_commit(run.out);
	worst = job_module(j, j->worst);
	tool_done("%s: %d module%s, whole weights, worst residual %.4g (%s), worst condition %.3g", j->name, j->targets.n,
	          j->targets.n == 1 ? "" : "s", j->worst_figure, worst, run.condition);
	free(worst);
	run_close(&run);
	return 0;
}
