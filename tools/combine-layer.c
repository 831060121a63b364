/* combine-layer: ties and dare (lib/baseline.h): the merged ΔW of every module of a site, from the adapters' weights alone, cut to a low-rank pair
 * (solution/SITE.h5, the same as solve-layer's, but that no column belongs to one task).
 *
 * One module at a time: its merged ΔW (d_out, d_in) in float32 once, panels of the tasks' ΔW, and a square of the smaller side in float64.
 * The cut's relative error is in the file, and the worst one in the closing line. dare's draws depend on the seed, the module and the task,
 * so that neither the order nor the number of processes matters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/baseline.h"
#include "lib/die.h"
#include "lib/digest.h"
#include "lib/h5.h"
#include "lib/opts.h"
#include "lib/targets.h"

enum { PANEL_ROWS = 64 };

static const char *model_dir, *site_arg, *method, *tasks_arg, *adapter_arg, *output_arg;
static double density = 0.2;
static int merge_rank;
static long seed = 42;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "model folder: config.json"},
	{"site", 0, OPT_STRING, &site_arg, true, 0, 0, "SITE", "site, such as enc07-self"},
	{"method", 0, OPT_STRING, &method, true, 0, 0, "NAME", "ties or dare"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "T[,T…]", "all tasks of the merge, in order"},
	{"adapter", 0, OPT_STRING, &adapter_arg, true, 0, 0, "DIR", "adapter folder of a task; {task} stands for each"},
	{"density", 0, OPT_FLOAT, &density, false, 1e-6, 1, "X", "share of every ΔW's entries that is kept"},
	{"merge-rank", 0, OPT_INT, &merge_rank, false, 0, 65536, "R", "rank of the result; 0: the adapters' ranks together"},
	{"seed", 0, OPT_LONG, &seed, false, 0, 4294967295.0, "N", "of dare's draws"},
	{"output", 'o', OPT_STRING, &output_arg, true, 0, 0, "FILE", "solution file to write (HDF5)"},
	{.type = OPT_END},
};

static const struct tool tool = {"combine-layer", "merge a site's modules by ties or dare, cut to low rank", NULL, options};

struct job {
	struct t5 m;
	struct site site;
	char name[32]; /* the site's */
	struct strlist tasks;
	struct targets targets;
	struct h5 *out;
	bool ties;
	int R_max;
	double error; /* the worst cut, and whose */
	char *worst;
};

/* One module's merge on its way. */
struct part {
	char *name;
	struct stack stack;
	size_t d, d_out;
	float *M;     /* (d_out, d) the merged ΔW */
	float *panel; /* (N, PANEL_ROWS, d) */
};

/* Rows [o, o+n) of ΔW_t. */
static void task_rows(const struct part *p, int t, size_t o, size_t n, float *W)
{
	memset(W, 0, n * p->d * sizeof(*W));
	stack_add(&p->stack, t, (int)o, (int)n, W);
}

static void ties(const struct part *p)
{
	int N = p->stack.N;
	struct ties_trim *trim = xarray((size_t)N, sizeof(*trim));
	const float **x = xarray((size_t)N, sizeof(*x));

	for (int t = 0; t < N; t++) { /* M is free until the election */
		task_rows(p, t, 0, p->d_out, p->M);
		trim[t] = ties_trim_find(p->M, p->d_out * p->d, density);
	}
	for (size_t o = 0, n; o < p->d_out; o += n) {
		n = p->d_out - o < PANEL_ROWS ? p->d_out - o : PANEL_ROWS;
		for (int t = 0; t < N; t++) {
			float *rows = p->panel + (size_t)t * PANEL_ROWS * p->d;

			task_rows(p, t, o, n, rows);
			ties_trim_apply(&trim[t], rows, n * p->d);
			x[t] = rows;
		}
		ties_elect(p->M + o * p->d, x, N, n * p->d);
	}
	free(x);
	free(trim);
}

static void dare(const struct job *j, const struct part *p)
{
	memset(p->M, 0, p->d_out * p->d * sizeof(*p->M));
	for (int t = 0; t < p->stack.N; t++) {
		uint64_t own = digest_bytes((uint64_t)seed, p->name, strlen(p->name));
		struct rng rng;

		if (p->stack.first[t] == p->stack.first[t + 1])
			continue;
		rng_seed(&rng, digest_bytes(own, j->tasks.item[t], strlen(j->tasks.item[t])));
		for (size_t o = 0, n; o < p->d_out; o += n) {
			n = p->d_out - o < PANEL_ROWS ? p->d_out - o : PANEL_ROWS;
			task_rows(p, t, o, n, p->panel);
			dare_add(p->M + o * p->d, p->panel, n * p->d, density, &rng);
		}
	}
}

