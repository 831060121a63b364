/* drawing.c: see drawing.h.
 *
 * A node is the files of one kind at one site. Each task has a cell in it, with a colour and a word
 * for its state. In a full drawing a node is a site, and each of its rows is a kind. Colours have a
 * contrast of 4.5 to the words on them. Arrows and bare text are grey without a background, so that
 * they suit a light page and a dark one. */
#include "plan/drawing.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/strlist.h"
#include "plan/graph_private.h"
#include "plan/reasons.h"

enum { MOST_CELLS = 8, COLUMN = 12 }; /* cells of a node; sites in a column of a full drawing */

enum state { DONE, STALE, MISSING, STATES };

static const struct {
	const char *word, *ground, *ink;
} look[STATES] = {
	[DONE] = {"done", "#1b6e32", "#ffffff"},
	[STALE] = {"stale", "#f2a900", "#000000"},
	[MISSING] = {"missing", "#5f6368", "#ffffff"},
};

#define HEAD "#dfe3e8"
#define INK "#202124"
#define GREY "#80868b"

/* The rules of one kind at one site, in their order. */
struct node {
	const char *what, *site;
	struct list rules;
	struct list from; /* nodes that it reads; each occurs once */
	bool drawn;
	int first_user, last_read; /* sites; for a node without a site */
};

struct drawing {
	const struct graph *g;
	const struct changes *changed;
	int nodes, sites;
	struct node *node;
	int *node_of; /* by rule; −1: none */
	const char **site;
	int first, last; /* sites that are drawn */
	struct text text;
};

/* ------------------------------------------------------------ nodes */

