/* page_condition.c: the condition numbers of the systems, and the ridge. */
#include "report/page_private.h"

#include <math.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/picture.h"

struct conditions {
	const struct layers *l;
	double bound; /* 1 + 1/alpha_2; 0: no bound holds */
};

/* "1e3" at each power of ten from 1 to the first one above `most`, which is returned. */
static double add_powers(struct picture *p, double most)
{
	double top = 1;
	int e = 0;

	text_add(&p->script, "set logscale y 10\nset ytics (\"1\" 1");
	while (top < most && e < 300) {
		top *= 10;
		text_add(&p->script, ",\"1e%d\" 1e%d", e + 1, e + 1);
		e++;
	}
	text_add(&p->script, ")\n");
	return top;
}

/* Only layers of the same stack are joined. */
static void add_condition_data(struct picture *p, const struct layers *l)
{
	text_add(&p->script, "$d << END\n");
	for (int s = 0; s < l->stacks; s++) {
		for (int b = 0; b < l->stack[s].blocks; b++) {
			double v = layers_condition(l, l->stack[s].at + b);

			if (v > 0)
				text_add(&p->script, "%d %.6g\n", l->stack[s].at + b, v);
		}
		text_add(&p->script, "\n");
	}
	text_add(&p->script, "END\n");
}

static void draw_conditions(struct picture *p, const void *data)
{
	const struct conditions *c = data;
	double most = fmax(c->bound, 10), top, half = (p->narrow ? 0.006 : 0.003) * c->l->blocks;

	for (int at = 0; at < c->l->blocks; at++)
		most = fmax(most, layers_condition(c->l, at));
	page_layer_axis(p, c->l);
	top = add_powers(p, most);
	add_condition_data(p, c->l);
	if (c->bound > 0)
		text_add(
			&p->script,
			"set arrow from graph 0, first %.9g to graph 1, first %.9g nohead dt (6,4) "
			"lw 1.5 lc rgb '%s'\n",
			c->bound, c->bound, picture_colour(1));
	text_add(&p->script,
		 "set yrange [1:%g]\nplot $d using 1:2 with lines lw 2 lc rgb '%s', "
		 "$d using 1:2:($1-%g):($1+%g):($2*%g):($2*%g) with boxxyerror fs solid noborder "
		 "lc rgb '%s'\n",
		 top, picture_colour(0), half, half, pow(top, -0.011), pow(top, 0.011),
		 picture_colour(0));
}

static void add_ridge_words(struct text *out, const struct page *p)
{
	const char *names[] = {"alpha_1", "alpha_2", "use_camr", "camr_alpha", "camr_beta"};

	text_add(out, "<p class=\"note\">The ridge's settings: ");
	for (size_t i = 0, n = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = settings_find(&p->settings, names[i]);

		if (!value)
			continue;
		text_add(out, "%s<code>%s</code> ", n++ ? ", " : "", names[i]);
		html_isolated(out, value, 40);
	}
	text_add(out, ".</p>\n");
}

/* alpha_2's bound, unless another ridge takes its place. */
static double condition_bound(const struct page *p)
{
	const char *alpha = settings_find(&p->settings, "alpha_2"),
		   *camr = settings_find(&p->settings, "use_camr");
	double a = alpha ? strtod(alpha, NULL) : 0;

	return a > 0 && !(camr && *camr == '1') ? 1 + 1 / a : 0;
}

static void add_condition_rows(struct text *out, const struct layers *l)
{
	for (int at = 0; at < l->blocks; at++) {
		char *label;

		if (!(layers_condition(l, at) > 0))
			continue;
		label = layers_label(l, at);
		text_add(out, "<tr><td>");
		html_isolated(out, label, 100);
		text_add(out, "</td><td class=\"n\">%.3g</td></tr>\n", layers_condition(l, at));
		free(label);
	}
}

void page_add_condition(struct text *out, const struct page *p)
{
	struct conditions c = {&p->layers, condition_bound(p)};
	bool drawn;

	if (!p->layers.fitted)
		return;
	page_section(
		out, "condition", "Condition and ridge",
		"The condition number of each layer's worst system: how far errors of the rows "
		"may grow in the solution. The dashed line is 1 + 1/alpha_2, the bound in the "
		"2-norm; the "
		"figures are estimates in the 1-norm, which may be larger by the layer's width. A "
		"larger "
		"ridge lowers them.");
	drawn = picture_add(out, "", "Condition number of each layer's worst system",
			    draw_conditions, &c);
	add_ridge_words(out, p);
	page_numbers(out, drawn, "layer\tcondition", 1);
	add_condition_rows(out, &p->layers);
	page_end_numbers(out);
	text_add(out, "</section>\n");
}
