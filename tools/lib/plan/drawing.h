/* drawing.h: a merge's stages and files with their state, as a graph in the language of graphviz
 * (dot). For `make dag`. */
#ifndef DRAWING_H
#define DRAWING_H

#include "plan/changes.h"
#include "plan/graph.h"

/* Which sites are drawn. By default the first one that must run, else the first one. */
struct drawn {
	const char *site;  /* this one, with the sites before and after it */
	const char *layer; /* this layer's ("enc03"), with the layers before and after it */
	bool full;         /* all, a table for each site */
};

/* The text (allocated). Call it after graph_want(): files that the run does not use are not drawn.
 * die_usage(), naming an existing one, where there is no such site or layer. */
char *drawing_text(const struct graph *g, const struct changes *changed, const struct drawn *of,
		   const char *title);

#endif
