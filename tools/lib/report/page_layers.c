/* page_layers.c: where the merge lost what: residuals, by layer and by module. */
#include "report/page_private.h"

#include <math.h>
#include <stdlib.h>

#include "base/die.h"
#include "report/html.h"
#include "report/picture.h"

enum { MOST_WORST = 3 }; /* of a task's modules or layers that are named */

/* ------------------------------------------------------------ lines over the layers */

struct task_lines {
	const struct layers *l;
	int tasks;
};

/* A block of lines for each task. A blank line separates stacks, and marks a task without a
 * residual. */
static void add_task_data(struct picture *p, const struct layers *l, int t)
{
	text_add(&p->script, "$t%d << END\n", t);
	for (int s = 0; s < l->stacks; s++) {
		for (int b = 0; b < l->stack[s].blocks; b++) {
			int at = l->stack[s].at + b;
			double v = layers_task_mean(l, at, t);

			if (isnan(v))
				text_add(&p->script, "\n");
			else
				text_add(&p->script, "%d %.6g\n", at, v);
		}
		text_add(&p->script, "\n");
	}
	text_add(&p->script, "-1 -1\nEND\n"); /* outside the range, so that no block is empty */
}

static void draw_tasks(struct picture *p, const void *data)
{
	const struct task_lines *lines = data;
	double half = p->narrow ? 0.006 : 0.003, tall = p->narrow ? 0.011 : 0.009, most = 0;

	for (int t = 0; t < lines->tasks; t++)
		add_task_data(p, lines->l, t);
	for (int at = 0; at < lines->l->blocks; at++)
		for (int t = 0; t < lines->tasks; t++)
			most = fmax(most, layers_task_mean(lines->l, at, t)); /* false for NaN */
	most = most > 0 ? 1.08 * most : 1;
	page_layer_axis(p, lines->l);
	text_add(&p->script, "set yrange [0:%.3g]\nset ytics nomirror\nplot ", most);
	for (int t = 0; t < lines->tasks; t++)
		text_add(&p->script,
			 "%s$t%d using 1:2 with lines lw 2 lc rgb '%s', "
			 "$t%d using 1:2:(%g):(%g) with boxxyerror fs solid noborder lc rgb '%s'",
			 t ? ", " : "", t, picture_colour(t), t, half * lines->l->blocks,
			 tall * most, picture_colour(t));
	text_add(&p->script, "\n");
}

/* ------------------------------------------------------------ tables */

static void add_residual(struct text *out, double v)
{
	if (isnan(v))
		text_add(out, "<td class=\"n none\">–</td>");
	else
		text_add(out, "<td class=\"n\">%.4f</td>", v);
}

/* The module at which the task lost the most, among those with a residual below `under`; -1:
 * none. */
static int next_worst(const struct layers *l, int t, double under)
{
	int worst = -1;

	for (int i = 0; i < l->n; i++) {
		const struct layer_module *m = &l->module[i];

		if (m->fitted && m->task_residual[t] < under &&
		    (worst < 0 || m->task_residual[t] > l->module[worst].task_residual[t]))
			worst = i;
	}
	return worst;
}

static void add_worst_modules(struct text *out, const struct layers *l, int t)
{
	double under = INFINITY;

	for (int k = 0; k < MOST_WORST; k++) {
		int worst = next_worst(l, t, under);

		if (worst < 0)
			return;
		under = l->module[worst].task_residual[t];
		text_add(out, "%s", k ? "<br>" : "");
		page_module(out, l->module[worst].name);
		text_add(out, " %.3f", under);
	}
}

/* The means of the task's residuals, where it has any, and of its shares. */
static void add_task_means(struct text *out, const struct layers *l, int t)
{
	double residual = 0, share = 0;
	int with = 0, n = 0;

	for (int i = 0; i < l->n; i++) {
		const struct layer_module *m = &l->module[i];

		if (!m->fitted)
			continue;
		n++;
		share += m->task_share[t];
		if (isnan(m->task_residual[t]))
			continue;
		residual += m->task_residual[t];
		with++;
	}
	add_residual(out, with ? residual / with : (double)NAN);
	text_add(out, "<td class=\"n\">%.1f %%</td>", 100 * share / n);
}

static void add_task_summary(struct text *out, const struct page *p)
{
	page_table(out, "task\tmodules with its largest residuals\tmean residual\tmean share", 2);
	for (int t = 0; t < p->results.tasks.n; t++) {
		text_add(out, "<tr><th scope=\"row\">");
		html_isolated(out, p->results.tasks.item[t], 100);
		text_add(out, "</th>");
		text_add(out, "<td class=\"module\">");
		add_worst_modules(out, &p->layers, t);
		text_add(out, "</td>");
		add_task_means(out, &p->layers, t);
		text_add(out, "</tr>\n");
	}
	page_end_table(out);
}

static void add_module_row(struct text *out, const struct layer_module *m, int tasks)
{
	text_add(out, "<tr><td class=\"module\">");
	page_module(out, m->name);
	text_add(out, "</td><td class=\"n\">%.3g</td>", m->condition);
	add_residual(out, m->residual);
	for (int t = 0; t < tasks; t++)
		add_residual(out, m->task_residual[t]);
	for (int t = 0; t < tasks; t++)
		text_add(out, "<td class=\"n\">%.1f</td>", 100 * m->task_share[t]);
	text_add(out, "</tr>\n");
}

