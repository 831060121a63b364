/* page_cost.c: time and memory of the stages. */
#include "report/page_private.h"

#include "report/html.h"
#include "report/picture.h"

enum { LANE = 32, BELOW = 40 }; /* heights in pixels */

/* Seconds, minutes or hours along the clock. */
struct unit {
	const char *name;
	double seconds;
};
static struct unit unit_of(double span)
{
	if (span > 7200)
		return (struct unit){"h", 3600};
	return span > 300 ? (struct unit){"min", 60} : (struct unit){"s", 1};
}

static void add_lane_words(struct picture *p, const struct stages *s)
{
	text_add(&p->script, "set ytics (");
	for (int i = 0; i < s->clocked; i++)
		text_add(&p->script, "%s\"%s\" %g", i ? "," : "",
			 picture_word(p, s->stage[i].tool, 18), i + 0.62);
	text_add(&p->script, ")\n");
	for (int i = 0; i < s->clocked; i++) /* side by side, or one above the other */
		text_add(&p->script,
			 "set label '%.1f s' at screen %g, first %g right\n"
			 "set label '%.0f MB' at screen 1, first %g right\n",
			 s->stage[i].real, p->narrow ? 1 : 0.91, i + (p->narrow ? 0.38 : 0.62),
			 s->stage[i].peak, i + (p->narrow ? 0.74 : 0.62));
}

/* Consecutive equal parts are one rectangle: from, to, lane, height, colour. */
static void add_lane(struct picture *p, const struct stages *s, int i, double most,
		     struct unit unit)
{
	const double *memory = s->stage[i].memory;
	double part = s->span / STAGES_BINS / unit.seconds;

	for (int b = 0, e; b < STAGES_BINS; b = e) {
		for (e = b + 1; e < STAGES_BINS && memory[e] == memory[b]; e++)
			;
		if (memory[b] > 0)
			text_add(&p->script, "%.6g %.6g %d %.4g 0x%s\n", b * part, e * part, i,
				 0.06 + 0.78 * memory[b] / most, picture_colour(i) + 1);
	}
}

/* 1, 2 or 5 times a power of ten, so that there are at most `most` steps in the span. */
static double clock_step(double span, int most)
{
	static const double next[] = {2, 2.5, 2};
	double step = 1e-3;

	for (int i = 0; span > most * step; i++)
		step *= next[i % 3];
	return step;
}

/* One lane per stage. Its height is the size of its largest process at that time. */
static void draw_clock(struct picture *p, const void *data)
{
	const struct stages *s = data;
	struct unit unit = unit_of(s->span);
	double most = 1, span = s->span > 0 ? s->span / unit.seconds : 1;

	for (int i = 0; i < s->clocked; i++)
		most = s->stage[i].peak > most ? s->stage[i].peak : most;
	p->height = s->clocked * LANE + BELOW;
	add_lane_words(p, s);
	text_add(&p->script, "$d << END\n");
	for (int i = 0; i < s->clocked; i++)
		add_lane(p, s, i, most, unit);
	text_add(&p->script,
		 "END\nset lmargin at screen %g\nset rmargin at screen %g\n"
		 "set tmargin at screen 1\nset bmargin at screen %g\n"
		 "set xrange [0:%.6g]\nset yrange [%d:0]\nset xtics 0,%g offset 0,0.3\n"
		 "set format x '%%g %s'\nset grid x lt 1 lw 1 lc rgb '#cccccc'\n"
		 "plot $d using 1:3:1:2:($3+0.92-$4):($3+0.92):5 with boxxyerror fs solid noborder "
		 "lc rgb variable\n",
		 p->narrow ? 0.36 : 0.2, p->narrow ? 0.82 : 0.84, (double)BELOW / p->height, span,
		 s->clocked, clock_step(span, p->narrow ? 4 : 10), unit.name);
}

static void add_stage(struct text *out, const struct stage_cost *c)
{
	text_add(out, "<tr><td>");
	html_isolated(out, c->tool, 60);
	text_add(out,
		 "</td><td class=\"n\">%d</td><td class=\"n\">%.3f</td><td class=\"n\">%.3f</td>"
		 "<td class=\"n\">%.1f</td></tr>\n",
		 c->processes, c->real, c->cpu, c->peak);
}

void page_add_cost(struct text *out, const struct page *p)
{
	const struct stages *s = &p->stages;
	bool drawn = false;

	page_section(
		out, "cost", "Time and memory",
		"When each stage was at work, and how large its processes were: a lane is as "
		"high as the largest process at that time. At its end are the seconds of all "
		"processes of the stage, and the largest one's memory. Every run in this folder "
		"counts; pauses between them are left out. Evaluation is in the table, but not on "
		"the clock.");
	if (s->clocked)
		drawn = picture_add(out, "", "Stages over the clock, with their memory", draw_clock,
				    s);
	else
		text_add(out, "<p class=\"note\">The log of this merge has no times of day: an "
			      "earlier version wrote it.</p>\n");
	page_numbers(out, drawn, "stage\tprocesses\tseconds\tcpu seconds\tlargest MB", 1);
	for (int i = 0; i < s->n; i++)
		add_stage(out, &s->stage[i]);
	page_end_numbers(out);
	text_add(out, "</section>\n");
}
