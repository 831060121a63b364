/* bench-table: one merge in figures: what each stage took (WORK/log.tsv), and the floating-point
 * operations that its result needs. Over the whole wall time these are a share of the machine's own
 * matrix-product rate (peak.c).
 *
 * Operations are counted from the geometry, the texts and the solutions, each once. A
 * multiplication and an addition are two. What is computed twice, padded or converted does not
 * count. Symmetric matrices count half. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/die.h"
#include "base/opts.h"
#include "base/text.h"
#include "figure.h"
#include "files/out.h"
#include "forward/solution.h"
#include "merge/samples.h"
#include "model/site.h"

static const char *model_dir, *work, *tasks_arg, *watch_file, *peak_file, *kind = "f32", *tsv,
									  *markdown;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR", "base model folder"},
	{"work", 0, OPT_STRING, &work, true, 0, 0, "DIR", "WORK of the merge (method sweep)"},
	{"tasks", 0, OPT_STRING, &tasks_arg, true, 0, 0, "LIST", "tasks of the merge"},
	{"watch", 0, OPT_STRING, &watch_file, true, 0, 0, "FILE", "what watch noted of the merge"},
	{"peak", 0, OPT_STRING, &peak_file, true, 0, 0, "FILE", "what peak printed"},
	{"kind", 0, OPT_STRING, &kind, false, 0, 0, "NAME",
	 "f32 or bf16: which peak to compare with"},
	{"output", 'o', OPT_STRING, &tsv, true, 0, 0, "FILE", "table to write, tab-separated"},
	{"markdown", 0, OPT_STRING, &markdown, true, 0, 0, "FILE", "the same in Markdown"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "bench-table", .summary = "one merge in figures", .opts = options};

enum stage { EXTRACT, GENERATE, GRAMS, SOLVE, STAGES };
static const char *const stage_tool[STAGES] = {"extract-acts", "generate-tokens", "compute-grams",
					       "solve-layer"};

/* Rows of one task. */
struct texts {
	double enc, enc2;       /* Σ length, Σ length² */
	double dec, dec_memory; /* Σ decoder inputs, Σ decoder inputs · length */
	double generated,
		generated_memory; /* the same, for those from which a token had to be generated */
};

static struct texts texts_read(const char *task)
{
	char *sp = xformat("%s/samples/%s.h5", work, task),
	     *tp = xformat("%s/tokens/%s.h5", work, task);
	struct samples s;
	struct decoder_tokens d;
	struct texts t = {0};

	samples_read(&s, sp, task);
	decoder_tokens_read(&d, tp, task, s.S);
	for (int i = 0; i < s.S; i++) {
		double n = s.length[i], q = d.length[i];

		t.enc += n;
		t.enc2 += n * n;
		t.dec += q;
		t.dec_memory += q * n;
		q -= d.length[i] == d.max_new_tokens; /* nothing follows the last possible token */
		t.generated += q;
		t.generated_memory += q * n;
	}
	samples_release(&s);
	decoder_tokens_release(&d);
	free(sp);
	free(tp);
	return t;
}

static double weights(const struct geometry *m)
{
	return (4.0 * m->DI + (m->gated ? 3.0 : 2.0) * m->F) * m->D;
}

/* One decoder block on `rows` inputs; `memory`: the same, each times the length that it attends to.
 * It has its linears, and cross-attention with absorbed keys and values (block.h). */
static double decoder_block(const struct geometry *m, double rows, double memory)
{
	return 2 * rows * (weights(m) + 4.0 * m->DI * m->D) + 4 * memory * m->NH * m->D;
}

/* One side of one task, up to the last site. The last thing needed is the last decoder block's own
 * attention. */
static double side_ops(const struct geometry *m, const struct texts *t)
{
	double encoder = m->L[0] * (2 * t->enc * weights(m) + 4 * t->enc2 * m->DI);

	return encoder + (m->L[1] - 1) * decoder_block(m, t->dec, t->dec_memory) +
	       2 * t->dec * 4.0 * m->DI * m->D;
}

