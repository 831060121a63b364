/* page_maps.c: the residuals as heat maps, layers by modules: all tasks together, then each. */
#include "report/page_private.h"

#include <math.h>
#include <string.h>

#include "report/html.h"
#include "report/picture.h"

enum { CELL_HEIGHT = 20, NUMBERS = 24, BAR = 62 }; /* pixels: a row; what is below, with the bar */

/* All maps have the same colours; the first one shows their scale. */
struct map {
	const struct layers *l;
	int task; /* −1: all together */
};

/* NaN: the module has none. */
static double map_value(const struct map *m, const struct layer_module *k)
{
	if (!k->fitted)
		return (double)NAN;
	return m->task < 0 ? k->residual : k->task_residual[m->task];
}

/* Rows of the map from the top: each stack's kinds, below its heading where there are several. */
static int map_headings(const struct layers *l)
{
	return l->stacks > 1 ? l->stacks : 0;
}

/* Kinds are in the order of their steps in a block; of a step, by name. Names without a step are in
 * the order of their first modules. */
static bool is_above(const struct layers *l, int a, int b)
{
	const struct layer_kind *x = &l->kind[a], *y = &l->kind[b];

	if (x->stack != y->stack)
		return x->stack < y->stack;
	if (x->step != y->step)
		return x->step < y->step;
	return x->step < 0 ? a < b : strcmp(x->name, y->name) < 0;
}

static int kind_row(const struct layers *l, int kind)
{
	int row = l->stacks > 1 ? l->kind[kind].stack + 1 : 0;

	for (int k = 0; k < l->kinds; k++)
		row += is_above(l, k, kind);
	return row;
}

/* Of its heading. */
static int stack_row(const struct layers *l, int stack)
{
	int row = stack;

	for (int k = 0; k < l->kinds; k++)
		row += l->kind[k].stack < stack;
	return row;
}

static void add_map_words(struct picture *p, const struct layers *l)
{
	text_add(&p->script, "set ytics (");
	for (int k = 0; k < l->kinds; k++)
		text_add(&p->script, "%s\"%s\" %d", k ? "," : "",
			 picture_word(p, l->kind[k].name, p->narrow ? 17 : 24), kind_row(l, k));
	text_add(&p->script, ")\n");
	for (int s = 0; l->stacks > 1 && s < l->stacks; s++)
		text_add(&p->script,
			 "set label \"%s\" at screen 0, first %d left font 'sans:Bold'\n",
			 picture_word(p, l->stack[s].name, 30), stack_row(l, s));
}

static int most_blocks(const struct layers *l)
{
	int most = 1;

	for (int s = 0; s < l->stacks; s++)
		most = l->stack[s].blocks > most ? l->stack[s].blocks : most;
	return most;
}

static double largest_residual(const struct layers *l)
{
	double most = 0;

	for (int t = -1; t < l->tasks; t++)
		for (int i = 0; i < l->n; i++) /* fmax leaves NaN out */
			most = fmax(most, map_value(&(struct map){l, t}, &l->module[i]));
	return most > 0 ? most : 1;
}

static void add_map_data(struct picture *p, const struct map *m)
{
	text_add(&p->script, "$d << END\n");
	for (int i = 0; i < m->l->n; i++) {
		const struct layer_module *k = &m->l->module[i];
		double v = map_value(m, k);

		if (!isnan(v))
			text_add(&p->script, "%d %d %.6g\n", k->block, kind_row(m->l, k->kind), v);
	}
	text_add(&p->script, "-9 -9 0\nEND\n"); /* outside the range, so that there is a point */
}

static void add_map_scale(struct picture *p, double left, double most)
{
	text_add(&p->script,
		 "set cbtics ('0' 0, '%.2f' %.6g) offset 0,0.6\n"
		 "set colorbox horizontal noborder user origin %g,%g size %g,%g\n",
		 most, most, left, 26.0 / p->height, p->narrow ? 0.4 : 0.25, 8.0 / p->height);
}

static void draw_map(struct picture *p, const void *data)
{
	const struct map *m = data;
	int rows = m->l->kinds + map_headings(m->l), blocks = most_blocks(m->l),
	    below = m->task < 0 ? BAR : NUMBERS;
	double left = p->narrow ? 0.34 : 0.25, most = largest_residual(m->l),
	       gap = blocks / (p->width * (0.98 - left)); /* a pixel */

	p->height = rows * CELL_HEIGHT + below;
	add_map_words(p, m->l);
	add_map_data(p, m);
	text_add(&p->script,
		 "set lmargin at screen %g\nset rmargin at screen 0.98\n"
		 "set tmargin at screen 1\nset bmargin at screen %g\n"
		 "set xrange [-0.5:%g]\nset yrange [%g:%g]\nset xtics 0,%d,%d offset 0,0.4\n"
		 "set palette defined (0 '#eef2f7', 0.35 '#a9c3e3', 0.7 '#4f80bd', 1 '#16345f')\n"
		 "set cbrange [0:%.6g]\nunset colorbox\n",
		 left, (double)below / p->height, blocks - 0.5, rows - 0.4, -0.6,
		 page_tick_step(blocks, p->narrow ? 8 : 16), blocks > 1 ? blocks - 1 : 1, most);
	if (m->task < 0)
		add_map_scale(p, left, most);
	text_add(&p->script,
		 "plot $d using 1:2:(%g):(0.45):3 with boxxyerror fs solid noborder lc palette\n",
		 0.5 - gap);
}

/* All tasks together, then each. */
void page_add_maps(struct text *out, const struct page *p)
{
	for (int t = -1; t < p->results.tasks.n; t++) {
		const struct map map = {&p->layers, t};

		text_add(out, "<h4>");
		if (t < 0)
			text_add(out, "All tasks together");
		else
			html_isolated(out, p->results.tasks.item[t], 100);
		text_add(out, "</h4>\n");
		picture_add(out, "heat", "Residual of each module, by layer", draw_map, &map);
	}
}
