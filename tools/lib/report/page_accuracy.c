/* page_accuracy.c: accuracies with their errors, and the answers. */
#include "report/page_private.h"

#include <math.h>
#include <stdlib.h>

#include "base/die.h"
#include "report/html.h"
#include "report/picture.h"

enum { BASE_COLOUR = 7, OWN_COLOUR = 2, ROW = 19, BELOW = 34 }; /* heights in pixels */

static int colour_of(int model)
{
	static const int merges[] = {0, 1, 3, 4, 5, 6};

	if (model == RESULTS_BASE)
		return BASE_COLOUR;
	return model == RESULTS_OWN ? OWN_COLOUR : merges[(model - RESULTS_MERGES) % 6];
}

/* ------------------------------------------------------------ the picture */

/* The place of a model's row in a task's group. A group has a heading above and half a row
 * below. */
static double row_at(const struct results *r, int t, int model)
{
	return t * (r->n + 1.5) + 1.5 + model;
}

static void add_words(struct picture *p, const struct results *r)
{
	text_add(&p->script, "set ytics (");
	for (int t = 0; t < r->tasks.n; t++)
		for (int m = 0; m < r->n; m++)
			text_add(&p->script, "%s\"%s\" %g", t || m ? "," : "",
				 picture_word(p, r->model[m].name, p->narrow ? 15 : 20),
				 row_at(r, t, m));
	text_add(&p->script, ")\n");
	for (int t = 0; t < r->tasks.n; t++)
		text_add(&p->script,
			 "set label \"%s\" at screen 0, first %g left font 'sans:Bold,%d'\n",
			 picture_word(p, r->tasks.item[t], p->narrow ? 40 : 80), row_at(r, t, -1),
			 p->narrow ? 12 : 13);
}

static void add_data(struct picture *p, const struct results *r)
{
	text_add(&p->script, "$d << END\n");
	for (int t = 0; t < r->tasks.n; t++)
		for (int m = 0; m < r->n; m++) {
			const struct score *s = &r->model[m].score[t];
			double a = 100 * s->accuracy, e = 196 * s->accuracy_stderr;

			text_add(&p->script, "%.6g %g %.6g %.6g 0x%s\n", a, row_at(r, t, m),
				 fmax(a - e, 0), fmin(a + e, 100),
				 picture_colour(colour_of(m)) + 1);
		}
	text_add(&p->script, "END\n");
}

/* Dots with 95 % bars: 1.96 standard errors on either side. */
static void draw_accuracy(struct picture *p, const void *data)
{
	const struct results *r = data;
	double rows = row_at(r, r->tasks.n, -1) - 0.5;

	p->height = (int)(rows * ROW) + BELOW;
	add_words(p, r);
	add_data(p, r);
	text_add(&p->script,
		 "set lmargin at screen %g\nset rmargin at screen %g\nset tmargin at screen 1\n"
		 "set bmargin at screen %g\n"
		 "set xrange [0:100]\nset yrange [%g:0]\nset xtics 0,%d,100 format '%%g %%%%'\n"
		 "set grid x lt 1 lw 1 lc rgb '#cccccc'\n"
		 "plot $d using 3:2:($4-$3):(0):5 with vectors nohead lw 2 lc rgb variable, "
		 "$d using 1:2:($1-%g):($1+%g):($2-0.3):($2+0.3):5 with boxxyerror "
		 "fs solid noborder lc rgb variable\n",
		 p->narrow ? 0.31 : 0.2, p->narrow ? 0.95 : 0.97, (double)BELOW / p->height, rows,
		 p->narrow ? 25 : 20, p->narrow ? 0.9 : 0.5, p->narrow ? 0.9 : 0.5);
}

static void add_accuracy_row(struct text *out, const struct results *r, int t, int m)
{
	const struct score *s = &r->model[m].score[t];

	text_add(out, "<tr><td>");
	html_isolated(out, r->tasks.item[t], 100);
	text_add(out, "</td><td>");
	html_isolated(out, r->model[m].name, 100);
	text_add(out,
		 "</td><td class=\"n\">%ld</td><td class=\"n\">%.6f</td><td class=\"n\">%.6f</td>"
		 "<td class=\"n\">%ld</td><td class=\"n\">%s</td></tr>\n",
		 s->n, s->accuracy, s->accuracy_stderr, s->no_label,
		 score_kept(s->accuracy, r->model[RESULTS_OWN].score[t].accuracy, 1, 6, "").text);
}

/* ------------------------------------------------------------ more than chance? */

static void add_pair(struct text *out, const struct page *p, int t)
{
	const struct results *r = &p->results;
	const struct paired *d = &r->pair[t].paired;
	const struct score *own = &r->model[RESULTS_OWN].score[t],
			   *merged = &page_shown(p)->score[t];

	text_add(out, "<tr><th scope=\"row\">");
	html_isolated(out, r->tasks.item[t], 100);
	text_add(out,
		 "%s</th><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%.2g</td>"
		 "<td class=\"n\">%s%.4f ± %.4f</td><td class=\"n\">%.4f</td>"
		 "<td class=\"n\">%.4f</td><td class=\"n\">%d</td><td class=\"n\">%d</td></tr>\n",
		 score_mark(own), score_kept(merged->accuracy, own->accuracy, 100, 1, " %").text,
		 d->p < 0.05 ? "yes" : "no", d->p,
		 d->mean > 0   ? "−"
		 : d->mean < 0 ? "+"
			       : "",
		 fabs(d->mean), sqrt(d->variance), own->accuracy, merged->accuracy, d->only_a,
		 d->only_b);
}