static double generate_ops(const struct geometry *m, const struct texts *t)
{
	return m->L[1] * decoder_block(m, t->generated, t->generated_memory) +
	       2 * t->generated * m->D * m->V;
}

struct work_done {
	const struct geometry *m;
	struct strlist tasks;
	struct texts *texts;
	double ops[STAGES];
	struct site site;
};

/* With few rows, norms of products cost less without the rows' Gram (lib/math/grams.h). */
static bool few(double P, double d)
{
	return 2 * P <= d;
}

/* A module: the thin products of both sides, c's norm, the factored right-hand sides, one Cholesky
 * and its solves. */
static void add_module(struct work_done *s, const struct solution_module *k)
{
	double R = k->R, d = k->d_in, n = k->d_out;
	int N = s->tasks.n;

	for (int t = 0; t < N; t++) {
		double P = s->site.stack && !site_is_encoder_output(s->site) ? s->texts[t].dec
									     : s->texts[t].enc;

		s->ops[EXTRACT] += 2 * P * (R / N + R) * (d + n);
		s->ops[GRAMS] += (few(P, d) ? 2 * P : d) * n * d + 2 * (R / N) * d * d;
	}
	s->ops[SOLVE] += d * d * d / 3 + 2 * R * d * d + N * d * d;
}

/* A site: for every task H (half), C and, unless the rows are few, K (half); and the site's
 * modules. */
static void add_site(struct work_done *s, const char *file)
{
	char *path = xformat("%s/solution/%s", work, file);
	struct solution *f = solution_open(path, NULL);

	if (!site_parse(s->m, f->site, &s->site))
		die("%s: '%s' is no site of this model", path, f->site);
	for (int t = 0; t < s->tasks.n; t++) {
		double P = s->site.stack && !site_is_encoder_output(s->site) ? s->texts[t].dec
									     : s->texts[t].enc,
		       d = site_width(s->m, s->site);

		s->ops[GRAMS] += (few(P, d) ? 3 : 4) * P * d * d;
	}
	for (int i = 0; i < f->n; i++)
		add_module(s, &f->module[i]);
	solution_close(f);
	free(path);
}

static void count_ops(struct work_done *s)
{
	char *folder = xformat("%s/solution", work);
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		die("cannot open '%s'", folder);
	for (int t = 0; t < s->tasks.n; t++) {
		s->texts[t] = texts_read(s->tasks.item[t]);
		s->ops[EXTRACT] += 2 * side_ops(s->m, &s->texts[t]);
		s->ops[GENERATE] += generate_ops(s->m, &s->texts[t]);
	}
	while ((e = readdir(d)))
		if (strlen(e->d_name) > 3 && !strcmp(e->d_name + strlen(e->d_name) - 3, ".h5"))
			add_site(s, e->d_name);
	closedir(d);
	free(folder);
}

/* A figure from a file of "name<TAB>value" lines. */
struct row {
	char name[64];
	int processes;
	double wall, cpu, peak;
};

struct log {
	struct row row[64];
	int n;
};

static void log_read(struct log *l)
{
	char *path = xformat("%s/log.tsv", work), line[2048];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		char name[64], *tab = strrchr(line, '\t');
		double wall, cpu, peak;
		int i = 0;

		for (int back = 0; tab && back < 2; back++) {
			while (tab > line && *--tab != '\t')
				;
		}
		if (!tab || sscanf(line, "%63[^\t]", name) != 1 ||
		    sscanf(tab, "%lf %lf %lf", &wall, &cpu, &peak) != 3)
			die("'%s': cannot read the line '%s'", path, line);
		while (i < l->n && strcmp(l->row[i].name, name))
			i++;
		if (i == l->n && l->n++ == 64)
			die("'%s': too many tools", path);
		snprintf(l->row[i].name, sizeof(l->row[i].name), "%s", name);
		l->row[i].processes++;
		l->row[i].wall += wall;
		l->row[i].cpu += cpu;
		l->row[i].peak = peak > l->row[i].peak ? peak : l->row[i].peak;
	}
	if (!f || !l->n)
		die("cannot read '%s'", path);
	fclose(f);
	free(path);
}

