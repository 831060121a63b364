/* graph_private.h: what graph.c (adding rules, deciding which run) and graph_text.c share. */
#ifndef GRAPH_PRIVATE_H
#define GRAPH_PRIVATE_H

#include <time.h>

#include "plan/graph.h"

struct graph_file {
	char *name;
	struct rule *maker; /* NULL: an input */
	bool there, released, changed;
	double now, made; /* bytes on the disk: now, and when the maker has run */
	struct timespec time;
};

struct list {
	int n, room, *item;
};

struct rule {
	struct graph *graph;
	int number; /* in the graph */
	char *task; /* NULL: it belongs to no group */
	int group;
	struct list targets, needs, after, reads, releases;
	struct text recipe;
	struct stage_of of;
	char *site; /* what `of` names: a copy */
	bool apart, copies, differs, mute, forced, stale, wanted;
};

struct graph {
	char *work, *reference;
	int files, rules, groups;
	bool mute;
	struct graph_file **file;
	struct rule **rule;
	int *slot, slots; /* hash table of the files' names: number + 1 */
};

void graph_list_add(struct list *l, int item);
bool graph_same_group(const struct rule *a, const struct rule *b);
bool graph_leads(const struct graph *g, int i); /* rule i is the first one of its process */

#endif
