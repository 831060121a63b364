/* page.c: see page.h. */
#include "report/page_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "report/html.h"
#include "report/picture.h"

/* ------------------------------------------------------------ what sections share */

const struct result_model *page_shown(const struct page *p)
{
	return &p->results.model[p->results.shown];
}

int page_worst_task(const struct page *p)
{
	const struct score *own = p->results.model[RESULTS_OWN].score,
			   *merged = page_shown(p)->score;
	double least = INFINITY;
	int worst = 0;

	for (int t = 0; t < p->results.tasks.n; t++) {
		double kept = own[t].accuracy > 0 ? merged[t].accuracy / own[t].accuracy : 1;

		if (kept < least) {
			least = kept;
			worst = t;
		}
	}
	return worst;
}

void page_section(struct text *out, const char *id, const char *heading, const char *words)
{
	text_add(out, "<section id=\"%s\">\n<h2>%s</h2>\n<p>%s</p>\n", id, heading, words);
}

void page_table(struct text *out, const char *columns, int left)
{
	text_add(out, "<div class=\"scroll\"><table><thead><tr>");
	for (int i = 0; *columns; i++) {
		size_t n = strcspn(columns, "\t");

		text_add(out, "<th scope=\"col\"%s>%.*s</th>", i < left ? "" : " class=\"n\"",
			 (int)n, columns);
		columns += n + (columns[n] == '\t');
	}
	text_add(out, "</tr></thead><tbody>\n");
}

void page_end_table(struct text *out)
{
	text_add(out, "</tbody></table></div>\n");
}

void page_numbers(struct text *out, bool drawn, const char *columns, int left)
{
	text_add(out, "<details%s><summary>The numbers</summary>\n", drawn ? "" : " open");
	page_table(out, columns, left);
}

void page_end_numbers(struct text *out)
{
	page_end_table(out);
	text_add(out, "</details>\n");
}

void page_module(struct text *out, const char *name)
{
	text_add(out, "<bdi>");
	for (size_t n; *name; name += n) {
		n = strcspn(name, ".");
		n += name[n] == '.';
		html_put(out, name, n);
		text_add(out, "%s", name[n] ? "<wbr>" : "");
	}
	text_add(out, "</bdi>");
}

void page_legend(struct text *out, const char *const *name, int n, int first_colour)
{
	text_add(out, "<ul class=\"legend\">");
	for (int i = 0; i < n; i++) {
		text_add(out, "<li class=\"s%d\">", (first_colour + i) % PICTURE_COLOURS);
		html_isolated(out, name[i], 80);
		text_add(out, "</li>");
	}
	text_add(out, "</ul>\n");
}

/* ------------------------------------------------------------ the result */

static struct kept kept_mean(const struct page *p, int model)
{
	return score_kept(results_mean(&p->results, model), results_mean(&p->results, RESULTS_OWN),
			  100, 1, " %");
}

static struct kept kept_task(const struct page *p, int t)
{
	return score_kept(page_shown(p)->score[t].accuracy,
			  p->results.model[RESULTS_OWN].score[t].accuracy, 100, 1, " %");
}

static void add_seconds(struct text *out, double s)
{
	if (s >= 7200)
		text_add(out, "%.1f h", s / 3600);
	else if (s >= 120)
		text_add(out, "%.1f min", s / 60);
	else
		text_add(out, "%.1f s", s);
}

/* Time of the merge: wall time if the log has it, else the sum over its processes. */
static double seconds_of_merge(const struct page *p)
{
	if (page_shown(p)->cost.wall > 0)
		return page_shown(p)->cost.wall;
	return p->stages.clocked ? p->stages.busy : page_shown(p)->cost.real;
}

/* "32", or "3 to 9" where the modules' ranks differ (allocated). */
static char *rank_text(const struct page *p)
{
	int least, most;

	layers_ranks(&p->layers, &least, &most);
	return least < most ? xformat("%d to %d", least, most) : xformat("%d", most);
}

/* One sentence: kept, worst task, rank, method, time, memory. */
static void add_sentence(struct text *out, const struct page *p)
{
	const struct results *r = &p->results;
	int worst = page_worst_task(p);
	char *rank = rank_text(p);

	text_add(out, "<p class=\"result\">The merge by ");
	html_isolated(out, page_shown(p)->name, 100);
	if (p->adapter.there)
		text_add(out, " makes %d adapter%s into one of rank %s", r->tasks.n,
			 r->tasks.n == 1 ? "" : "s", rank);
	else
		text_add(out, " makes %d adapter%s into one full model", r->tasks.n,
			 r->tasks.n == 1 ? "" : "s");
	text_add(out, " that keeps <strong>%s</strong> of their accuracy",
		 kept_mean(p, r->shown).text);
	if (r->tasks.n > 1) {
		text_add(out, ", the least on ");
		html_isolated(out, r->tasks.item[worst], 100);
		text_add(out, " with %s", kept_task(p, worst).text);
	}
	text_add(out, "; it took ");
	add_seconds(out, seconds_of_merge(p));
	text_add(out, " and %.0f MB of memory.</p>\n", page_shown(p)->cost.peak);
	free(rank);
}