static void write_module(struct job *j, const struct part *p, int R, const double *A, const float *B, double error)
{
	char *group = xformat("/modules/%s", p->name), *a = xformat("%s/A", group), *b = xformat("%s/B", group);

	h5_group(j->out, group);
	h5_set_int(j->out, group, "R", R);
	h5_set_int(j->out, group, "d_in", (long)p->d);
	h5_set_int(j->out, group, "d_out", (long)p->d_out);
	h5_set_double(j->out, group, "truncation_error", error);
	h5_dataset(j->out, a, H5_F64, (size_t)R, p->d);
	h5_write_double(j->out, a, 0, (size_t)R, A);
	h5_dataset(j->out, b, H5_F32, p->d_out, (size_t)R);
	h5_write_float(j->out, b, 0, p->d_out, B);
	free(b);
	free(a);
	free(group);
}

/* Cuts p->M and writes it. */
static void cut(struct job *j, const struct part *p)
{
	int m = (int)p->d_out, n = (int)p->d, most = m < n ? m : n, R = merge_rank ? merge_rank : p->stack.R, info;
	double *A, *work, error;
	float *B;
	int *iwork;

	R = R > most ? most : R;
	A = xarray((size_t)R * p->d, sizeof(*A));
	B = xarray((size_t)R * p->d_out, sizeof(*B));
	work = xarray(truncate_doubles(m, n, R), sizeof(*work));
	iwork = xarray(truncate_ints(m, n), sizeof(*iwork));
	info = baseline_truncate(p->M, m, n, R, B, A, &error, work, iwork);
	if (info)
		die_data("site %s, %s: %s", j->name, p->name, info == 1 ? "the merged weight is not finite" : "the eigenvectors did not converge");
	write_module(j, p, R, A, B, error);
	j->R_max = R > j->R_max ? R : j->R_max;
	if (!j->worst || error > j->error) {
		j->error = error;
		free(j->worst);
		j->worst = xstrdup(p->name);
	}
	free(iwork);
	free(work);
	free(B);
	free(A);
}

static void run_module(struct job *j, int i)
{
	struct part p = {.name = module_name(&j->m, j->targets.module[i])};

	stack_load(&p.stack, &j->targets, i);
	p.d = (size_t)p.stack.d;
	p.d_out = (size_t)p.stack.d_out;
	p.M = xarray(p.d_out * p.d, sizeof(*p.M));
	p.panel = xarray((size_t)p.stack.N * PANEL_ROWS * p.d, sizeof(*p.panel));
	if (j->ties)
		ties(&p);
	else
		dare(j, &p);
	cut(j, &p);
	free(p.panel);
	free(p.M);
	stack_release(&p.stack);
	free(p.name);
}

static void job_open(struct job *j)
{
	size_t d, R, need;
	int rank, d_out;

	j->ties = !strcmp(method, "ties");
	if (!j->ties && strcmp(method, "dare"))
		die_usage("--method '%s': expected ties or dare", method);
	j->m = t5_load(model_dir);
	if (!site_parse(&j->m, site_arg, &j->site))
		die_usage("--site '%s' is no site of the model in '%s'", site_arg, model_dir);
	site_name(j->site, j->name);
	j->tasks = strlist_split(tasks_arg, "--tasks");
	targets_open(&j->targets, &j->m, adapter_arg, &j->tasks, j->site);
	targets_sizes(&j->targets, &rank, &d_out);
	d = (size_t)site_width(&j->m, j->site);
	R = (size_t)(merge_rank ? merge_rank : rank);
	need = sizeof(float) * ((size_t)d_out * d + (size_t)j->tasks.n * PANEL_ROWS * d + ((size_t)rank + R) * ((size_t)d_out + 2 * d)) +
	       sizeof(double) * truncate_doubles(d_out, (int)d, (int)R);
	if (common.max_memory && need > common.max_memory)
		die("site %s needs %.1f MB of arrays, more than --max-memory", j->name, (double)need / 1048576);
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
	h5_set_int(j.out, "/", "R_max", j.R_max);
	h5_commit(j.out);
	tool_done("%s: %d module%s, rank %d, worst truncation error %.4g (%s)", j.name, j.targets.n, j.targets.n == 1 ? "" : "s", j.R_max,
	          j.error, j.worst);
	free(j.worst);
	targets_close(&j.targets);
	strlist_release(&j.tasks);
	return 0;
}
