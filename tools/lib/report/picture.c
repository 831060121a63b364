/* picture.c: see picture.h. What is taken of gnuplot's document lies between its </defs> and its
 * last </svg>. */
#include "report/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "report/gnuplot.h"
#include "report/html.h"

/* Eight colours that the colour-blind can tell apart, and that are visible on white and on
 * black. */
static const char *const colours[PICTURE_COLOURS] = {"#3b73b9", "#d1663c", "#2f9274", "#a9821d",
						     "#8d6bb8", "#3f9fc0", "#bd5486", "#7d8590"};

const char *picture_colour(int i)
{
	return colours[i % PICTURE_COLOURS];
}

/* The first `most` characters, and … where something was cut. */
static char *first_characters(const char *s, int most)
{
	size_t n = 0;

	if (text_characters(s) <= most)
		return xstrdup(s);
	for (int c = 0; s[n] && c < most; c++)
		n += utf8_bytes(s + n, strlen(s + n));
	return xformat("%.*s…", (int)n, s);
}

const char *picture_word(struct picture *p, const char *s, int most)
{
	static char mark[32];

	p->word = xrealloc(p->word, (size_t)(p->words + 1) * sizeof(*p->word));
	p->word[p->words] = first_characters(s, most);
	snprintf(mark, sizeof(mark), "@%d@", p->words++);
	return mark;
}

/* ------------------------------------------------------------ changing gnuplot's document into
 * ours */

static bool begins(const char *s, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(s, with, strlen(with)) == 0;
}

/* Replaces the marks in a line with their texts. */
static void put_line(struct text *page, const struct picture *p, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end = NULL;
		long k = s[i] == '@' ? strtol(s + i + 1, &end, 10) : -1;

		if (end && end != s + i + 1 && *end == '@' && k >= 0 && k < p->words) {
			html_text(page, p->word[k]);
			i = (size_t)(end - s);
		} else {
			text_put(page, s + i, 1);
		}
	}
	text_put(page, "\n", 1);
}

/* A group with a name from gnuplot: <g id="gnuplot_plot_1" ><title>…</title>. */
static bool is_named_group(const char *s, size_t n)
{
	return begins(s, n, "\t<g id=\"");
}

static void put_body(struct text *page, const struct picture *p, const char *s)
{
	const char *end = strstr(s, "</svg>");

	for (const char *next; s < end; s = next) {
		size_t n = strcspn(s, "\n");

		next = s + n + 1;
		if (begins(s, n, "<g ") && begins(next, strlen(next), "</g>\n"))
			next += strlen("</g>\n"); /* an empty group */
		else if (is_named_group(s, n))
			text_add(page, "<g>\n");
		else if (n > 0)
			put_line(page, p, s, n);
	}
}

/* The canvas's group was opened before </defs>; it is closed before </svg>. */
static void put_svg(struct text *page, const struct picture *p, const char *label,
		    const char *document)
{
	const char *body = strstr(document, "</defs>");

	if (!body || !strstr(body, "</svg>"))
		die("gnuplot wrote no SVG picture as version 5 does");
	text_add(page, "<svg class=\"%s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
		 p->narrow ? "narrow" : "wide", p->width, p->height);
	html_text(page, label);
	text_add(page, "\">\n<g>");
	put_body(page, p, body + strlen("</defs>"));
	text_add(page, "</svg>\n");
}

/* ------------------------------------------------------------ both pictures */

static void picture_release(struct picture *p)
{
	for (int i = 0; i < p->words; i++)
		free(p->word[i]);
	free(p->word);
	text_release(&p->script);
}

static bool add_one(struct text *page, const char *label, picture_writer *write, const void *data,
		    bool narrow)
{
	struct picture p = {.narrow = narrow, .width = narrow ? PICTURE_NARROW : PICTURE_WIDE};
	char *whole, *document;

	write(&p, data);
	whole = xformat("set terminal svg size %d,%d fixed noenhanced font 'sans,%d' rounded\n"
			"set encoding utf8\nset border 0\nset key off\nset tics scale 0\n%s",
			p.width, p.height, narrow ? 11 : 12, text_get(&p.script));
	document = gnuplot_run(whole);
	if (document)
		put_svg(page, &p, label, document);
	free(whole);
	picture_release(&p);
	free(document);
	return document != NULL;
}

bool picture_add(struct text *page, const char *kind, const char *label, picture_writer *write,
		 const void *data)
{
	bool drawn;

	text_add(page, "<div class=\"picture %s\">\n", kind);
	drawn = add_one(page, label, write, data, false) && add_one(page, label, write, data, true);
	if (!drawn)
		text_add(page, "<p class=\"note\">Pictures need gnuplot, which this machine lacks: "
			       "<code>make deps</code>, then <code>make report</code> again. The "
			       "numbers are in the table.</p>\n");
	text_add(page, "</div>\n");
	return drawn;
}
