/* layer-table: the merge of a decoder-only model with all linears targeted, site by site: seconds,
 * operations, their share of the machine's own rate of products (peak.c), and the time of the same
 * model with more layers.
 *
 * Operations are counted from the geometry and the number of rows, each once; a multiplication and
 * an addition are two, and symmetric matrices count half. The layers after the first are taken as
 * alike: their mean is a layer's time. What belongs to no layer counts once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/die.h"
#include "base/opts.h"
#include "base/text.h"
#include "figure.h"
#include "files/out.h"
#include "merge/runlog.h"
#include "merge/samples.h"
#include "model/site.h"

static const char *model_dir, *work, *tasks_arg, *watch_file, *peak_file, *kind = "f32", *markdown,
									  *plan_file;
static int layers = 32, rank = 16;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR", "WORK of the merge (method sweep)"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "tasks of the merge"},
	{"watch", 0, OPT_STRING, &watch_file, true, 0, 0, "FILE", "what watch noted of the merge"},
	{"peak", 0, OPT_STRING, &peak_file, true, 0, 0, "FILE", "what peak printed"},
	{"kind", 0, OPT_STRING, &kind, false, 0, 0, "NAME", "f32 or bf16: which peak"},
	{"plan", 0, OPT_STRING, &plan_file, true, 0, 0, "FILE", "what make plan printed"},
	{"rank", 0, OPT_INT, &rank, false, 1, 4096, "N", "of the adapters"},
	{"layers", 0, OPT_INT, &layers, false, 1, 999, "N", "of the model to extrapolate to"},
	{"markdown", 0, OPT_STRING, &markdown, true, 0, 0, "FILE", "table to write"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "layer-table", .summary = "one merge, layer by layer", .opts = options};

enum stage { EXTRACT, GRAMS, SOLVE, STAGES };
static const char *const stage_tool[STAGES] = {"extract-acts", "compute-grams", "solve-layer"};

struct sums { /* seconds of processor time, of the layers after the first */
	double stage[STAGES];
};

struct figures {
	struct geometry m;
	struct strlist tasks;
	double rows, pairs; /* of all tasks; pairs: of a row and a row before it */
	struct sums site[STEP_END];
	double first, others;       /* seconds of layer 0; of what has no layer */
	double cpu;                 /* seconds of all processes */
	double largest[STAGES + 1]; /* MB of a process, by stage; of any */
	double watched[4];          /* wall, cpu, memory, disk */
};

/* ------------------------------------------------------------ what was measured */

static void count_rows(struct figures *f)
{
	for (int t = 0; t < f->tasks.n; t++) {
		char *path = xformat("%s/samples/%s.h5", work, f->tasks.item[t]);
		struct samples s;

		samples_read(&s, path, NULL);
		for (int i = 0; i < s.S; i++) {
			double n = s.length[i] - 1 + s.label_length[i];

			f->rows += n;
			f->pairs += n * n / 2;
		}
		samples_release(&s);
		free(path);
	}
}

/* The site that a line is about: "own layer00-self: …". */
static bool site_of(const struct geometry *m, const char *message, struct site *site)
{
	const char *at = strstr(message, "layer"), *end = at ? strchr(at, ':') : NULL;
	char name[24];

	if (!end || (size_t)(end - at) >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(end - at), at);
	return site_parse(m, name, site);
}

static void note_largest(struct figures *f, int stage, double mb)
{
	f->largest[stage] = mb > f->largest[stage] ? mb : f->largest[stage];
}

static void add_line(struct figures *f, const struct runlog_line *l)
{
	struct site site;
	int stage = 0;

	while (stage < STAGES && strcmp(stage_tool[stage], l->tool) != 0)
		stage++;
	note_largest(f, stage, l->peak);
	note_largest(f, STAGES, l->peak);
	f->cpu += l->cpu;
	if (stage == STAGES || !site_of(&f->m, l->message, &site))
		f->others += l->cpu;
	else if (site.block == 0)
		f->first += l->cpu;
	else
		f->site[site.step].stage[stage] += l->cpu;
}

static void read_log(struct figures *f)
{
	static const char *const name[] = {"wall", "cpu", "memory", "disk"};
	char *path = xformat("%s/log.tsv", work);
	struct runlog l;

	runlog_read(&l, path);
	for (int i = 0; i < l.n; i++)
		add_line(f, &l.line[i]);
	for (int i = 0; i < 4; i++)
		f->watched[i] = figure(watch_file, name[i]);
	runlog_release(&l);
	free(path);
}

/* ------------------------------------------------------------ what a layer needs */

static double elements_at(const struct geometry *m, enum step step, double *outputs, int *modules)
{
	double n = 0;

	*outputs = 0;
	*modules = 0;
	for (int s = 0; s < SLOTS; s++)
		if (slot_exists(m, 0, s) && m->family->linear[s].step == step) {
			n += (double)module_d_in(m, s) * module_d_out(m, s);
			*outputs += module_d_out(m, s);
			++*modules;
		}
	return n;
}

/* Operations of a site: both sides of the way to it from the site before, its Grams, its solves. */
static struct sums operations(const struct figures *f, enum step step)
{
	static const enum step before[] = {[STEP_SELF] = STEP_DOWN,
					   [STEP_OUT] = STEP_SELF,
					   [STEP_FFN] = STEP_OUT,
					   [STEP_DOWN] = STEP_FFN};
	const struct geometry *m = &f->m;
	double d = site_width(m, (struct site){.step = step}), R = f->tasks.n * rank, outputs,
	       unused;
	int modules, none;
	struct sums n = {{0}};