/* "module, condition, all, TASK …, share of TASK …", escaped. */
static void add_module_table(struct text *out, const struct page *p, bool drawn)
{
	const struct strlist *tasks = &p->results.tasks;
	struct text columns = {0};

	text_add(&columns, "module\tcondition\tall");
	for (int t = 0; t < tasks->n; t++) {
		text_add(&columns, "\t");
		html_isolated(&columns, tasks->item[t], 60);
	}
	for (int t = 0; t < tasks->n; t++) {
		text_add(&columns, "\tshare, ");
		html_isolated(&columns, tasks->item[t], 60);
	}
	page_numbers(out, drawn, text_get(&columns), 1);
	for (int i = 0; i < p->layers.n; i++)
		if (p->layers.module[i].fitted)
			add_module_row(out, &p->layers.module[i], tasks->n);
	page_end_table(out);
	text_add(out, "<p class=\"note\">Shares are in percent. –: the task's adapter does not "
		      "target the module. report.tsv has the same with more "
		      "digits.</p>\n</details>\n");
	text_release(&columns);
}

/* The layer with the task's largest mean residual below `under`; −1: none. */
static int next_layer(const struct layers *l, int t, double under)
{
	int worst = -1;

	for (int at = 0; at < l->blocks; at++) {
		double v = layers_task_mean(l, at, t);

		if (v < under && (worst < 0 || v > layers_task_mean(l, worst, t)))
			worst = at;
	}
	return worst;
}

/* Where the task lost the most that kept the least of its accuracy. */
static void add_worst_layers(struct text *out, const struct page *p)
{
	int t = page_worst_task(p), at = next_layer(&p->layers, t, INFINITY);

	if (at < 0)
		return;
	text_add(out, "<p>");
	html_isolated(out, p->results.tasks.item[t], 100);
	text_add(out, ", which kept the least of its accuracy, has its largest residuals in ");
	for (int k = 0; k < MOST_WORST && at >= 0; k++) {
		double v = layers_task_mean(&p->layers, at, t);
		char *label = layers_label(&p->layers, at);

		text_add(out, "%s", k ? ", " : "");
		html_isolated(out, label, 100);
		text_add(out, " (%.3f)", v);
		free(label);
		at = next_layer(&p->layers, t, v);
	}
	text_add(out, ".</p>\n");
}

/* The numbers of the lines: "layer, TASK …", escaped. */
static void add_layer_table(struct text *out, const struct page *p, bool drawn)
{
	const struct strlist *tasks = &p->results.tasks;
	struct text columns = {0};

	text_add(&columns, "layer");
	for (int t = 0; t < tasks->n; t++) {
		text_add(&columns, "\t");
		html_isolated(&columns, tasks->item[t], 60);
	}
	page_numbers(out, drawn, text_get(&columns), 1);
	for (int at = 0; at < p->layers.blocks; at++) {
		char *label = layers_label(&p->layers, at);

		text_add(out, "<tr><td class=\"layer\">");
		html_isolated(out, label, 100);
		text_add(out, "</td>");
		for (int t = 0; t < tasks->n; t++)
			add_residual(out, layers_task_mean(&p->layers, at, t));
		text_add(out, "</tr>\n");
		free(label);
	}
	page_end_numbers(out);
	text_release(&columns);
}

/* Ranks and errors of the modules that were cut. */
static void add_cut_table(struct text *out, const struct page *p)
{
	page_numbers(out, false, "module\trank\terror of the cut", 1);
	for (int i = 0; i < p->layers.n; i++) {
		const struct layer_module *m = &p->layers.module[i];

		if (isnan(m->cut_error))
			continue;
		text_add(out, "<tr><td class=\"module\">");
		html_isolated(out, m->name, 200);
		text_add(out, "</td><td class=\"n\">%d</td>", m->rank);
		add_residual(out, m->cut_error);
		text_add(out, "</tr>\n");
	}
	page_end_numbers(out);
}

static void add_cut(struct text *out, const struct page *p)
{
	text_add(out,
		 "<h3>The cut to a lower rank</h3>\n"
		 "<p class=\"note\">The error is ‖(W − W<sub>r</sub>) L‖ / ‖W L‖ of the merged "
		 "change W. L is the metric of the rows, where the method has rows, and else "
		 "the identity. The cut keeps 1 − error² of the squared norm.</p>\n");
	add_cut_table(out, p);
}

static void add_fitted(struct text *out, const struct page *p)
{
	const struct task_lines lines = {&p->layers, p->results.tasks.n};
	bool drawn;

	add_worst_layers(out, p);
	text_add(out, "<h3>Mean residual of each task, by layer</h3>\n");
	drawn = picture_add(out, "", "Mean residual of each task, by layer", draw_tasks, &lines);
	if (drawn)
		page_legend(out, (const char *const *)p->results.tasks.item, p->results.tasks.n, 0);
	add_layer_table(out, p, drawn);
	add_task_summary(out, p);
	text_add(out, "<h3>Residual of each module, by layer</h3>\n");
	if (drawn)
		page_add_maps(out, p);
	add_module_table(out, p, drawn);
}

void page_add_layers(struct text *out, const struct page *p)
{
	page_section(
		out, "layers", "Where it was lost",
		"The residual of a module is how far the merged change's outputs are from those of "
		"the adapter's own change, relative to these: 0 is a perfect fit, 1 no better than "
		"no change. A task's share is its part of the whole squared error. A line is the "
		"mean over a layer's modules.");
	if (p->layers.fitted)
		add_fitted(out, p);
	else
		text_add(out, "<p class=\"note\">These solutions hold no residuals: methods that "
			      "go by the weights alone fit nothing to rows.</p>\n");
	if (p->layers.cut)
		add_cut(out, p);
	text_add(out, "</section>\n");
}