static bool same_site(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static int find_node(struct drawing *d, const struct rule *r)
{
	for (int i = d->nodes - 1; i >= 0; i--)
		if (strcmp(d->node[i].what, r->of.what) == 0 &&
		    same_site(d->node[i].site, r->of.site))
			return i;
	d->node = xrealloc(d->node, (size_t)(d->nodes + 1) * sizeof(*d->node));
	d->node[d->nodes] = (struct node){.what = r->of.what, .site = r->of.site};
	return d->nodes++;
}

static void add_site(struct drawing *d, const char *site)
{
	for (int i = d->sites - 1; site && i >= 0; i--)
		if (strcmp(d->site[i], site) == 0)
			return;
	if (!site)
		return;
	d->site = xrealloc(d->site, (size_t)(d->sites + 1) * sizeof(*d->site));
	d->site[d->sites++] = site;
}

static void add_edge(struct node *n, int from)
{
	for (int i = 0; i < n->from.n; i++)
		if (n->from.item[i] == from)
			return;
	graph_list_add(&n->from, from);
}

/* Rules are in the order of the computation, so a need's node exists already. */
static void add_rule(struct drawing *d, int i)
{
	const struct rule *r = d->g->rule[i];
	int at = find_node(d, r);

	d->node_of[i] = at;
	graph_list_add(&d->node[at].rules, i);
	add_site(d, r->of.site);
}

static void add_edges(struct drawing *d, int i)
{
	const struct rule *r = d->g->rule[i];

	for (int k = 0; k < r->needs.n; k++) {
		const struct rule *maker = d->g->file[r->needs.item[k]]->maker;
		int from = maker ? d->node_of[maker->number] : -1;

		if (from >= 0 && from != d->node_of[i])
			add_edge(&d->node[d->node_of[i]], from);
	}
}

static void add_all(struct drawing *d)
{
	d->node_of = xarray((size_t)d->g->rules + 1, sizeof(*d->node_of));
	for (int i = 0; i < d->g->rules; i++) {
		d->node_of[i] = -1;
		if (d->g->rule[i]->wanted && !d->g->rule[i]->copies)
			add_rule(d, i);
	}
	for (int i = 0; i < d->g->rules; i++)
		if (d->node_of[i] >= 0)
			add_edges(d, i);
}

/* ------------------------------------------------------------ states */

static enum state state_of(const struct drawing *d, int rule)
{
	const struct rule *r = d->g->rule[rule];

	if (!r->stale)
		return DONE;
	return reason_of(d->g, r) == NOT_THERE ? MISSING : STALE;
}

/* How many of the node's files are in each state. */
static void count_states(const struct drawing *d, const struct node *n, int count[STATES])
{
	for (int s = 0; s < STATES; s++)
		count[s] = 0;
	for (int i = 0; i < n->rules.n; i++)
		count[state_of(d, n->rules.item[i])]++;
}

/* ------------------------------------------------------------ which sites */

static bool of_layer(const char *site, const char *layer)
{
	size_t n = strlen(layer);

	return strncmp(site, layer, n) == 0 && (site[n] == '-' || !site[n]);
}

static bool same_layer(const char *a, const char *b)
{
	size_t n = strcspn(a, "-");

	return strncmp(a, b, n) == 0 && (b[n] == '-' || !b[n]);
}

/* The layers before and after those that are drawn. */
static void add_neighbours(struct drawing *d)
{
	int first = d->first, last = d->last;

	for (int i = first - 1; i >= 0 && same_layer(d->site[first - 1], d->site[i]); i--)
		d->first = i;
	for (int i = last + 1; i < d->sites && same_layer(d->site[last + 1], d->site[i]); i++)
		d->last = i;
}

static void choose_layer(struct drawing *d, const char *layer)
{
	d->first = d->sites;
	for (int i = 0; i < d->sites; i++)
		if (of_layer(d->site[i], layer)) {
			d->first = i < d->first ? i : d->first;
			d->last = i;
		}
	if (d->first == d->sites)
		die_usage("LAYER='%s' is no layer of this merge: expected one such as '%.*s'",
			  layer, (int)strcspn(d->site[0], "-"), d->site[0]);
	add_neighbours(d);
}

static void show_around(struct drawing *d, int site)
{
	d->first = site > 0 ? site - 1 : 0;
	d->last = site + 1 < d->sites ? site + 1 : site;
}

static void choose_site(struct drawing *d, const char *site)
{
	for (int i = 0; i < d->sites; i++)
		if (strcmp(d->site[i], site) == 0) {
			show_around(d, i);
			return;
		}
	die_usage("SITE='%s' is no site of this merge: expected one such as '%s'", site,
		  d->site[0]);
}

static int site_number(const struct drawing *d, const char *site)
{
	for (int i = 0; site && i < d->sites; i++)
		if (strcmp(d->site[i], site) == 0)
			return i;
	return -1;
}

/* The first site that must run. */
static void choose_first(struct drawing *d)
{
	int site = -1;

	for (int i = 0; i < d->g->rules && site < 0; i++)
		if (d->node_of[i] >= 0 && d->g->rule[i]->stale)
			site = site_number(d, d->g->rule[i]->of.site);
	show_around(d, site < 0 ? 0 : site);
}

static void choose(struct drawing *d, const struct drawn *of)
{
	d->last = d->sites - 1;
	if (of->full || !d->sites)
		return;
	if (of->site)
		choose_site(d, of->site);
	else if (of->layer)
		choose_layer(d, of->layer);
	else
		choose_first(d);
}

/* ------------------------------------------------------------ text */

static void put_words(struct text *t, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&': text_add(t, "&amp;"); break;
		case '<': text_add(t, "&lt;"); break;
		case '>': text_add(t, "&gt;"); break;
		default: text_add(t, "%c", *s);
		}
}

static void put_cell(struct text *t, enum state s, const char *what)
{
	text_add(t, "<TD BGCOLOR=\"%s\"><FONT COLOR=\"%s\">", look[s].ground, look[s].ink);
	put_words(t, what);
	text_add(t, "%s%s</FONT></TD>", *what ? " " : "", look[s].word);
}

/* A cell for each state that occurs: "12 done". */
static void put_counts(struct text *t, const struct drawing *d, const struct node *n)
{
	int count[STATES];

	count_states(d, n, count);
	for (int s = 0; s < STATES; s++)
		if (count[s]) {
			char *number = n->rules.n > 1 ? xformat("%d", count[s]) : xstrdup("");

			put_cell(t, (enum state)s, number);
			free(number);
		}
}

/* A rule's task, or the part of its file's name that differs between the rules. */
static char *name_of(const struct drawing *d, const struct rule *r)
{
	const char *name = strrchr(d->g->file[r->targets.item[0]]->name, '/') + 1;

	return r->task ? xstrdup(r->task) : xformat("%.*s", (int)strcspn(name, "."), name);
}