static void add_pairs(struct text *out, const struct page *p)
{
	text_add(out, "<h3>Is the difference more than chance?</h3>\n");
	page_table(out,
		   "task\tkept\tmore than chance?\tp\tdifference\town\tmerge\tonly own right\t"
		   "only merge right",
		   1);
	for (int t = 0; t < p->results.tasks.n; t++)
		add_pair(out, p, t);
	page_end_table(out);
	text_add(out, "<p class=\"note\">The difference is paired, with its standard error: both "
		      "models answer the same rows. p is McNemar's exact test on the rows that "
		      "only one of the two has right; more than chance: p is under 0.05.</p>\n");
}

static void add_remarks(struct text *out, const struct results *r)
{
	const struct score **score = xarray((size_t)r->n, sizeof(*score));
	struct text words = {0};

	for (int m = 0; m < r->n; m++)
		score[m] = r->model[m].score;
	scores_remarks(&words, &r->tasks, score, r->n, RESULTS_OWN);
	if (words.n) {
		text_add(out, "<p class=\"note\">");
		html_put(out, words.s, words.n - 1); /* without the end of the last line */
		text_add(out, "</p>\n");
	}
	text_release(&words);
	free(score);
}

void page_add_accuracy(struct text *out, const struct page *p)
{
	const struct results *r = &p->results;
	bool drawn;

	page_section(out, "accuracy", "Accuracy",
		     "The share of test rows that each model answers right: the base model, the "
		     "task's own adapter, and the merge. Bars are intervals of 95 %.");
	drawn = picture_add(out, "", "Accuracy of each model on each task, with error bars",
			    draw_accuracy, r);
	page_numbers(out, drawn, "task\tmodel\trows\taccuracy\tstandard error\tno label\tkept", 2);
	for (int t = 0; t < r->tasks.n; t++)
		for (int m = 0; m < r->n; m++)
			add_accuracy_row(out, r, t, m);
	page_end_numbers(out);
	add_pairs(out, p);
	add_remarks(out, r);
	text_add(out, "</section>\n");
}

/* ------------------------------------------------------------ confusion */

enum { MOST_SHOWN = 40 }; /* most labels of a matrix that can still be read by eye */

/* r1 … r5: right answers by their share of the row; e1 … e5: errors; "": no answers. */
static void add_cell(struct text *out, int count, int row, bool right)
{
	int level = count > 0 ? 1 + (int)(4.999 * count / row) : 0;

	if (level)
		text_add(out, "<td class=\"%c%d\">%d</td>", right ? 'r' : 'e', level, count);
	else
		text_add(out, "<td class=\"none\">·</td>");
}

static void add_label_heads(struct text *out, const struct result_confusion *c)
{
	text_add(out, "<thead><tr><th scope=\"col\">truth</th>");
	for (int k = 0; k <= c->K; k++) {
		text_add(out, "<th scope=\"col\"><span>");
		html_isolated(out, k < c->K ? c->label[k] : "no label", 60);
		text_add(out, "</span></th>");
	}
	text_add(out, "</tr></thead>");
}

static void add_matrix(struct text *out, const char *name, const struct result_confusion *c)
{
	int none = metrics_no_label(c->count, c->K);

	text_add(out, "<div class=\"scroll\"><table class=\"confusion\"><caption>");
	html_isolated(out, name, 100);
	text_add(out, ": %d output%s no label</caption>", none, none == 1 ? " is" : "s are");
	add_label_heads(out, c);
	text_add(out, "<tbody>\n");
	for (int i = 0; i < c->K; i++) {
		const int *count = c->count + i * (c->K + 1);
		int row = 0;

		for (int k = 0; k <= c->K; k++)
			row += count[k];
		text_add(out, "<tr><th scope=\"row\">");
		html_isolated(out, c->label[i], 60);
		text_add(out, "</th>");
		for (int k = 0; k <= c->K; k++)
			add_cell(out, count[k], row, i == k);
		text_add(out, "</tr>\n");
	}
	text_add(out, "</tbody></table></div>\n");
}

static void add_model_matrix(struct text *out, const struct page *p, int model, int t)
{
	struct result_confusion c;

	results_confusion(&p->results, model, t, &c);
	if (c.K > MOST_SHOWN)
		text_add(out,
			 "<p class=\"note\">%d labels are too many for a table; %d outputs are no "
			 "label. The matrix is in eval/TASK.json.</p>\n",
			 c.K, metrics_no_label(c.count, c.K));
	else
		add_matrix(out, p->results.model[model].name, &c);
	results_confusion_release(&c);
}

/* Of the own adapter and of the merge. */
static void add_task_matrices(struct text *out, const struct page *p, int t)
{
	text_add(out, "<h3>");
	html_isolated(out, p->results.tasks.item[t], 100);
	text_add(out, "</h3>\n<div class=\"pair\">\n");
	add_model_matrix(out, p, RESULTS_OWN, t);
	add_model_matrix(out, p, p->results.shown, t);
	text_add(out, "</div>\n");
}

static bool has_labels(const struct page *p, int t)
{
	struct result_confusion c;
	bool has;

	results_confusion(&p->results, p->results.shown, t, &c);
	has = c.K > 0;
	results_confusion_release(&c);
	return has;
}

void page_add_confusion(struct text *out, const struct page *p)
{
	int shown = 0;

	page_section(out, "confusion", "What was answered",
		     "A row for each true label, a column for each answer. Blue is right, orange "
		     "wrong; the deeper, the larger the share of the row.");
	for (int t = 0; t < p->results.tasks.n; t++)
		if (has_labels(p, t)) {
			add_task_matrices(out, p, t);
			shown++;
		}
	if (shown < p->results.tasks.n)
		text_add(out,
			 "<p class=\"note\">%s whole answers, which are no labels: there is no "
			 "matrix.</p>\n",
			 shown ? "The other tasks compare" : "The tasks compare");
	text_add(out, "</section>\n");
}
