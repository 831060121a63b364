/* page_axis.c: shared by the pictures over the layers. */
#include "report/page_private.h"

int page_tick_step(int n, int most)
{
	static const int steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
	size_t i = 0;

	while (i + 1 < sizeof(steps) / sizeof(*steps) && n / steps[i] > most)
		i++;
	return steps[i];
}

void page_layer_axis(struct picture *p, const struct layers *l)
{
	p->height = p->narrow ? 220 : 260;
	int step = page_tick_step(l->blocks, p->narrow ? 9 : 18);

	text_add(&p->script, "set xrange [-0.6:%g]\nset xtics (", l->blocks - 0.4);
	for (int s = 0, n = 0; s < l->stacks; s++)
		for (int b = 0; b < l->stack[s].blocks; b += step)
			text_add(&p->script, "%s\"%d\" %d", n++ ? "," : "", b, l->stack[s].at + b);
	text_add(&p->script, ")\n");
	for (int s = 0; l->stacks > 1 && s < l->stacks; s++) {
		text_add(&p->script,
			 "set label \"%s\" at first %g, screen 0.97 center font 'sans:Bold'\n",
			 picture_word(p, l->stack[s].name, p->narrow ? 14 : 30),
			 l->stack[s].at + (l->stack[s].blocks - 1) / 2.0);
		if (s)
			text_add(&p->script,
				 "set arrow from first %g, graph 0 to first %g, graph 1 nohead "
				 "lw 1 lc rgb '#7d8590'\n",
				 l->stack[s].at - 0.5, l->stack[s].at - 0.5);
	}
	text_add(&p->script,
		 "set lmargin at screen %g\nset rmargin at screen 0.98\nset tmargin at screen "
		 "0.92\nset bmargin at screen %g\nset grid y lt 1 lw 1 lc rgb '#cccccc'\n",
		 p->narrow ? 0.11 : 0.07, 26.0 / p->height);
}