static void add_figure(struct text *out, const char *name, const char *value)
{
	text_add(out, "<li><small>%s</small> ", name);
	html_isolated(out, value, 40);
	text_add(out, "</li>\n");
}

static void add_number(struct text *out, const char *name, const char *form, double value)
{
	char number[64];

	snprintf(number, sizeof(number), form, value);
	add_figure(out, name, number);
}

static void add_figures(struct text *out, const struct page *p)
{
	int shown = p->results.shown;

	text_add(out, "<ul class=\"figures\">\n");
	add_figure(out, "accuracy kept", kept_mean(p, shown).text);
	add_number(out, "mean accuracy", "%.4f", results_mean(&p->results, shown));
	add_number(out, "own adapters", "%.4f", results_mean(&p->results, RESULTS_OWN));
	if (p->adapter.there) {
		char *rank = rank_text(p);

		add_figure(out, "rank", rank);
		free(rank);
		add_number(out, "adapter", "%.1f MB", p->adapter.bytes / 1e6);
	}
	add_number(out, "largest process", "%.1f MB", page_shown(p)->cost.peak);
	text_add(out, "</ul>\n");
}

/* ------------------------------------------------------------ several merges */

/* Whether any merge's log has wall times, which make compare writes. */
static bool has_clock(const struct results *r)
{
	for (int m = RESULTS_MERGES; m < r->n; m++)
		if (r->model[m].cost.wall > 0)
			return true;
	return false;
}

static void add_merge(struct text *out, const struct page *p, int m)
{
	const struct result_model *k = &p->results.model[m];
	double accuracy, stderr_, f1;

	score_mean(k->score, p->results.tasks.n, &accuracy, &stderr_, &f1);
	text_add(out, "<tr%s><th scope=\"row\">", m == p->results.shown ? " class=\"sum\"" : "");
	html_isolated(out, k->name, 100);
	text_add(out, "</th><td class=\"n\">%.4f ± %.4f</td><td class=\"n\">%s</td>", accuracy,
		 stderr_, kept_mean(p, m).text);
	if (k->cost.wall > 0)
		text_add(out, "<td class=\"n\">%.1f</td>", k->cost.wall);
	else if (has_clock(&p->results))
		text_add(out, "<td class=\"n\"></td>");
	text_add(out, "<td class=\"n\">%.1f</td><td class=\"n\">%.1f</td></tr>\n", k->cost.real,
		 k->cost.peak);
}

static void add_merges(struct text *out, const struct page *p)
{
	if (p->results.n == RESULTS_MERGES + 1)
		return;
	page_section(out, "methods", "The methods",
		     "Mean accuracy over the tasks with its standard error, what is kept of the "
		     "own adapters' accuracy, and what each merge cost. The rest of this page is "
		     "about the best one, in bold.");
	page_table(out,
		   has_clock(&p->results)
			   ? "method\tmean accuracy\tkept\tseconds\tof all processes\tpeak MB"
			   : "method\tmean accuracy\tkept\tseconds of all processes\tpeak MB",
		   1);
	for (int m = RESULTS_MERGES; m < p->results.n; m++)
		add_merge(out, p, m);
	page_end_table(out);
	text_add(out, "</section>\n");
}

/* ------------------------------------------------------------ the page */

static void add_contents(struct text *out, const struct page *p)
{
	const struct {
		const char *id, *words;
		bool there;
	} part[] = {
		{"methods", "Methods", p->results.n > RESULTS_MERGES + 1},
		{"accuracy", "Accuracy", true},
		{"confusion", "Answers", true},
		{"layers", "Layers", true},
		{"condition", "Condition", p->layers.fitted},
		{"cost", "Time and memory", true},
		{"rows", "Rows", true},
		{"settings", "Settings", true},
		{"load", "How to load it", true},
	};

	text_add(out, "<nav>");
	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		if (part[i].there)
			text_add(out, "<a href=\"#%s\">%s</a> ", part[i].id, part[i].words);
	text_add(out, "</nav>\n");
}

static void add_head(struct text *out)
{
	text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		      "<title>Merge report</title>\n<style>\n");
	for (const char *const *rule = page_style; *rule; rule++)
		text_add(out, "%s\n", *rule);
	text_add(out, "</style>\n</head>\n<body>\n<main>\n<h1>Merge report</h1>\n");
}

char *page_write(const struct page *p)
{
	struct text out = {0};

	add_head(&out);
	add_sentence(&out, p);
	add_figures(&out, p);
	add_contents(&out, p);
	add_merges(&out, p);
	page_add_accuracy(&out, p);
	page_add_confusion(&out, p);
	page_add_layers(&out, p);
	page_add_condition(&out, p);
	page_add_cost(&out, p);
	page_add_rows(&out, p);
	page_add_settings(&out, p);
	page_add_loading(&out, p);
	text_add(&out, "</main>\n</body>\n</html>\n");
	return out.s;
}