	n.stage[EXTRACT] = 2 * 2 * f->rows * elements_at(m, before[step], &unused, &none);
	if (step == STEP_OUT)
		n.stage[EXTRACT] += 2 * 4 * f->pairs * m->DI;
	elements_at(m, step, &outputs, &modules);
	n.stage[GRAMS] =
		4 * f->rows * d * d + f->tasks.n * (outputs * d * d + 2.0 * rank * modules * d * d);
	n.stage[SOLVE] = modules * (d * d * d / 3 + (2 * R + f->tasks.n) * d * d);
	return n;
}

/* ------------------------------------------------------------ the table */

static double total(const struct sums *s)
{
	return s->stage[EXTRACT] + s->stage[GRAMS] + s->stage[SOLVE];
}

static void site_row(struct text *t, const char *name, const struct sums *seconds,
		     const struct sums *done, double peak)
{
	double rate = total(done) / total(seconds) * cpus_available() * 1e-9;

	text_add(t, "| %s | %.1f | %.1f | %.1f | %.0f | %.0f | %.0f %% |\n", name,
		 seconds->stage[EXTRACT], seconds->stage[GRAMS], seconds->stage[SOLVE],
		 total(done) * 1e-9, rate, 100 * rate / peak);
}

/* A layer's mean, by site. Returns its seconds. */
static double layer_rows(const struct figures *f, struct text *t, double peak)
{
	static const struct {
		enum step step;
		const char *name;
	} SITE[] = {{STEP_SELF, "self"}, {STEP_OUT, "out"}, {STEP_FFN, "ffn"}, {STEP_DOWN, "down"}};
	struct sums sum = {{0}}, all = {{0}};

	for (size_t i = 0; i < sizeof(SITE) / sizeof(*SITE); i++) {
		struct sums seconds = f->site[SITE[i].step], done = operations(f, SITE[i].step);

		for (int k = 0; k < STAGES; k++) {
			seconds.stage[k] /= f->m.L[0] - 1;
			sum.stage[k] += seconds.stage[k];
			all.stage[k] += done.stage[k];
		}
		site_row(t, SITE[i].name, &seconds, &done, peak);
	}
	site_row(t, "a layer", &sum, &all, peak);
	return total(&sum);
}

/* The number behind `words` in the plan; die() where there is none. */
static double planned(const char *plan, const char *words)
{
	const char *at = strstr(plan, words);
	double value;

	if (!at || sscanf(at + strlen(words), " %lf", &value) != 1)
		die("'%s': there is no number behind '%s'", plan_file, words);
	return value;
}

static void planned_row(struct text *t, const char *name, double plan, double measured)
{
	text_add(t, "| %s | %.0f | %.0f | %+.0f %% |\n", name, plan, measured,
		 100 * (plan / measured - 1));
}

/* make plan's figures beside the measured ones. */
static void planned_rows(const struct figures *f, struct text *t)
{
	char *plan = out_read_text(plan_file);

	if (!plan)
		die("cannot open '%s'", plan_file);
	text_add(t, "\n| | planned | measured | plan |\n|---|---|---|---|\n");
	for (int i = 0; i < STAGES; i++) {
		char *name = xformat("%s, MB", stage_tool[i]);

		planned_row(t, name, planned(plan, stage_tool[i]), f->largest[i]);
		free(name);
	}
	planned_row(t, "disk at once, MB", planned(plan, "at most"), f->watched[3]);
	planned_row(t, "merge, s of processor time", planned(plan, "for the merge ("), f->cpu);
	free(plan);
}

static void table(const struct figures *f)
{
	struct text t = {0};
	double peak = figure(peak_file, kind);

	text_add(&t,
		 "| site | extract-acts, cpu s | compute-grams | solve-layer | GFLOP | GFLOP/s | "
		 "of peak |\n|---|---|---|---|---|---|---|\n");
	double layer = layer_rows(f, &t, peak),
	       here = f->first + (f->m.L[0] - 1) * layer + f->others,
	       there = f->first + (layers - 1) * layer + f->others;
	text_add(
		&t,
		"\n%d layers (%s): %.0f s, %.0f s of processor time. Largest process: %.0f MB. All "
		"processes together: %.0f MB at most. In WORK at once: %.0f MB at most. Products "
		"at 2400 × 1024 × 2816: %.0f GFLOP/s. %d layers would take %.1f h.\n",
		f->m.L[0], kind, f->watched[0], f->watched[1], f->largest[STAGES], f->watched[2],
		f->watched[3], peak, layers, f->watched[0] * there / here / 3600);
	planned_rows(f, &t);
	out_update_text(markdown, text_get(&t));
	printf("%s", text_get(&t));
	text_release(&t);
}

int main(int argc, char **argv)
{
	struct figures f = {0};

	opts_parse(&tool, argc, argv);
	f.m = geometry_load(model_dir);
	if (f.m.family->nstacks != 1 || f.m.L[0] < 2)
		die("'%s': a decoder-only model of at least 2 layers is needed", model_dir);
	f.tasks = strlist_split(tasks_arg, "--tasks");
	count_rows(&f);
	read_log(&f);
	table(&f);
	strlist_release(&f.tasks);
	return 0;
}