static void put_cells(struct text *t, const struct drawing *d, const struct node *n)
{
	if (n->rules.n == 1 || n->rules.n > MOST_CELLS) {
		put_counts(t, d, n);
		return;
	}
	for (int i = 0; i < n->rules.n; i++) {
		char *name = name_of(d, d->g->rule[n->rules.item[i]]);

		put_cell(t, state_of(d, n->rules.item[i]), name);
		free(name);
	}
}

static int cells_of(const struct drawing *d, const struct node *n)
{
	int count[STATES], cells = 0;

	if (n->rules.n > 1 && n->rules.n <= MOST_CELLS)
		return n->rules.n;
	count_states(d, n, count);
	for (int s = 0; s < STATES; s++)
		cells += count[s] > 0;
	return cells;
}

#define TABLE "<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"0\" CELLPADDING=\"5\">"

static void put_head(struct text *t, int cells, const char *name, const char *more,
		     const char *below)
{
	text_add(t, "<TR><TD COLSPAN=\"%d\" BGCOLOR=\"" HEAD "\"><FONT COLOR=\"" INK "\"><B>",
		 cells);
	put_words(t, name);
	text_add(t, "</B>");
	if (more) {
		text_add(t, " of ");
		put_words(t, more);
	}
	if (below) {
		text_add(t, "<BR/><FONT POINT-SIZE=\"10\">");
		put_words(t, below);
		text_add(t, "</FONT>");
	}
	text_add(t, "</FONT></TD></TR>");
}

/* "n7": the files of one kind. */
static void put_node(struct drawing *d, int i)
{
	const struct node *n = &d->node[i];

	text_add(&d->text, "n%d [label=<" TABLE, i);
	put_head(&d->text, cells_of(d, n), n->what, n->site, d->g->rule[n->rules.item[0]]->of.tool);
	text_add(&d->text, "<TR>");
	put_cells(&d->text, d, n);
	text_add(&d->text, "</TR></TABLE>>];\n");
}

/* "s3": all kinds of a site. */
static void put_site(struct drawing *d, int site)
{
	text_add(&d->text, "s%d [label=<" TABLE, site);
	put_head(&d->text, 1 + STATES, d->site[site], NULL, NULL);
	for (int i = 0; i < d->nodes; i++) {
		if (!same_site(d->node[i].site, d->site[site]))
			continue;
		text_add(&d->text, "<TR><TD BGCOLOR=\"" HEAD "\"><FONT COLOR=\"" INK "\">");
		put_words(&d->text, d->node[i].what);
		text_add(&d->text, "</FONT></TD>");
		put_counts(&d->text, d, &d->node[i]);
		text_add(&d->text, "</TR>");
	}
	text_add(&d->text, "</TABLE>>];\n");
}

/* What has changed, once, with an arrow to everything that depends on it. */
static void put_changes(struct drawing *d)
{
	struct strlist said = {0};

	for (int i = 0; i < d->nodes; i++)
		for (int k = 0; d->node[i].drawn && k < d->node[i].rules.n; k++) {
			const struct rule *r = d->g->rule[d->node[i].rules.item[k]];
			char *why;
			int at;

			if (reason_of(d->g, r) != CHANGED)
				continue;
			why = reason_text(d->g, r, d->changed);
			at = strlist_find(&said, why);
			if (at < 0) {
				at = said.n;
				said.item =
					xrealloc(said.item, (size_t)(at + 1) * sizeof(*said.item));
				said.item[said.n++] = xstrdup(why);
				text_add(&d->text, "c%d [label=<" TABLE, at);
				put_head(&d->text, 1, why, NULL, NULL);
				text_add(&d->text, "</TABLE>>];\n");
			}
			text_add(&d->text, "c%d -> n%d;\n", at, i);
			free(why);
		}
	strlist_release(&said);
}

static void put_edges(struct drawing *d)
{
	for (int i = 0; i < d->nodes; i++)
		for (int k = 0; d->node[i].drawn && k < d->node[i].from.n; k++)
			if (d->node[d->node[i].from.item[k]].drawn)
				text_add(&d->text, "n%d -> n%d;\n", d->node[i].from.item[k], i);
}

static void put_layer(struct drawing *d)
{
	for (int i = 0; i < d->nodes; i++) {
		int site = site_number(d, d->node[i].site);

		d->node[i].drawn = !d->node[i].site || (site >= d->first && site <= d->last);
		if (d->node[i].drawn)
			put_node(d, i);
	}
	put_edges(d);
	put_changes(d);
}

