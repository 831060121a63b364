/* page_rows.c: test rows that the task's own adapter and the merge answer differently. */
#include "report/page_private.h"

#include <string.h>

#include "report/html.h"

enum { ROWS = 20, TEXT_BYTES = 400, ANSWER_BYTES = 120 };

static void add_answer(struct text *out, const char *answer, bool right)
{
	text_add(out, "<td class=\"answer\"><span class=\"%s\">%s</span> ",
		 right ? "right" : "wrong", right ? "✓" : "✗");
	html_isolated(out, answer, ANSWER_BYTES);
	text_add(out, "</td>");
}

static void add_row(struct text *out, const struct texts *texts, const struct result_row *r)
{
	const char *text = r->row < texts->n ? texts->text[r->row] : NULL;

	text_add(out, "<tr><td class=\"n\">%d</td><td class=\"text\">", r->row);
	if (text)
		html_isolated(out, text, TEXT_BYTES);
	else
		text_add(out, "<span class=\"note\">not at hand</span>");
	text_add(out, "</td><td class=\"answer\">");
	html_isolated(out, r->label, ANSWER_BYTES);
	text_add(out, "</td>");
	add_answer(out, r->own, r->own_right);
	add_answer(out, r->merged, r->merged_right);
	text_add(out, "</tr>\n");
}

static void add_task(struct text *out, const struct page *p, int t)
{
	const struct result_pair *pair = &p->results.pair[t];
	int shown = pair->n < ROWS ? pair->n : ROWS;

	text_add(out, "<h3>");
	html_isolated(out, p->results.tasks.item[t], 100);
	text_add(out, "</h3>\n<p class=\"note\">%d of %ld rows are answered differently%s.</p>\n",
		 pair->n, page_shown(p)->score[t].n,
		 shown < pair->n ? "; twenty of them, evenly chosen" : "");
	if (!shown)
		return;
	text_add(out, "<details><summary>The rows</summary>\n<div class=\"scroll\"><table><thead>"
		      "<tr><th scope=\"col\" class=\"n\">row</th><th scope=\"col\">text</th>"
		      "<th scope=\"col\">label</th><th scope=\"col\">own adapter</th>"
		      "<th scope=\"col\">merge</th></tr></thead><tbody>\n");
	for (int i = 0; i < shown; i++)
		add_row(out, &p->texts[t], &pair->row[(long)i * pair->n / shown]);
	text_add(out, "</tbody></table></div></details>\n");
}

void page_add_rows(struct text *out, const struct page *p)
{
	page_section(out, "rows", "Rows that changed",
		     "Test rows that the task's own adapter and the merge answer differently. "
		     "Characters that cannot be seen are shown as signs.");
	for (int t = 0; t < p->results.tasks.n; t++)
		add_task(out, p, t);
	text_add(out, "</section>\n");
}