static void table_line(struct text *t, struct text *md, const char *name, int processes,
		       double wall, double cpu, double ops, double over, double peak_rate,
		       double mb)
{
	double rate = ops / over * 1e-9;

	text_add(t, "%s\t%d\t%.2f\t%.2f\t%.1f\t%.1f\t%.3f\t%.1f\n", name, processes, wall, cpu,
		 ops * 1e-9, rate, rate / peak_rate, mb);
	text_add(md, "| %s | %d | %.1f | %.1f | ", name, processes, wall, cpu);
	if (ops > 0)
		text_add(md, "%.0f | %.0f | %.0f %% | ", ops * 1e-9, rate, 100 * rate / peak_rate);
	else
		text_add(md, "| | | ");
	text_add(md, "%.0f |\n", mb);
}

static void tables(const struct work_done *s, const struct log *l)
{
	struct text t = {0}, md = {0};
	double peak = figure(peak_file, kind), wall = figure(watch_file, "wall"), all = 0,
	       largest = 0;
	int processes = 0;

	text_add(&t, "stage\tprocesses\twall_s\tcpu_s\tgflop\tgflops\tshare_of_peak\tlargest_mb\n");
	text_add(&md, "| stage | processes | wall s | cpu s | GFLOP | GFLOP/s | of peak | largest "
		      "MB |\n|---|---|---|---|---|---|---|---|\n");
	for (int i = 0; i < l->n; i++) {
		double ops = 0;

		for (int k = 0; k < STAGES; k++)
			if (!strcmp(stage_tool[k], l->row[i].name))
				ops = s->ops[k];
		all += ops;
		processes += l->row[i].processes;
		largest = l->row[i].peak > largest ? l->row[i].peak : largest;
		/* A stage by its processor time, as if all cores had worked on it; the whole merge
		 * by its wall time. */
		table_line(&t, &md, l->row[i].name, l->row[i].processes, l->row[i].wall,
			   l->row[i].cpu, ops, l->row[i].cpu / cpus_available(), peak,
			   l->row[i].peak);
	}
	table_line(&t, &md, "whole merge", processes, wall, figure(watch_file, "cpu"), all, wall,
		   peak, largest);
	text_add(&md,
		 "\nMatrix products at 2400 × 1024 × 2816 (%s): %.0f GFLOP/s. All processes alive "
		 "together: %.0f MB at most. In WORK at once: %.0f MB at most. "
		 "Given to the disk: %.0f MB.\n",
		 kind, peak, figure(watch_file, "memory"), figure(watch_file, "disk"),
		 figure(watch_file, "written"));
	text_add(&t, "peak_gflops\t%.1f\nall_processes_mb\t%.1f\ndisk_mb\t%.1f\nwritten_mb\t%.1f\n",
		 peak, figure(watch_file, "memory"), figure(watch_file, "disk"),
		 figure(watch_file, "written"));
	out_update_text(tsv, text_get(&t));
	out_update_text(markdown, text_get(&md));
	printf("%s", text_get(&md));
	text_release(&t);
	text_release(&md);
}

int main(int argc, char **argv)
{
	struct work_done s = {0};
	struct log l = {0};
	struct geometry m;

	opts_parse(&tool, argc, argv);
	m = geometry_load(model_dir);
	s.m = &m;
	s.tasks = strlist_split(tasks_arg, "--tasks");
	s.texts = xcalloc((size_t)s.tasks.n, sizeof(*s.texts));
	count_ops(&s);
	log_read(&l);
	tables(&s, &l);
	free(s.texts);
	strlist_release(&s.tasks);
	return 0;
}
