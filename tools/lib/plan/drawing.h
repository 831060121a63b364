/* drawing.h: a merge's stages and files with their state, as a graph in the language of graphviz
 * (dot), for `make dag`. */
#ifndef DRAWING_H
#define DRAWING_H

#include "plan/changes.h"
#include "plan/graph.h"

/* Which sites are drawn. By default the first one that has something to do, or the first one. */
struct drawn {
	const char *site;  /* this one, with the site before and the site behind it */
	const char *layer; /* those of this layer ("enc03"), with the layers before and behind it */
	bool full;         /* all, a table for each site */
};

/* The text (allocated). After graph_want(): files that the run has no use for are not drawn.
 * die_usage() where there is no such site or layer, naming one that there is. */
char *drawing_text(const struct graph *g, const struct changes *changed, const struct drawn *of,
		   const char *title);

#endif