/* ------------------------------------------------------------ all sites */

/* An arrow from site to site. A node without a site gets one to the first of its sites and one from
 * the last. */
static void put_site_edge(struct drawing *d, int to, int from)
{
	int a = site_number(d, d->node[from].site), b = site_number(d, d->node[to].site);

	if (a >= 0 && b == a + 1)
		text_add(&d->text, "s%d -> s%d%s;\n", a, b,
			 b % COLUMN ? "" : " [constraint=false]");
	else if (a < 0 && b < 0)
		text_add(&d->text, "n%d -> n%d;\n", from, to);
	else if (a < 0 && d->node[from].first_user == b)
		text_add(&d->text, "n%d -> s%d;\n", from, b);
	else if (b < 0 && d->node[to].last_read == a)
		text_add(&d->text, "s%d -> n%d;\n", a, to);
}

static void find_ends(struct drawing *d)
{
	for (int i = 0; i < d->nodes; i++)
		d->node[i].first_user = d->node[i].last_read = -1;
	for (int i = 0; i < d->nodes; i++)
		for (int k = 0; k < d->node[i].from.n; k++) {
			struct node *from = &d->node[d->node[i].from.item[k]];
			int a = site_number(d, from->site), b = site_number(d, d->node[i].site);

			if (a < 0 && b >= 0 && (from->first_user < 0 || b < from->first_user))
				from->first_user = b;
			if (b < 0 && a > d->node[i].last_read)
				d->node[i].last_read = a;
		}
}

/* The columns are side by side, in their order. */
static void put_columns(struct drawing *d)
{
	if (d->sites <= COLUMN)
		return;
	text_add(&d->text, "{rank=same;");
	for (int i = 0; i < d->sites; i += COLUMN)
		text_add(&d->text, "%s s%d", i ? " ->" : "", i);
	text_add(&d->text, " [style=invis]}\n");
}

static void put_full(struct drawing *d)
{
	find_ends(d);
	for (int i = 0; i < d->sites; i++)
		put_site(d, i);
	for (int i = 0; i < d->nodes; i++)
		if (!d->node[i].site)
			put_node(d, i);
	put_columns(d);
	for (int i = 0; i < d->nodes; i++)
		for (int k = 0; k < d->node[i].from.n; k++)
			put_site_edge(d, i, d->node[i].from.item[k]);
}

/* ------------------------------------------------------------ the whole */

static void put_legend(struct drawing *d, const char *title)
{
	text_add(&d->text, "label=<" TABLE "<TR><TD BORDER=\"0\" COLSPAN=\"3\"><B>");
	put_words(&d->text, title);
	text_add(&d->text, "</B></TD></TR><TR>");
	put_cell(&d->text, DONE, "");
	put_cell(&d->text, STALE, "");
	put_cell(&d->text, MISSING, "");
	text_add(&d->text,
		 "</TR><TR><TD BORDER=\"0\" COLSPAN=\"3\">An arrow leads from what is read to what "
		 "is made of it.<BR/>stale: something that it depends on has changed; it will be "
		 "made anew.</TD></TR></TABLE>>;\n");
}

char *drawing_text(const struct graph *g, const struct changes *changed, const struct drawn *of,
		   const char *title)
{
	struct drawing d = {.g = g, .changed = changed};
	char *said;

	add_all(&d);
	choose(&d, of);
	text_add(&d.text, "strict digraph merge {\nbgcolor=transparent; labelloc=t;\n");
	text_add(&d.text, "graph [fontname=\"sans-serif\", fontcolor=\"" GREY "\"];\n"
			  "node [shape=plain, fontname=\"sans-serif\", color=\"" GREY "\"];\n"
			  "edge [color=\"" GREY "\"];\n");
	put_legend(&d, title);
	if (of->full)
		put_full(&d);
	else
		put_layer(&d);
	text_add(&d.text, "}\n");
	said = xstrdup(text_get(&d.text));
	for (int i = 0; i < d.nodes; i++) {
		free(d.node[i].rules.item);
		free(d.node[i].from.item);
	}
	free(d.node);
	free(d.node_of);
	free(d.site);
	text_release(&d.text);
	return said;
}
